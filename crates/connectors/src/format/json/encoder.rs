//! From columns to lines of JSON.

use tidemill_expr::TypeKind;

use super::JsonOptions;
use crate::format::encode::EncodeLines;
use crate::text::write::{TextColumn, TimeStyle};

/// Encodes JSON lines. Numbers that JSON does not have (NaN, infinities) are strings.
pub struct JsonEncoder {
    options: JsonOptions,
}

impl JsonEncoder {
    /// An encoder.
    pub fn new(options: JsonOptions) -> JsonEncoder {
        JsonEncoder { options }
    }

    fn object<'a>(
        &self,
        columns: &[TextColumn<'_>],
        names: impl Iterator<Item = &'a str>,
        row: usize,
        out: &mut Vec<u8>,
    ) {
        out.push(b'{');
        let mut first = true;
        for (column, name) in columns.iter().zip(names) {
            if self.options.ignore_null_fields && column.is_null(row) {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            string(name, out);
            out.push(b':');
            self.value(column, row, out);
        }
        out.push(b'}');
    }

    fn value(&self, column: &TextColumn<'_>, row: usize, out: &mut Vec<u8>) {
        if column.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        match column.kind() {
            TypeKind::Char(_) | TypeKind::Varchar(_) => string(column.str(row), out),
            TypeKind::Row(fields) => {
                self.object(column.children(), fields.fields.iter().map(|field| field.name.as_str()), row, out);
            }
            TypeKind::Array(_) => {
                out.push(b'[');
                for (at, element) in column.elements(row).enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    self.value(&column.children()[0], element, out);
                }
                out.push(b']');
            }
            TypeKind::Map(..) | TypeKind::Multiset(_) => {
                out.push(b'{');
                for (at, entry) in column.elements(row).enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    string(column.children()[0].str(entry), out);
                    out.push(b':');
                    self.value(&column.children()[1], entry, out);
                }
                out.push(b'}');
            }
            TypeKind::Float | TypeKind::Double => {
                let start = out.len();
                column.write(row, TimeStyle::Sql, out);
                if out[start..].iter().any(|byte| matches!(byte, b'N' | b'y')) {
                    out.insert(start, b'"');
                    out.push(b'"');
                }
            }
            kind => {
                let number = kind.is_numeric() || *kind == TypeKind::Boolean || kind.is_interval();
                if !number {
                    out.push(b'"');
                }
                column.write(row, self.options.time_style, out);
                if !number {
                    out.push(b'"');
                }
            }
        }
    }
}

impl EncodeLines for JsonEncoder {
    fn encode(&mut self, columns: &[TextColumn<'_>], names: &[String], rows: usize, out: &mut Vec<u8>) {
        for row in 0..rows {
            self.object(columns, names.iter().map(String::as_str), row, out);
            out.push(b'\n');
        }
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    // Writing into a vector cannot fail.
    let _ = serde_json::to_writer(out, text);
}
