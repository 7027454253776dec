//! MIN, MAX, FIRST_VALUE and LAST_VALUE of text and bytes where no row is taken back: one word, a reference to the bytes.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use tidemill_core::{Failure, Result};
use tidemill_expr::{Accumulator, AggregateInput, AggregateStore, Extra, OtherState, PartialStates, RecordsMut};

use super::define::for_each_row;
use super::extreme::Choice;
use super::order_bytes::{decode, encoder};

/// Keeps one value as bytes.
pub(super) struct BytesChoice {
    pub data_type: DataType,
    pub choice: Choice,
}

impl Accumulator for BytesChoice {
    fn words(&self) -> usize {
        1
    }

    fn extra(&self) -> Extra {
        Extra::Bytes
    }

    fn bytes_word(&self) -> Option<usize> {
        Some(0)
    }

    fn update(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        input: &AggregateInput<'_>,
        store: &mut dyn AggregateStore,
    ) -> Result<()> {
        let array = input.args[0].as_ref();
        let encode = encoder(array)?;
        let mut value = Vec::new();
        for_each_row(input, Some(array), |row, record, _| {
            value.clear();
            encode(row, &mut value);
            let [reference] = records.words_mut::<1>(record, at);
            if *reference == 0 || self.choice.prefers(value.as_slice(), store.bytes(*reference)) {
                *reference = store.put_bytes(*reference, &value);
            }
        });
        Ok(())
    }

    fn merge(&self, _: &mut RecordsMut<'_>, _: usize, _: &[u32], _: &PartialStates<'_>) -> Result<()> {
        Err(not_mergeable())
    }

    fn join(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        record: u32,
        other: &OtherState<'_>,
        store: &mut dyn AggregateStore,
    ) -> Result<()> {
        let Some(value) = other.bytes else { return Ok(()) };
        let [reference] = records.words_mut::<1>(record, at);
        if *reference == 0 || self.choice.prefers(value, store.bytes(*reference)) {
            *reference = store.put_bytes(*reference, value);
        }
        Ok(())
    }

    fn emit(&self, records: &RecordsMut<'_>, at: usize, rows: &[u32], store: &dyn AggregateStore) -> Result<ArrayRef> {
        let values = rows.iter().map(|row| {
            let [reference] = records.words(*row, at);
            (reference != 0).then(|| store.bytes(reference))
        });
        decode(values, &self.data_type)
    }
}

/// The failure of merging states that cannot be.
pub(super) fn not_mergeable() -> Failure {
    Failure::fatal("aggregate.merge", "the states of an aggregate function that keeps values were to be merged")
}
