//! The coordinator's machine: opens a job, deals splits, starts and completes checkpoints, stops and ends the job.
//!
//! Invariants:
//! 1. Nothing is decided but by an entry of the decision log, and one thing at a time: while a checkpoint is being completed or
//!    committed no other is started.
//! 2. What an enumerator has reported and the barrier's side on which its splits were sent agree: a split sent before the
//!    barrier is in a reader's snapshot, one sent later is not in the enumerator's.
//! 3. A job is opened once at a time: whatever fails while that is under way belongs to the slots before.
//! 4. The last checkpoint of a bounded job is taken when every subtask has seen the end; the job ends when it is committed.
//! 5. The output of a job that stops with a savepoint is committed once the savepoint is complete: it names what is to be
//!    committed, so that nothing is lost between the two.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidemill_core::{Barrier, CheckpointId, CheckpointKind, EventTime, Failure, Now, OperatorId};
use tidemill_dataflow::{CounterValues, Role, Split};

use crate::content::{Content, JobPart, TableChains};
use crate::homes::DAMAGED;
use crate::job::{JobEnd, Stop};
use crate::job_io::IN_DOUBT;
use crate::machine::Machine;
use crate::opened::Opened;
use crate::worker::Ack;

/// What a coordinator knows from the start.
#[derive(Clone, Debug)]
pub struct CoordinatorConfig {
    /// Between the starts of two checkpoints; none: no periodic ones.
    pub interval_ns: Option<u64>,
    /// A checkpoint is given up after this time.
    pub timeout_ns: u64,
    /// Restarts after retryable failures without a completed checkpoint in between.
    pub restarts_max: u32,
    /// Slots.
    pub parallelism: u32,
    /// True if the job can go on in another process; else what it has not committed at its end is discarded.
    pub is_kept: bool,
}

/// What happens to a coordinator.
#[derive(Debug)]
pub enum Event {
    /// The process is up.
    Start,
    /// An I/O task is done.
    Opened(Result<Box<Opened>, Failure>),
    /// An enumerator has looked for splits.
    Discovered(Result<Discovered, Failure>),
    /// The worker's part of a checkpoint is durable.
    Ack(Ack),
    /// The worker's part of a checkpoint could not be made durable.
    Decline(CheckpointId, Failure),
    /// The checkpoint's manifest is written and its completion decided, or not.
    Completed(CheckpointId, Result<String, Failure>),
    /// The prepared output of a checkpoint is visible, or not.
    Committed(CheckpointId, Result<(), Failure>),
    /// A savepoint is written, or not.
    SavepointWritten(Result<String, Failure>),
    /// The end of the job is in the log, or not.
    Ended(Result<(), Failure>),
    /// What was not committed is removed, or not.
    Discarded(Result<(), Failure>),
    /// A subtask has seen the end of its input.
    SubtaskEnded,
    /// A subtask has seen the last element.
    SubtaskClosed,
    /// A slot has failed.
    SlotFailed(Failure),
    /// Time has passed.
    Tick,
    /// Someone wants the job to stop.
    Stop(Stop),
}

/// What an enumerator found.
#[derive(Debug)]
pub struct Discovered {
    /// The source.
    pub source: OperatorId,
    /// New splits.
    pub splits: Vec<Split>,
    /// The enumerator's state, these splits included.
    pub state: Vec<u8>,
    /// When to look again; none: never.
    pub again_in_ms: Option<u64>,
}

/// What a coordinator wants done.
#[derive(Debug)]
pub enum Action {
    /// Claim the directory, start a generation, commit again, read the state, look for splits.
    Open,
    /// Ask an enumerator again.
    Discover(OperatorId),
    /// Build the slots and let them run.
    Deploy(Box<Opened>),
    /// Stop the slots; nothing of them is needed any longer.
    Undeploy,
    /// Splits for the subtask of a source.
    Assign(OperatorId, u32, Vec<(Split, EventTime)>),
    /// No more splits for any subtask of a source.
    NoMoreSplits(OperatorId),
    /// Inject a barrier into all sources.
    Barrier(Arc<Barrier>),
    /// Write the manifest and decide.
    Complete(CheckpointId, CheckpointKind, Arc<Content>),
    /// Tell the worker that a checkpoint is completed.
    NotifyCompleted(CheckpointId),
    /// Tell the worker that a checkpoint is given up.
    NotifyAborted(CheckpointId),
    /// Make prepared output visible.
    Commit(CheckpointId, Arc<Content>),
    /// Write a savepoint of a completed checkpoint.
    WriteSavepoint(String, Arc<Content>),
    /// Decide that the job has ended, and finish its sinks.
    End,
    /// Remove what was written and will never be committed.
    Discard,
    /// Let the last element flow.
    Close,
    /// Say something to whoever watches the job.
    Notice(String),
    /// It is over.
    Over(JobEnd),
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// Waiting for [`Event::Opened`].
    Opening,
    /// Rows flow.
    Running,
    /// The end is being decided.
    Ending,
    /// The last elements flow.
    Closing,
    /// What nobody will commit is being removed.
    Discarding,
    /// Nothing happens any more.
    Over,
}

#[derive(Debug)]
enum Step {
    /// Waiting for the acknowledgement.
    Acknowledging,
    /// Waiting for the decision.
    Completing(Arc<Content>),
    /// Waiting for the savepoint.
    Saving(Arc<Content>),
    /// Waiting for the committers; the savepoint's URL if there is one.
    Committing(Option<String>),
}

#[derive(Debug)]
struct InProgress {
    checkpoint: CheckpointId,
    kind: CheckpointKind,
    started_ns: u64,
    enumerators: BTreeMap<OperatorId, Vec<u8>>,
    step: Step,
}

/// Who decides for one job.
#[derive(Debug)]
pub struct Coordinator {
    config: CoordinatorConfig,
    phase: Phase,
    subtasks: usize,
    /// Instances of each source.
    readers: BTreeMap<OperatorId, u32>,
    ended: usize,
    closed: usize,
    restarts: u32,
    next_checkpoint: CheckpointId,
    next_start_ns: Option<u64>,
    in_progress: Option<InProgress>,
    tables: TableChains,
    enumerators: BTreeMap<OperatorId, Vec<u8>>,
    discover_at_ns: BTreeMap<OperatorId, u64>,
    dealt: BTreeMap<OperatorId, u32>,
    base_counters: CounterValues,
    hashes_results: bool,
    checkpoints_completed: u64,
    stop: Option<Stop>,
    /// How the job ends, while what it leaves is being removed.
    end: Option<JobEnd>,
    graph: Arc<Vec<u8>>,
    key_groups: u32,
    generation: u64,
}

impl Coordinator {
    /// A coordinator that waits for [`Event::Start`].
    pub fn new(config: CoordinatorConfig) -> Coordinator {
        Coordinator {
            config,
            phase: Phase::Opening,
            subtasks: 0,
            readers: BTreeMap::new(),
            ended: 0,
            closed: 0,
            restarts: 0,
            next_checkpoint: 1,
            next_start_ns: None,
            in_progress: None,
            tables: TableChains::default(),
            enumerators: BTreeMap::new(),
            discover_at_ns: BTreeMap::new(),
            dealt: BTreeMap::new(),
            base_counters: CounterValues::default(),
            hashes_results: false,
            checkpoints_completed: 0,
            stop: None,
            end: None,
            graph: Arc::default(),
            key_groups: 0,
            generation: 0,
        }
    }

    /// Counts before this start of the slots.
    pub fn base_counters(&self) -> CounterValues {
        self.base_counters
    }

    /// True if all rows that the job has written since its first start have been hashed.
    pub fn hashes_results(&self) -> bool {
        self.hashes_results
    }

    /// Completed checkpoints since the job's first start.
    pub fn checkpoints_completed(&self) -> u64 {
        self.checkpoints_completed
    }

    /// The last completed checkpoint; 0 for none.
    pub fn last_checkpoint(&self) -> CheckpointId {
        self.tables.checkpoint
    }

    /// When to send [`Event::Tick`] at the latest (monotonic nanoseconds).
    pub fn wake_at_ns(&self) -> Option<u64> {
        let timeout = self.in_progress.as_ref().filter(|running| matches!(running.step, Step::Acknowledging));
        let timeout_ns = timeout.map(|running| running.started_ns + self.config.timeout_ns);
        let start_ns = self.next_start_ns.filter(|_| self.in_progress.is_none() && self.phase == Phase::Running);
        let discover_ns = self.discover_at_ns.values().copied().min().filter(|_| self.phase == Phase::Running);
        timeout_ns.into_iter().chain(start_ns).chain(discover_ns).min()
    }

    fn on_opened(&mut self, mut opened: Opened, now: Now, actions: &mut Vec<Action>) {
        if opened.finished {
            (self.base_counters, self.hashes_results) = (opened.counters, opened.hashes_results);
            self.checkpoints_completed = opened.checkpoints_completed;
            return self.over(JobEnd::AlreadyFinished, actions);
        }
        self.phase = Phase::Running;
        self.subtasks = opened.plan.subtasks();
        self.readers = readers(&opened);
        (self.ended, self.closed) = (0, 0);
        self.next_checkpoint = opened.next_checkpoint;
        self.tables = opened.tables.clone();
        (self.base_counters, self.hashes_results) = (opened.counters, opened.hashes_results);
        self.checkpoints_completed = opened.checkpoints_completed;
        self.graph = Arc::clone(&opened.graph_bytes);
        (self.key_groups, self.generation) = (opened.key_groups, opened.generation);
        self.next_start_ns = self.config.interval_ns.map(|interval_ns| now.monotonic_ns + interval_ns);
        self.enumerators.clear();
        self.dealt.clear();
        self.discover_at_ns.clear();
        let splits = std::mem::take(&mut opened.splits);
        let discovered = std::mem::take(&mut opened.discovered);
        actions.extend(std::mem::take(&mut opened.notices).into_iter().map(Action::Notice));
        actions.push(Action::Deploy(Box::new(opened)));
        for (source, splits) in splits {
            self.deal(source, splits, actions);
        }
        for discovered in discovered {
            self.on_discovered(discovered, now, actions);
        }
        if self.stop.is_some() {
            self.begin_stop(now, actions);
        }
    }

    fn on_discovered(&mut self, discovered: Discovered, now: Now, actions: &mut Vec<Action>) {
        let Discovered { source, splits, state, again_in_ms } = discovered;
        self.enumerators.insert(source, state);
        let fresh = splits.into_iter().map(|split| (split, EventTime::MIN)).collect();
        self.deal(source, fresh, actions);
        match again_in_ms {
            Some(again_in_ms) => {
                self.discover_at_ns.insert(source, now.monotonic_ns + again_in_ms * 1_000_000);
            }
            None => actions.push(Action::NoMoreSplits(source)),
        }
    }

    /// Deals splits to the subtasks of a source in turn.
    fn deal(&mut self, source: OperatorId, splits: Vec<(Split, EventTime)>, actions: &mut Vec<Action>) {
        let readers = self.readers.get(&source).copied().unwrap_or(1).max(1);
        let next = self.dealt.entry(source).or_default();
        let mut hands: BTreeMap<u32, Vec<(Split, EventTime)>> = BTreeMap::new();
        for split in splits {
            hands.entry(*next % readers).or_default().push(split);
            *next += 1;
        }
        actions.extend(hands.into_iter().map(|(subtask, splits)| Action::Assign(source, subtask, splits)));
    }

    fn start_checkpoint(&mut self, kind: CheckpointKind, now: Now, actions: &mut Vec<Action>) {
        let checkpoint = self.next_checkpoint;
        self.next_checkpoint += 1;
        self.next_start_ns = self.config.interval_ns.map(|interval_ns| now.monotonic_ns + interval_ns);
        self.in_progress = Some(InProgress {
            checkpoint,
            kind,
            started_ns: now.monotonic_ns,
            enumerators: self.enumerators.clone(),
            step: Step::Acknowledging,
        });
        actions.push(Action::Barrier(Arc::new(Barrier { checkpoint, kind, mutation: Vec::new() })));
    }

    fn on_ack(&mut self, ack: Ack, actions: &mut Vec<Action>) {
        let Some(running) = self.in_progress.as_mut().filter(|running| running.checkpoint == ack.checkpoint) else {
            return;
        };
        let enumerators = std::mem::take(&mut running.enumerators);
        let job = JobPart {
            graph: self.graph.to_vec(),
            key_groups: self.key_groups,
            parallelism: self.config.parallelism,
            generation: self.generation,
            base_counters: self.base_counters,
            checkpoints_completed: self.checkpoints_completed,
        };
        let content = Arc::new(Content::assemble(running.kind, ack, enumerators, &self.tables, &job));
        actions.push(Action::Complete(running.checkpoint, running.kind, Arc::clone(&content)));
        running.step = Step::Completing(content);
    }

    fn on_completed(&mut self, result: Result<String, Failure>, actions: &mut Vec<Action>) {
        let Some(running) = &mut self.in_progress else { return };
        let Step::Completing(content) = &running.step else { return };
        let content = Arc::clone(content);
        match result {
            Ok(_) => {
                self.restarts = 0;
                self.checkpoints_completed += 1;
                self.tables = content.tables.clone();
                self.tables.checkpoint = running.checkpoint;
                actions.push(Action::NotifyCompleted(running.checkpoint));
                match (running.kind, &self.stop) {
                    (CheckpointKind::StopWithSavepoint, Some(Stop::WithSavepoint(url))) => {
                        actions.push(Action::WriteSavepoint(url.clone(), Arc::clone(&content)));
                        running.step = Step::Saving(content);
                    }
                    // The savepoint was given up meanwhile; where the job is kept, its next start commits.
                    (CheckpointKind::StopWithSavepoint, _) => self.over(JobEnd::Canceled, actions),
                    _ => {
                        actions.push(Action::Commit(running.checkpoint, content));
                        running.step = Step::Committing(None);
                    }
                }
            }
            Err(failure) if failure.code() == IN_DOUBT => self.fail(failure, actions),
            Err(failure) => self.abort(failure, actions),
        }
    }

    fn on_saved(&mut self, result: Result<String, Failure>, actions: &mut Vec<Action>) {
        let Some(running) = &mut self.in_progress else { return };
        let Step::Saving(content) = &running.step else { return };
        match result {
            Ok(url) => {
                actions.push(Action::Commit(running.checkpoint, Arc::clone(content)));
                running.step = Step::Committing(Some(url));
            }
            Err(failure) => self.over(JobEnd::Failed(failure), actions),
        }
    }

    fn on_committed(&mut self, result: Result<(), Failure>, now: Now, actions: &mut Vec<Action>) {
        let Some(InProgress { kind, step: Step::Committing(savepoint), .. }) = &mut self.in_progress else { return };
        let (kind, savepoint) = (*kind, savepoint.take());
        if let Err(failure) = result {
            return self.fail(failure, actions);
        }
        self.in_progress = None;
        match (savepoint, kind) {
            (Some(url), _) => self.over(JobEnd::Savepoint(url), actions),
            (None, CheckpointKind::Final) => {
                self.phase = Phase::Ending;
                actions.push(Action::End);
            }
            (None, _) => self.after_checkpoint(now, actions),
        }
    }

    /// A checkpoint is over, one way or the other: is there something that waited for it?
    fn after_checkpoint(&mut self, now: Now, actions: &mut Vec<Action>) {
        if self.phase != Phase::Running {
            return;
        }
        if self.stop.is_some() {
            self.begin_stop(now, actions);
        } else if self.ended == self.subtasks {
            self.start_checkpoint(CheckpointKind::Final, now, actions);
        }
    }

    fn begin_stop(&mut self, now: Now, actions: &mut Vec<Action>) {
        if self.in_progress.is_some() || self.phase != Phase::Running {
            return;
        }
        match &self.stop {
            Some(Stop::Cancel) => self.over(JobEnd::Canceled, actions),
            Some(Stop::WithSavepoint(_)) => self.start_checkpoint(CheckpointKind::StopWithSavepoint, now, actions),
            None => {}
        }
    }

    /// Gives the running checkpoint up; the job goes on unless the failure says it must not.
    fn abort(&mut self, failure: Failure, actions: &mut Vec<Action>) {
        let Some(running) = self.in_progress.take() else { return };
        actions.push(Action::NotifyAborted(running.checkpoint));
        if self.stop.is_none() {
            actions.push(Action::Notice(format!("checkpoint {} was given up: {failure}", running.checkpoint)));
        }
        if !failure.is_retryable() || running.kind != CheckpointKind::Checkpoint {
            self.fail(failure, actions);
        }
    }

    /// A failure of the job: another start if that can help, else the end.
    fn fail(&mut self, failure: Failure, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Discarding | Phase::Over) {
            return;
        }
        let stopping = self.stop.is_some();
        // A damaged file is known as such from the next start on.
        let may_restart = self.restarts < self.config.restarts_max || failure.code() == DAMAGED;
        if failure.is_retryable() && !stopping && may_restart {
            self.restarts += 1;
            let (attempt, attempts) = (self.restarts, self.config.restarts_max);
            actions
                .push(Action::Notice(format!("the job is started again (attempt {attempt} of {attempts}): {failure}")));
            self.in_progress = None;
            self.phase = Phase::Opening;
            actions.extend([Action::Undeploy, Action::Open]);
        } else {
            self.over(JobEnd::Failed(failure), actions);
        }
    }

    fn over(&mut self, end: JobEnd, actions: &mut Vec<Action>) {
        self.in_progress = None;
        actions.push(Action::Undeploy);
        if !self.config.is_kept && matches!(end, JobEnd::Canceled | JobEnd::Failed(_)) {
            self.phase = Phase::Discarding;
            self.end = Some(end);
            actions.push(Action::Discard);
        } else {
            self.phase = Phase::Over;
            actions.push(Action::Over(end));
        }
    }

    fn on_discarded(&mut self, result: Result<(), Failure>, actions: &mut Vec<Action>) {
        let Some(end) = self.end.take() else { return };
        if let Err(failure) = result {
            actions.push(Action::Notice(format!("what the job has not committed could not be removed: {failure}")));
        }
        self.phase = Phase::Over;
        actions.push(Action::Over(end));
    }

    fn on_tick(&mut self, now: Now, actions: &mut Vec<Action>) {
        if self.phase != Phase::Running {
            return;
        }
        let due: Vec<OperatorId> =
            self.discover_at_ns.iter().filter(|(_, at)| **at <= now.monotonic_ns).map(|(id, _)| *id).collect();
        for source in due {
            self.discover_at_ns.remove(&source);
            actions.push(Action::Discover(source));
        }
        if let Some(running) = &self.in_progress {
            let overdue = now.monotonic_ns >= running.started_ns + self.config.timeout_ns;
            if overdue && matches!(running.step, Step::Acknowledging) {
                let text =
                    format!("checkpoint {} took longer than execution.checkpointing.timeout", running.checkpoint);
                self.abort(Failure::retryable("checkpoint.timeout", text), actions);
                self.after_checkpoint(now, actions);
            }
        } else if self.next_start_ns.is_some_and(|start_ns| start_ns <= now.monotonic_ns) && self.ended < self.subtasks
        {
            self.start_checkpoint(CheckpointKind::Checkpoint, now, actions);
        }
    }
}

/// Instances of each source of a job.
fn readers(opened: &Opened) -> BTreeMap<OperatorId, u32> {
    let nodes = opened.graph.nodes.iter().zip(&opened.plan.task_of);
    let sources = nodes.filter(|(node, _)| node.role() == Role::Source);
    sources.map(|(node, task)| (node.operator_id(), opened.plan.tasks[*task].parallelism)).collect()
}

impl Machine for Coordinator {
    type Event = Event;
    type Action = Action;

    fn handle(&mut self, event: Event, now: Now, actions: &mut Vec<Action>) {
        match event {
            Event::Discarded(result) => self.on_discarded(result, actions),
            _ if matches!(self.phase, Phase::Discarding | Phase::Over) => {}
            Event::Start => actions.push(Action::Open),
            Event::Opened(_) if self.phase != Phase::Opening => {}
            Event::Opened(Ok(opened)) => self.on_opened(*opened, now, actions),
            Event::Opened(Err(failure)) => self.fail(failure, actions),
            Event::Ended(_) if self.phase != Phase::Ending => {}
            // Slots may fail together, and what they had asked for may fail behind them: the job is being opened anew already.
            Event::Discovered(Err(_)) | Event::SlotFailed(_) if self.phase == Phase::Opening => {}
            Event::Discovered(Err(failure)) | Event::SlotFailed(failure) => self.fail(failure, actions),
            Event::Discovered(Ok(discovered)) if self.phase == Phase::Running => {
                self.on_discovered(discovered, now, actions);
            }
            Event::Discovered(Ok(_)) => {}
            Event::Ack(ack) => self.on_ack(ack, actions),
            Event::Decline(checkpoint, failure) => {
                if self.in_progress.as_ref().is_some_and(|running| running.checkpoint == checkpoint) {
                    self.abort(failure, actions);
                    self.after_checkpoint(now, actions);
                }
            }
            Event::Completed(_, result) => {
                self.on_completed(result, actions);
                if self.in_progress.is_none() {
                    self.after_checkpoint(now, actions);
                }
            }
            Event::Committed(_, result) => self.on_committed(result, now, actions),
            Event::SavepointWritten(result) => self.on_saved(result, actions),
            Event::Ended(Ok(())) => {
                self.phase = Phase::Closing;
                actions.push(Action::Close);
            }
            Event::Ended(Err(failure)) => self.fail(failure, actions),
            Event::SubtaskEnded => {
                self.ended += 1;
                if self.ended == self.subtasks && self.in_progress.is_none() {
                    self.after_checkpoint(now, actions);
                }
            }
            Event::SubtaskClosed => {
                self.closed += 1;
                if self.closed == self.subtasks && self.phase == Phase::Closing {
                    self.over(JobEnd::Finished, actions);
                }
            }
            Event::Tick => self.on_tick(now, actions),
            Event::Stop(stop) => {
                self.stop = Some(stop);
                self.begin_stop(now, actions);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> CoordinatorConfig {
        CoordinatorConfig { interval_ns: None, timeout_ns: u64::MAX, restarts_max: 3, parallelism: 2, is_kept: true }
    }

    #[test]
    fn two_slots_that_fail_together_are_one_restart() {
        let mut coordinator = Coordinator::new(config());
        let mut opens = 0;
        let full = || Event::SlotFailed(Failure::retryable("filesystem.full", "the disk is full"));
        for event in [Event::Start, Event::Opened(Ok(Box::default())), full(), full()] {
            let mut actions = Vec::new();
            coordinator.handle(event, Now::default(), &mut actions);
            opens += actions.iter().filter(|action| matches!(action, Action::Open)).count();
        }
        assert_eq!(opens, 2, "the first start and one restart");
        assert_eq!(coordinator.restarts, 1);
    }
}
