//! MIN, MAX, FIRST_VALUE and LAST_VALUE where rows are taken back: all values in the operator's ordered table.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use tidemill_core::{Failure, Result};
use tidemill_expr::{Accumulator, AggregateInput, AggregateStore, Extra, OtherState, PartialStates, RecordsMut};

use super::bytes::not_mergeable;
use super::define::for_each_row;
use super::order_bytes::{decode, encoder};

/// The least or (`last`) greatest of the values that are left. No words: all is in the table.
pub(super) struct EdgeValue {
    pub data_type: DataType,
    pub last: bool,
}

impl Accumulator for EdgeValue {
    fn words(&self) -> usize {
        0
    }

    fn extra(&self) -> Extra {
        Extra::OrderedValues
    }

    fn update(
        &self,
        _records: &mut RecordsMut<'_>,
        _at: usize,
        input: &AggregateInput<'_>,
        store: &mut dyn AggregateStore,
    ) -> Result<()> {
        let array = input.args[0].as_ref();
        let encode = encoder(array)?;
        let mut value = Vec::new();
        let mut result = Ok(());
        for_each_row(input, Some(array), |row, record, sign| {
            value.clear();
            encode(row, &mut value);
            if let Err(failure) = store.add_value(record, &value, sign) {
                result = Err(failure);
            }
        });
        result
    }

    fn merge(&self, _: &mut RecordsMut<'_>, _: usize, _: &[u32], _: &PartialStates<'_>) -> Result<()> {
        Err(not_mergeable())
    }

    fn join(
        &self,
        _records: &mut RecordsMut<'_>,
        _at: usize,
        record: u32,
        other: &OtherState<'_>,
        store: &mut dyn AggregateStore,
    ) -> Result<()> {
        other.values.iter().try_for_each(|(value, count)| store.add_value(record, value, *count).map(drop))
    }

    fn emit(
        &self,
        _records: &RecordsMut<'_>,
        _at: usize,
        rows: &[u32],
        store: &dyn AggregateStore,
    ) -> Result<ArrayRef> {
        edge_values(rows, self.last, 0, store, &self.data_type)
    }
}

/// The first or last value of each group without its first `skipped` bytes.
fn edge_values(
    rows: &[u32],
    last: bool,
    skipped: usize,
    store: &dyn AggregateStore,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let mut bytes = Vec::new();
    let mut values = Vec::with_capacity(rows.len());
    for row in rows {
        let start = bytes.len();
        let found = store.edge_value(*row, last, &mut bytes)?;
        values.push(found.then(|| start + skipped..bytes.len()));
    }
    let values = values.into_iter().map(|range| range.and_then(|range| bytes.get(range)));
    decode(values.collect::<Vec<_>>().into_iter(), data_type)
}

/// The first or last of the values that are left, in order of arrival. One word: how many have come. An entry is the number
/// of its arrival and the value; what is taken back is the oldest entry of that value.
pub(super) struct SequencedValue {
    pub data_type: DataType,
    pub last: bool,
}

/// Bytes of the number of arrival.
pub(super) const SEQUENCE: usize = 8;

impl Accumulator for SequencedValue {
    fn words(&self) -> usize {
        1
    }

    fn extra(&self) -> Extra {
        Extra::OrderedValues
    }

    fn update(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        input: &AggregateInput<'_>,
        store: &mut dyn AggregateStore,
    ) -> Result<()> {
        update_sequence(records, at, input, store)
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
        join_sequences(records, at, record, other, store)
    }

    fn emit(
        &self,
        _records: &RecordsMut<'_>,
        _at: usize,
        rows: &[u32],
        store: &dyn AggregateStore,
    ) -> Result<ArrayRef> {
        edge_values(rows, self.last, SEQUENCE, store, &self.data_type)
    }
}

/// Adds and takes back values in order of arrival.
pub(super) fn update_sequence(
    records: &mut RecordsMut<'_>,
    at: usize,
    input: &AggregateInput<'_>,
    store: &mut dyn AggregateStore,
) -> Result<()> {
    let array = input.args[0].as_ref();
    let encode = encoder(array)?;
    let mut entry = Vec::new();
    let mut result: Result<(), Failure> = Ok(());
    for_each_row(input, Some(array), |row, record, sign| {
        entry.clear();
        entry.extend_from_slice(&[0; SEQUENCE]);
        encode(row, &mut entry);
        let change = if sign > 0 {
            let [arrivals] = records.words_mut::<1>(record, at);
            entry[..SEQUENCE].copy_from_slice(&arrivals.to_be_bytes());
            *arrivals += 1;
            store.add_value(record, &entry, 1)
        } else {
            take_back(record, &mut entry, store)
        };
        if let Err(failure) = change {
            result = Err(failure);
        }
    });
    result
}

/// Adds the values of another group, as if they had come behind those of this one.
pub(super) fn join_sequences(
    records: &mut RecordsMut<'_>,
    at: usize,
    record: u32,
    other: &OtherState<'_>,
    store: &mut dyn AggregateStore,
) -> Result<()> {
    let [arrivals] = records.words_mut::<1>(record, at);
    let first = *arrivals;
    *arrivals += other.words.first().copied().unwrap_or_default();
    for (entry, count) in other.values {
        let (sequence, value) = entry.split_first_chunk::<SEQUENCE>().ok_or_else(no_sequence)?;
        let sequence = (u64::from_be_bytes(*sequence) + first).to_be_bytes();
        store.add_value(record, &[&sequence, value].concat(), *count)?;
    }
    Ok(())
}

fn no_sequence() -> Failure {
    Failure::fatal("state.damaged", "a stored value lacks the number of its arrival; the state is damaged")
}

/// Removes the oldest entry with the value of `entry`.
fn take_back(record: u32, entry: &mut [u8], store: &mut dyn AggregateStore) -> Result<i64> {
    let mut found = false;
    let (sequence, value) = entry.split_at_mut(SEQUENCE);
    store.for_each_value(record, &mut |candidate, _| {
        found = candidate.get(SEQUENCE..) == Some(&*value);
        if found {
            sequence.copy_from_slice(&candidate[..SEQUENCE]);
        }
        !found
    })?;
    if found { store.add_value(record, entry, -1) } else { Ok(0) }
}
