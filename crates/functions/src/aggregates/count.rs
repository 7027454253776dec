//! COUNT(*) and COUNT(x, …): one word.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::buffer::NullBuffer;
use tidemill_core::Result;
use tidemill_expr::{
    Accumulator, AggregateInput, AggregateStore, Operand, PartialStates, RecordsMut, Registry, Signature, SqlType,
};

use super::define::{Aggregate, for_each_row};

/// Registers the functions of this file.
pub(super) fn register(registry: &mut Registry) {
    registry.add_aggregate(Aggregate::new("COUNT", infer, |_, _, _| Ok(Box::new(Count))));
}

fn infer(args: &[Operand<'_>]) -> Result<Signature, String> {
    Ok(Signature::exact(args, SqlType::BIGINT.not_null()))
}

/// Rows whose arguments are all not NULL.
struct Count;

impl Accumulator for Count {
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
        if let [_, _, ..] = input.args {
            let nulls =
                input.args.iter().fold(None, |all, arg| NullBuffer::union(all.as_ref(), arg.logical_nulls().as_ref()));
            for_each_row(input, None, |row, record, sign| {
                if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                    add(records, record, at, sign);
                }
            });
            return Ok(());
        }
        let array = input.args.first().map(|array| array.as_ref());
        if array.is_some_and(|array| array.data_type().is_null()) {
            return Ok(());
        }
        for_each_row(input, array, |_, record, sign| add(records, record, at, sign));
        Ok(())
    }

    fn merge(&self, records: &mut RecordsMut<'_>, at: usize, into: &[u32], states: &PartialStates<'_>) -> Result<()> {
        for (i, record) in into.iter().enumerate() {
            let [count] = states.get(i);
            add(records, *record, at, count as i64);
        }
        Ok(())
    }

    fn emit(&self, records: &RecordsMut<'_>, at: usize, rows: &[u32], _store: &dyn AggregateStore) -> Result<ArrayRef> {
        let counts = rows.iter().map(|row| records.words::<1>(*row, at)[0] as i64);
        Ok(Arc::new(Int64Array::from_iter_values(counts)))
    }
}

#[inline(always)]
fn add(records: &mut RecordsMut<'_>, record: u32, at: usize, delta: i64) {
    let [count] = records.words_mut::<1>(record, at);
    *count = count.wrapping_add(delta as u64);
}
