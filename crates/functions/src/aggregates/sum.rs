//! SUM and SUM0 of integers (wrapping, as in Java), floating-point numbers and decimals.
//!
//! Words: the sum (two for a DECIMAL), then how many values it is of, so that the sum of none is NULL. A DECIMAL sum that
//! leaves 38 digits is NULL.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, PrimitiveBuilder};
use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use tidemill_core::{Failure, Result};
use tidemill_expr::{
    Accumulator, AggregateInput, AggregateStore, Operand, PartialStates, RecordsMut, Registry, Signature, SqlType,
    TypeKind,
};

use super::define::{Aggregate, for_each_row, one_number};
use crate::access::wrong_type;
use crate::decimal;

/// Registers the functions of this file.
pub(super) fn register(registry: &mut Registry) {
    registry.add_aggregate(Aggregate::new("SUM", |args| infer(args, true), |args, ty, _| bind(args, ty, false)));
    registry.add_aggregate(Aggregate::new("SUM0", |args| infer(args, false), |args, ty, _| bind(args, ty, true)));
    registry.add_alias("$SUM0", "SUM0");
}

fn infer(args: &[Operand<'_>], nullable: bool) -> Result<Signature, String> {
    let arg = one_number(args)?;
    let kind = match arg.kind {
        TypeKind::Decimal { scale, .. } => TypeKind::Decimal { precision: 38, scale },
        ref other => other.clone(),
    };
    Ok(Signature::new(vec![arg], kind.with_null(nullable)))
}

fn bind(args: &[SqlType], ty: &SqlType, zero: bool) -> Result<Box<dyn Accumulator>> {
    Ok(match args.first().map(|arg| &arg.kind) {
        Some(TypeKind::TinyInt) => Box::new(Sum::<Int8Type>::new(zero)),
        Some(TypeKind::SmallInt) => Box::new(Sum::<Int16Type>::new(zero)),
        Some(TypeKind::Int) => Box::new(Sum::<Int32Type>::new(zero)),
        Some(TypeKind::BigInt) => Box::new(Sum::<Int64Type>::new(zero)),
        Some(TypeKind::Float) => Box::new(Sum::<Float32Type>::new(zero)),
        Some(TypeKind::Double) => Box::new(Sum::<Float64Type>::new(zero)),
        Some(TypeKind::Decimal { .. }) => Box::new(DecimalSum { ty: ty.clone(), zero }),
        _ => return Err(Failure::fatal("functions.type", "SUM of something that is no number")),
    })
}

/// Numbers that are summed in one word.
pub(super) trait Summand: ArrowPrimitiveType {
    /// The sum, as the word holds it, with a number added or (sign -1) taken away.
    fn add(word: u64, value: Self::Native, sign: i64) -> u64;
    /// The sum of two words.
    fn join(left: u64, right: u64) -> u64;
    /// The sum as a number.
    fn finish(word: u64) -> Self::Native;
}

macro_rules! integer_summand {
    ($($arrow:ty),+) => { $(
        impl Summand for $arrow {
            #[inline(always)]
            fn add(word: u64, value: Self::Native, sign: i64) -> u64 {
                word.wrapping_add(i64::from(value).wrapping_mul(sign) as u64)
            }
            fn join(left: u64, right: u64) -> u64 {
                left.wrapping_add(right)
            }
            fn finish(word: u64) -> Self::Native {
                word as Self::Native
            }
        }
    )+ };
}
integer_summand!(Int8Type, Int16Type, Int32Type, Int64Type);

impl Summand for Float64Type {
    #[inline(always)]
    fn add(word: u64, value: f64, sign: i64) -> u64 {
        (f64::from_bits(word) + value * sign as f64).to_bits()
    }
    fn join(left: u64, right: u64) -> u64 {
        (f64::from_bits(left) + f64::from_bits(right)).to_bits()
    }
    fn finish(word: u64) -> f64 {
        f64::from_bits(word)
    }
}

impl Summand for Float32Type {
    #[inline(always)]
    fn add(word: u64, value: f32, sign: i64) -> u64 {
        u64::from((f32::from_bits(word as u32) + value * sign as f32).to_bits())
    }
    fn join(left: u64, right: u64) -> u64 {
        u64::from((f32::from_bits(left as u32) + f32::from_bits(right as u32)).to_bits())
    }
    fn finish(word: u64) -> f32 {
        f32::from_bits(word as u32)
    }
}

/// A sum and a count. `zero`: the sum of nothing is 0.
struct Sum<T> {
    zero: bool,
    number: PhantomData<fn() -> T>,
}

impl<T> Sum<T> {
    fn new(zero: bool) -> Sum<T> {
        Sum { zero, number: PhantomData }
    }
}

impl<T: Summand> Accumulator for Sum<T> {
    fn words(&self) -> usize {
        2
    }

    fn update(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        input: &AggregateInput<'_>,
        _store: &mut dyn AggregateStore,
    ) -> Result<()> {
        let array = argument::<T>(input)?;
        let values: &[T::Native] = array.values();
        for_each_row(input, Some(array), |row, record, sign| {
            let [sum, count] = records.words_mut::<2>(record, at);
            *sum = T::add(*sum, values[row], sign);
            *count = count.wrapping_add(sign as u64);
        });
        Ok(())
    }

    fn merge(&self, records: &mut RecordsMut<'_>, at: usize, into: &[u32], states: &PartialStates<'_>) -> Result<()> {
        for (i, record) in into.iter().enumerate() {
            let [other, others] = states.get(i);
            let [sum, count] = records.words_mut::<2>(*record, at);
            *sum = T::join(*sum, other);
            *count = count.wrapping_add(others);
        }
        Ok(())
    }

    fn emit(&self, records: &RecordsMut<'_>, at: usize, rows: &[u32], _store: &dyn AggregateStore) -> Result<ArrayRef> {
        let mut builder = PrimitiveBuilder::<T>::with_capacity(rows.len());
        for row in rows {
            let [sum, count] = records.words(*row, at);
            // Zero words are zero in every type; a sum of none may have kept a rounding error.
            let sum = if count == 0 { T::finish(0) } else { T::finish(sum) };
            builder.append_option((count != 0 || self.zero).then_some(sum));
        }
        Ok(Arc::new(builder.finish()))
    }
}

/// The argument of a call as numbers.
pub(super) fn argument<'a, T: ArrowPrimitiveType>(input: &AggregateInput<'a>) -> Result<&'a PrimitiveArray<T>> {
    let array =
        input.args.first().ok_or_else(|| Failure::fatal("functions.type", "an aggregate lacks its argument"))?;
    array.as_primitive_opt::<T>().ok_or_else(|| wrong_type(&T::DATA_TYPE.to_string(), array))
}

/// Decimal sums: two words, low half first, and the count.
struct DecimalSum {
    ty: SqlType,
    zero: bool,
}

/// What a sum that left 128 bits is from then on.
const OVERFLOWN: i128 = i128::MIN;

/// The number in two words.
pub(super) fn wide([low, high]: [u64; 2]) -> i128 {
    (u128::from(high) << 64 | u128::from(low)) as i128
}

/// The two words of a number.
pub(super) fn narrow(value: i128) -> [u64; 2] {
    [value as u64, ((value as u128) >> 64) as u64]
}

/// A sum that stays overflown once it is.
pub(super) fn add_decimal(sum: i128, value: i128) -> i128 {
    if sum == OVERFLOWN { OVERFLOWN } else { sum.checked_add(value).unwrap_or(OVERFLOWN) }
}

impl Accumulator for DecimalSum {
    fn words(&self) -> usize {
        3
    }

    fn update(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        input: &AggregateInput<'_>,
        _store: &mut dyn AggregateStore,
    ) -> Result<()> {
        update_decimals(records, at, input)
    }

    fn merge(&self, records: &mut RecordsMut<'_>, at: usize, into: &[u32], states: &PartialStates<'_>) -> Result<()> {
        merge_decimals(records, at, into, states);
        Ok(())
    }

    fn emit(&self, records: &RecordsMut<'_>, at: usize, rows: &[u32], _store: &dyn AggregateStore) -> Result<ArrayRef> {
        let (precision, scale) = self.ty.kind.exact_digits().unwrap_or((38, 0));
        let mut builder = PrimitiveBuilder::<Decimal128Type>::with_capacity(rows.len());
        for row in rows {
            let [low, high, count] = records.words(*row, at);
            let sum = wide([low, high]);
            builder
                .append_option((count != 0 || self.zero).then_some(sum).filter(|sum| decimal::fits(*sum, precision)));
        }
        Ok(Arc::new(builder.finish().with_precision_and_scale(precision, scale as i8)?))
    }
}

/// Adds decimals to sums of three words.
pub(super) fn update_decimals(records: &mut RecordsMut<'_>, at: usize, input: &AggregateInput<'_>) -> Result<()> {
    let array = argument::<Decimal128Type>(input)?;
    for_each_row(input, Some(array), |row, record, sign| {
        let [low, high, count] = records.words_mut::<3>(record, at);
        [*low, *high] = narrow(add_decimal(wide([*low, *high]), array.value(row) * i128::from(sign)));
        *count = count.wrapping_add(sign as u64);
    });
    Ok(())
}

/// Adds sums of three words.
pub(super) fn merge_decimals(records: &mut RecordsMut<'_>, at: usize, into: &[u32], states: &PartialStates<'_>) {
    for (i, record) in into.iter().enumerate() {
        let [other_low, other_high, others] = states.get(i);
        let [low, high, count] = records.words_mut::<3>(*record, at);
        let other = wide([other_low, other_high]);
        let sum = wide([*low, *high]);
        [*low, *high] = narrow(if other == OVERFLOWN { OVERFLOWN } else { add_decimal(sum, other) });
        *count = count.wrapping_add(others);
    }
}
