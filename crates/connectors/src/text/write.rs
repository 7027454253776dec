//! Writing values of Arrow columns as text.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use tidemill_expr::java_floats::{double_text, float_text};
use tidemill_expr::scalar::{civil_from_days, decimal_text};
use tidemill_expr::{SqlType, TypeKind};

/// How dates and times are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeStyle {
    /// `2013-01-01 05:00:00.5`.
    Sql,
    /// `2013-01-01T05:00:00.5`.
    Iso,
    /// Java's `toString`: `2013-01-01T05:00`, `2013-01-01T05:00:00.500`.
    Java,
}

/// A column whose cells can be written.
pub struct TextColumn<'a> {
    array: &'a dyn Array,
    kind: &'a TypeKind,
    children: Vec<TextColumn<'a>>,
}

impl<'a> TextColumn<'a> {
    /// A column of type `ty`.
    pub fn new(array: &'a ArrayRef, ty: &'a SqlType) -> TextColumn<'a> {
        let children = match &ty.kind {
            TypeKind::Array(element) => vec![TextColumn::new(array.as_list::<i32>().values(), element)],
            TypeKind::Map(key, value) => {
                let map = array.as_map();
                vec![TextColumn::new(map.keys(), key), TextColumn::new(map.values(), value)]
            }
            TypeKind::Multiset(element) => {
                let map = array.as_map();
                vec![TextColumn::new(map.keys(), element), TextColumn::new(map.values(), &SqlType::INT)]
            }
            TypeKind::Row(row) => {
                let fields = array.as_struct().columns().iter().zip(&row.fields);
                fields.map(|(array, field)| TextColumn::new(array, &field.ty)).collect()
            }
            _ => Vec::new(),
        };
        TextColumn { array: array.as_ref(), kind: &ty.kind, children }
    }

    /// The column's type.
    pub fn kind(&self) -> &'a TypeKind {
        self.kind
    }

    /// Whether a cell is NULL.
    pub fn is_null(&self, row: usize) -> bool {
        *self.kind == TypeKind::Null || self.array.is_null(row)
    }

    /// The columns within: an array's elements, a map's keys and values, a row's fields.
    pub fn children(&self) -> &[TextColumn<'a>] {
        &self.children
    }

    /// Where the elements of an array's or the entries of a map's cell are in the columns within.
    pub fn elements(&self, row: usize) -> std::ops::Range<usize> {
        let offsets = match self.kind {
            TypeKind::Array(_) => self.array.as_list::<i32>().offsets(),
            _ => self.array.as_map().offsets(),
        };
        offsets[row] as usize..offsets[row + 1] as usize
    }

    /// The text of a character cell.
    pub fn str(&self, row: usize) -> &'a str {
        self.array.as_string_view().value(row)
    }

    /// The bytes of a binary cell.
    pub fn bytes(&self, row: usize) -> &'a [u8] {
        self.array.as_binary::<i32>().value(row)
    }

    /// Writes a cell that is neither NULL nor nested, without quotes.
    pub fn write(&self, row: usize, style: TimeStyle, out: &mut Vec<u8>) {
        let array = self.array;
        // Writing into a vector cannot fail.
        let _ = match self.kind {
            TypeKind::Boolean => write!(out, "{}", array.as_boolean().value(row)),
            TypeKind::TinyInt => write!(out, "{}", array.as_primitive::<Int8Type>().value(row)),
            TypeKind::SmallInt => write!(out, "{}", array.as_primitive::<Int16Type>().value(row)),
            TypeKind::Int | TypeKind::IntervalYearMonth => {
                write!(out, "{}", array.as_primitive::<Int32Type>().value(row))
            }
            TypeKind::BigInt | TypeKind::IntervalDayTime => {
                write!(out, "{}", array.as_primitive::<Int64Type>().value(row))
            }
            TypeKind::Float => out.write_all(float_text(array.as_primitive::<Float32Type>().value(row)).as_bytes()),
            TypeKind::Double => out.write_all(double_text(array.as_primitive::<Float64Type>().value(row)).as_bytes()),
            TypeKind::Decimal { scale, .. } => {
                out.write_all(decimal_text(array.as_primitive::<Decimal128Type>().value(row), *scale).as_bytes())
            }
            TypeKind::Char(_) | TypeKind::Varchar(_) => out.write_all(self.str(row).as_bytes()),
            TypeKind::Binary(_) | TypeKind::Varbinary(_) => out.write_all(BASE64.encode(self.bytes(row)).as_bytes()),
            TypeKind::Date => write_date(i64::from(array.as_primitive::<Date32Type>().value(row)), out),
            TypeKind::Time(_) => {
                write_time(i64::from(array.as_primitive::<Time32MillisecondType>().value(row)), 0, style, out)
            }
            TypeKind::Timestamp(_) => {
                let (millis, nanos) = instant(array, row);
                write_timestamp(millis, nanos, style, out)
            }
            TypeKind::TimestampLtz(_) => {
                let (millis, nanos) = instant(array, row);
                // Java's Instant always has its seconds.
                let whole_minute = millis % 60_000 == 0 && nanos == 0 && style == TimeStyle::Java;
                let seconds = if whole_minute { ":00Z" } else { "Z" };
                write_timestamp(millis, nanos, style, out).and_then(|()| out.write_all(seconds.as_bytes()))
            }
            TypeKind::Null | TypeKind::Array(_) | TypeKind::Map(..) | TypeKind::Multiset(_) | TypeKind::Row(_) => {
                Ok(())
            }
        };
    }
}

/// Milliseconds and nanoseconds beyond them.
fn instant(array: &dyn Array, row: usize) -> (i64, u32) {
    let split =
        |value: i64, per_ms: i64| (value.div_euclid(per_ms), (value.rem_euclid(per_ms) * (1_000_000 / per_ms)) as u32);
    match array.data_type() {
        arrow::datatypes::DataType::Timestamp(TimeUnit::Microsecond, _) => {
            split(array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000)
        }
        arrow::datatypes::DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            split(array.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000)
        }
        _ => (array.as_primitive::<TimestampMillisecondType>().value(row), 0),
    }
}

fn write_date(days: i64, out: &mut Vec<u8>) -> std::io::Result<()> {
    let (year, month, day) = civil_from_days(days);
    write!(out, "{year:04}-{month:02}-{day:02}")
}

fn write_timestamp(millis: i64, nanos: u32, style: TimeStyle, out: &mut Vec<u8>) -> std::io::Result<()> {
    const DAY_MS: i64 = 86_400_000;
    write_date(millis.div_euclid(DAY_MS), out)?;
    out.push(if style == TimeStyle::Sql { b' ' } else { b'T' });
    write_time(millis.rem_euclid(DAY_MS), nanos, style, out)
}

fn write_time(of_day_ms: i64, nanos: u32, style: TimeStyle, out: &mut Vec<u8>) -> std::io::Result<()> {
    let seconds = of_day_ms / 1000;
    let fraction = (of_day_ms % 1000) * 1_000_000 + i64::from(nanos);
    write!(out, "{:02}:{:02}", seconds / 3600, seconds / 60 % 60)?;
    if style != TimeStyle::Java || seconds % 60 != 0 || fraction != 0 {
        write!(out, ":{:02}", seconds % 60)?;
    }
    if fraction == 0 {
        return Ok(());
    }
    let digits = format!("{fraction:09}");
    let shortest = digits.trim_end_matches('0').len();
    let shown = if style == TimeStyle::Java { shortest.div_ceil(3) * 3 } else { shortest };
    write!(out, ".{}", &digits[..shown])
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Decimal128Array, TimestampMicrosecondArray, TimestampMillisecondArray};
    use std::sync::Arc;

    fn text(array: ArrayRef, ty: &SqlType, style: TimeStyle) -> Vec<String> {
        let column = TextColumn::new(&array, ty);
        let cell = |row| {
            let mut out = Vec::new();
            column.write(row, style, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        (0..array.len()).map(cell).collect()
    }

    #[test]
    fn timestamps_have_no_trailing_zeros() {
        let array: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![1_357_016_400_000, 1_357_016_400_120, -1]));
        let ty = SqlType::timestamp(3);
        assert_eq!(
            text(Arc::clone(&array), &ty, TimeStyle::Sql),
            ["2013-01-01 05:00:00", "2013-01-01 05:00:00.12", "1969-12-31 23:59:59.999"]
        );
        assert_eq!(
            text(array, &ty, TimeStyle::Java),
            ["2013-01-01T05:00", "2013-01-01T05:00:00.120", "1969-12-31T23:59:59.999"]
        );
        let micros: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1]));
        assert_eq!(text(micros, &SqlType::timestamp_ltz(6), TimeStyle::Iso), ["1970-01-01T00:00:00.000001Z"]);
    }

    #[test]
    fn decimals_keep_their_scale() {
        let array = Decimal128Array::from(vec![150, -5]).with_precision_and_scale(10, 2).map(Arc::new);
        let array: ArrayRef = array.expect("a precision that exists");
        assert_eq!(text(array, &SqlType::decimal(10, 2), TimeStyle::Sql), ["1.50", "-0.05"]);
    }
}
