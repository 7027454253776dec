//! Joins groups whose states are more than words: the bytes and values that a group has beside its record go along. Two
//! sessions become one.
//!
//! DISTINCT calls are not joined here: what their sets have in common must count once, so [`States::change`] takes what one
//! has and the other has not.

use arrow::array::{ArrayRef, BooleanArray};
use tidemill_core::{KeyRef, Result, RowKind};
use tidemill_expr::{AggregateInput, OtherState};
use tidemill_state::RecordsMut as StateRecords;

use super::CallStore;
use super::fold::States;
use super::store::{Stores, rows_under};

/// A record's words and, for each call, the bytes that one of them refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedState {
    /// All words; a reference means nothing but that there are bytes.
    pub words: Vec<u64>,
    /// For each call its bytes, if it has any.
    pub bytes: Vec<Option<Vec<u8>>>,
}

/// A group, and where its values are.
#[derive(Clone, Copy, Debug)]
pub struct GroupAt<'a> {
    /// Its key.
    pub key: KeyRef<'a>,
    /// The hash of the key.
    pub hash: u64,
    /// What comes before its values.
    pub prefix: &'a [u8],
}

/// Some rows that change the state of one call in one record.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// Which call.
    pub call: usize,
    /// Its arguments.
    pub args: &'a [ArrayRef],
    /// The rows that count.
    pub mask: &'a BooleanArray,
    /// What becomes of each.
    pub kinds: &'a [RowKind],
}

impl States {
    /// The words of a record that refer to bytes, with the call of each.
    pub fn bytes_words(&self) -> Vec<(usize, usize)> {
        let word =
            |(number, call): (usize, &super::Call)| call.accumulator.bytes_word().map(|word| (number, call.at + word));
        self.aggregates.calls().iter().enumerate().filter_map(word).collect()
    }

    /// A record's state, given its words and how to find the bytes of one.
    pub fn copy<'a>(&self, words: &[u64], bytes: impl Fn(usize) -> Option<&'a [u8]>) -> OwnedState {
        let mut all = vec![None; self.aggregates.calls().len()];
        for (call, word) in self.bytes_words() {
            all[call] = bytes(word).map(<[u8]>::to_vec);
        }
        OwnedState { words: words.to_vec(), bytes: all }
    }

    /// Adds a state of the same group, whose values are under the prefix `from`, to a record; they move. The sets of DISTINCT
    /// calls are the caller's.
    pub fn join(
        &mut self,
        records: StateRecords<'_>,
        record: u32,
        group: GroupAt<'_>,
        from: &[u8],
        state: &OwnedState,
    ) -> Result<()> {
        let values: Vec<Vec<(Vec<u8>, i64)>> =
            (0..state.bytes.len()).map(|call| self.values_of(call, &GroupAt { prefix: from, ..group })).collect();
        self.remove_values(group.key, group.hash, from);
        self.work_on(record, group);
        let (mut records, at, mut stores) = Stores::beside(records, &mut self.values, &self.record_keys, self.layout);
        for word in self.own.reserved.len()..self.own.count() {
            let sum = &mut records.words_mut::<1>(record, at + word)[0];
            *sum = sum.wrapping_add(state.words[word]);
        }
        for (number, call) in self.aggregates.calls().iter().enumerate().filter(|(_, call)| !call.distinct) {
            let other = OtherState {
                words: &state.words[call.at..call.at + call.accumulator.words()],
                bytes: state.bytes[number].as_deref(),
                values: &values[number],
            };
            call.accumulator.join(&mut records, at + call.at, record, &other, stores.of_call(number))?;
        }
        Ok(())
    }

    /// Takes a change into the state of one call.
    pub fn change(
        &mut self,
        records: StateRecords<'_>,
        record: u32,
        group: GroupAt<'_>,
        change: &Change<'_>,
    ) -> Result<()> {
        self.work_on(record, group);
        let (mut records, at, mut stores) = Stores::beside(records, &mut self.values, &self.record_keys, self.layout);
        let rows = vec![record; change.kinds.len()];
        let (filter, kinds) = (Some(change.mask), Some(change.kinds));
        let input = AggregateInput { records: &rows, first: 0, args: change.args, filter, kinds };
        let call = &self.aggregates.calls()[change.call];
        call.accumulator.update(&mut records, at + call.at, &input, stores.of_call(change.call))
    }

    fn values_of(&self, call: usize, group: &GroupAt<'_>) -> Vec<(Vec<u8>, i64)> {
        let Some(table) = &self.values[call] else { return Vec::new() };
        let rows = rows_under(table, group.key, group.hash, group.prefix).into_iter();
        rows.map(|(value, row)| (value.to_vec(), table.values(row)[0] as i64)).collect()
    }

    fn work_on(&mut self, record: u32, group: GroupAt<'_>) {
        let mut key = Vec::new();
        group.key.append_to(&mut key);
        self.record_keys.clear();
        self.record_keys.add(record, group.hash, &key, group.prefix);
    }
}
