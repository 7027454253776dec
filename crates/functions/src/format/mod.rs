//! Values as text, a column at a time.
//!
//! Three styles, each as Flink has it: [`Style::Sql`] is what `CAST(x AS STRING)` gives (`2013-01-01 05:00:00.000`, `TRUE`);
//! [`Style::Print`] is what the `print` connector shows, Java's `toString` (`2013-01-01T05:00`, `true`); [`Style::Format`]
//! is what the CSV and JSON formats write (`2013-01-01 05:00:00`, moments in UTC with a `Z`).

mod digits;
mod java;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, StringViewArray, Time32MillisecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType,
};
use tidemill_core::Result;
use tidemill_expr::{Arg, SqlType, TimeZone, TypeKind};

use crate::access::{Stamps, wrong_type};
use crate::civil::{Civil, DAY_MS};
pub use digits::{push_date, push_decimal, push_int, push_padded};
pub use tidemill_expr::java_floats::{push_double, push_float};

/// Who reads the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `CAST(x AS STRING)`.
    Sql,
    /// The `print` connector.
    Print,
    /// The CSV and JSON formats.
    Format,
    /// Results in a terminal: as `Sql`, but bytes are digits, as Flink's SQL client shows them.
    Shell,
}

/// A column ready to be written value by value.
pub struct ColumnWriter {
    cells: Cells,
    nulls: Option<NullBuffer>,
    style: Style,
    zone: TimeZone,
}

enum Cells {
    Null,
    Bool(BooleanArray),
    TinyInt(Int8Array),
    SmallInt(Int16Array),
    Int(Int32Array),
    BigInt(Int64Array),
    Float(Float32Array),
    Double(Float64Array),
    Decimal(Decimal128Array, u8),
    Text(StringViewArray),
    Bytes(BinaryArray),
    Date(Date32Array),
    Time(Time32MillisecondArray, u8),
    Stamp { values: ScalarBuffer<i64>, per_second: i64, precision: u8, local: bool },
    Months(Int32Array),
    Millis(Int64Array),
    List { offsets: OffsetBuffer<i32>, items: Box<ColumnWriter> },
    Map { offsets: OffsetBuffer<i32>, keys: Box<ColumnWriter>, values: Box<ColumnWriter> },
    Row(Vec<ColumnWriter>),
}

impl ColumnWriter {
    /// A writer of the values of `array`, which is of type `ty`. `zone` is the session's; only SQL style asks for it.
    pub fn new(array: &ArrayRef, ty: &SqlType, style: Style, zone: TimeZone) -> Result<ColumnWriter> {
        let nulls = array.nulls().cloned();
        let cells = cells(array, ty, style, zone)?;
        Ok(ColumnWriter { cells, nulls, style, zone })
    }

    /// Whether the value of a row is NULL.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        matches!(self.cells, Cells::Null) || self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Appends the value of a row; a NULL as `null` (print) or `NULL`.
    pub fn write(&self, row: usize, out: &mut String) {
        if self.is_null(row) {
            out.push_str(if self.style == Style::Print { "null" } else { "NULL" });
        } else {
            self.write_value(row, out);
        }
    }

    fn write_value(&self, row: usize, out: &mut String) {
        match &self.cells {
            Cells::Null => {}
            Cells::Bool(array) => out.push_str(match (array.value(row), self.style) {
                (true, Style::Sql | Style::Shell) => "TRUE",
                (false, Style::Sql | Style::Shell) => "FALSE",
                (true, _) => "true",
                (false, _) => "false",
            }),
            Cells::TinyInt(array) => push_int(out, i64::from(array.value(row))),
            Cells::SmallInt(array) => push_int(out, i64::from(array.value(row))),
            Cells::Int(array) => push_int(out, i64::from(array.value(row))),
            Cells::BigInt(array) => push_int(out, array.value(row)),
            Cells::Float(array) => push_float(out, array.value(row)),
            Cells::Double(array) => push_double(out, array.value(row)),
            Cells::Decimal(array, scale) if self.style == Style::Print => {
                java::push_big_decimal(out, array.value(row), *scale);
            }
            Cells::Decimal(array, scale) => push_decimal(out, array.value(row), *scale),
            Cells::Text(array) => out.push_str(array.value(row)),
            Cells::Bytes(array) => self.write_bytes(array.value(row), out),
            Cells::Date(array) => push_date(out, i64::from(array.value(row))),
            Cells::Time(array, precision) => {
                let time = Civil::from_local_ms(i64::from(array.value(row)), 0);
                match self.style {
                    Style::Sql | Style::Shell => push_clock(out, &time, Fraction::Digits(*precision)),
                    Style::Print => java::push_local_time(out, &time),
                    Style::Format => push_clock(out, &time, Fraction::Trimmed),
                }
            }
            Cells::Stamp { values, per_second, precision, local } => {
                self.write_stamp(values[row], *per_second, *precision, *local, out);
            }
            Cells::Months(array) if self.style == Style::Print => java::push_period(out, array.value(row)),
            Cells::Months(array) => digits::push_months(out, array.value(row)),
            Cells::Millis(array) if self.style == Style::Print => java::push_duration(out, array.value(row)),
            Cells::Millis(array) => digits::push_millis(out, array.value(row)),
            Cells::List { offsets, items } => {
                out.push('[');
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                write_list(start..end, out, |item, out| items.write(item, out));
                out.push(']');
            }
            Cells::Map { offsets, keys, values } => {
                out.push('{');
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                write_list(start..end, out, |entry, out| {
                    keys.write(entry, out);
                    out.push('=');
                    values.write(entry, out);
                });
                out.push('}');
            }
            Cells::Row(fields) => {
                let (open, close) = if self.style == Style::Print { ("+I[", ']') } else { ("(", ')') };
                out.push_str(open);
                write_list(0..fields.len(), out, |field, out| fields[field].write(row, out));
                out.push(close);
            }
        }
    }

    fn write_bytes(&self, bytes: &[u8], out: &mut String) {
        if self.style == Style::Print {
            out.push('[');
            write_list(0..bytes.len(), out, |i, out| push_int(out, i64::from(bytes[i] as i8)));
            out.push(']');
        } else if self.style == Style::Shell {
            out.push_str("x'");
            for byte in bytes {
                out.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('?')));
            }
            out.push('\'');
        } else {
            out.push_str(&String::from_utf8_lossy(bytes));
        }
    }

    fn write_stamp(&self, value: i64, per_second: i64, precision: u8, local: bool, out: &mut String) {
        let per_milli = per_second / 1000;
        let nanos = (value.rem_euclid(per_milli) * (1_000_000_000 / per_second)) as u32;
        let millis = value.div_euclid(per_milli);
        match self.style {
            Style::Sql | Style::Shell => {
                let shown = if local { self.zone.to_local_ms(millis) } else { millis };
                push_timestamp(out, shown, nanos, Fraction::Digits(precision));
            }
            Style::Print => java::push_date_time(out, millis, nanos, local),
            Style::Format => {
                push_timestamp(out, millis, nanos, Fraction::Trimmed);
                if local {
                    out.push('Z');
                }
            }
        }
    }
}

fn write_list(range: std::ops::Range<usize>, out: &mut String, mut write: impl FnMut(usize, &mut String)) {
    let first = range.start;
    for i in range {
        if i > first {
            out.push_str(", ");
        }
        write(i, out);
    }
}

/// How the fraction of a second is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fraction {
    /// This many digits.
    Digits(u8),
    /// As many as are needed, none for a whole second.
    Trimmed,
}

/// Appends `2013-01-01 05:00:00` and the fraction.
pub fn push_timestamp(out: &mut String, local_ms: i64, nanos: u32, fraction: Fraction) {
    push_date(out, local_ms.div_euclid(DAY_MS));
    out.push(' ');
    let time = Civil { year: 1970, month: 1, day: 1, of_day_ms: local_ms.rem_euclid(DAY_MS), nanos };
    push_clock(out, &time, fraction);
}

/// Appends `05:00:00` and the fraction.
pub(crate) fn push_clock(out: &mut String, time: &Civil, fraction: Fraction) {
    push_padded(out, time.hour(), 2);
    out.push(':');
    push_padded(out, time.minute(), 2);
    out.push(':');
    push_padded(out, time.second(), 2);
    let nanos = time.nano_of_second();
    match fraction {
        Fraction::Digits(0) => {}
        Fraction::Trimmed if nanos == 0 => {}
        Fraction::Digits(digits) => {
            out.push('.');
            push_padded(out, nanos / 10u32.pow(9 - u32::from(digits.min(9))), usize::from(digits.min(9)));
        }
        Fraction::Trimmed => {
            out.push('.');
            push_padded(out, nanos, 9);
            let kept = out.trim_end_matches('0').len();
            out.truncate(kept);
        }
    }
}

fn cells(array: &ArrayRef, ty: &SqlType, style: Style, zone: TimeZone) -> Result<Cells> {
    macro_rules! primitive {
        ($variant:ident, $arrow:ty) => {
            Cells::$variant(array.as_primitive_opt::<$arrow>().ok_or_else(|| wrong_type("numbers", array))?.clone())
        };
    }
    let inner = |array: &ArrayRef, ty: &SqlType| ColumnWriter::new(array, ty, style, zone).map(Box::new);
    Ok(match &ty.kind {
        TypeKind::Null => Cells::Null,
        TypeKind::Boolean => {
            Cells::Bool(array.as_boolean_opt().ok_or_else(|| wrong_type("truth values", array))?.clone())
        }
        TypeKind::TinyInt => primitive!(TinyInt, Int8Type),
        TypeKind::SmallInt => primitive!(SmallInt, Int16Type),
        TypeKind::Int => primitive!(Int, Int32Type),
        TypeKind::BigInt => primitive!(BigInt, Int64Type),
        TypeKind::Float => primitive!(Float, Float32Type),
        TypeKind::Double => primitive!(Double, Float64Type),
        TypeKind::IntervalYearMonth => primitive!(Months, Int32Type),
        TypeKind::IntervalDayTime => primitive!(Millis, Int64Type),
        TypeKind::Date => primitive!(Date, Date32Type),
        TypeKind::Decimal { scale, .. } => {
            let array = array.as_primitive_opt::<Decimal128Type>().ok_or_else(|| wrong_type("decimals", array))?;
            Cells::Decimal(array.clone(), *scale)
        }
        TypeKind::Char(_) | TypeKind::Varchar(_) => {
            Cells::Text(array.as_string_view_opt().ok_or_else(|| wrong_type("text", array))?.clone())
        }
        TypeKind::Binary(_) | TypeKind::Varbinary(_) => {
            Cells::Bytes(array.as_binary_opt::<i32>().ok_or_else(|| wrong_type("bytes", array))?.clone())
        }
        TypeKind::Time(precision) => {
            let array = array.as_primitive_opt::<Time32MillisecondType>().ok_or_else(|| wrong_type("times", array))?;
            Cells::Time(array.clone(), *precision)
        }
        TypeKind::Timestamp(precision) | TypeKind::TimestampLtz(precision) => {
            let arg = Arg::column(array.clone());
            let stamps = Stamps::of(&arg)?;
            Cells::Stamp {
                values: stamps.buffer(),
                per_second: stamps.per_second,
                precision: *precision,
                local: matches!(ty.kind, TypeKind::TimestampLtz(_)),
            }
        }
        TypeKind::Array(element) => {
            let list = array.as_list_opt::<i32>().ok_or_else(|| wrong_type("arrays", array))?;
            Cells::List { offsets: list.offsets().clone(), items: inner(list.values(), element)? }
        }
        TypeKind::Map(..) | TypeKind::Multiset(_) => {
            let map = array.as_map_opt().ok_or_else(|| wrong_type("maps", array))?;
            let (key, value) = match &ty.kind {
                TypeKind::Map(key, value) => (&**key, &**value),
                TypeKind::Multiset(element) => (&**element, &SqlType::INT),
                _ => (&SqlType::NULL, &SqlType::NULL),
            };
            let (keys, values) = (inner(map.keys(), key)?, inner(map.values(), value)?);
            Cells::Map { offsets: map.offsets().clone(), keys, values }
        }
        TypeKind::Row(row) => {
            let columns = array.as_struct_opt().ok_or_else(|| wrong_type("rows", array))?.columns();
            let fields = row.fields.iter().zip(columns);
            let writers: Result<Vec<ColumnWriter>> =
                fields.map(|(field, column)| ColumnWriter::new(column, &field.ty, style, zone)).collect();
            Cells::Row(writers?)
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tidemill_expr::{Field, Scalar};

    fn text(value: Scalar, ty: SqlType, style: Style) -> String {
        let array = value.to_array(&ty).unwrap();
        let mut out = String::new();
        ColumnWriter::new(&array, &ty, style, TimeZone::Fixed(3600)).unwrap().write(0, &mut out);
        out
    }

    #[test]
    fn timestamps_in_each_style() {
        let five = Scalar::timestamp_ms(1_357_016_400_000);
        assert_eq!(text(five.clone(), SqlType::timestamp(3), Style::Sql), "2013-01-01 05:00:00.000");
        assert_eq!(text(five.clone(), SqlType::timestamp(3), Style::Print), "2013-01-01T05:00");
        assert_eq!(text(five.clone(), SqlType::timestamp(3), Style::Format), "2013-01-01 05:00:00");
        assert_eq!(text(five.clone(), SqlType::timestamp_ltz(0), Style::Sql), "2013-01-01 06:00:00");
        assert_eq!(text(five.clone(), SqlType::timestamp_ltz(3), Style::Print), "2013-01-01T05:00:00Z");
        assert_eq!(text(five, SqlType::timestamp_ltz(3), Style::Format), "2013-01-01 05:00:00Z");
        let half = Scalar::timestamp_ms(1_357_016_405_500);
        assert_eq!(text(half.clone(), SqlType::timestamp(6), Style::Sql), "2013-01-01 05:00:05.500000");
        assert_eq!(text(half.clone(), SqlType::timestamp(6), Style::Print), "2013-01-01T05:00:05.500");
        assert_eq!(text(half, SqlType::timestamp(6), Style::Format), "2013-01-01 05:00:05.5");
    }

    #[test]
    fn bytes_in_each_style() {
        let bytes = || Scalar::Bytes(vec![0x61, 0xff].into());
        assert_eq!(text(bytes(), TypeKind::BYTES.nullable(), Style::Shell), "x'61ff'");
        assert_eq!(text(bytes(), TypeKind::BYTES.nullable(), Style::Sql), "a\u{fffd}");
        let array = SqlType::array(TypeKind::BYTES.nullable());
        assert_eq!(text(Scalar::Array(vec![bytes()]), array, Style::Shell), "[x'61ff']");
    }

    #[test]
    fn nested_values_in_sql_and_print_style() {
        let ty = SqlType::row(vec![
            Field::new("a", SqlType::array(SqlType::INT)),
            Field::new("m", SqlType::map(SqlType::STRING, SqlType::BOOLEAN)),
        ]);
        let value = Scalar::Row(vec![
            Scalar::Array(vec![Scalar::Int(1), Scalar::Null]),
            Scalar::Map(vec![(Scalar::string("k"), Scalar::Boolean(true))]),
        ]);
        assert_eq!(text(value.clone(), ty.clone(), Style::Sql), "([1, NULL], {k=TRUE})");
        assert_eq!(text(value, ty, Style::Print), "+I[[1, null], {k=true}]");
    }

    #[test]
    fn floating_point_numbers_print_as_in_java() {
        let double = |value| text(Scalar::Double(value), SqlType::DOUBLE, Style::Sql);
        assert_eq!(double(1.0), "1.0");
        assert_eq!(double(0.001), "0.001");
        assert_eq!(double(0.0001), "1.0E-4");
        assert_eq!(double(1e7), "1.0E7");
        assert_eq!(double(12_345_678.9), "1.23456789E7");
        assert_eq!(double(9_999_999.5), "9999999.5");
        assert_eq!(double(-0.0), "-0.0");
        assert_eq!(double(f64::NAN), "NaN");
        assert_eq!(double(f64::NEG_INFINITY), "-Infinity");
        assert_eq!(text(Scalar::Double(0.1), TypeKind::Float.nullable(), Style::Sql), "0.1");
    }

    #[test]
    fn decimals_keep_their_zeros_and_print_small_ones_as_big_decimal_does() {
        let small = Scalar::Decimal { value: 0, scale: 8 };
        assert_eq!(text(small.clone(), SqlType::decimal(10, 8), Style::Sql), "0.00000000");
        assert_eq!(text(small, SqlType::decimal(10, 8), Style::Print), "0E-8");
        let price = Scalar::Decimal { value: -150, scale: 2 };
        assert_eq!(text(price, SqlType::decimal(10, 2), Style::Print), "-1.50");
    }

    #[test]
    fn intervals_and_times() {
        assert_eq!(text(Scalar::Months(-14), TypeKind::IntervalYearMonth.nullable(), Style::Sql), "-1-02");
        assert_eq!(
            text(Scalar::Millis(93_784_005), TypeKind::IntervalDayTime.nullable(), Style::Sql),
            "+1 02:03:04.005"
        );
        assert_eq!(text(Scalar::Millis(3_600_000), TypeKind::IntervalDayTime.nullable(), Style::Print), "PT1H");
        assert_eq!(text(Scalar::Time(45_000_500), TypeKind::Time(0).nullable(), Style::Sql), "12:30:00");
        assert_eq!(text(Scalar::Time(45_000_500), TypeKind::Time(3).nullable(), Style::Print), "12:30:00.500");
        assert_eq!(text(Scalar::Date(15_706), SqlType::DATE, Style::Print), "2013-01-01");
    }
}
