//! Where the rows of restored tables are until they are in memory: the run files of a checkpoint, read bucket by bucket.
//!
//! Of a row that several runs have, the newest counts; a run counts in the key groups for which no newer base stands.

use std::ops::Range;

use tidemill_core::{KeyGroupSet, KeyGroups, Result};

use crate::run_file::{ReadAt, RunReader};
use crate::{Buckets, DeltaSink, Distribution, Entry, sort_key};

/// The bytes of a run.
pub type RunSource = Box<dyn ReadAt + Send + Sync>;

/// A run of a table, as a manifest refers to it.
pub struct HomeRun {
    /// Its bytes.
    pub source: RunSource,
    /// The key groups that it may have rows of.
    pub groups: Range<u32>,
    /// True if older runs mean nothing in its key groups.
    pub is_base: bool,
    /// Everything in this and older runs with an order at or below it is gone.
    pub order_floor: Option<i64>,
}

/// A table in its runs.
pub struct HomeTable {
    name: String,
    is_keyed: bool,
    key_groups: KeyGroups,
    runs: Vec<OpenRun>,
}

struct OpenRun {
    reader: RunReader<RunSource>,
    /// For each key group what counts.
    counts: Vec<Counts>,
    /// The buckets of the key groups in which anything does. Nothing else is read: the file may be gone where a job that
    /// goes on from it has written those key groups anew.
    buckets: Buckets,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    Nothing,
    Above(i64),
    All,
}

/// All tables of an operator.
pub struct Home {
    tables: Vec<HomeTable>,
}

/// Rows that were read.
#[derive(Debug)]
pub struct HomeRows {
    /// The buckets that were read whole.
    pub buckets: Buckets,
    /// Their rows by table. A table that is not keyed comes whole, a delta for each run, oldest first.
    pub tables: Vec<(String, DeltaSink)>,
}

impl HomeTable {
    /// Opens the runs of a table, oldest first.
    pub fn open(
        name: &str,
        distribution: Distribution,
        key_groups: KeyGroups,
        runs: Vec<HomeRun>,
    ) -> Result<HomeTable> {
        let count = key_groups.count();
        let mut covered = vec![false; count as usize];
        let mut floors: Vec<Option<i64>> = vec![None; count as usize];
        let mut open = Vec::with_capacity(runs.len());
        for run in runs.into_iter().rev() {
            let mut counts = vec![Counts::Nothing; count as usize];
            for group in run.groups.start..run.groups.end.min(count) {
                let group = group as usize;
                floors[group] = floors[group].max(run.order_floor);
                if !covered[group] {
                    counts[group] = floors[group].map_or(Counts::All, Counts::Above);
                }
                covered[group] |= run.is_base;
            }
            let counting = (0..count).filter(|group| counts[*group as usize] != Counts::Nothing);
            let groups = KeyGroupSet::from_ascending(counting);
            if !groups.is_empty() {
                let buckets = Buckets::of_groups(key_groups, &groups);
                open.push(OpenRun { reader: RunReader::open(run.source)?, counts, buckets });
            }
        }
        open.reverse();
        Ok(HomeTable { name: name.to_string(), is_keyed: distribution == Distribution::Keyed, key_groups, runs: open })
    }

    /// Pages that have to be read for a range of buckets.
    fn pages(&self, low: u16, high: u16) -> u64 {
        self.runs.iter().map(|run| run.reader.pages_of(low, high)).sum()
    }

    /// The rows of buckets, each once.
    fn rows(&self, buckets: &Buckets) -> Result<DeltaSink> {
        let mut found = DeltaSink::new();
        let (mut sources, mut has_tombstones) = (0, false);
        for run in &self.runs {
            let before = found.len();
            let mut counting = buckets.clone();
            counting.retain(&run.buckets);
            run.reader.read_buckets(&counting, |entry| {
                if run.counts(&entry, self.key_groups) {
                    has_tombstones |= entry.value.is_none();
                    found.push(entry);
                }
            })?;
            sources += usize::from(found.len() > before);
        }
        Ok(if sources > 1 || has_tombstones { newest(&found) } else { found })
    }

    /// Every run as it is.
    fn deltas(&self) -> Result<Vec<DeltaSink>> {
        let deltas = self.runs.iter().map(|run| {
            let mut delta = DeltaSink::new();
            run.reader.scan((0, u64::MAX), |entries| {
                entries.for_each(|entry| delta.push(entry));
                Ok(())
            })?;
            Ok(delta)
        });
        deltas.collect()
    }
}

impl OpenRun {
    fn counts(&self, entry: &Entry<'_>, key_groups: KeyGroups) -> bool {
        match self.counts.get(key_groups.of(entry.hash) as usize) {
            Some(Counts::All) => true,
            Some(Counts::Above(floor)) => sort_key::time_of(entry.order).is_none_or(|end| end > *floor),
            Some(Counts::Nothing) | None => false,
        }
    }
}

/// The last entry of each row, if it has a value.
fn newest(found: &DeltaSink) -> DeltaSink {
    let place = |number: &u32| {
        let entry = found.entry(*number as usize);
        (entry.hash, entry.key, entry.order)
    };
    let mut numbers: Vec<u32> = (0..found.len() as u32).collect();
    numbers.sort_unstable_by(|left, right| place(left).cmp(&place(right)).then(left.cmp(right)));
    let mut rows = DeltaSink::new();
    for (at, number) in numbers.iter().enumerate() {
        let is_last = numbers.get(at + 1).is_none_or(|next| place(next) != place(number));
        let entry = found.entry(*number as usize);
        if is_last && entry.value.is_some() {
            rows.push(entry);
        }
    }
    rows
}

impl Home {
    /// All tables of an operator.
    pub fn new(tables: Vec<HomeTable>) -> Home {
        Home { tables }
    }

    /// Reads the rows of as many of the buckets, from the lowest on, as are on about `pages_max` pages of 4 KiB more than the
    /// first of them. `whole`: of tables that are not keyed, everything.
    pub fn read(&self, buckets: &Buckets, pages_max: u64, whole: bool) -> Result<HomeRows> {
        let buckets = self.lowest(buckets, pages_max);
        let mut tables = Vec::new();
        for table in &self.tables {
            if table.is_keyed {
                tables.push((table.name.clone(), table.rows(&buckets)?));
            } else if whole {
                tables.extend(table.deltas()?.into_iter().map(|delta| (table.name.clone(), delta)));
            }
        }
        Ok(HomeRows { buckets, tables })
    }

    fn lowest(&self, buckets: &Buckets, pages_max: u64) -> Buckets {
        let mut lowest = buckets.clone();
        let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return lowest };
        let pages = |end: u16| self.tables.iter().map(|table| table.pages(first, end)).sum::<u64>();
        // Every run takes a page or two to begin with, and there may be many.
        let most = pages(first).saturating_add(pages_max);
        let fits = |end: u16| pages(end) <= most;
        if !fits(last) {
            // The highest bucket up to which it fits, or the first.
            let (mut low, mut high) = (first, last);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if fits(middle) {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            lowest.truncate(low);
        }
        lowest
    }
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.tables.iter().map(|table| (&table.name, table.runs.len()))).finish()
    }
}
