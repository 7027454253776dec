//! From lines of JSON to cells, by serde's visitors: no value is built in between.

use std::borrow::Cow;
use std::fmt;

use arrow::array::ArrayRef;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tidemill_core::Result;
use tidemill_expr::{Field, TypeKind};

use super::JsonOptions;
use crate::format::cells::{Append, Cells, RowCells, Values, Wrong};
use crate::format::csv::article;
use crate::format::decode::{Decode, Decoded, Problem};

/// Decodes JSON lines.
pub struct JsonDecoder {
    options: JsonOptions,
    columns: Columns,
}

impl JsonDecoder {
    /// A decoder that produces `columns`.
    pub fn new(options: JsonOptions, columns: &[Field]) -> JsonDecoder {
        let cells = columns.iter().map(|field| Cells::new(&field.ty)).collect();
        let seen = vec![false; columns.len()];
        JsonDecoder { options, columns: Columns { fields: columns.to_vec(), cells, seen } }
    }

    fn line(&mut self, line: &[u8], byte: usize) -> Result<bool, Problem> {
        let problem = |code, text: String, column| Problem { byte, lines: 0, column, code, text };
        let object = line.first() == Some(&b'{');
        let lenient = self.options.ignore_parse_errors;
        // Leaving out a broken line is only possible before its first values are in the columns.
        if lenient && !(object && serde_json::from_slice::<IgnoredAny>(line).is_ok()) {
            return Ok(false);
        }
        if !object {
            let start: String = String::from_utf8_lossy(line).chars().take(40).collect();
            return Err(problem("json.malformed", format!("'{start}' is not a JSON object"), None));
        }
        let mut reader = serde_json::Deserializer::from_slice(line);
        let seed = RowSeed { columns: &mut self.columns, separator: self.options.separator() };
        let row = seed.deserialize(&mut reader).and_then(|row| reader.end().map(|()| row));
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                let text = error.to_string();
                let what = text.split(" at line ").next().unwrap_or_default();
                return Err(problem("json.malformed", format!("{what}, at character {}", error.column()), None));
            }
        };
        if let Some(at) = row.missing.filter(|_| self.options.fail_on_missing_field) {
            let column = Some((at + 1, self.columns.fields[at].name.clone()));
            return Err(problem("json.missing", "the line has no such member".to_string(), column));
        }
        if let Some(at) = row.wrong.filter(|_| !lenient) {
            let text = format!("the value is not {}", article(self.columns.cells[at].ty()));
            return Err(problem("json.value", text, Some((at + 1, self.columns.fields[at].name.clone()))));
        }
        Ok(true)
    }
}

impl Decode for JsonDecoder {
    fn decode(&mut self, data: &[u8], last: bool, rows_max: usize) -> Result<Decoded, Problem> {
        let mut done = Decoded::default();
        while done.rows < rows_max && done.bytes < data.len() {
            let rest = &data[done.bytes..];
            let (line, bytes) = match memchr::memchr(b'\n', rest) {
                Some(end) => (&rest[..end], end + 1),
                None if last => (rest, rest.len()),
                None => break,
            };
            let line = line.trim_ascii();
            if !line.is_empty() && self.line(line, done.bytes)? {
                done.rows += 1;
            }
            done.bytes += bytes;
        }
        Ok(done)
    }

    fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        self.columns.cells.iter_mut().map(Cells::finish).collect()
    }
}

/// The produced columns, and which of them the line has.
struct Columns {
    fields: Vec<Field>,
    cells: Vec<Cells>,
    seen: Vec<bool>,
}

/// What a line left to say.
#[derive(Default)]
struct Row {
    missing: Option<usize>,
    wrong: Option<usize>,
}

struct RowSeed<'a> {
    columns: &'a mut Columns,
    separator: char,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = Row;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Row, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Row, M::Error> {
        let Columns { fields, cells, seen } = self.columns;
        object(&mut members, fields, cells, seen, self.separator)
    }
}

/// Reads the members of an object into cells by name; what is missing becomes NULL.
fn object<'de, M: MapAccess<'de>>(
    members: &mut M,
    fields: &[Field],
    cells: &mut [Cells],
    seen: &mut [bool],
    separator: char,
) -> Result<Row, M::Error> {
    seen.fill(false);
    let mut row = Row::default();
    let mut expected = 0;
    while let Some(found) = members.next_key_seed(NameSeed { fields, expected })? {
        match found.filter(|at| !seen[*at]) {
            None => {
                members.next_value::<IgnoredAny>()?;
            }
            Some(at) => {
                if members.next_value_seed(CellSeed { cells: &mut cells[at], separator })?.is_err() {
                    row.wrong.get_or_insert(at);
                }
                seen[at] = true;
                expected = at + 1;
            }
        }
    }
    for (at, cells) in cells.iter_mut().enumerate().filter(|(at, _)| !seen[*at]) {
        cells.null();
        row.missing.get_or_insert(at);
    }
    Ok(row)
}

/// Finds a name; the members of most lines come in the order of the columns.
struct NameSeed<'a> {
    fields: &'a [Field],
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        if self.fields.get(self.expected).is_some_and(|field| field.name == name) {
            return Ok(Some(self.expected));
        }
        Ok(self.fields.iter().position(|field| field.name == name))
    }
}

/// Appends a value to cells.
struct CellSeed<'a> {
    cells: &'a mut Cells,
    separator: char,
}

impl<'de> DeserializeSeed<'de> for CellSeed<'_> {
    type Value = Append;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Append, D::Error> {
        if let Values::Decimal(_) = self.cells.values_mut() {
            // As text: a decimal has more digits than a double.
            let raw = <&RawValue>::deserialize(deserializer)?.get();
            return Ok(match raw.as_bytes().first() {
                Some(b'n') => {
                    self.cells.null();
                    Ok(())
                }
                Some(b'"') => {
                    let text: Cow<'_, str> = serde_json::from_str(raw).unwrap_or_default();
                    self.cells.text(&text, self.separator)
                }
                _ => self.cells.text(raw, self.separator),
            });
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed<'_> {
    type Value = Append;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Append, E> {
        self.cells.null();
        Ok(Ok(()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Append, E> {
        Ok(self.cells.boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Append, E> {
        Ok(self.cells.integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Append, E> {
        Ok(match i64::try_from(value) {
            Ok(value) => self.cells.integer(value),
            Err(_) => self.cells.text(&value.to_string(), self.separator),
        })
    }

    fn visit_f64<E>(self, value: f64) -> Result<Append, E> {
        let whole = value.fract() == 0.0 && value.abs() < 9e18;
        Ok(if whole && self.cells.ty().kind.is_integer() {
            self.cells.integer(value as i64)
        } else {
            self.cells.double(value)
        })
    }

    fn visit_str<E>(self, text: &str) -> Result<Append, E> {
        Ok(self.cells.text(text, self.separator))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<Append, S::Error> {
        let separator = self.separator;
        match self.cells.values_mut() {
            Values::List(nested) => {
                let mut all = Ok(());
                while let Some(appended) =
                    elements.next_element_seed(CellSeed { cells: &mut nested.parts[0], separator })?
                {
                    all = all.and(appended);
                }
                nested.end(true);
                Ok(all)
            }
            Values::Text(_) => {
                let value = serde_json::Value::deserialize(SeqAccessDeserializer::new(elements))?;
                Ok(self.cells.text(&value.to_string(), separator))
            }
            _ => {
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                self.cells.null();
                Ok(Err(Wrong))
            }
        }
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Append, M::Error> {
        let separator = self.separator;
        let (ty, values) = self.cells.parts_mut();
        match values {
            Values::Row(row) => {
                let fields: &[Field] = if let TypeKind::Row(row) = &ty.kind { &row.fields } else { &[] };
                let RowCells { cells, valid, seen } = row;
                let read = object(&mut members, fields, cells, seen, separator)?;
                valid.push(true);
                Ok(if read.wrong.is_some() { Err(Wrong) } else { Ok(()) })
            }
            Values::Map(nested) => {
                let mut all = Ok(());
                while let Some(key) = members.next_key::<Cow<'_, str>>()? {
                    all = all.and(nested.parts[0].text(&key, separator));
                    all = all.and(members.next_value_seed(CellSeed { cells: &mut nested.parts[1], separator })?);
                }
                nested.end(true);
                Ok(all)
            }
            Values::Text(_) => {
                let value = serde_json::Value::deserialize(MapAccessDeserializer::new(members))?;
                Ok(self.cells.text(&value.to_string(), separator))
            }
            _ => {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                self.cells.null();
                Ok(Err(Wrong))
            }
        }
    }
}
