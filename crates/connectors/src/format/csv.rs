//! CSV as Flink's `csv` format has it: no header, RFC 4180 quotes, options `csv.…`.
//!
//! What has no escape character is read by `csv-core`, the rest by [`csv_escape`](super::csv_escape).
//!
//! An empty field is NULL in every column but a character one; there it is an empty string unless `csv.null-literal` is empty.

use arrow::array::ArrayRef;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use tidemill_core::options::{ConfigOption, Configuration, OptionType};
use tidemill_core::{Failure, Result};
use tidemill_expr::{Field, SqlType, TypeKind};

use super::cells::{Append, Cells, Values, Wrong};
use super::csv_escape::{Found, read_record};
use super::decode::{Decode, Decoded, Problem};
use super::encode::EncodeLines;
use crate::text::write::{TextColumn, TimeStyle};

const FIELD_DELIMITER: ConfigOption =
    ConfigOption::new("csv.field-delimiter", OptionType::Text, "The character between fields; '\\t' is a tab.")
        .with_default(",");
const QUOTE_CHARACTER: ConfigOption =
    ConfigOption::new("csv.quote-character", OptionType::Text, "The character around fields that need it.")
        .with_default("\"");
const DISABLE_QUOTE_CHARACTER: ConfigOption =
    ConfigOption::new("csv.disable-quote-character", OptionType::Bool, "Fields are never quoted.")
        .with_default("false");
const ESCAPE_CHARACTER: ConfigOption = ConfigOption::new(
    "csv.escape-character",
    OptionType::Text,
    "Takes the meaning from the character behind it; n, r, t and 0 behind it are control characters.",
);
const ALLOW_COMMENTS: ConfigOption =
    ConfigOption::new("csv.allow-comments", OptionType::Bool, "Lines that begin with # are left out.")
        .with_default("false");
const IGNORE_PARSE_ERRORS: ConfigOption = ConfigOption::new(
    "csv.ignore-parse-errors",
    OptionType::Bool,
    "A field that cannot be read is NULL and missing fields are NULL, a record with surplus fields is left out, and so is a line \
     whose quote is never closed, instead of failing.",
)
.with_default("false");
const NULL_LITERAL: ConfigOption =
    ConfigOption::new("csv.null-literal", OptionType::Text, "The text that stands for NULL, read and written.");
const ARRAY_ELEMENT_DELIMITER: ConfigOption = ConfigOption::new(
    "csv.array-element-delimiter",
    OptionType::Text,
    "Between the elements of an ARRAY and the fields of a ROW.",
)
.with_default(";");
const IGNORE_FIRST_LINE: ConfigOption = ConfigOption::new(
    "csv.ignore-first-line",
    OptionType::Bool,
    "The first record of every file is left out when read.",
)
.with_default("false");

/// The options of the format.
pub const OPTIONS: &[&ConfigOption] = &[
    &FIELD_DELIMITER,
    &QUOTE_CHARACTER,
    &DISABLE_QUOTE_CHARACTER,
    &ESCAPE_CHARACTER,
    &ALLOW_COMMENTS,
    &IGNORE_PARSE_ERRORS,
    &NULL_LITERAL,
    &ARRAY_ELEMENT_DELIMITER,
    &IGNORE_FIRST_LINE,
];

/// How CSV is read and written.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// Between fields.
    pub delimiter: u8,
    /// None: no quotes.
    pub quote: Option<u8>,
    /// The escape character.
    pub escape: Option<u8>,
    /// Whether lines that begin with # are left out.
    pub comments: bool,
    ignore_parse_errors: bool,
    null_literal: Option<String>,
    element_delimiter: String,
    /// Whether each file begins with a record that is not data.
    pub ignore_first_line: bool,
}

impl CsvOptions {
    /// Reads the options.
    pub fn new(options: &Configuration) -> Result<CsvOptions> {
        let delimiter = character(options, &FIELD_DELIMITER)?.unwrap_or(b',');
        let quote = match options.bool(&DISABLE_QUOTE_CHARACTER)? {
            true => None,
            false => character(options, &QUOTE_CHARACTER)?,
        };
        Ok(CsvOptions {
            delimiter,
            quote,
            escape: character(options, &ESCAPE_CHARACTER)?,
            comments: options.bool(&ALLOW_COMMENTS)?,
            ignore_parse_errors: options.bool(&IGNORE_PARSE_ERRORS)?,
            null_literal: options.text(&NULL_LITERAL).map(String::from),
            element_delimiter: options.text(&ARRAY_ELEMENT_DELIMITER).unwrap_or(";").to_string(),
            ignore_first_line: options.bool(&IGNORE_FIRST_LINE)?,
        })
    }

    fn reader(&self) -> Reader {
        let mut builder = ReaderBuilder::new();
        builder.delimiter(self.delimiter).comment(self.comments.then_some(b'#'));
        match self.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        builder.build()
    }
}

/// Refuses types that CSV has no form for.
pub fn check_types(fields: &[&Field]) -> Result<()> {
    let flat = |ty: &SqlType| !ty.kind.is_nested() && ty.kind != TypeKind::Null;
    for field in fields {
        let supported = match &field.ty.kind {
            TypeKind::Array(element) => flat(element),
            TypeKind::Row(row) => row.fields.iter().all(|field| flat(&field.ty)),
            _ => flat(&field.ty),
        };
        if !supported {
            let text =
                format!("column '{}' is {}, for which format 'csv' has no form; use 'json'", field.name, field.ty);
            return Err(Failure::user("csv.type", text));
        }
    }
    Ok(())
}

/// The last record ends within quotes.
struct Unclosed;

/// Decodes CSV.
pub struct CsvDecoder {
    options: CsvOptions,
    reader: Reader,
    columns: Vec<String>,
    /// Wanted cells with the number of their field, from 0.
    cells: Vec<(usize, Cells)>,
    fields: Vec<u8>,
    ends: Vec<usize>,
}

impl CsvDecoder {
    /// A decoder of records with these columns, of which `wanted` are produced.
    pub fn new(options: CsvOptions, columns: &[Field], wanted: &[usize]) -> CsvDecoder {
        let reader = options.reader();
        let cells = wanted.iter().map(|at| (*at, Cells::new(&columns[*at].ty))).collect();
        let names: Vec<String> = columns.iter().map(|field| field.name.clone()).collect();
        let ends = vec![0; names.len() + 2];
        CsvDecoder { options, reader, columns: names, cells, fields: vec![0; 4096], ends }
    }

    /// A decoder that makes rows of no columns, whatever the records hold.
    pub fn skipping(options: &CsvOptions) -> CsvDecoder {
        CsvDecoder::new(CsvOptions { ignore_parse_errors: true, ..options.clone() }, &[], &[])
    }

    /// Reads one record of `data`; returns its bytes and the number of its fields, or nothing if it is not whole.
    fn record(&mut self, data: &[u8], last: bool) -> Result<Option<(usize, usize)>, Unclosed> {
        if self.options.escape.is_some() {
            return match read_record(&self.options, data, last, &mut self.fields, &mut self.ends) {
                Found::Record(bytes) => Ok(Some((bytes, self.ends.len()))),
                Found::None => Ok(None),
                Found::Unclosed => Err(Unclosed),
            };
        }
        loop {
            self.reader.reset();
            let (mut result, read, mut written, mut ended) =
                self.reader.read_record(data, &mut self.fields, &mut self.ends);
            // The last record may lack its line end, so it is offered one: within quotes that ends nothing. Then the end of
            // all input, which ends even that.
            let mut is_unclosed = false;
            for end in [b"\n".as_slice(), b""] {
                if result == ReadRecordResult::InputEmpty && last {
                    let (rest, _, more, further) =
                        self.reader.read_record(end, &mut self.fields[written..], &mut self.ends[ended..]);
                    (result, written, ended) = (rest, written + more, ended + further);
                    is_unclosed = end.is_empty() && result == ReadRecordResult::Record;
                }
            }
            match result {
                ReadRecordResult::Record if is_unclosed => return Err(Unclosed),
                ReadRecordResult::Record => return Ok(Some((read, ended))),
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return Ok(None),
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            }
        }
    }

    /// Makes a row of the record that was read, or leaves it out; returns the number of rows.
    fn row(&mut self, fields: usize, byte: usize) -> Result<usize, Problem> {
        let expected = self.columns.len();
        let trailing_comma = expected > 0 && fields == expected + 1 && self.ends[fields - 1] == self.ends[fields - 2];
        if self.options.ignore_parse_errors && expected > 0 && fields > expected && !trailing_comma {
            return Ok(0);
        }
        if fields != expected && !trailing_comma && !self.options.ignore_parse_errors {
            let plural = if fields == 1 { "" } else { "s" };
            let text =
                format!("the record has {fields} field{plural}, but the table has {expected} columns in the file");
            return Err(Problem { byte, lines: 0, column: None, code: "csv.fields", text });
        }
        for (at, cells) in &mut self.cells {
            if *at >= fields {
                cells.null();
                continue;
            }
            let start = if *at == 0 { 0 } else { self.ends[*at - 1] };
            let bytes = &self.fields[start..self.ends[*at]];
            let appended = match std::str::from_utf8(bytes) {
                Ok(text) => field(&self.options, cells, text),
                Err(_) => {
                    cells.null();
                    Err(Wrong)
                }
            };
            if appended.is_err() && !self.options.ignore_parse_errors {
                let text = match std::str::from_utf8(bytes) {
                    Ok(text) => format!("'{text}' is not {}", article(cells.ty())),
                    Err(_) => "the field is not valid UTF-8".to_string(),
                };
                let column = Some((*at + 1, self.columns[*at].clone()));
                return Err(Problem { byte, lines: 0, column, code: "csv.value", text });
            }
        }
        Ok(1)
    }
}

impl Decode for CsvDecoder {
    fn decode(&mut self, data: &[u8], last: bool, rows_max: usize) -> Result<Decoded, Problem> {
        let mut done = Decoded::default();
        while done.rows < rows_max && done.bytes < data.len() {
            // csv-core leaves out blank lines before a record.
            let blank = || {
                let blank = data[done.bytes..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
                blank.filter(|byte| **byte == b'\n').count() as u64
            };
            let record = match self.record(&data[done.bytes..], last) {
                Ok(record) => record,
                Err(Unclosed) if self.options.ignore_parse_errors => {
                    let bytes = first_line(&data[done.bytes..]).unwrap_or(data.len() - done.bytes);
                    // Where records are counted and not read, it counts.
                    done =
                        Decoded { rows: done.rows + usize::from(self.columns.is_empty()), bytes: done.bytes + bytes };
                    continue;
                }
                Err(Unclosed) => {
                    let text = "a quote is opened, but not closed up to the end of the file".to_string();
                    return Err(Problem { byte: done.bytes, lines: blank(), column: None, code: "csv.quote", text });
                }
            };
            let Some((bytes, fields)) = record else {
                if last {
                    done.bytes = data.len();
                }
                break;
            };
            let rows = self.row(fields, done.bytes).map_err(|problem| Problem { lines: blank(), ..problem })?;
            done = Decoded { rows: done.rows + rows, bytes: done.bytes + bytes };
        }
        Ok(done)
    }

    fn skip(&self, data: &[u8]) -> Option<usize> {
        first_line(data).filter(|_| self.options.ignore_parse_errors)
    }

    fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        self.cells.iter_mut().map(|(_, cells)| cells.finish()).collect()
    }
}

/// The bytes of the first line that is not blank, with what is before it and its end; none if it does not end.
fn first_line(data: &[u8]) -> Option<usize> {
    let begin = data.iter().position(|byte| !matches!(byte, b'\n' | b'\r'))?;
    data[begin..].iter().position(|byte| *byte == b'\n').map(|end| begin + end + 1)
}

fn field(options: &CsvOptions, cells: &mut Cells, text: &str) -> Append {
    let is_null = match &options.null_literal {
        Some(literal) if literal == text => true,
        _ => text.is_empty() && !matches!(cells.values_mut(), Values::Text(_)),
    };
    if is_null {
        cells.null();
        return Ok(());
    }
    let delimiter = options.element_delimiter.as_str();
    match cells.values_mut() {
        Values::List(nested) => {
            let mut all = Ok(());
            for element in text.split(delimiter) {
                all = all.and(field(options, &mut nested.parts[0], element));
            }
            nested.end(true);
            all
        }
        Values::Row(row) => {
            let mut all = Ok(());
            let mut texts = text.split(delimiter);
            for cells in &mut row.cells {
                match texts.next() {
                    Some(text) => all = all.and(field(options, cells, text)),
                    None => {
                        cells.null();
                        all = Err(Wrong);
                    }
                }
            }
            row.valid.push(true);
            if texts.next().is_some() { Err(Wrong) } else { all }
        }
        _ => cells.text(text, ' '),
    }
}

/// `an INT`, `a STRING`.
pub fn article(ty: &SqlType) -> String {
    let name = ty.kind.to_string();
    let article = if name.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
    format!("{article} {name}")
}

fn character(options: &Configuration, option: &ConfigOption) -> Result<Option<u8>> {
    let Some(text) = options.text(option) else { return Ok(None) };
    match text.as_bytes() {
        [] => Ok(None),
        b"\\t" => Ok(Some(b'\t')),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(Some(*byte)),
        _ => {
            let text = format!("option '{}' is '{text}', but must be one ASCII character", option.key);
            Err(option.refuse(text))
        }
    }
}

/// Encodes CSV: quotes only where a field holds delimiter, quote or line end; NULL is the null literal, else nothing.
pub struct CsvEncoder {
    options: CsvOptions,
    field: Vec<u8>,
}

impl CsvEncoder {
    /// An encoder.
    pub fn new(options: CsvOptions) -> CsvEncoder {
        CsvEncoder { options, field: Vec::new() }
    }

    fn field(&mut self, column: &TextColumn<'_>, row: usize) {
        if column.is_null(row) {
            let literal = self.options.null_literal.as_deref().unwrap_or("");
            self.field.extend_from_slice(literal.as_bytes());
            return;
        }
        let children = column.children();
        let cells: Vec<(usize, usize)> = match column.kind() {
            TypeKind::Array(_) => column.elements(row).map(|row| (0, row)).collect(),
            TypeKind::Row(_) => (0..children.len()).map(|child| (child, row)).collect(),
            _ => return column.write(row, TimeStyle::Sql, &mut self.field),
        };
        for (at, (child, row)) in cells.into_iter().enumerate() {
            if at > 0 {
                self.field.extend_from_slice(self.options.element_delimiter.as_bytes());
            }
            self.field(&children[child], row);
        }
    }
}

impl EncodeLines for CsvEncoder {
    fn encode(&mut self, columns: &[TextColumn<'_>], _names: &[String], rows: usize, out: &mut Vec<u8>) {
        for row in 0..rows {
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    out.push(self.options.delimiter);
                }
                self.field.clear();
                self.field(column, row);
                // A lone empty field would be a blank line, which readers leave out.
                let alone = columns.len() == 1 && self.field.is_empty();
                let special = |byte: &u8| {
                    *byte == self.options.delimiter
                        || Some(*byte) == self.options.quote
                        || Some(*byte) == self.options.escape
                        || matches!(byte, b'\n' | b'\r')
                };
                let comment = at == 0 && self.options.comments && self.field.first() == Some(&b'#');
                match self.options.quote {
                    Some(quote) if alone || comment || self.field.iter().any(special) => {
                        out.push(quote);
                        for byte in &self.field {
                            if *byte == quote {
                                out.push(self.options.escape.unwrap_or(quote));
                            } else if Some(*byte) == self.options.escape {
                                out.push(*byte);
                            }
                            out.push(*byte);
                        }
                        out.push(quote);
                    }
                    _ => out.extend_from_slice(&self.field),
                }
            }
            out.push(b'\n');
        }
    }
}
