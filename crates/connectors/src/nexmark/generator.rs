//! Any range of events as columns: only the leaves and the kinds of events that are asked for are made.

use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, Int32Array, StructArray, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use tidemill_core::{Batch, Failure, Result};

use super::leaves::{DRAWS, Leaves, Run, World};
use super::pools::Pools;
use super::schema::{Kind, Kinds};
use super::settings::Settings;
use super::timeline::Clock;

/// A column of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    EventType,
    Whole(Kind),
    Leaf(Kind, usize),
}

/// Makes the events of a range. Pure: the same range is the same rows, whoever asks and whenever.
///
/// ```
/// use tidemill_connectors::nexmark::{Generator, Kind, Kinds, Settings};
/// // bid.auction and bid.price, of bids only
/// let bids = Generator::new(Settings::default(), Kinds::only(Kind::Bid), &[vec![3, 0], vec![3, 2]])?;
/// assert_eq!(bids.batch(0, 100)?.len(), 92);
/// # Ok::<(), tidemill_core::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct Generator {
    settings: Settings,
    clock: Clock,
    pools: Arc<OnceLock<Pools>>,
    kinds: Kinds,
    columns: Vec<Column>,
    wanted: [u16; 3],
}

impl Generator {
    /// A generator of the kinds in `kinds` with the columns named by `paths`: `[0]` is `event_type`, `[1]`, `[2]` and `[3]` are
    /// the ROWs of persons, auctions and bids, `[3, 2]` is the third field of a bid.
    pub fn new(settings: Settings, kinds: Kinds, paths: &[Vec<u32>]) -> Result<Generator> {
        let generator = Generator::unprepared(settings, kinds, paths)?;
        generator.prepare();
        Ok(generator)
    }

    /// The same without what takes milliseconds to make: planning needs none of it.
    pub(super) fn unprepared(settings: Settings, kinds: Kinds, paths: &[Vec<u32>]) -> Result<Generator> {
        let columns: Result<Vec<Column>> = paths.iter().map(|path| column(path)).collect();
        let columns = columns?;
        let mut wanted = [0u16; 3];
        for column in &columns {
            match column {
                Column::EventType => {}
                Column::Whole(kind) => wanted[*kind as usize] |= (1u16 << kind.leaves().len()) - 1,
                Column::Leaf(kind, at) => wanted[*kind as usize] |= 1 << at,
            }
        }
        Ok(Generator { clock: Clock::new(&settings), pools: Arc::default(), kinds, columns, wanted, settings })
    }

    /// Makes what has been left out, for all clones; otherwise the first batch does.
    pub(super) fn prepare(&self) {
        self.pools();
    }

    fn pools(&self) -> &Pools {
        self.pools.get_or_init(|| Pools::new(&self.settings))
    }

    /// The whole table: `event_type` and the three ROWs.
    pub fn table(settings: Settings) -> Result<Generator> {
        Generator::new(settings, Kinds::ALL, &[vec![0], vec![1], vec![2], vec![3]])
    }

    /// One generator for each kind, with that ROW's fields as columns and no rows of other kinds.
    pub fn outputs(settings: Settings) -> Result<[Generator; 3]> {
        let of = |kind: Kind| {
            let paths: Vec<Vec<u32>> = (0..kind.leaves().len() as u32).map(|at| vec![kind as u32 + 1, at]).collect();
            Generator::new(settings.clone(), Kinds::only(kind), &paths)
        };
        Ok([of(Kind::Person)?, of(Kind::Auction)?, of(Kind::Bid)?])
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many rows the events `first .. end` make.
    pub fn rows(&self, first: u64, end: u64) -> usize {
        (self.rows_before(end) - self.rows_before(first)) as usize
    }

    /// The rows of the events `first .. end`, in their order.
    pub fn batch(&self, first: u64, end: u64) -> Result<Batch> {
        self.ranges(&[(first, end)])
    }

    /// The rows of several ranges of events, one after the other.
    pub fn ranges(&self, ranges: &[(u64, u64)]) -> Result<Batch> {
        let rows = ranges.iter().map(|(first, end)| self.rows(*first, *end)).sum();
        let world = World { settings: &self.settings, clock: &self.clock, pools: self.pools() };
        let mut leaves = Kind::EACH.map(|kind| {
            let wanted = if self.kinds.contains(kind) { self.wanted[kind as usize] } else { 0 };
            Leaves::new(kind, wanted, rows)
        });
        let mut draws = DRAWS;
        let mut runs = [const { Vec::new() }; 3];
        let mut row = 0;
        for (first, end) in ranges {
            self.each_run(*first, *end, |kind, event, epoch, offset, len| {
                let run = Run { event, epoch, offset, len, row };
                if self.wanted[kind as usize] != 0 {
                    leaves[kind as usize].fill(&world, &mut draws, run);
                }
                if self.kinds.single().is_none() {
                    runs[kind as usize].push((row, len));
                }
                row += len;
            });
        }
        let columns = self.arrays(&mut leaves, &runs, rows)?;
        Ok(Batch::new(columns, rows))
    }

    /// Calls `each` with kind, first event, epoch, offset in the epoch, and length of every run of rows that are wanted.
    fn each_run(&self, first: u64, end: u64, mut each: impl FnMut(Kind, u64, u64, u64, usize)) {
        let (persons, auctions, size) = (self.settings.persons, self.settings.auctions, self.settings.epoch());
        let mut event = first;
        let (mut epoch, mut offset) = (first / size, first % size);
        while event < end {
            let (kind, until) = match offset {
                _ if offset < persons => (Kind::Person, persons),
                _ if offset < persons + auctions => (Kind::Auction, persons + auctions),
                _ => (Kind::Bid, size),
            };
            let len = (until - offset).min(end - event);
            if self.kinds.contains(kind) {
                each(kind, event, epoch, offset, len as usize);
            }
            event += len;
            offset += len;
            if offset == size {
                (epoch, offset) = (epoch + 1, 0);
            }
        }
    }

    fn rows_before(&self, event: u64) -> u64 {
        let (persons, auctions, size) = (self.settings.persons, self.settings.auctions, self.settings.epoch());
        let (epochs, offset) = (event / size, event % size);
        let mut rows = 0;
        let mut start = 0;
        for (kind, count) in Kind::EACH.into_iter().zip([persons, auctions, self.settings.bids]) {
            if self.kinds.contains(kind) {
                rows += epochs * count + offset.saturating_sub(start).min(count);
            }
            start += count;
        }
        rows
    }

    fn arrays(&self, leaves: &mut [Leaves; 3], runs: &[Vec<(usize, usize)>; 3], rows: usize) -> Result<Vec<ArrayRef>> {
        let mut made: [Vec<Option<ArrayRef>>; 3] = Kind::EACH.map(|kind| vec![None; kind.leaves().len()]);
        let mut nulls: [Option<NullBuffer>; 3] = [None, None, None];
        let several = self.kinds.single().is_none();
        for kind in Kind::EACH.into_iter().filter(|kind| self.kinds.contains(*kind)) {
            let k = kind as usize;
            if several && self.wanted[k] != 0 {
                nulls[k] = Some(NullBuffer::new(present(&runs[k], rows)));
            }
            let absent = nulls[k].as_ref().map(|nulls| BooleanArray::new(!nulls.inner(), None));
            for at in (0..kind.leaves().len()).filter(|at| self.wanted[k] & 1 << at != 0) {
                let array = leaves[k].array(at, rows, self.pools())?;
                made[k][at] = Some(match &absent {
                    Some(absent) => arrow::compute::nullif(&array, absent)?,
                    None => array,
                });
            }
        }
        let columns = self.columns.iter().map(|column| -> Result<ArrayRef> {
            Ok(match *column {
                Column::EventType => Arc::new(self.event_types(runs, rows)),
                Column::Leaf(kind, at) => match &made[kind as usize][at] {
                    Some(array) => Arc::clone(array),
                    None => new_null_array(&kind.leaves()[at].1.data_type(), rows),
                },
                Column::Whole(kind) if self.kinds.contains(kind) => {
                    let fields = made[kind as usize].iter().flatten().cloned().collect();
                    Arc::new(StructArray::try_new(kind.fields(), fields, nulls[kind as usize].clone())?)
                }
                Column::Whole(kind) => new_null_array(&DataType::Struct(kind.fields()), rows),
            })
        });
        columns.collect()
    }

    fn event_types(&self, runs: &[Vec<(usize, usize)>; 3], rows: usize) -> Int32Array {
        let mut types = match self.kinds.single() {
            Some(kind) => vec![kind as i32; rows],
            None => vec![Kind::Bid as i32; rows],
        };
        for kind in [Kind::Person, Kind::Auction] {
            for (row, len) in &runs[kind as usize] {
                types[*row..row + len].fill(kind as i32);
            }
        }
        Int32Array::from(types)
    }
}

fn present(runs: &[(usize, usize)], rows: usize) -> arrow::buffer::BooleanBuffer {
    let mut bits = BooleanBufferBuilder::new(rows);
    for (row, len) in runs {
        bits.append_n(row - bits.len(), false);
        bits.append_n(*len, true);
    }
    bits.append_n(rows - bits.len(), false);
    bits.finish()
}

fn column(path: &[u32]) -> Result<Column> {
    let kind = |number: u32| Kind::EACH.get((number as usize).wrapping_sub(1)).copied();
    let found = match *path {
        [0] => Some(Column::EventType),
        [row] => kind(row).map(Column::Whole),
        [row, leaf] => {
            kind(row).filter(|kind| (leaf as usize) < kind.leaves().len()).map(|kind| Column::Leaf(kind, leaf as usize))
        }
        _ => None,
    };
    found.ok_or_else(|| Failure::fatal("nexmark.path", format!("the Nexmark table has no column at {path:?}")))
}
