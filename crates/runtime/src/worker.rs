//! The worker's machine: gathers the snapshots of its slots, has them uploaded as one object per checkpoint, acknowledges; has
//! rows read for subtasks whose tables are being filled.
//!
//! Invariants:
//! 1. Every delta is kept, in memory or as an uploaded run, until a *completed* checkpoint that names it supersedes it.
//! 2. An acknowledgement names, in order, all runs not yet superseded and all output prepared since the last completed
//!    checkpoint; so an aborted checkpoint loses nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidemill_core::{CheckpointId, Failure, Now, OperatorId, SubtaskIndex};
use tidemill_dataflow::Fetch;
use tidemill_dataflow::snapshot::{OperatorSnapshot, SubtaskSnapshot};
use tidemill_state::{DeltaSink, HomeRows, TableDescriptor};

use crate::machine::Machine;
use crate::mutants::Mutant;
use crate::reads::Reads;

/// A delta with its owner.
#[derive(Debug)]
pub struct OwnedDelta {
    /// Whose it is.
    pub operator: OperatorId,
    /// Which instance gathered it; none for all.
    pub subtask: Option<SubtaskIndex>,
    /// Which table.
    pub table: TableDescriptor,
    /// What changed.
    pub delta: DeltaSink,
}

/// A run in the store, with its owner.
#[derive(Clone, Debug)]
pub struct OwnedRun {
    /// Whose it is.
    pub operator: OperatorId,
    /// Which table.
    pub table: String,
    /// The table's description, encoded.
    pub descriptor: Vec<u8>,
    /// Where it is.
    pub run: tidemill_checkpoint::RunRef,
}

/// What a worker tells the coordinator when its part of a checkpoint is durable.
#[derive(Debug)]
pub struct Ack {
    /// The checkpoint.
    pub checkpoint: CheckpointId,
    /// Per operator instance, all but its tables (which are empty here).
    pub operators: Vec<(SubtaskIndex, OperatorSnapshot)>,
    /// Runs to be added to the tables, oldest first.
    pub runs: Vec<OwnedRun>,
    /// The oldest checkpoint for which a file was written that may still be named.
    pub floor: CheckpointId,
}

/// What happens to a worker.
#[derive(Debug)]
pub enum WorkerEvent {
    /// A subtask's snapshot is gathered.
    Snapshot(SubtaskSnapshot),
    /// An upload is done, or has failed.
    Uploaded(CheckpointId, Result<Vec<OwnedRun>, Failure>),
    /// The coordinator has completed a checkpoint.
    Completed(CheckpointId),
    /// The coordinator has given a checkpoint up.
    Aborted(CheckpointId),
    /// A subtask wishes for rows of its tables.
    Wanted(Fetch),
    /// They have been read, or not.
    Fetched(Fetch, Result<Arc<HomeRows>, Failure>),
}

/// What a worker wants done.
#[derive(Debug)]
pub enum WorkerAction {
    /// Write these deltas, in order, as one object.
    Upload(CheckpointId, Arc<Vec<OwnedDelta>>),
    /// Its part of the checkpoint is durable.
    Ack(Ack),
    /// Its part of the checkpoint could not be made durable.
    Decline(CheckpointId, Failure),
    /// Read rows for a subtask.
    Fetch(Fetch),
    /// Hand rows to the subtask that wished for them.
    Deliver(Fetch, Arc<HomeRows>),
    /// The worker cannot go on.
    Fail(Failure),
}

/// One worker of a job.
#[derive(Debug)]
pub struct Worker {
    subtasks: usize,
    mutant: Option<Mutant>,
    arriving: BTreeMap<CheckpointId, Vec<SubtaskSnapshot>>,
    queued: Vec<(CheckpointId, Arc<Vec<OwnedDelta>>)>,
    uploading: Option<CheckpointId>,
    states: BTreeMap<CheckpointId, Vec<(SubtaskIndex, OperatorSnapshot)>>,
    uploaded: Vec<(CheckpointId, Vec<OwnedRun>)>,
    prepared: Vec<Prepared>,
    reads: Reads,
}

/// Output that a sink prepared for a checkpoint that is not completed yet.
#[derive(Debug)]
struct Prepared {
    checkpoint: CheckpointId,
    operator: OperatorId,
    subtask: SubtaskIndex,
    items: Vec<Vec<u8>>,
}

impl Worker {
    /// A worker with that many subtasks in its slots.
    pub fn new(subtasks: usize, mutant: Option<Mutant>) -> Worker {
        Worker {
            subtasks,
            mutant,
            arriving: BTreeMap::new(),
            queued: Vec::new(),
            uploading: None,
            states: BTreeMap::new(),
            uploaded: Vec::new(),
            prepared: Vec::new(),
            reads: Reads::default(),
        }
    }

    fn on_fetched(&mut self, fetch: Fetch, result: Result<Arc<HomeRows>, Failure>, actions: &mut Vec<WorkerAction>) {
        match result {
            Ok(rows) => {
                self.reads.done(&fetch);
                actions.push(WorkerAction::Deliver(fetch, rows));
            }
            Err(failure) => actions.extend(self.reads.failed(fetch, failure).err().map(WorkerAction::Fail)),
        }
        self.read_next(actions);
    }

    fn read_next(&mut self, actions: &mut Vec<WorkerAction>) {
        while let Some(fetch) = self.reads.next() {
            actions.push(WorkerAction::Fetch(fetch));
        }
    }

    fn on_snapshot(&mut self, snapshot: SubtaskSnapshot, actions: &mut Vec<WorkerAction>) {
        let checkpoint = snapshot.checkpoint;
        let arrived = self.arriving.entry(checkpoint).or_default();
        arrived.push(snapshot);
        if arrived.len() < self.subtasks {
            return;
        }
        let mut arrived = self.arriving.remove(&checkpoint).unwrap_or_default();
        arrived.sort_by_key(|snapshot| (snapshot.task, snapshot.subtask));
        let (mut deltas, mut states) = (Vec::new(), Vec::new());
        for snapshot in arrived {
            for mut operator in snapshot.operators {
                let subtask = snapshot.subtask;
                let owner = operator.operator;
                let tables = std::mem::take(&mut operator.tables).into_iter();
                deltas.extend(tables.map(|(table, delta)| OwnedDelta {
                    operator: owner,
                    subtask: Some(subtask),
                    table,
                    delta,
                }));
                let items = std::mem::take(&mut operator.prepared);
                self.prepared.push(Prepared { checkpoint, operator: owner, subtask, items });
                states.push((subtask, operator));
            }
        }
        self.states.insert(checkpoint, states);
        self.queued.push((checkpoint, Arc::new(deltas)));
        self.upload_next(actions);
    }

    fn upload_next(&mut self, actions: &mut Vec<WorkerAction>) {
        if self.uploading.is_none()
            && let Some((checkpoint, deltas)) = self.queued.first()
        {
            self.uploading = Some(*checkpoint);
            actions.push(WorkerAction::Upload(*checkpoint, Arc::clone(deltas)));
        }
    }

    fn on_uploaded(
        &mut self,
        checkpoint: CheckpointId,
        result: Result<Vec<OwnedRun>, Failure>,
        actions: &mut Vec<WorkerAction>,
    ) {
        if self.uploading != Some(checkpoint) {
            return;
        }
        self.uploading = None;
        match result {
            Ok(runs) => {
                self.queued.remove(0);
                self.uploaded.push((checkpoint, runs));
                if let Some(mut operators) = self.states.remove(&checkpoint) {
                    self.hand_over_prepared(checkpoint, &mut operators);
                    let runs = self.uploaded.iter().flat_map(|(_, runs)| runs.iter().cloned()).collect();
                    let floor = self.uploaded.first().map_or(checkpoint, |(oldest, _)| *oldest);
                    actions.push(WorkerAction::Ack(Ack { checkpoint, operators, runs, floor }));
                }
                self.upload_next(actions);
            }
            Err(failure) => {
                // The deltas stay queued and go up again, under another name, with the next checkpoint. Every checkpoint that
                // waits behind them is given up too: nothing would start their upload again.
                for (declined, _) in std::mem::take(&mut self.states) {
                    actions.push(WorkerAction::Decline(declined, failure.clone()));
                }
            }
        }
    }

    /// Adds to each operator all that it prepared up to a checkpoint and that no completed one holds.
    fn hand_over_prepared(&self, checkpoint: CheckpointId, operators: &mut [(SubtaskIndex, OperatorSnapshot)]) {
        for (subtask, operator) in operators {
            let own = self.prepared.iter().filter(|prepared| {
                prepared.operator == operator.operator
                    && prepared.subtask == *subtask
                    && prepared.checkpoint <= checkpoint
            });
            operator.prepared = own.flat_map(|prepared| prepared.items.iter().cloned()).collect();
        }
    }

    fn on_completed(&mut self, checkpoint: CheckpointId) {
        self.prepared.retain(|prepared| prepared.checkpoint > checkpoint);
        self.uploaded.retain(|(uploaded, _)| *uploaded > checkpoint);
        self.states.retain(|state, _| *state > checkpoint);
    }

    fn on_aborted(&mut self, checkpoint: CheckpointId) {
        self.states.remove(&checkpoint);
        if self.mutant == Some(Mutant::DropAbortedOutput) {
            self.prepared.retain(|prepared| prepared.checkpoint != checkpoint);
        }
        if self.mutant == Some(Mutant::DropAbortedDelta) {
            self.uploaded.retain(|(uploaded, _)| *uploaded != checkpoint);
            self.queued.retain(|(queued, _)| *queued != checkpoint || self.uploading == Some(*queued));
        }
    }
}

impl Machine for Worker {
    type Event = WorkerEvent;
    type Action = WorkerAction;

    fn handle(&mut self, event: WorkerEvent, _now: Now, actions: &mut Vec<WorkerAction>) {
        match event {
            WorkerEvent::Snapshot(snapshot) => self.on_snapshot(snapshot, actions),
            WorkerEvent::Uploaded(checkpoint, result) => self.on_uploaded(checkpoint, result, actions),
            WorkerEvent::Completed(checkpoint) => self.on_completed(checkpoint),
            WorkerEvent::Aborted(checkpoint) => self.on_aborted(checkpoint),
            WorkerEvent::Wanted(fetch) => {
                self.reads.wish(fetch);
                self.read_next(actions);
            }
            WorkerEvent::Fetched(fetch, result) => self.on_fetched(fetch, result, actions),
        }
    }
}
