//! What an aggregate function is: accumulators over group records.
//!
//! The state of a call is a fixed number of 64-bit words inside each group's record; all-zero words are the empty state.
//! Kernels take whole batches: the record of each input row, the argument columns, which rows count, and their kinds.
//! What does not fit into words (strings, the values needed to take back a minimum) lives in the operator's table behind
//! [`AggregateStore`]; [`Accumulator::extra`] says which part of it a call uses.
//!
//! DISTINCT and FILTER are the operator's: it passes a mask, and for DISTINCT only first occurrences.

use std::ops::Range;

use arrow::array::{ArrayRef, BooleanArray};
use tidemill_core::{Result, RowKind};

use crate::function::{Operand, Signature};
use crate::records::RecordsMut;
use crate::types::SqlType;

/// What a call keeps outside its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Nothing.
    None,
    /// One byte string a group, found by the reference in word [`Accumulator::bytes_word`].
    Bytes,
    /// Values by order with how often each occurs, per group and call.
    OrderedValues,
}

/// Where accumulators keep what does not fit into words. An operator provides it for one call at a time.
pub trait AggregateStore {
    /// The bytes of a reference; the empty string for 0.
    fn bytes(&self, reference: u64) -> &[u8];

    /// Keeps bytes instead of what `old` refers to (0: nothing), and returns their reference, which is not 0.
    fn put_bytes(&mut self, old: u64, bytes: &[u8]) -> u64;

    /// Adds `delta` to how often `value` occurs in a group, removes it at zero, and returns the new number. `value` is
    /// encoded so that its byte order is the values' order.
    fn add_value(&mut self, record: u32, value: &[u8], delta: i64) -> Result<i64>;

    /// The first or last value of a group in byte order, appended to `value`; false if there is none.
    fn edge_value(&self, record: u32, last: bool, value: &mut Vec<u8>) -> Result<bool>;

    /// Calls `visit` for each value of a group in byte order with how often it occurs, until it returns false.
    fn for_each_value(&self, record: u32, visit: &mut dyn FnMut(&[u8], i64) -> bool) -> Result<()>;
}

/// The store of calls that need none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStore;

/// Rows of a batch as an accumulator sees them: those from `first` on, as many as there are records.
#[derive(Clone, Copy)]
pub struct AggregateInput<'a> {
    /// The record of each row.
    pub records: &'a [u32],
    /// The first row.
    pub first: usize,
    /// The arguments, one value for each row of the batch.
    pub args: &'a [ArrayRef],
    /// Which rows of the batch count; all if absent. NULL counts as false.
    pub filter: Option<&'a BooleanArray>,
    /// Kinds of the batch's rows; all inserts if absent.
    pub kinds: Option<&'a [RowKind]>,
}

/// Partial states to be merged: row-major words, as they lie in records.
#[derive(Clone, Copy)]
pub struct PartialStates<'a> {
    /// All words.
    pub words: &'a [u64],
    /// Words from one state to the next.
    pub stride: usize,
    /// Where this call's words begin within a state.
    pub offset: usize,
}

/// The state of one group that goes into that of another, with what it keeps besides its words.
#[derive(Clone, Copy)]
pub struct OtherState<'a> {
    /// The call's words.
    pub words: &'a [u64],
    /// The bytes that the word [`Accumulator::bytes_word`] refers to; none if it refers to nothing.
    pub bytes: Option<&'a [u8]>,
    /// With [`Extra::OrderedValues`]: the values in order with how often each occurs.
    pub values: &'a [(Vec<u8>, i64)],
}

/// An aggregate function.
pub trait AggregateFunction: Send + Sync {
    /// Canonical name, in capitals.
    fn name(&self) -> &str;

    /// Types a call, or says why it cannot be.
    fn infer(&self, args: &[Operand<'_>]) -> Result<Signature, String>;

    /// The accumulator of a call. `retracting`: rows may be taken back.
    fn bind(&self, args: &[SqlType], ty: &SqlType, retracting: bool) -> Result<Box<dyn Accumulator>>;

    /// Whether DISTINCT changes nothing (MIN, MAX).
    fn ignores_distinct(&self) -> bool {
        false
    }
}

/// The state of one aggregate call in every group.
pub trait Accumulator: Send + Sync {
    /// Words of state in a record.
    fn words(&self) -> usize;

    /// What it keeps besides.
    fn extra(&self) -> Extra {
        Extra::None
    }

    /// With [`Extra::Bytes`]: which of its words is the reference.
    fn bytes_word(&self) -> Option<usize> {
        None
    }

    /// Whether states can be merged as words: for two phases and for slices of windows.
    fn mergeable(&self) -> bool {
        self.extra() == Extra::None
    }

    /// Takes in rows; `at` is the call's first word within a record.
    fn update(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        input: &AggregateInput<'_>,
        store: &mut dyn AggregateStore,
    ) -> Result<()>;

    /// Adds partial state i to the record `into[i]`. Only if [`mergeable`](Accumulator::mergeable).
    fn merge(&self, records: &mut RecordsMut<'_>, at: usize, into: &[u32], states: &PartialStates<'_>) -> Result<()>;

    /// Adds the state of another group, which is behind this one, to that of `record`: two sessions become one. Whoever keeps
    /// something besides words must have its own; the other group's bytes and values are removed by the caller.
    fn join(
        &self,
        records: &mut RecordsMut<'_>,
        at: usize,
        record: u32,
        other: &OtherState<'_>,
        _store: &mut dyn AggregateStore,
    ) -> Result<()> {
        let states = PartialStates { words: other.words, stride: other.words.len(), offset: 0 };
        self.merge(records, at, &[record], &states)
    }

    /// The results of the groups at `rows`, in that order.
    fn emit(&self, records: &RecordsMut<'_>, at: usize, rows: &[u32], store: &dyn AggregateStore) -> Result<ArrayRef>;
}

impl AggregateInput<'_> {
    /// The rows of the batch.
    pub fn rows(&self) -> Range<usize> {
        self.first..self.first + self.records.len()
    }

    /// Whether a row counts.
    #[inline]
    pub fn counts(&self, row: usize) -> bool {
        use arrow::array::Array;
        self.filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
    }

    /// +1 for a row that is added, -1 for one that is taken back.
    #[inline]
    pub fn sign(&self, row: usize) -> i64 {
        self.kinds.map_or(1, |kinds| kinds[row].sign())
    }
}

impl<'a> PartialStates<'a> {
    /// `N` words of state `index`.
    #[inline]
    pub fn get<const N: usize>(&self, index: usize) -> [u64; N] {
        let start = index * self.stride + self.offset;
        let mut words = [0; N];
        words.copy_from_slice(&self.words[start..start + N]);
        words
    }
}

impl AggregateStore for NoStore {
    fn bytes(&self, _reference: u64) -> &[u8] {
        &[]
    }

    fn put_bytes(&mut self, old: u64, _bytes: &[u8]) -> u64 {
        old
    }

    fn add_value(&mut self, _record: u32, _value: &[u8], _delta: i64) -> Result<i64> {
        Err(no_store())
    }

    fn edge_value(&self, _record: u32, _last: bool, _value: &mut Vec<u8>) -> Result<bool> {
        Err(no_store())
    }

    fn for_each_value(&self, _record: u32, _visit: &mut dyn FnMut(&[u8], i64) -> bool) -> Result<()> {
        Err(no_store())
    }
}

fn no_store() -> tidemill_core::Failure {
    tidemill_core::Failure::fatal("aggregate.store", "an aggregate function that keeps values was given no store")
}
