//! The simulated source: rows that follow from seed, split and number, in splits that do not depend on parallelism.
//!
//! Its readers have nothing to read from time to time, fetch some batches before they have them, and may go through their rows
//! in epochs: see [`epochs`](crate::epochs).

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, Int64Array, TimestampMillisecondArray};
use tidemill_core::{Batch, Failure, Now, Result};
use tidemill_dataflow::offload::{Offload, Pending};
use tidemill_dataflow::{Discovery, Enumerator, Poll, Reader, ReaderContext, Source, Split};

use crate::epochs::Epochs;
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
    /// How they are drawn.
    pub drawn: Drawn,
    /// Batches are fetched before they are there.
    pub fetched: bool,
    /// So many splits are found at once, the others later, one by one.
    pub found_first: u64,
}

/// How rows are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// Every split has every key.
    Mixed,
    /// A key is in one split only, whose rows are numbered.
    InOrder,
    /// As mixed; no split goes on to the next so many rows, whose times are above all before, until all others have come there.
    InEpochs {
        /// Rows of a split in an epoch.
        rows: u64,
    },
}

/// How long there is nothing to read, in nanoseconds.
const PAUSE_NS: u64 = 700_000;
/// How long a reader waits before it asks again whether an epoch has begun.
const ASK_AGAIN_NS: u64 = 200_000;

impl Rows {
    /// Row `number` of a split: key, time, value.
    pub fn row(&self, split: u64, number: u64) -> (i64, i64, i64) {
        let mut random = Random::new(self.seed ^ (split << 40) ^ number);
        let key = random.below(self.keys) as i64;
        let gaps_ms = match self.drawn {
            Drawn::InEpochs { rows } => number / rows * self.jitter_ms,
            _ => 0,
        };
        let time = (1_000_000 + gaps_ms + number * self.step_ms - random.below(self.jitter_ms + 1)) as i64;
        match self.drawn {
            Drawn::InOrder => (split as i64 * 100 + key, time, number as i64),
            _ => (key, time, random.below(1000) as i64),
        }
    }

    /// All rows.
    pub fn all(&self) -> impl Iterator<Item = (i64, i64, i64)> + '_ {
        (0..self.splits).flat_map(move |split| (0..self.rows).map(move |number| self.row(split, number)))
    }

    /// The epoch of a row of a split; all others must have come there before it is read.
    fn epoch(&self, number: u64) -> u64 {
        match self.drawn {
            Drawn::InEpochs { rows } => number / rows,
            _ => 0,
        }
    }
}

/// The source of one process.
pub struct SimSource {
    rows: Rows,
    /// Of the newest start of the job in this process.
    epochs: Mutex<Arc<Epochs>>,
}

impl SimSource {
    /// A source of rows.
    pub fn new(rows: Rows) -> SimSource {
        SimSource { rows, epochs: Mutex::default() }
    }

    /// The epochs of the newest start of the job in this process.
    pub fn epochs(&self) -> Arc<Epochs> {
        Arc::clone(&self.epochs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Source for SimSource {
    fn enumerator(&self) -> Result<Box<dyn Enumerator>> {
        *self.epochs.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Epochs::new(&self.rows));
        Ok(Box::new(SimEnumerator { rows: self.rows, found: 0 }))
    }

    fn reader(&self, cx: &ReaderContext) -> Result<Box<dyn Reader>> {
        let epochs = self.epochs();
        let (rows, offload) = (self.rows, cx.offload.clone());
        Ok(Box::new(SimReader { rows, epochs, offload, splits: Vec::new(), next: 0, polls: 0, fetch: None }))
    }
}

struct SimEnumerator {
    rows: Rows,
    found: u64,
}

impl Enumerator for SimEnumerator {
    fn discover(&mut self) -> Result<Discovery> {
        let split = |number: u64| Split { id: format!("split-{number:03}"), payload: payload(number, 0) };
        let before = self.found;
        self.found = match before < self.rows.found_first {
            true => self.rows.found_first,
            false => (before + 1).min(self.rows.splits),
        };
        let again_in_ms = (self.found < self.rows.splits).then_some(1 + self.rows.seed % 7);
        Ok(Discovery { splits: (before..self.found).map(split).collect(), again_in_ms })
    }

    fn snapshot(&self) -> Vec<u8> {
        vec![self.found as u8]
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.found = state.first().copied().unwrap_or(0).into();
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
    epochs: Arc<Epochs>,
    offload: Offload,
    splits: Vec<Open>,
    next: usize,
    polls: u64,
    fetch: Option<Pending<()>>,
}

impl SimReader {
    /// The next split in turn whose epoch has begun.
    fn next_open(&mut self, now: Now) -> Option<usize> {
        let count = self.splits.len();
        let turns = (1..=count).map(|step| (self.next + step) % count);
        let ready = |index: &usize| {
            let Open { split, position, .. } = self.splits[*index];
            self.epochs.has_begun(split, self.rows.epoch(position), self.polls, now)
        };
        // All are asked, so that each says where it is.
        let ready: Vec<usize> = turns.filter(ready).collect();
        ready.first().copied()
    }

    fn rows_of(&mut self, index: usize, rows_max: usize) -> (u32, Batch) {
        let Open { handle, split, position } = self.splits[index];
        let epoch = self.rows.epoch(position);
        let numbers = (position..self.rows.rows).take(rows_max).take_while(|number| self.rows.epoch(*number) == epoch);
        let rows: Vec<(i64, i64, i64)> = numbers.map(|number| self.rows.row(split, number)).collect();
        self.splits[index].position += rows.len() as u64;
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
        let times: ArrayRef = Arc::new(TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.1)));
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2)));
        (handle, Batch::new(vec![keys, times, values], rows.len()))
    }
}

impl Reader for SimReader {
    fn add_split(&mut self, handle: u32, split: Split) -> Result<()> {
        let number = |at: usize| split.payload.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        let (Some(index), Some(position)) = (number(0), number(8)) else {
            return Err(Failure::fatal("sim.split", "the split's position is damaged"));
        };
        let (split, position) = (u64::from_le_bytes(index), u64::from_le_bytes(position));
        self.epochs.add(split, self.rows.epoch(position));
        self.splits.push(Open { handle, split, position });
        Ok(())
    }

    fn poll(&mut self, rows_max: usize, now: Now) -> Result<Poll> {
        if self.splits.is_empty() {
            return Ok(Poll::Pending { wake_at_ns: None });
        }
        if let Some(fetch) = &self.fetch {
            if fetch.take()?.is_none() {
                return Ok(Poll::Waiting);
            }
            self.fetch = None;
        } else {
            self.polls += 1;
            if self.polls.is_multiple_of(self.rows.batches_per_pause) {
                return Ok(Poll::Pending { wake_at_ns: Some(now.monotonic_ns + PAUSE_NS) });
            }
            if self.rows.fetched {
                self.fetch = Some(self.offload.start(|| ()));
                return Ok(Poll::Waiting);
            }
        }
        let Some(index) = self.next_open(now) else {
            return Ok(Poll::Pending { wake_at_ns: Some(now.monotonic_ns + ASK_AGAIN_NS) });
        };
        self.next = index;
        let Open { handle, split, position } = self.splits[index];
        if position == self.rows.rows {
            self.splits.remove(index);
            self.epochs.finished(split);
            return Ok(Poll::Finished(handle));
        }
        let (handle, batch) = self.rows_of(index, rows_max);
        self.epochs.read(batch.len() as u64);
        Ok(Poll::Batch(handle, batch))
    }

    fn snapshot(&mut self) -> Result<Vec<(u32, Split)>> {
        let state = |open: &Open| {
            let split = Split { id: format!("split-{:03}", open.split), payload: payload(open.split, open.position) };
            (open.handle, split)
        };
        Ok(self.splits.iter().map(state).collect())
    }
}
