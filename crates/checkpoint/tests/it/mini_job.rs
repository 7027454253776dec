//! A job in small: it counts items 0 … 39, hands each to a sink, and keeps the count in run files. One checkpoint per ten
//! items. It uses the crate as the runtime does.

use std::sync::{Arc, Mutex};

use tidemill_checkpoint::manifest::{OperatorSnapshot, StoredKind, SubtaskSnapshot, TableSnapshot, WorkerPart};
use tidemill_checkpoint::{
    CheckpointContent, Decision, DecisionLog, EndState, JobDirectory, JobIdentity, ResolveOptions, RunRef, collect,
    resolve, write_checkpoint,
};
use tidemill_core::storage::Storage;
use tidemill_core::{CheckpointId, JobId, OperatorId, Result};

pub const ITEMS: u64 = 40;
pub const ITEMS_PER_CHECKPOINT: u64 = 10;

/// What the sink has made visible, in order of commit. It outlives every process.
#[derive(Clone, Debug, Default)]
pub struct Sink(Arc<Mutex<Vec<Committed>>>);

/// The name of what was prepared, and its items.
type Committed = (String, Vec<u64>);

impl Sink {
    /// Idempotent, as committers are: a prepared item has a name.
    fn commit(&self, prepared: &[u8]) {
        let text = String::from_utf8(prepared.to_vec()).unwrap();
        let (name, items) = text.split_once('=').unwrap();
        let mut committed = self.0.lock().unwrap();
        if committed.iter().all(|(known, _)| known != name) {
            committed.push((name.to_string(), items.split(',').map(|item| item.parse().unwrap()).collect()));
        }
    }

    pub fn items(&self) -> Vec<u64> {
        self.0.lock().unwrap().iter().flat_map(|(_, items)| items.clone()).collect()
    }
}

pub fn identity() -> JobIdentity {
    JobIdentity::new("count", "v1", JobId::from_name("count"))
}

pub fn operator() -> OperatorId {
    OperatorId::from_name("counter")
}

/// A checkpoint's content with one subtask, whose table has the runs.
pub fn content(
    generation: u64,
    checkpoint: CheckpointId,
    runs: Vec<RunRef>,
    committables: Vec<Vec<u8>>,
) -> CheckpointContent {
    let table = TableSnapshot { name: "count".into(), runs, ..TableSnapshot::default() };
    let counter = OperatorSnapshot {
        operator: operator().to_string(),
        tables: vec![table],
        committables,
        ..OperatorSnapshot::default()
    };
    let subtask = SubtaskSnapshot { operators: vec![counter], floor: checkpoint, ..SubtaskSnapshot::default() };
    let mut content = CheckpointContent::default();
    content.header.checkpoint = checkpoint;
    content.header.generation = generation;
    content.header.parallelism = 1;
    content.header.key_groups = 128;
    content.workers = vec![WorkerPart { worker: 0, subtasks: vec![subtask] }];
    content
}

/// Runs the job from wherever it is to its end, or to the first error. `nonce` differs for every process.
pub fn run(storage: Arc<dyn Storage>, sink: &Sink, nonce: u64, transactional: bool) -> Result<()> {
    let (directory, _) = JobDirectory::claim(storage, &identity())?;
    let mut log = DecisionLog::open(&directory, nonce)?;
    let resolution = resolve(&directory, log.history(), &ResolveOptions::default())?;
    if resolution.finished {
        return Ok(());
    }
    let restored = resolution.restore.as_ref();
    let restored_from = restored.map_or(0, |restore| restore.completed.checkpoint);
    let generation = log.start_generation(1, restored_from, "")?;
    let mut uncommitted = resolution.commit_again.clone();
    let (mut count, mut runs, mut previous) = (0, Vec::new(), None);
    if let Some(restore) = restored {
        runs = restore.content.runs().cloned().collect();
        for run in &runs {
            let bytes = directory.storage().get_range(&run.path, run.offset, run.len)?;
            count += u64::from_le_bytes(bytes.try_into().unwrap());
        }
        previous = Some(restore.completed.root.clone());
    }
    let mut checkpoint = resolution.next_checkpoint;
    loop {
        for again in uncommitted.drain(..) {
            again.committables.iter().flat_map(|(_, prepared)| prepared).for_each(|prepared| sink.commit(prepared));
            log.append(Decision::committed(again.checkpoint))?;
        }
        collect(&directory, &mut log, 2)?;
        if count == ITEMS {
            log.append(Decision::ended(EndState::Finished, ""))?;
            return Ok(());
        }
        let items: Vec<String> = (count..count + ITEMS_PER_CHECKPOINT).map(|item| item.to_string()).collect();
        count += ITEMS_PER_CHECKPOINT;
        // A delta, or from the third run on one base in place of them all.
        let (written, is_base) = if runs.len() >= 2 { (count, true) } else { (ITEMS_PER_CHECKPOINT, false) };
        if is_base {
            runs.clear();
        }
        let path = JobDirectory::run_file(generation, checkpoint, 0, 0);
        let bytes = written.to_le_bytes();
        directory.storage().create(&path, &bytes)?;
        runs.push(RunRef { rows: 1, is_base, ..RunRef::of_bytes(path, 0, &bytes) });
        let prepared = format!("g{generation}-c{checkpoint}={}", items.join(",")).into_bytes();
        let committables = if transactional { vec![prepared] } else { Vec::new() };
        let mut content = content(generation, checkpoint, runs.clone(), committables);
        content.previous = previous.take();
        let root = write_checkpoint(&directory, &content)?;
        let kind = if count == ITEMS { StoredKind::Final } else { StoredKind::Checkpoint };
        let committables = content.committables();
        log.append(Decision::checkpoint_completed(checkpoint, root.clone(), kind, committables.len() as u64))?;
        uncommitted.push(tidemill_checkpoint::resolver::CommitAgain { checkpoint, committables });
        previous = Some(root);
        checkpoint += 1;
    }
}
