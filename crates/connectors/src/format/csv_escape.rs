//! CSV byte by byte: where one stands, and records where there is an escape character.
//!
//! A quote opens only at the beginning of a field; within a field it is text; behind a quote within quotes another one means
//! itself. So does `csv-core`, which reads what has no escape character. An escape character counts within quotes and outside
//! (in `csv-core`: within), and what is behind it is taken as it is, line ends too, or is a control character: the rules of
//! Jackson's `CsvDecoder`, and so of Flink.

use super::csv::CsvOptions;

/// Where one stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Before a record.
    Record,
    /// Before a field that is not the first.
    Field,
    /// In a field without quotes, or behind the quotes of one.
    Text,
    /// Behind an escape character outside quotes.
    TextEscaped,
    /// Within quotes.
    Quoted,
    /// Behind an escape character within quotes.
    QuotedEscaped,
    /// Behind a quote within quotes.
    Quote,
    /// In a line that is left out.
    Comment,
}

impl At {
    /// Where one stands behind a byte.
    pub fn behind(self, byte: u8, options: &CsvOptions) -> At {
        let CsvOptions { delimiter, quote, escape, comments, .. } = options;
        let is_quote = Some(byte) == *quote;
        let is_escape = Some(byte) == *escape;
        match self {
            At::Comment if byte == b'\n' => At::Record,
            At::Comment => At::Comment,
            At::Quoted if is_quote => At::Quote,
            At::Quoted if is_escape => At::QuotedEscaped,
            At::Quoted | At::QuotedEscaped => At::Quoted,
            At::Quote if is_quote => At::Quoted,
            At::TextEscaped => At::Text,
            At::Record if *comments && byte == b'#' => At::Comment,
            At::Record | At::Field if is_quote => At::Quoted,
            At::Record | At::Field | At::Text if is_escape => At::TextEscaped,
            _ if byte == *delimiter => At::Field,
            _ if byte == b'\n' || byte == b'\r' => At::Record,
            _ => At::Text,
        }
    }
}

/// What was found at the beginning of some data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A record, and how many bytes it took with what is left out before it.
    Record(usize),
    /// No whole record.
    None,
    /// The input ends within quotes.
    Unclosed,
}

/// Reads one record of `data`: the bytes of its fields one behind the other, and where each ends.
pub fn read_record(
    options: &CsvOptions,
    data: &[u8],
    last: bool,
    fields: &mut Vec<u8>,
    ends: &mut Vec<usize>,
) -> Found {
    fields.clear();
    ends.clear();
    let mut at = At::Record;
    for (index, byte) in data.iter().enumerate() {
        let next = at.behind(*byte, options);
        match (at, next) {
            (At::Record | At::Comment, At::Record | At::Comment) => {}
            (_, At::Record) => {
                ends.push(fields.len());
                return Found::Record(index + 1);
            }
            (_, At::Field) => ends.push(fields.len()),
            (At::TextEscaped | At::QuotedEscaped, _) => fields.push(unescaped(*byte)),
            (_, At::Text) | (At::Quoted | At::Quote, At::Quoted) => fields.push(*byte),
            // A quote that opens or closes, an escape character, a comment.
            _ => {}
        }
        at = next;
    }
    match at {
        At::Record | At::Comment => Found::None,
        _ if !last => Found::None,
        At::Quoted | At::QuotedEscaped => Found::Unclosed,
        At::Field | At::Text | At::TextEscaped | At::Quote => {
            ends.push(fields.len());
            Found::Record(data.len())
        }
    }
}

/// What a byte behind an escape character stands for.
fn unescaped(byte: u8) -> u8 {
    match byte {
        b'0' => 0,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        byte => byte,
    }
}
