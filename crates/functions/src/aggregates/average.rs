//! AVG: of integers an integer, truncated; of FLOAT and DOUBLE the same type; of DECIMAL(p, s) DECIMAL(38, max(6, s)).
//!
//! Words: the sum (BIGINT or DOUBLE; two words for a DECIMAL), then how many values it is of.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveBuilder};
use arrow::datatypes::{Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use tidemill_core::{Failure, Result};
use tidemill_expr::{
    Accumulator, AggregateInput, AggregateStore, Operand, PartialStates, RecordsMut, Registry, Signature, SqlType,
    TypeKind,
};

use super::define::{Aggregate, for_each_row, one_number};
use super::sum::{argument, merge_decimals, update_decimals, wide};
use crate::decimal;

/// Registers the functions of this file.
pub(super) fn register(registry: &mut Registry) {
    registry.add_aggregate(Aggregate::new("AVG", infer, |args, ty, _| bind(args, ty)));
}

fn infer(args: &[Operand<'_>]) -> Result<Signature, String> {
    let arg = one_number(args)?;
    let kind = match arg.kind {
        TypeKind::Decimal { scale, .. } => TypeKind::Decimal { precision: 38, scale: scale.max(6) },
        ref other => other.clone(),
    };
    Ok(Signature::new(vec![arg], kind.nullable()))
}

fn bind(args: &[SqlType], ty: &SqlType) -> Result<Box<dyn Accumulator>> {
    Ok(match args.first().map(|arg| &arg.kind) {
        Some(TypeKind::TinyInt) => Box::new(Average::<Int8Type>(PhantomData)),
        Some(TypeKind::SmallInt) => Box::new(Average::<Int16Type>(PhantomData)),
        Some(TypeKind::Int) => Box::new(Average::<Int32Type>(PhantomData)),
        Some(TypeKind::BigInt) => Box::new(Average::<Int64Type>(PhantomData)),
        Some(TypeKind::Float) => Box::new(Average::<Float32Type>(PhantomData)),
        Some(TypeKind::Double) => Box::new(Average::<Float64Type>(PhantomData)),
        Some(TypeKind::Decimal { scale, .. }) => Box::new(DecimalAverage { scale: *scale, ty: ty.clone() }),
        _ => return Err(Failure::fatal("functions.type", "AVG of something that is no number")),
    })
}

/// Numbers whose average is computed from a sum in one word.
trait Averaged: ArrowPrimitiveType {
    fn add(word: u64, value: Self::Native, sign: i64) -> u64;
    fn join(left: u64, right: u64) -> u64;
    fn finish(sum: u64, count: i64) -> Self::Native;
}

macro_rules! integers {
    ($($arrow:ty),+) => { $(
        impl Averaged for $arrow {
            #[inline(always)]
            fn add(word: u64, value: Self::Native, sign: i64) -> u64 {
                word.wrapping_add(i64::from(value).wrapping_mul(sign) as u64)
            }
            fn join(left: u64, right: u64) -> u64 {
                left.wrapping_add(right)
            }
            fn finish(sum: u64, count: i64) -> Self::Native {
                (sum as i64).wrapping_div(count) as Self::Native
            }
        }
    )+ };
}
integers!(Int8Type, Int16Type, Int32Type, Int64Type);

macro_rules! floats {
    ($($arrow:ty),+) => { $(
        impl Averaged for $arrow {
            #[inline(always)]
            fn add(word: u64, value: Self::Native, sign: i64) -> u64 {
                (f64::from_bits(word) + f64::from(value) * sign as f64).to_bits()
            }
            fn join(left: u64, right: u64) -> u64 {
                (f64::from_bits(left) + f64::from_bits(right)).to_bits()
            }
            fn finish(sum: u64, count: i64) -> Self::Native {
                (f64::from_bits(sum) / count as f64) as Self::Native
            }
        }
    )+ };
}
floats!(Float32Type, Float64Type);

struct Average<T>(PhantomData<fn() -> T>);

impl<T: Averaged> Accumulator for Average<T> {
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
            builder.append_option((count != 0).then(|| T::finish(sum, count as i64)));
        }
        Ok(Arc::new(builder.finish()))
    }
}

struct DecimalAverage {
    /// Scale of the argument.
    scale: u8,
    ty: SqlType,
}

impl Accumulator for DecimalAverage {
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
        let (precision, scale) = self.ty.kind.exact_digits().unwrap_or((38, 6));
        let shift = i32::from(scale) - i32::from(self.scale);
        let mut builder = PrimitiveBuilder::<Decimal128Type>::with_capacity(rows.len());
        for row in rows {
            let [low, high, count] = records.words(*row, at);
            let sum = Some(wide([low, high])).filter(|sum| count != 0 && decimal::fits(*sum, 38));
            builder.append_option(sum.and_then(|sum| decimal::divide(sum, i128::from(count as i64), shift, precision)));
        }
        Ok(Arc::new(builder.finish().with_precision_and_scale(precision, scale as i8)?))
    }
}
