//! Splits of generated rows: a fixed number whatever the parallelism, each a comb of chunks over the row numbers.
//!
//! Split s of n owns the chunks c with c ≡ s (mod n). A reader always goes on with the split that is furthest behind, so that
//! at parallelism 1 rows come in the order of their numbers.

use prost::Message;
use tidemill_core::{Batch, Failure, Now, Result};
use tidemill_dataflow::{Discovery, Enumerator, Poll, Reader, Split};

/// How many splits there are. More than subtasks of most jobs, few enough that each has a watermark of its own.
pub const SPLITS: u32 = 16;
/// Chunks of a batch of a source at full speed.
const CHUNKS_MAX: usize = 8;
/// How many times a second every split of a paced source has its turn: each holds the watermark until then.
const TURNS_PER_SECOND: u64 = 8;

/// How row numbers are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strides {
    /// Row numbers in all; none: no end.
    pub numbers: Option<u64>,
    /// Numbers in a chunk.
    pub chunk: u64,
    /// Numbers in a chunk of a stored split that does not say.
    pub chunk_unsaid: u64,
    /// A batch of rare rows is made of at most this many chunks, so that splits stay close to each other.
    pub chunks_max: usize,
    /// True: a split stays open behind its last number.
    pub keep_alive: bool,
}

impl Strides {
    /// Chunks of about `chunk` numbers in whole `epoch`s; fewer where a pace would otherwise keep splits waiting for long.
    pub fn new(
        numbers: Option<u64>,
        chunk: u64,
        epoch: u64,
        rows_per_second: Option<u64>,
        keep_alive: bool,
    ) -> Strides {
        let whole = |chunk: u64| (chunk / epoch).max(1) * epoch;
        let turn = rows_per_second.map(|rows| rows / (u64::from(SPLITS) * TURNS_PER_SECOND));
        let (chunk_unsaid, chunk) = (whole(chunk), whole(turn.map_or(chunk, |turn| turn.min(chunk))));
        Strides {
            numbers,
            chunk,
            chunk_unsaid,
            chunks_max: if rows_per_second.is_some() { 1 } else { CHUNKS_MAX },
            keep_alive,
        }
    }
}

/// Makes rows from their numbers.
pub trait Generate: Send {
    /// How many rows the numbers `first .. end` make.
    fn rows(&self, first: u64, end: u64) -> usize;
    /// The rows of several ranges of numbers, in order.
    fn batch(&self, ranges: &[(u64, u64)], now: Now) -> Result<Batch>;
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Position {
    #[prost(uint32, tag = "1")]
    split: u32,
    /// The next row number.
    #[prost(uint64, tag = "2")]
    next: u64,
    /// Numbers in a chunk: the split is read to its end with those it began with. 0: those of version 1 of the source.
    #[prost(uint64, tag = "3")]
    chunk: u64,
}

/// Reports all splits once.
pub struct StrideEnumerator {
    strides: Strides,
    reported: bool,
}

impl StrideEnumerator {
    /// Nothing reported yet.
    pub fn new(strides: Strides) -> StrideEnumerator {
        StrideEnumerator { strides, reported: false }
    }
}

impl Enumerator for StrideEnumerator {
    fn discover(&mut self) -> Result<Discovery> {
        if std::mem::replace(&mut self.reported, true) {
            return Ok(Discovery::default());
        }
        let split = |split: u32| {
            let chunk = self.strides.chunk;
            let next = u64::from(split) * chunk;
            let wanted = self.strides.numbers.is_none_or(|numbers| next < numbers) || self.strides.keep_alive;
            wanted.then(|| Split { id: split.to_string(), payload: Position { split, next, chunk }.encode_to_vec() })
        };
        Ok(Discovery { splits: (0..SPLITS).filter_map(split).collect(), again_in_ms: None })
    }

    fn snapshot(&self) -> Vec<u8> {
        vec![u8::from(self.reported)]
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.reported = state == [1];
        Ok(())
    }
}

/// Reads splits with a generator.
pub struct StrideReader<G> {
    strides: Strides,
    generator: G,
    splits: Vec<(u32, Position)>,
}

impl<G: Generate> StrideReader<G> {
    /// A reader without splits.
    pub fn new(strides: Strides, generator: G) -> StrideReader<G> {
        StrideReader { strides, generator, splits: Vec::new() }
    }

    /// The next ranges of a split with at most `rows_max` rows, and where the split goes on behind them.
    fn take(&self, position: Position, rows_max: usize) -> (Vec<(u64, u64)>, u64) {
        let chunk = if position.chunk == 0 { self.strides.chunk_unsaid } else { position.chunk };
        let mut next = position.next;
        let numbers = self.strides.numbers.unwrap_or(u64::MAX);
        let mut ranges = Vec::new();
        let mut rows = 0;
        while next < numbers && ranges.len() < self.strides.chunks_max {
            let chunk_end = (next / chunk + 1).saturating_mul(chunk);
            let end = chunk_end.min(numbers);
            let more = self.generator.rows(next, end);
            if rows + more > rows_max {
                if ranges.is_empty() {
                    let cut = next + rows_max as u64;
                    return (vec![(next, cut)], cut);
                }
                break;
            }
            rows += more;
            ranges.push((next, end));
            next = chunk_end.saturating_add(chunk * u64::from(SPLITS - 1));
        }
        (ranges, next)
    }
}

impl<G: Generate> Reader for StrideReader<G> {
    fn add_split(&mut self, handle: u32, split: Split) -> Result<()> {
        let position = Position::decode(split.payload.as_slice())
            .map_err(|error| Failure::fatal("source.split", format!("split {} cannot be read: {error}", split.id)))?;
        self.splits.push((handle, position));
        Ok(())
    }

    fn poll(&mut self, rows_max: usize, now: Now) -> Result<Poll> {
        loop {
            let behind = (0..self.splits.len()).min_by_key(|at| self.splits[*at].1.next);
            let Some(at) = behind else { return Ok(Poll::Pending { wake_at_ns: None }) };
            let (handle, position) = self.splits[at];
            if self.strides.numbers.is_some_and(|numbers| position.next >= numbers) {
                if self.strides.keep_alive {
                    return Ok(Poll::Pending { wake_at_ns: None });
                }
                self.splits.swap_remove(at);
                return Ok(Poll::Finished(handle));
            }
            let (ranges, next) = self.take(position, rows_max.max(1));
            let batch = self.generator.batch(&ranges, now)?;
            self.splits[at].1.next = next;
            if !batch.is_empty() {
                return Ok(Poll::Batch(handle, batch));
            }
        }
    }

    fn snapshot(&mut self) -> Result<Vec<(u32, Split)>> {
        let split = |(handle, position): &(u32, Position)| {
            (*handle, Split { id: position.split.to_string(), payload: position.encode_to_vec() })
        };
        Ok(self.splits.iter().map(split).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    struct Numbers;

    impl Generate for Numbers {
        fn rows(&self, first: u64, end: u64) -> usize {
            (end - first) as usize
        }

        fn batch(&self, ranges: &[(u64, u64)], _now: Now) -> Result<Batch> {
            let numbers: Vec<i64> = ranges.iter().flat_map(|(first, end)| *first as i64..*end as i64).collect();
            let rows = numbers.len();
            Ok(Batch::new(vec![Arc::new(Int64Array::from(numbers))], rows))
        }
    }

    fn read(strides: Strides, subtask: usize, parallelism: usize, rows_max: usize) -> Vec<i64> {
        let splits = StrideEnumerator::new(strides).discover().unwrap().splits;
        let mut reader = StrideReader::new(strides, Numbers);
        for (at, split) in splits.into_iter().enumerate().filter(|(at, _)| at % parallelism == subtask) {
            reader.add_split(at as u32, split).unwrap();
        }
        let mut rows = Vec::new();
        loop {
            match reader.poll(rows_max, Now::default()).unwrap() {
                Poll::Waiting => {}
                Poll::Batch(_, batch) => {
                    assert!(batch.len() <= rows_max);
                    rows.extend_from_slice(batch.column(0).as_primitive::<Int64Type>().values());
                    // A reader that goes on from the snapshot of another gives the same rows.
                    let mut next = StrideReader::new(strides, Numbers);
                    for (handle, split) in reader.snapshot().unwrap() {
                        next.add_split(handle, split).unwrap();
                    }
                    reader = next;
                }
                Poll::Finished(_) => {}
                Poll::Pending { .. } => return rows,
            }
        }
    }

    #[test]
    fn a_paced_source_gives_every_split_its_turn_soon() {
        for (pace, turns) in [(1, 16), (100, 16), (1_000, 112), (100_000, 16 * 781)] {
            let strides = Strides::new(None, 1024, 1, Some(pace), false);
            let splits = StrideEnumerator::new(strides).discover().unwrap().splits;
            let mut reader = StrideReader::new(strides, Numbers);
            splits.into_iter().zip(0..).for_each(|(split, at)| reader.add_split(at, split).unwrap());
            let (mut seen, mut rows) = (std::collections::BTreeSet::new(), 0);
            while seen.len() < SPLITS as usize {
                let Poll::Batch(handle, batch) = reader.poll(4096, Now::default()).unwrap() else { panic!("no rows") };
                seen.insert(handle);
                rows += batch.len();
            }
            assert_eq!(rows, turns, "at {pace} rows a second");
        }
    }

    #[test]
    fn every_number_comes_once_at_any_parallelism_and_in_order_at_one() {
        for numbers in [0, 1, 99, 1_000, 12_345] {
            let strides = Strides::new(Some(numbers), 100, 1, None, false);
            let all: Vec<i64> = (0..numbers as i64).collect();
            for parallelism in [1, 2, 7, 20] {
                for rows_max in [1, 64, 250] {
                    let mut read: Vec<i64> =
                        (0..parallelism).flat_map(|subtask| read(strides, subtask, parallelism, rows_max)).collect();
                    if parallelism > 1 || rows_max > 100 {
                        read.sort_unstable();
                    }
                    assert_eq!(read, all, "{numbers} numbers at {parallelism} in {rows_max}");
                }
            }
        }
    }
}
