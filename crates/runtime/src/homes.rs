//! The homes of a job's tables: which run files of the checkpoint hold the rows of which operator, opened when they are first
//! read.
//!
//! What is read is checked: a small run whole, against the checksum in the manifest; of a large one its index and every unit.
//! Damage that is found here may be in any checkpoint that names the file, so that the job has to be opened anew, with every
//! byte of every checkpoint read before it is trusted.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_checkpoint::{RunRef, decode_descriptor, tree};
use tidemill_core::map::Map;
use tidemill_core::storage::Storage;
use tidemill_core::{Failure, KeyGroups, OperatorId, Result, SubtaskIndex};
use tidemill_dataflow::Fetch;
use tidemill_state::run_file::StoredRun;
use tidemill_state::{Home, HomeRows, HomeRun, HomeTable, RunSource};

use crate::content::{Chain, TableChains};

/// Runs up to this many bytes are read whole, and kept until the tables are filled.
const SMALL_RUN: u64 = 256 << 10;
/// Pages of 4 KiB in a piece that nobody waits for.
const PIECE_PAGES: u64 = 128;

/// The code of a failure after which the job goes on from files that have been read and found whole.
pub const DAMAGED: &str = "checkpoint.file-damaged";

/// The tables of a job in their files.
pub struct Homes {
    storage: Arc<dyn Storage>,
    key_groups: KeyGroups,
    parallelism: u32,
    operators: Map<OperatorId, OperatorHome>,
    /// Set when damage is found.
    damaged: Arc<AtomicBool>,
    /// Every byte was read before: damage will not go away.
    is_verified: bool,
}

struct OperatorHome {
    tables: Vec<(String, Chain)>,
    home: Mutex<Option<Arc<Home>>>,
    /// Subtasks whose tables are filled.
    filled: Mutex<BTreeSet<SubtaskIndex>>,
}

impl Homes {
    /// The homes of tables with these runs, for so many subtasks of each operator. `damaged` is set when a file turns out to
    /// be.
    pub fn new(
        storage: &Arc<dyn Storage>,
        tables: &TableChains,
        key_groups: KeyGroups,
        parallelism: u32,
        damaged: &Arc<AtomicBool>,
    ) -> Homes {
        let mut operators: Map<OperatorId, OperatorHome> = Map::default();
        for ((operator, table), chain) in &tables.chains {
            let new = || OperatorHome { tables: Vec::new(), home: Mutex::default(), filled: Mutex::default() };
            operators.entry(*operator).or_insert_with(new).tables.push((table.clone(), chain.clone()));
        }
        let is_verified = damaged.load(Ordering::Relaxed);
        let (storage, damaged) = (Arc::clone(storage), Arc::clone(damaged));
        Homes { storage, key_groups, parallelism, operators, damaged, is_verified }
    }

    /// Reads rows that an operator instance wants. Blocks.
    ///
    /// Fails with [`DAMAGED`] (retryable) for a file that is not what was written, if that was not known before.
    pub fn read(&self, fetch: &Fetch) -> Result<HomeRows> {
        let Some(operator) = self.operators.get(&fetch.operator) else {
            return Err(Failure::fatal(
                "state.no-home",
                "rows were wanted of an operator without any; a defect of Tidemill",
            ));
        };
        let wanted = &fetch.wanted;
        let pages_max = if wanted.is_urgent { u64::MAX } else { PIECE_PAGES };
        let rows = self.home(operator).and_then(|home| home.read(&wanted.buckets, pages_max, wanted.whole));
        rows.map_err(|failure| self.judge(operator, failure))
    }

    /// A subtask needs no more rows. Files of an operator whose subtasks are all filled are not read any more: they may go.
    pub fn filled(&self, operator: OperatorId, subtask: SubtaskIndex) {
        let Some(operator) = self.operators.get(&operator) else { return };
        operator.filled.lock().unwrap_or_else(PoisonError::into_inner).insert(subtask);
        if self.is_filled(operator)
            && let Ok(mut home) = operator.home.try_lock()
        {
            *home = None;
        }
    }

    fn is_filled(&self, operator: &OperatorHome) -> bool {
        operator.filled.lock().unwrap_or_else(PoisonError::into_inner).len() >= self.parallelism as usize
    }

    fn home(&self, operator: &OperatorHome) -> Result<Arc<Home>> {
        let mut home = operator.home.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_filled(operator) {
            return Ok(Arc::new(Home::new(Vec::new())));
        }
        if let Some(home) = &*home {
            return Ok(Arc::clone(home));
        }
        let tables: Result<Vec<HomeTable>> =
            operator.tables.iter().map(|(name, chain)| self.open(name, chain)).collect();
        Ok(Arc::clone(home.insert(Arc::new(Home::new(tables?)))))
    }

    fn open(&self, name: &str, chain: &Chain) -> Result<HomeTable> {
        let runs: Result<Vec<HomeRun>> = chain.runs.iter().map(|run| self.run(run)).collect();
        HomeTable::open(name, decode_descriptor(&chain.descriptor)?.distribution, self.key_groups, runs?)
    }

    fn run(&self, run: &RunRef) -> Result<HomeRun> {
        let source: RunSource = if run.len <= SMALL_RUN {
            Box::new(tree::verify_run(self.storage.as_ref(), run)?)
        } else {
            Box::new(StoredRun::new(Arc::clone(&self.storage), run.path.clone(), run.offset, run.len))
        };
        Ok(HomeRun {
            source,
            groups: run.first_key_group..run.last_key_group + 1,
            is_base: run.is_base,
            order_floor: run.order_floor,
        })
    }

    /// What a failure to read comes to.
    fn judge(&self, operator: &OperatorHome, failure: Failure) -> Failure {
        if self.is_verified || failure.is_retryable() && !self.is_cut_short(operator) {
            return failure;
        }
        self.damaged.store(true, Ordering::Relaxed);
        let text = format!("{}; the job goes on from what is whole, if anything is", failure.message());
        Failure::retryable(DAMAGED, text)
    }

    /// A file that is too short is damaged, however often one tries to read it.
    fn is_cut_short(&self, operator: &OperatorHome) -> bool {
        let runs = operator.tables.iter().flat_map(|(_, chain)| &chain.runs);
        let is_short =
            |run: &RunRef| self.storage.get(&run.path).is_ok_and(|bytes| (bytes.len() as u64) < run.offset + run.len);
        runs.into_iter().any(is_short)
    }
}

impl std::fmt::Debug for Homes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Homes of {} operators", self.operators.len())
    }
}

/// A read to be done.
#[derive(Debug)]
pub struct ReadTask {
    pub(crate) homes: Arc<Homes>,
    pub(crate) generation: u64,
    pub(crate) fetch: Fetch,
}

impl ReadTask {
    /// Does it, and says what came of it. Blocks.
    pub fn run(self) -> crate::driver::Happening {
        let result = self.homes.read(&self.fetch).map(Arc::new);
        crate::driver::Happening::Fetched(self.generation, self.fetch, result)
    }

    /// Wants no more than the buckets up to one, if nobody waits for the others and there are any.
    pub fn narrow(&mut self, last: u16) {
        let wanted = &mut self.fetch.wanted;
        let mut narrowed = wanted.buckets.as_ref().clone();
        narrowed.truncate(last);
        if !wanted.is_urgent && !narrowed.is_empty() {
            wanted.buckets = Arc::new(narrowed);
        }
    }
}
