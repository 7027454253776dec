//! One field: how its values follow from the numbers of the rows.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, ListArray, MapArray, StringViewArray, StructArray, Time32MillisecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, TimeUnit};
use tidemill_core::options::Configuration;
use tidemill_core::{Failure, Result};
use tidemill_expr::{SqlType, TypeKind};

use super::options::FieldOptions;
use crate::random::random;
use crate::text::read;

const DAY_MS: i64 = 86_400_000;
/// Elements of arrays and maps where nothing is said.
const ELEMENTS: u64 = 3;
/// Characters and bytes where nothing is said.
const LENGTH: u64 = 100;

/// A field that makes values.
#[derive(Clone, Debug)]
pub struct FieldGenerator {
    ty: SqlType,
    seed: u64,
    null_rate: f64,
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    /// From `start` on.
    Sequence {
        start: i64,
    },
    Boolean,
    /// Whole numbers, decimals by their digits.
    Whole {
        min: i128,
        max: i128,
    },
    Real {
        min: f64,
        max: f64,
    },
    Text {
        length: u64,
        varies: bool,
    },
    /// The present, or a moment at most this much earlier.
    Moment {
        past_ms: i64,
    },
    Row(Vec<FieldGenerator>),
    Elements {
        length: u64,
        varies: bool,
        parts: Vec<FieldGenerator>,
    },
}

impl FieldGenerator {
    /// The field at `path`, by its options; the second value is the length of its sequence, if it is one.
    pub fn new(path: &str, ty: &SqlType, options: &Configuration, seed: u64) -> Result<(FieldGenerator, Option<u64>)> {
        let own = FieldOptions::new(options, path);
        let seed = path.bytes().fold(seed, |seed, byte| random(seed, u64::from(byte)));
        let null_rate: f64 = own.number("null-rate")?.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&null_rate) {
            return Err(own.wrong("null-rate", "must lie between 0 and 1"));
        }
        let is_sequence = own.text("kind").is_some_and(|kind| kind.eq_ignore_ascii_case("sequence"));
        let (how, count) =
            if is_sequence { sequence(ty, &own, path)? } else { (How::new(path, ty, options, seed)?, None) };
        Ok((FieldGenerator { ty: ty.clone(), seed, null_rate, how }, count))
    }

    /// The values of the rows with these numbers.
    pub fn array(&self, rows: &[u64], now_ms: i64) -> Result<ArrayRef> {
        let valid = |row: &u64| self.null_rate == 0.0 || unit(random(!self.seed, *row)) >= self.null_rate;
        let number = |row: u64| random(self.seed, row);
        let nulls = || {
            let nulls = NullBuffer::from_iter(rows.iter().map(valid));
            (nulls.null_count() > 0).then_some(nulls)
        };
        macro_rules! whole {
            ($array:ty, $native:ty) => {
                Arc::new(<$array>::from_iter(rows.iter().map(|row| valid(row).then(|| self.whole(*row) as $native))))
            };
        }
        Ok(match (&self.ty.kind, &self.how) {
            (TypeKind::Boolean, _) => {
                Arc::new(BooleanArray::from_iter(rows.iter().map(|row| valid(row).then(|| number(*row) >> 63 == 1))))
            }
            (TypeKind::TinyInt, _) => whole!(Int8Array, i8),
            (TypeKind::SmallInt, _) => whole!(Int16Array, i16),
            (TypeKind::Int | TypeKind::IntervalYearMonth, _) => whole!(Int32Array, i32),
            (TypeKind::BigInt | TypeKind::IntervalDayTime, _) => whole!(Int64Array, i64),
            (TypeKind::Decimal { precision, scale }, _) => {
                let values = rows.iter().map(|row| valid(row).then(|| self.whole(*row)));
                Arc::new(Decimal128Array::from_iter(values).with_precision_and_scale(*precision, *scale as i8)?)
            }
            (TypeKind::Float, _) => {
                Arc::new(Float32Array::from_iter(rows.iter().map(|row| valid(row).then(|| self.real(*row) as f32))))
            }
            (TypeKind::Double, _) => {
                Arc::new(Float64Array::from_iter(rows.iter().map(|row| valid(row).then(|| self.real(*row)))))
            }
            (TypeKind::Char(_) | TypeKind::Varchar(_), _) => {
                Arc::new(StringViewArray::from_iter(rows.iter().map(|row| valid(row).then(|| self.text(*row)))))
            }
            (TypeKind::Binary(_) | TypeKind::Varbinary(_), _) => {
                let values = rows.iter().map(|row| valid(row).then(|| self.bytes(*row)));
                Arc::new(BinaryArray::from_iter(values))
            }
            (TypeKind::Date, _) => {
                let day = now_ms.div_euclid(DAY_MS) as i32;
                Arc::new(Date32Array::from_iter(rows.iter().map(|row| valid(row).then_some(day))))
            }
            (TypeKind::Time(_), _) => {
                let time = now_ms.rem_euclid(DAY_MS) as i32;
                Arc::new(Time32MillisecondArray::from_iter(rows.iter().map(|row| valid(row).then_some(time))))
            }
            (TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_), how) => {
                let past_ms = if let How::Moment { past_ms } = how { *past_ms } else { 0 };
                let per_ms = match self.ty.arrow_type() {
                    DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
                    DataType::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000,
                    _ => 1,
                };
                let value = |row: u64| (now_ms - between(number(row), 0, i128::from(past_ms)) as i64) * per_ms;
                let values = Int64Array::from_iter(rows.iter().map(|row| valid(row).then(|| value(*row))));
                arrow::compute::cast(&values, &self.ty.arrow_type())?
            }
            (TypeKind::Row(_), How::Row(parts)) => {
                let DataType::Struct(fields) = self.ty.arrow_type() else { return Err(self.unsupported()) };
                let columns: Result<Vec<ArrayRef>> = parts.iter().map(|part| part.array(rows, now_ms)).collect();
                Arc::new(StructArray::try_new_with_length(fields, columns?, nulls(), rows.len())?)
            }
            (_, How::Elements { length, varies, parts }) => {
                let lengths = rows.iter().map(|row| self.length(*row, *length, *varies) as usize);
                let offsets = OffsetBuffer::from_lengths(lengths.clone());
                // Elements have numbers of their own, spread so that those of different rows do not meet.
                let elements: Vec<u64> = rows
                    .iter()
                    .zip(lengths)
                    .flat_map(|(row, length)| (0..length as u64).map(move |at| random(*row, at)))
                    .collect();
                let columns: Result<Vec<ArrayRef>> = parts.iter().map(|part| part.array(&elements, now_ms)).collect();
                self.elements(offsets, columns?, nulls())?
            }
            _ => return Err(self.unsupported()),
        })
    }

    fn elements(
        &self,
        offsets: OffsetBuffer<i32>,
        mut columns: Vec<ArrayRef>,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        match self.ty.arrow_type() {
            DataType::List(item) => match columns.pop() {
                Some(values) => Ok(Arc::new(ListArray::try_new(item, offsets, values, nulls)?)),
                None => Err(self.unsupported()),
            },
            DataType::Map(entries, sorted) => match entries.data_type() {
                DataType::Struct(fields) => {
                    let pairs = StructArray::try_new(fields.clone(), columns, None)?;
                    Ok(Arc::new(MapArray::try_new(entries, offsets, pairs, nulls, sorted)?))
                }
                _ => Err(self.unsupported()),
            },
            _ => Err(self.unsupported()),
        }
    }

    fn whole(&self, row: u64) -> i128 {
        match self.how {
            How::Sequence { start } => {
                let scale = if let TypeKind::Decimal { scale, .. } = self.ty.kind { scale } else { 0 };
                (i128::from(start) + i128::from(row)) * 10_i128.pow(u32::from(scale))
            }
            How::Whole { min, max } => between(random(self.seed, row), min, max),
            _ => 0,
        }
    }

    fn real(&self, row: u64) -> f64 {
        match self.how {
            How::Sequence { start } => (start + row as i64) as f64,
            // So written, the width of the whole range does not overflow.
            How::Real { min, max } => {
                let share = unit(random(self.seed, row));
                min * (1.0 - share) + max * share
            }
            _ => 0.0,
        }
    }

    fn text(&self, row: u64) -> String {
        match self.how {
            How::Sequence { start } => (start + row as i64).to_string(),
            _ => self.digits(row).map(|digit| char::from(b"0123456789abcdef"[digit as usize])).collect(),
        }
    }

    fn bytes(&self, row: u64) -> Vec<u8> {
        self.digits(row).map(|digit| digit * 17).collect()
    }

    fn digits(&self, row: u64) -> impl Iterator<Item = u8> {
        let length = match self.how {
            How::Text { length, varies } => self.length(row, length, varies),
            _ => 0,
        };
        let first = random(self.seed, row);
        (0..length).map(move |at| (random(first, at / 16) >> (at % 16 * 4)) as u8 & 15)
    }

    fn length(&self, row: u64, length: u64, varies: bool) -> u64 {
        if varies { between(random(self.seed ^ 1, row), 1, i128::from(length.max(1))) as u64 } else { length }
    }

    fn unsupported(&self) -> Failure {
        Failure::user("datagen.type", format!("connector 'datagen' cannot make {}", self.ty))
    }
}

impl How {
    fn new(path: &str, ty: &SqlType, options: &Configuration, seed: u64) -> Result<How> {
        let own = FieldOptions::new(options, path);
        let part = |name: &str, ty: &SqlType| -> Result<FieldGenerator> {
            let (part, sequence) = FieldGenerator::new(&format!("{path}.{name}"), ty, options, seed)?;
            match sequence {
                None => Ok(part),
                Some(_) => Err(own.wrong("kind", "must be random within arrays, maps and rows")),
            }
        };
        let range = |least: i128, greatest: i128| -> Result<How> {
            let bound = |name: &str| own.number_within(name, least, greatest);
            let (min, max) = (bound("min")?.unwrap_or(least), bound("max")?.unwrap_or(greatest));
            if min > max { Err(own.wrong("min", "is above 'max'")) } else { Ok(How::Whole { min, max }) }
        };
        let real = |least: f64, greatest: f64| -> Result<How> {
            let bound = |name: &str| own.number_within(name, least, greatest);
            let (min, max) = (bound("min")?.unwrap_or(least), bound("max")?.unwrap_or(greatest));
            if min > max { Err(own.wrong("min", "is above 'max'")) } else { Ok(How::Real { min, max }) }
        };
        let varies = own.bool("var-len")?;
        let text = |most: u32, fixed: bool| -> Result<How> {
            let default = if fixed { u64::from(most) } else { LENGTH.min(u64::from(most)) };
            let length = own.number("length")?.unwrap_or(default);
            if length > u64::from(most) {
                return Err(own.wrong("length", "is longer than the type allows"));
            }
            Ok(How::Text { length, varies })
        };
        let elements = |parts: Vec<FieldGenerator>| -> Result<How> {
            Ok(How::Elements { length: own.number("length")?.unwrap_or(ELEMENTS), varies, parts })
        };
        match &ty.kind {
            TypeKind::Boolean => Ok(How::Boolean),
            TypeKind::TinyInt => range(i8::MIN.into(), i8::MAX.into()),
            TypeKind::SmallInt => range(i16::MIN.into(), i16::MAX.into()),
            TypeKind::Int | TypeKind::IntervalYearMonth => range(i32::MIN.into(), i32::MAX.into()),
            TypeKind::BigInt | TypeKind::IntervalDayTime => range(i64::MIN.into(), i64::MAX.into()),
            TypeKind::Float => real(f64::from(f32::MIN), f64::from(f32::MAX)),
            TypeKind::Double => real(f64::MIN, f64::MAX),
            TypeKind::Decimal { precision, scale } => {
                let greatest = 10_i128.pow(u32::from(*precision)) - 1;
                let bound = |name: &str, default: i128| match own.text(name) {
                    None => Ok(default),
                    Some(text) => read::decimal(text, *precision, *scale)
                        .ok_or_else(|| own.wrong(name, "is not a number of the field's type")),
                };
                let (min, max) = (bound("min", -greatest)?, bound("max", greatest)?);
                if min > max { Err(own.wrong("min", "is above 'max'")) } else { Ok(How::Whole { min, max }) }
            }
            TypeKind::Char(length) | TypeKind::Binary(length) => text(*length, true),
            TypeKind::Varchar(most) | TypeKind::Varbinary(most) => text(*most, false),
            TypeKind::Date | TypeKind::Time(_) => Ok(How::Moment { past_ms: 0 }),
            TypeKind::Timestamp(_) | TypeKind::TimestampLtz(_) => {
                Ok(How::Moment { past_ms: own.millis("max-past")?.unwrap_or(0) })
            }
            TypeKind::Row(row) => {
                let parts: Result<Vec<FieldGenerator>> =
                    row.fields.iter().map(|field| part(&field.name, &field.ty)).collect();
                Ok(How::Row(parts?))
            }
            TypeKind::Array(element) => elements(vec![part("element", element)?]),
            TypeKind::Map(key, value) => elements(vec![part("key", key)?, part("value", value)?]),
            TypeKind::Multiset(element) => {
                let (mut count, _) = FieldGenerator::new(path, &SqlType::INT, &Configuration::default(), seed)?;
                count.how = How::Whole { min: 1, max: 10 };
                elements(vec![part("element", element)?, count])
            }
            TypeKind::Null => {
                Err(Failure::user("datagen.type", format!("connector 'datagen' cannot make field {path} of type {ty}")))
            }
        }
    }
}

fn sequence(ty: &SqlType, own: &FieldOptions<'_>, path: &str) -> Result<(How, Option<u64>)> {
    let kind = &ty.kind;
    if !kind.is_numeric() && !kind.is_character() {
        let text = format!("field '{path}' is {ty}: only numbers and strings can be sequences");
        return Err(Failure::user("datagen.type", text));
    }
    let (least, greatest) = whole_numbers(kind);
    let bound = |name: &str| {
        let number = own.number_within::<i64>(name, least, greatest)?;
        let number = number.ok_or_else(|| own.wrong(name, "is needed: a sequence has 'start' and 'end'"))?;
        match kind {
            TypeKind::Char(most) | TypeKind::Varchar(most) if number.to_string().len() > *most as usize => {
                Err(own.wrong(name, "is longer than the type allows"))
            }
            _ => Ok(number),
        }
    };
    let (start, end) = (bound("start")?, bound("end")?);
    if start > end {
        return Err(own.wrong("start", "is above 'end'"));
    }
    Ok((How::Sequence { start }, Some(end.abs_diff(start).saturating_add(1))))
}

/// The least and the greatest whole number of a type, as far as a sequence goes.
fn whole_numbers(kind: &TypeKind) -> (i64, i64) {
    match kind {
        TypeKind::TinyInt => (i8::MIN.into(), i8::MAX.into()),
        TypeKind::SmallInt => (i16::MIN.into(), i16::MAX.into()),
        TypeKind::Int => (i32::MIN.into(), i32::MAX.into()),
        TypeKind::Decimal { precision, scale } => {
            let greatest = 10_i64.checked_pow(u32::from(precision - scale)).map_or(i64::MAX, |limit| limit - 1);
            (-greatest, greatest)
        }
        _ => (i64::MIN, i64::MAX),
    }
}

/// A number in `0 .. 1`.
fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1u64 << 53) as f64
}

/// A number in `min ..= max`.
fn between(random: u64, min: i128, max: i128) -> i128 {
    let span = (max - min) as u128;
    if span < u128::from(u64::MAX) {
        return min + ((u128::from(random) * (span + 1)) >> 64) as i128;
    }
    let wide = u128::from(random) << 64 | u128::from(crate::random::random(random, 0));
    min + (wide % span.saturating_add(1)) as i128
}
