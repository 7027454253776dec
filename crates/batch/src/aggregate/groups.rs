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

/// Records of a page, as a power of two.
const PAGE_ROWS_LOG2: u32 = 12;

/// All groups of a call. The record of a group is its index plus the number of groups that are gone.
pub(super) struct Groups {
    accumulator: Arc<dyn Accumulator>,
    call: Call,
    pages: Vec<Box<[u64]>>,
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
            pages: Vec::new(),
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
        let words = self.accumulator.words() << PAGE_ROWS_LOG2;
        while self.pages.len() << PAGE_ROWS_LOG2 < end {
            self.pages.push(vec![0; words].into_boxed_slice());
        }
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
        let input = AggregateInput { records: &self.records, args, filter, kinds: None };
        let mut records = view(&mut self.pages, self.accumulator.words());
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
        let mut records = view(&mut self.pages, self.accumulator.words());
        self.accumulator.merge(&mut records, 0, &self.records, &states)
    }

    /// The results of the first groups.
    pub fn results(&mut self, count: usize) -> Result<ArrayRef> {
        self.place(&[], count)?;
        let rows = self.first_records(count);
        let records = view(&mut self.pages, self.accumulator.words());
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
        let records = view(&mut self.pages, words);
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
            self.pages.clear();
            (self.gone, self.len) = (0, 0);
            self.store = MemoryStore::default();
            self.distinct.iter_mut().for_each(Distinct::clear);
            return;
        }
        if let Some(word) = self.accumulator.bytes_word() {
            let records = view(&mut self.pages, self.accumulator.words());
            rows.iter().for_each(|row| self.store.free_bytes(records.words::<1>(*row, word)[0]));
        }
        rows.iter().for_each(|row| self.store.free_values(*row));
        self.gone += rows.len();
        self.len -= rows.len();
        let gone = self.gone;
        self.distinct.iter_mut().for_each(|distinct| distinct.forget_below(gone as u32));
        for page in &mut self.pages[..gone >> PAGE_ROWS_LOG2] {
            *page = Box::default();
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
        let pages = self.pages.len() * (self.accumulator.words() << PAGE_ROWS_LOG2) * 8;
        pages + self.store.memory() + self.distinct.as_ref().map_or(0, Distinct::memory)
    }
}

/// The records as accumulators see them.
fn view(pages: &mut [Box<[u64]>], words: usize) -> RecordsMut<'_> {
    RecordsMut::new(pages.iter_mut().map(|page| &mut page[..]).collect(), PAGE_ROWS_LOG2, words)
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
