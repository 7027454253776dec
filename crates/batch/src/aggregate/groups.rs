//! The state of one call in every group: records in memory, as an operator's table would hold them.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, UInt64Array};
use arrow::datatypes::UInt64Type;
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use tidemill_core::{Failure, Result};
use tidemill_expr::{Accumulator, AggregateInput, PartialStates, RecordsMut};

use super::Call;
use super::distinct::Distinct;
use super::store::MemoryStore;
use crate::failure::to_datafusion;

/// All groups of a call. The record of a group is its index plus the number of groups that are gone.
pub(super) struct Groups {
    accumulator: Arc<dyn Accumulator>,
    call: Call,
    /// The records, without the first `dropped`.
    words: Vec<u64>,
    dropped: usize,
    /// Groups that were handed out and are gone.
    gone: usize,
    /// Groups that are here.
    len: usize,
    store: MemoryStore,
    distinct: Option<Distinct>,
    /// The records of a batch's rows.
    records: Vec<u32>,
}

impl Groups {
    /// No groups yet.
    pub fn new(call: &Call, accumulator: Arc<dyn Accumulator>) -> Result<Groups> {
        let distinct = if call.distinct { Some(Distinct::new(&call.args)?) } else { None };
        Ok(Groups {
            accumulator,
            call: call.clone(),
            words: Vec::new(),
            dropped: 0,
            gone: 0,
            len: 0,
            store: MemoryStore::default(),
            distinct,
            records: Vec::new(),
        })
    }

    /// Makes room for `groups` groups and notes the records of the rows.
    fn place(&mut self, group_indices: &[usize], groups: usize) -> Result<()> {
        self.len = self.len.max(groups);
        let end = self.gone + self.len;
        if u32::try_from(end).is_err() {
            return Err(Failure::data("batch.groups", "an aggregation has more than 4 billion groups in a partition"));
        }
        let words = (end - self.dropped) * self.accumulator.words();
        self.words.resize(words.max(self.words.len()), 0);
        self.records.clear();
        self.records.extend(group_indices.iter().map(|group| (group + self.gone) as u32));
        Ok(())
    }

    /// Takes in rows.
    pub fn update(
        &mut self,
        args: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        self.place(group_indices, groups)?;
        let args = &args[..self.call.args.len().min(args.len())];
        let input = AggregateInput { records: &self.records, first: 0, args, filter, kinds: None };
        let mut records = view(&mut self.words, self.accumulator.words(), self.dropped);
        match &mut self.distinct {
            None => self.accumulator.update(&mut records, 0, &input, &mut self.store),
            Some(distinct) => {
                let first = distinct.first_occurrences(&input)?;
                let input = AggregateInput { filter: Some(&first), ..input };
                self.accumulator.update(&mut records, 0, &input, &mut self.store)
            }
        }
    }

    /// Takes in states, a column for each word.
    pub fn merge(&mut self, states: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()> {
        self.place(group_indices, groups)?;
        let stride = states.len();
        let columns: Vec<&[u64]> =
            states.iter().map(|state| state.as_primitive::<UInt64Type>().values() as _).collect();
        let mut words = vec![0; stride * group_indices.len()];
        for (word, column) in columns.iter().enumerate() {
            for (state, value) in column.iter().enumerate() {
                words[state * stride + word] = *value;
            }
        }
        let states = PartialStates { words: &words, stride, offset: 0 };
        let mut records = view(&mut self.words, self.accumulator.words(), self.dropped);
        self.accumulator.merge(&mut records, 0, &self.records, &states)
    }

    /// The results of the first groups.
    pub fn results(&mut self, count: usize) -> Result<ArrayRef> {
        self.place(&[], count)?;
        let rows = self.first_records(count);
        let records = view(&mut self.words, self.accumulator.words(), self.dropped);
        self.accumulator.emit(&records, 0, &rows, &self.store)
    }

    /// The results of the first groups, which are then gone.
    pub fn take_results(&mut self, count: usize) -> Result<ArrayRef> {
        let results = self.results(count)?;
        self.forget(&self.first_records(count));
        Ok(results)
    }

    /// The states of the first groups, which are then gone.
    pub fn take_states(&mut self, count: usize) -> Result<Vec<ArrayRef>> {
        if self.distinct.is_some() || !self.accumulator.mergeable() {
            let text = format!("{} cannot be computed in two phases, but was asked for its state", self.call.function);
            return Err(Failure::fatal("batch.aggregate", text));
        }
        self.place(&[], count)?;
        let rows = self.first_records(count);
        let words = self.accumulator.words();
        let records = view(&mut self.words, words, self.dropped);
        let column = |word: usize| -> ArrayRef {
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| records.words::<1>(*row, word)[0])))
        };
        let states = (0..words).map(column).collect();
        self.forget(&rows);
        Ok(states)
    }

    fn first_records(&self, count: usize) -> Vec<u32> {
        (self.gone..self.gone + count).map(|record| record as u32).collect()
    }

    fn forget(&mut self, rows: &[u32]) {
        if rows.len() >= self.len {
            self.words = Vec::new();
            (self.dropped, self.gone, self.len) = (0, 0, 0);
            self.store = MemoryStore::default();
            self.distinct.iter_mut().for_each(Distinct::clear);
            return;
        }
        if let Some(word) = self.accumulator.bytes_word() {
            let records = view(&mut self.words, self.accumulator.words(), self.dropped);
            rows.iter().for_each(|row| self.store.free_bytes(records.words::<1>(*row, word)[0]));
        }
        rows.iter().for_each(|row| self.store.free_values(*row));
        self.gone += rows.len();
        self.len -= rows.len();
        let gone = self.gone;
        self.distinct.iter_mut().for_each(|distinct| distinct.forget_below(gone as u32));
        // Not for a few: what stays is moved.
        if self.gone - self.dropped > self.len {
            self.words.drain(..(self.gone - self.dropped) * self.accumulator.words());
            self.dropped = self.gone;
        }
    }

    fn count_of(&self, emit_to: EmitTo) -> usize {
        match emit_to {
            EmitTo::All => self.len,
            EmitTo::First(count) => count,
        }
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
            + self.store.memory()
            + self.distinct.as_ref().map_or(0, Distinct::memory)
    }
}

/// The records as accumulators see them.
fn view(words: &mut [u64], words_per_row: usize, dropped: usize) -> RecordsMut<'_> {
    RecordsMut::new(words, words_per_row, dropped as u32)
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DfResult<()> {
        self.update(values, group_indices, opt_filter, total_num_groups).map_err(to_datafusion)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DfResult<ArrayRef> {
        self.take_results(self.count_of(emit_to)).map_err(to_datafusion)
    }

    fn state(&mut self, emit_to: EmitTo) -> DfResult<Vec<ArrayRef>> {
        self.take_states(self.count_of(emit_to)).map_err(to_datafusion)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> DfResult<()> {
        self.merge(values, group_indices, total_num_groups).map_err(to_datafusion)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |column| column.len());
        let each: Vec<usize> = (0..rows).collect();
        let convert = || {
            let mut groups = Groups::new(&self.call, Arc::clone(&self.accumulator))?;
            groups.update(values, &each, opt_filter, rows)?;
            groups.take_states(rows)
        };
        convert().map_err(to_datafusion)
    }

    fn size(&self) -> usize {
        self.memory()
    }
}
