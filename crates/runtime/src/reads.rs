//! Which of the reads that subtasks wish for is done next: those that a batch waits for first.

use std::collections::{BTreeMap, VecDeque};

use tidemill_core::{Failure, OperatorId, SubtaskIndex};
use tidemill_dataflow::Fetch;

/// Reads under way at once.
pub const READS_MAX: usize = 4;
/// How often one is tried.
const ATTEMPTS: u32 = 4;

/// Reads that are wished for or under way.
#[derive(Debug, Default)]
pub struct Reads {
    urgent: VecDeque<Fetch>,
    others: VecDeque<Fetch>,
    under_way: usize,
    /// Attempts that failed, by operator instance, since one succeeded.
    failed: BTreeMap<(OperatorId, SubtaskIndex), u32>,
}

impl Reads {
    /// A subtask wishes for rows.
    pub fn wish(&mut self, fetch: Fetch) {
        if fetch.wanted.is_urgent { self.urgent.push_back(fetch) } else { self.others.push_back(fetch) }
    }

    /// The next to begin, if one may.
    pub fn next(&mut self) -> Option<Fetch> {
        let next = (self.under_way < READS_MAX).then(|| self.urgent.pop_front().or_else(|| self.others.pop_front()));
        self.under_way += usize::from(next.as_ref().is_some_and(Option::is_some));
        next.flatten()
    }

    /// One has been done.
    pub fn done(&mut self, fetch: &Fetch) {
        self.under_way = self.under_way.saturating_sub(1);
        self.failed.remove(&(fetch.operator, fetch.subtask));
    }

    /// One has failed: it is tried again, or that was the last time.
    pub fn failed(&mut self, fetch: Fetch, failure: Failure) -> Result<(), Failure> {
        self.under_way = self.under_way.saturating_sub(1);
        let failed = self.failed.entry((fetch.operator, fetch.subtask)).or_default();
        *failed += 1;
        if !failure.is_retryable() || failure.code() == crate::homes::DAMAGED || *failed >= ATTEMPTS {
            return Err(failure);
        }
        self.wish(fetch);
        Ok(())
    }
}
