//! JSON on stdout: an object a line. Whole numbers, floating-point numbers and truth values are JSON's own; decimals, times
//! and intervals are SQL text, bytes are base64, rows and maps objects.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float32Type, Float64Type};
use serde_json::{Map, Number, Value};
use tidemill_expr::{SqlType, TimeZone, TypeKind};
use tidemill_functions::format::{ColumnWriter, Style};

use super::row::Rows;
use super::{Format, Shape};

/// Writes JSON lines.
pub struct Json {
    names: Vec<String>,
    types: Vec<SqlType>,
    zone: TimeZone,
}

impl Json {
    /// The format for a result.
    pub fn new(shape: &Shape) -> Json {
        Json { names: shape.names(), types: shape.schema.types(), zone: shape.zone }
    }
}

impl Format for Json {
    fn encode(&self, rows: &Rows, row: usize, out: &mut Vec<u8>) {
        let mut object = Object::open(out);
        if let Some(op) = rows.op(row) {
            object.field("op", &Value::from(op));
        }
        for (i, name) in self.names.iter().enumerate() {
            object.field(name, &value(&rows.arrays()[i], &self.types[i], self.zone, row));
        }
        object.close();
    }

    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn emit(&mut self, encoded: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(encoded);
        out.push(b'\n');
    }

    fn end(&mut self, _out: &mut Vec<u8>) {}
}

/// An object that is being written; two columns of one name are both kept.
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Object<'a> {
    /// Begins an object.
    pub fn open(out: &'a mut Vec<u8>) -> Object<'a> {
        out.push(b'{');
        Object { out, is_first: true }
    }

    /// Appends a field.
    pub fn field(&mut self, name: &str, value: &Value) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(Value::from(name).to_string().as_bytes());
        self.out.push(b':');
        self.out.extend_from_slice(value.to_string().as_bytes());
    }

    /// Ends it.
    pub fn close(self) {
        self.out.push(b'}');
    }
}

/// The value of a row as JSON.
fn value(array: &ArrayRef, ty: &SqlType, zone: TimeZone, row: usize) -> Value {
    if ty.kind == TypeKind::Null || array.is_null(row) {
        return Value::Null;
    }
    match &ty.kind {
        TypeKind::Boolean => Value::Bool(array.as_boolean().value(row)),
        TypeKind::TinyInt | TypeKind::SmallInt | TypeKind::Int | TypeKind::BigInt => {
            let text = sql_text(array, ty, zone, row);
            text.parse::<i64>().map_or(Value::String(text), Value::from)
        }
        TypeKind::Float => {
            // By its shortest digits: widened, 0.1 would become 0.10000000149011612.
            let value = array.as_primitive::<Float32Type>().value(row);
            float(value.to_string().parse().unwrap_or(f64::from(value)))
        }
        TypeKind::Double => float(array.as_primitive::<Float64Type>().value(row)),
        TypeKind::Binary(_) | TypeKind::Varbinary(_) => Value::String(base64(array.as_binary::<i32>().value(row))),
        TypeKind::Array(element) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|item| value(&items, element, zone, item)).collect()
        }
        TypeKind::Map(key, item) => entries(array, key, item, zone, row),
        TypeKind::Multiset(element) => entries(array, element, &SqlType::INT, zone, row),
        TypeKind::Row(fields) => {
            let columns = array.as_struct().columns();
            let pairs = fields.fields.iter().zip(columns);
            Value::Object(
                pairs.map(|(field, column)| (field.name.clone(), value(column, &field.ty, zone, row))).collect(),
            )
        }
        _ => Value::String(sql_text(array, ty, zone, row)),
    }
}

/// A map as an object; its keys are SQL text.
fn entries(array: &ArrayRef, key: &SqlType, item: &SqlType, zone: TimeZone, row: usize) -> Value {
    let entries = array.as_map().value(row);
    let (keys, items) = (entries.column(0), entries.column(1));
    let mut object = Map::new();
    for entry in 0..entries.len() {
        object.insert(sql_text(keys, key, zone, entry), value(items, item, zone, entry));
    }
    Value::Object(object)
}

fn sql_text(array: &ArrayRef, ty: &SqlType, zone: TimeZone, row: usize) -> String {
    let mut text = String::new();
    // The type belongs to the array: the row's writers were made from the same pair before.
    if let Ok(column) = ColumnWriter::new(array, ty, Style::Sql, zone) {
        column.write(row, &mut text);
    }
    text
}

/// A number, or text for what JSON has no number for.
fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::from("NaN"),
        None if value > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    }
}

/// Bytes as base64 with padding (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let shown = digit <= chunk.len();
            let index = (group >> (18 - 6 * digit) & 63) as usize;
            out.push(if shown { char::from(DIGITS[index]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bytes_are_base64() {
        assert_eq!([base64(b""), base64(b"f"), base64(b"fo"), base64(b"foo")], ["", "Zg==", "Zm8=", "Zm9v"]);
        assert_eq!(base64(&[0xff, 0xfe, 0xfd, 0xfc]), "//79/A==");
    }

    #[test]
    fn what_json_has_no_number_for_is_text() {
        assert_eq!(float(1.5).to_string(), "1.5");
        assert_eq!(float(f64::NAN).to_string(), "\"NaN\"");
        assert_eq!(float(f64::NEG_INFINITY).to_string(), "\"-Infinity\"");
    }

    #[test]
    fn columns_of_one_name_are_both_kept() {
        let mut out = Vec::new();
        let mut object = Object::open(&mut out);
        object.field("a", &Value::from(1));
        object.field("a", &Value::Null);
        object.close();
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":1,"a":null}"#);
    }
}
