//! The simulated source: rows that follow from seed, split and number, in splits that do not depend on parallelism.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, TimestampMillisecondArray};
use tidemill_core::{Batch, Failure, Now, Result};
use tidemill_dataflow::{Discovery, Enumerator, Poll, Reader, ReaderContext, Source, Split};

use crate::random::Random;

/// What the rows look like.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// Seed of all values.
    pub seed: u64,
    /// Splits.
    pub splits: u64,
    /// Rows of a split.
    pub rows: u64,
    /// Different keys.
    pub keys: u64,
    /// Event time rises by this much from row to row, in milliseconds.
    pub step_ms: u64,
    /// A row is up to this much earlier than its place says.
    pub jitter_ms: u64,
    /// Every so many batches there is nothing to read for a while.
    pub batches_per_pause: u64,
}

/// How long there is nothing to read, in nanoseconds.
const PAUSE_NS: u64 = 700_000;

impl Rows {
    /// Row `number` of a split: key, time, value.
    pub fn row(&self, split: u64, number: u64) -> (i64, i64, i64) {
        let mut random = Random::new(self.seed ^ (split << 40) ^ number);
        let key = random.below(self.keys) as i64;
        let time = (1_000_000 + number * self.step_ms - random.below(self.jitter_ms + 1)) as i64;
        (key, time, random.below(1000) as i64)
    }
}

impl Source for Rows {
    fn enumerator(&self) -> Result<Box<dyn Enumerator>> {
        Ok(Box::new(SimEnumerator { splits: self.splits, found: false }))
    }

    fn reader(&self, _cx: &ReaderContext) -> Result<Box<dyn Reader>> {
        Ok(Box::new(SimReader { rows: *self, splits: Vec::new(), next: 0, batches: 0 }))
    }
}

struct SimEnumerator {
    splits: u64,
    found: bool,
}

impl Enumerator for SimEnumerator {
    fn discover(&mut self) -> Result<Discovery> {
        if std::mem::replace(&mut self.found, true) {
            return Ok(Discovery::default());
        }
        let split = |number: u64| Split { id: format!("split-{number:03}"), payload: payload(number, 0) };
        Ok(Discovery { splits: (0..self.splits).map(split).collect(), again_in_ms: None })
    }

    fn snapshot(&self) -> Vec<u8> {
        vec![u8::from(self.found)]
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.found = state == [1];
        Ok(())
    }
}

fn payload(split: u64, position: u64) -> Vec<u8> {
    [split.to_le_bytes(), position.to_le_bytes()].concat()
}

#[derive(Debug)]
struct Open {
    handle: u32,
    split: u64,
    position: u64,
}

struct SimReader {
    rows: Rows,
    splits: Vec<Open>,
    next: usize,
    batches: u64,
}

impl Reader for SimReader {
    fn add_split(&mut self, handle: u32, split: Split) -> Result<()> {
        let number = |at: usize| split.payload.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        let (Some(index), Some(position)) = (number(0), number(8)) else {
            return Err(Failure::fatal("sim.split", "the split's position is damaged"));
        };
        let (split, position) = (u64::from_le_bytes(index), u64::from_le_bytes(position));
        self.splits.push(Open { handle, split, position });
        Ok(())
    }

    fn poll(&mut self, rows_max: usize, now: Now) -> Result<Poll> {
        if self.splits.is_empty() {
            return Ok(Poll::Pending { wake_at_ns: None });
        }
        self.batches += 1;
        if self.batches.is_multiple_of(self.rows.batches_per_pause) {
            return Ok(Poll::Pending { wake_at_ns: Some(now.monotonic_ns + PAUSE_NS) });
        }
        self.next = (self.next + 1) % self.splits.len();
        let open = &mut self.splits[self.next];
        if open.position == self.rows.rows {
            let handle = open.handle;
            self.splits.remove(self.next);
            return Ok(Poll::Finished(handle));
        }
        let end = (open.position + rows_max as u64).min(self.rows.rows);
        let rows: Vec<(i64, i64, i64)> = (open.position..end).map(|number| self.rows.row(open.split, number)).collect();
        open.position = end;
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
        let times: ArrayRef = Arc::new(TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.1)));
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2)));
        Ok(Poll::Batch(open.handle, Batch::new(vec![keys, times, values], rows.len())))
    }

    fn snapshot(&mut self) -> Result<Vec<(u32, Split)>> {
        let state = |open: &Open| {
            let split = Split { id: format!("split-{:03}", open.split), payload: payload(open.split, open.position) };
            (open.handle, split)
        };
        Ok(self.splits.iter().map(state).collect())
    }
}
