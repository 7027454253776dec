//! CSV on stdout: a header line, fields in quotes where they need them (RFC 4180), a NULL as nothing, an empty text as `""`.

use super::row::Rows;
use super::{Format, Shape, Shown};

/// Writes CSV.
pub struct Csv {
    header: Vec<u8>,
}

impl Csv {
    /// The format for a result.
    pub fn new(shape: &Shape) -> Csv {
        let mut header = Vec::new();
        if shape.rows == Shown::Changes {
            push_field("op", &mut header);
        }
        for (i, name) in shape.names().iter().enumerate() {
            if i > 0 || !header.is_empty() {
                header.push(b',');
            }
            push_field(name, &mut header);
        }
        Csv { header }
    }
}

impl Format for Csv {
    fn encode(&self, rows: &Rows, row: usize, out: &mut Vec<u8>) {
        let mut text = String::new();
        if let Some(op) = rows.op(row) {
            out.extend_from_slice(op.as_bytes());
        }
        for (i, column) in rows.columns().iter().enumerate() {
            if i > 0 || rows.op(row).is_some() {
                out.push(b',');
            }
            if !column.is_null(row) {
                text.clear();
                column.write(row, &mut text);
                push_field(&text, out);
            }
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        self.emit(&self.header.clone(), out);
    }

    fn emit(&mut self, encoded: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(encoded);
        out.push(b'\n');
    }

    fn end(&mut self, _out: &mut Vec<u8>) {}
}

/// Appends a field that is not NULL.
pub fn push_field(text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() && !text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_need_it() {
        let field = |text: &str| {
            let mut out = Vec::new();
            push_field(text, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(field("plain text"), "plain text");
        assert_eq!(field("a,b"), "\"a,b\"");
        assert_eq!(field("a\"b\n"), "\"a\"\"b\n\"");
        assert_eq!(field(""), "\"\"");
    }
}
