//! MIN, MAX, FIRST_VALUE and LAST_VALUE where no row is taken back, of values that fit into words.
//!
//! Words: whether there is a value, then the value in one word, or two for a DECIMAL.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, BooleanBuilder, PrimitiveBuilder};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use tidemill_core::{Failure, Result};
use tidemill_expr::{
    Accumulator, AggregateInput, AggregateStore, Operand, PartialStates, RecordsMut, Registry, Signature, SqlType,
    TypeKind,
};

use super::bytes::BytesChoice;
use super::define::{Aggregate, for_each_row};
use super::order_bytes::{float_of_order_bits, float_order_bits};
use super::ordered::{EdgeValue, SequencedValue};
use super::sum::argument;
use crate::access::wrong_type;

/// Registers the functions of this file.
pub(super) fn register(registry: &mut Registry) {
    let min = Aggregate::new("MIN", infer_ordered, |args, _, retracting| bind(args, Choice::Least, retracting));
    let max = Aggregate::new("MAX", infer_ordered, |args, _, retracting| bind(args, Choice::Greatest, retracting));
    let first = Aggregate::new("FIRST_VALUE", infer_any, |args, _, retracting| bind(args, Choice::First, retracting));
    let last = Aggregate::new("LAST_VALUE", infer_any, |args, _, retracting| bind(args, Choice::Last, retracting));
    registry.add_aggregate(min.ignoring_distinct());
    registry.add_aggregate(max.ignoring_distinct());
    registry.add_aggregate(first);
    registry.add_aggregate(last);
}

/// Which of a group's values is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Least,
    Greatest,
    First,
    Last,
}

fn infer_ordered(args: &[Operand<'_>]) -> Result<Signature, String> {
    let signature = infer_any(args)?;
    match &signature.ty.kind {
        kind if kind.is_ordered() => Ok(signature),
        other => Err(format!("values of type {other} have no order")),
    }
}

fn infer_any(args: &[Operand<'_>]) -> Result<Signature, String> {
    let [arg] = args else { return Err("it takes one value".to_owned()) };
    let kind = if arg.ty.kind == TypeKind::Null { TypeKind::Int } else { arg.ty.kind.clone() };
    if kind.is_nested() {
        return Err(format!("values of type {kind} are not supported: choose a field or CAST it to STRING"));
    }
    Ok(Signature::new(vec![kind.clone().with_null(arg.ty.nullable)], kind.nullable()))
}

fn bind(args: &[SqlType], choice: Choice, retracting: bool) -> Result<Box<dyn Accumulator>> {
    let arg = args.first().ok_or_else(|| Failure::fatal("functions.type", "an aggregate lacks its argument"))?;
    let data_type = arg.arrow_type();
    if retracting {
        return Ok(match choice {
            Choice::Least => Box::new(EdgeValue { data_type, last: false }),
            Choice::Greatest => Box::new(EdgeValue { data_type, last: true }),
            Choice::First => Box::new(SequencedValue { data_type, last: false }),
            Choice::Last => Box::new(SequencedValue { data_type, last: true }),
        });
    }
    fn word<T: Worded>(choice: Choice, data_type: DataType) -> Result<Box<dyn Accumulator>> {
        let number = PhantomData::<fn() -> T>;
        Ok(match choice {
            Choice::Least => Box::new(Kept::<T, LEAST> { data_type, number }),
            Choice::Greatest => Box::new(Kept::<T, GREATEST> { data_type, number }),
            Choice::First => Box::new(Kept::<T, FIRST> { data_type, number }),
            Choice::Last => Box::new(Kept::<T, LAST> { data_type, number }),
        })
    }
    match &data_type {
        DataType::Int8 => word::<Int8Type>(choice, data_type),
        DataType::Int16 => word::<Int16Type>(choice, data_type),
        DataType::Int32 => word::<Int32Type>(choice, data_type),
        DataType::Int64 => word::<Int64Type>(choice, data_type),
        DataType::Date32 => word::<Date32Type>(choice, data_type),
        DataType::Time32(_) => word::<Time32MillisecondType>(choice, data_type),
        DataType::Timestamp(TimeUnit::Microsecond, _) => word::<TimestampMicrosecondType>(choice, data_type),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => word::<TimestampNanosecondType>(choice, data_type),
        DataType::Timestamp(..) => word::<TimestampMillisecondType>(choice, data_type),
        DataType::Float32 => word::<Float32Type>(choice, data_type),
        DataType::Float64 => word::<Float64Type>(choice, data_type),
        DataType::Decimal128(..) => Ok(Box::new(KeptDecimal { data_type, choice })),
        DataType::Boolean => Ok(Box::new(KeptBoolean { choice })),
        _ => Ok(Box::new(BytesChoice { data_type, choice })),
    }
}

/// Values that fit into a signed word in their order.
trait Worded: ArrowPrimitiveType {
    fn word(value: Self::Native) -> i64;
    fn value(word: i64) -> Self::Native;
}

macro_rules! worded {
    ($($arrow:ty),+) => { $(
        impl Worded for $arrow {
            #[inline(always)]
            fn word(value: Self::Native) -> i64 {
                i64::from(value)
            }
            fn value(word: i64) -> Self::Native {
                word as Self::Native
            }
        }
    )+ };
}
worded!(Int8Type, Int16Type, Int32Type, Int64Type, Date32Type, Time32MillisecondType);
worded!(TimestampMillisecondType, TimestampMicrosecondType, TimestampNanosecondType);

impl Worded for Float64Type {
    #[inline(always)]
    fn word(value: f64) -> i64 {
        float_order_bits(value)
    }
    fn value(word: i64) -> f64 {
        float_of_order_bits(word)
    }
}

impl Worded for Float32Type {
    #[inline(always)]
    fn word(value: f32) -> i64 {
        float_order_bits(f64::from(value))
    }
    fn value(word: i64) -> f32 {
        float_of_order_bits(word) as f32
    }
}

const LEAST: u8 = 0;
const GREATEST: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 3;

/// Keeps one value in one word; `CHOICE` says which.
struct Kept<T, const CHOICE: u8> {
    data_type: DataType,
    number: PhantomData<fn() -> T>,
}

#[inline(always)]
fn keep<const CHOICE: u8>([known, kept]: &mut [u64; 2], word: i64) {
    let better = match CHOICE {
        LEAST => *known == 0 || word < *kept as i64,
        GREATEST => *known == 0 || word > *kept as i64,
        FIRST => *known == 0,
        _ => true,
    };
    *kept = if better { word as u64 } else { *kept };
    *known = 1;
}

impl<T: Worded, const CHOICE: u8> Accumulator for Kept<T, CHOICE> {
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
        for_each_row(input, Some(array), |row, record, _| {
            keep::<CHOICE>(records.words_mut::<2>(record, at), T::word(values[row]));
        });
        Ok(())
    }

    fn merge(&self, records: &mut RecordsMut<'_>, at: usize, into: &[u32], states: &PartialStates<'_>) -> Result<()> {
        for (i, record) in into.iter().enumerate() {
            let [known, word] = states.get(i);
            if known != 0 {
                keep::<CHOICE>(records.words_mut::<2>(*record, at), word as i64);
            }
        }
        Ok(())
    }

    fn emit(&self, records: &RecordsMut<'_>, at: usize, rows: &[u32], _store: &dyn AggregateStore) -> Result<ArrayRef> {
        let mut builder = PrimitiveBuilder::<T>::with_capacity(rows.len());
        for row in rows {
            let [known, word] = records.words(*row, at);
            builder.append_option((known != 0).then(|| T::value(word as i64)));
        }
        Ok(Arc::new(builder.finish().with_data_type(self.data_type.clone())))
    }
}

impl Choice {
    /// Whether a value is kept instead of another.
    pub(super) fn prefers<V: PartialOrd + ?Sized>(self, value: &V, kept: &V) -> bool {
        match self {
            Choice::Least => value < kept,
            Choice::Greatest => value > kept,
            Choice::First => false,
            Choice::Last => true,
        }
    }
}

/// Keeps a DECIMAL: whether there is one, low half, high half.
struct KeptDecimal {
    data_type: DataType,
    choice: Choice,
}

impl KeptDecimal {
    fn keep(&self, [known, low, high]: &mut [u64; 3], value: i128) {
        if *known == 0 || self.choice.prefers(&value, &super::sum::wide([*low, *high])) {
            [*low, *high] = super::sum::narrow(value);
            *known = 1;
        }
    }
}

impl Accumulator for KeptDecimal {
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
        let array = argument::<Decimal128Type>(input)?;
        for_each_row(input, Some(array), |row, record, _| {
            self.keep(records.words_mut::<3>(record, at), array.value(row));
        });
        Ok(())
    }

    fn merge(&self, records: &mut RecordsMut<'_>, at: usize, into: &[u32], states: &PartialStates<'_>) -> Result<()> {
        for (i, record) in into.iter().enumerate() {
            let [known, low, high] = states.get(i);
            if known != 0 {
                self.keep(records.words_mut::<3>(*record, at), super::sum::wide([low, high]));
            }
        }
        Ok(())
    }

    fn emit(&self, records: &RecordsMut<'_>, at: usize, rows: &[u32], _store: &dyn AggregateStore) -> Result<ArrayRef> {
        let mut builder = PrimitiveBuilder::<Decimal128Type>::with_capacity(rows.len());
        for row in rows {
            let [known, low, high] = records.words(*row, at);
            builder.append_option((known != 0).then(|| super::sum::wide([low, high])));
        }
        Ok(Arc::new(builder.finish().with_data_type(self.data_type.clone())))
    }
}

/// Keeps a truth value: 0 none, 1 false, 2 true.
struct KeptBoolean {
    choice: Choice,
}

impl KeptBoolean {
    fn keep(&self, [kept]: &mut [u64; 1], value: u64) {
        if *kept == 0 || self.choice.prefers(&value, kept) {
            *kept = value;
        }
    }
}

impl Accumulator for KeptBoolean {
    fn words(&self) -> usize {
        1
    }

    fn update(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        input: &AggregateInput<'_>,
        _store: &mut dyn AggregateStore,
    ) -> Result<()> {
        let Some(array) = input.args.first().and_then(|array| array.as_boolean_opt()) else {
            return Err(wrong_type("truth values", input.args[0].as_ref()));
        };
        for_each_row(input, Some(array), |row, record, _| {
            self.keep(records.words_mut::<1>(record, at), 1 + u64::from(array.value(row)));
        });
        Ok(())
    }

    fn merge(&self, records: &mut RecordsMut<'_>, at: usize, into: &[u32], states: &PartialStates<'_>) -> Result<()> {
        for (i, record) in into.iter().enumerate() {
            let [value] = states.get(i);
            if value != 0 {
                self.keep(records.words_mut::<1>(*record, at), value);
            }
        }
        Ok(())
    }

    fn emit(&self, records: &RecordsMut<'_>, at: usize, rows: &[u32], _store: &dyn AggregateStore) -> Result<ArrayRef> {
        let mut builder = BooleanBuilder::with_capacity(rows.len());
        for row in rows {
            let [kept] = records.words(*row, at);
            builder.append_option((kept != 0).then_some(kept == 2));
        }
        Ok(Arc::new(builder.finish()))
    }
}
