//! Drives a job's machines: hands them what happens and carries their actions to a host. The host is a process with threads
//! ([`local`](crate::local)) or the simulator; what happens in between is the same code.

use std::sync::Arc;

use tidemill_core::{CheckpointId, CheckpointKind, Now, OperatorId, Result};
use tidemill_dataflow::plan::Plan;
use tidemill_dataflow::subtask::{Command, Report};
use tidemill_dataflow::{Fetch, JobGraph, Mail, Role};
use tidemill_state::HomeRows;

use crate::content::Content;
use crate::coordinator::{Action, Coordinator, CoordinatorConfig, Event};
use crate::homes::{Homes, ReadTask};
use crate::job::JobEnd;
use crate::job_io::JobIo;
use crate::machine::Machine;
use crate::mutants::Mutant;
use crate::opened::Opened;
use crate::worker::{OwnedDelta, Worker, WorkerAction, WorkerEvent};

/// What a job's machines hear.
#[derive(Debug)]
pub enum Happening {
    /// For the coordinator.
    Event(Event),
    /// For the worker.
    Worker(WorkerEvent),
    /// From a slot of a generation.
    Report(u64, Report),
    /// Rows have been read for a subtask of a generation, or not.
    Fetched(u64, Fetch, Result<Arc<HomeRows>>),
    /// A slot of a generation has failed.
    SlotFailed(u64, tidemill_core::Failure),
}

/// I/O that the machines ask for; done one at a time, in order.
#[derive(Debug)]
pub enum IoTask {
    /// See [`JobIo::open`].
    Open,
    /// See [`JobIo::discover`].
    Discover(OperatorId),
    /// See [`JobIo::upload`].
    Upload(CheckpointId, Arc<Vec<OwnedDelta>>),
    /// See [`JobIo::complete`].
    Complete(CheckpointId, CheckpointKind, Arc<Content>),
    /// See [`JobIo::commit`].
    Commit(CheckpointId, Arc<Content>),
    /// See [`JobIo::write_savepoint`].
    WriteSavepoint(String, Arc<Content>),
    /// See [`JobIo::end`].
    End,
    /// See [`JobIo::discard`].
    Discard,
}

impl IoTask {
    /// Does it, and says what came of it. Blocks.
    pub fn run(self, io: &mut JobIo) -> Happening {
        Happening::Event(match self {
            IoTask::Open => Event::Opened(explained(io, JobIo::open).map(Box::new)),
            IoTask::Discover(source) => Event::Discovered(io.discover(source)),
            IoTask::Upload(checkpoint, deltas) => {
                let uploaded = explained(io, |io| io.upload(checkpoint, &deltas));
                return Happening::Worker(WorkerEvent::Uploaded(checkpoint, uploaded));
            }
            IoTask::Complete(checkpoint, kind, content) => {
                Event::Completed(checkpoint, explained(io, |io| io.complete(checkpoint, kind, &content)))
            }
            IoTask::Commit(checkpoint, content) => {
                Event::Committed(checkpoint, explained(io, |io| io.commit(checkpoint, &content)))
            }
            IoTask::WriteSavepoint(url, content) => {
                Event::SavepointWritten(explained(io, |io| io.write_savepoint(&url, &content)))
            }
            IoTask::End => Event::Ended(explained(io, JobIo::end)),
            IoTask::Discard => Event::Discarded(io.discard()),
        })
    }
}

/// See [`JobIo::explain`].
fn explained<T>(io: &mut JobIo, work: impl FnOnce(&mut JobIo) -> Result<T>) -> Result<T> {
    work(io).map_err(|failure| io.explain(failure))
}

/// Where a job runs.
pub trait Host {
    /// Does I/O; what came of it is handed to [`Driver::handle`] later.
    fn io(&mut self, task: IoTask);
    /// Reads rows, several at once if it can, in any order; what came of it is handed to [`Driver::handle`] later.
    fn read(&mut self, task: ReadTask);
    /// Builds the slots and lets them run.
    fn deploy(&mut self, opened: Opened) -> Result<()>;
    /// Stops the slots.
    fn undeploy(&mut self);
    /// Hands a command to one instance of a task, or to all.
    fn command(&mut self, instance: Option<u32>, task: usize, command: &Command);
    /// Says something to whoever watches the job.
    fn notice(&mut self, text: String);
    /// The job is over.
    fn over(&mut self, end: JobEnd);
}

/// The machines of one job.
#[derive(Debug)]
pub struct Driver {
    coordinator: Coordinator,
    worker: Option<Worker>,
    mutant: Option<Mutant>,
    graph: Arc<JobGraph>,
    plan: Plan,
    homes: Option<Arc<Homes>>,
    generation: u64,
    restored_from: Option<String>,
}

impl Driver {
    /// Machines that wait for [`Event::Start`].
    pub fn new(config: CoordinatorConfig, mutant: Option<Mutant>) -> Driver {
        Driver {
            coordinator: Coordinator::new(config),
            worker: None,
            mutant,
            graph: Arc::default(),
            plan: Plan::default(),
            homes: None,
            generation: 0,
            restored_from: None,
        }
    }

    /// The coordinator's machine.
    pub fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// URL of what the job went on from.
    pub fn restored_from(&self) -> Option<&str> {
        self.restored_from.as_deref()
    }

    /// Lets the machines handle what happened.
    pub fn handle(&mut self, happening: Happening, now: Now, host: &mut dyn Host) {
        match happening {
            Happening::Event(event) => self.decide(event, now, host),
            Happening::Worker(event) => self.tell_worker(event, now, host),
            Happening::Report(generation, report) if generation == self.generation => match report {
                Report::Snapshot(snapshot) => self.tell_worker(WorkerEvent::Snapshot(snapshot), now, host),
                Report::Fetch(fetch) => self.tell_worker(WorkerEvent::Wanted(fetch), now, host),
                Report::Filled(operator, subtask) => {
                    self.homes.iter().for_each(|homes| homes.filled(operator, subtask));
                }
                Report::Ended => self.decide(Event::SubtaskEnded, now, host),
                Report::Closed => self.decide(Event::SubtaskClosed, now, host),
            },
            Happening::SlotFailed(generation, failure) if generation == self.generation => {
                self.decide(Event::SlotFailed(failure), now, host);
            }
            Happening::Fetched(generation, fetch, result) if generation == self.generation => {
                self.tell_worker(WorkerEvent::Fetched(fetch, result), now, host);
            }
            Happening::Report(..) | Happening::SlotFailed(..) | Happening::Fetched(..) => {}
        }
    }

    fn decide(&mut self, event: Event, now: Now, host: &mut dyn Host) {
        let mut actions = Vec::new();
        self.coordinator.handle(event, now, &mut actions);
        for action in actions {
            self.act(action, now, host);
        }
    }

    fn tell_worker(&mut self, event: WorkerEvent, now: Now, host: &mut dyn Host) {
        let mut actions = Vec::new();
        if let Some(worker) = &mut self.worker {
            worker.handle(event, now, &mut actions);
        }
        for action in actions {
            match action {
                WorkerAction::Upload(checkpoint, deltas) => host.io(IoTask::Upload(checkpoint, deltas)),
                WorkerAction::Ack(ack) => self.decide(Event::Ack(ack), now, host),
                WorkerAction::Decline(checkpoint, failure) => {
                    self.decide(Event::Decline(checkpoint, failure), now, host);
                }
                WorkerAction::Fetch(fetch) => self.read(fetch, host),
                WorkerAction::Deliver(fetch, rows) => {
                    let command = Command::Rows(fetch.operator, rows, fetch.wanted.is_urgent);
                    host.command(Some(fetch.subtask), fetch.task, &command);
                }
                WorkerAction::Fail(failure) => self.decide(Event::SlotFailed(failure), now, host),
            }
        }
    }

    fn read(&self, fetch: Fetch, host: &mut dyn Host) {
        if let Some(homes) = &self.homes {
            host.read(ReadTask { homes: Arc::clone(homes), generation: self.generation, fetch });
        }
    }

    fn act(&mut self, action: Action, now: Now, host: &mut dyn Host) {
        match action {
            Action::Open => host.io(IoTask::Open),
            Action::Discover(source) => host.io(IoTask::Discover(source)),
            Action::Deploy(opened) => self.deploy(*opened, now, host),
            Action::Undeploy => {
                self.worker = None;
                self.homes = None;
                host.undeploy();
            }
            Action::Assign(source, slot, splits) => {
                self.command_source(source, Some(slot), &Command::AddSplits(splits), host);
            }
            Action::NoMoreSplits(source) => self.command_source(source, None, &Command::NoMoreSplits, host),
            Action::Barrier(barrier) => self.command_all_sources(&Command::Barrier(barrier), host),
            Action::Close => self.command_all_sources(&Command::Close, host),
            Action::Complete(checkpoint, kind, content) => host.io(IoTask::Complete(checkpoint, kind, content)),
            Action::NotifyCompleted(checkpoint) => {
                self.tell_worker(WorkerEvent::Completed(checkpoint), now, host);
                self.command_all_tasks(&Command::Mail(Mail::CheckpointCompleted(checkpoint)), host);
            }
            Action::NotifyAborted(checkpoint) => {
                self.tell_worker(WorkerEvent::Aborted(checkpoint), now, host);
                self.command_all_tasks(&Command::Mail(Mail::CheckpointAborted(checkpoint)), host);
            }
            Action::Notice(text) => host.notice(text),
            Action::Commit(checkpoint, content) => host.io(IoTask::Commit(checkpoint, content)),
            Action::WriteSavepoint(url, content) => host.io(IoTask::WriteSavepoint(url, content)),
            Action::End => host.io(IoTask::End),
            Action::Discard => host.io(IoTask::Discard),
            Action::Over(end) => host.over(end),
        }
    }

    fn deploy(&mut self, opened: Opened, now: Now, host: &mut dyn Host) {
        self.generation = opened.generation;
        self.restored_from.clone_from(&opened.restored_from);
        self.graph = Arc::clone(&opened.graph);
        self.homes.clone_from(&opened.homes);
        self.worker = Some(Worker::new(opened.plan.subtasks(), self.mutant));
        self.plan = opened.plan.clone();
        if let Err(failure) = host.deploy(opened) {
            self.decide(Event::SlotFailed(failure), now, host);
        }
    }

    fn command_all_tasks(&self, command: &Command, host: &mut dyn Host) {
        (0..self.plan.tasks.len()).for_each(|task| host.command(None, task, command));
    }

    fn command_all_sources(&self, command: &Command, host: &mut dyn Host) {
        for node in self.graph.nodes.iter().filter(|node| node.role() == Role::Source) {
            self.command_source(node.operator_id(), None, command, host);
        }
    }

    fn command_source(&self, source: OperatorId, slot: Option<u32>, command: &Command, host: &mut dyn Host) {
        let node = self.graph.nodes.iter().position(|node| node.operator_id() == source);
        if let Some(task) = node.and_then(|node| self.plan.task_of.get(node)) {
            host.command(slot, *task, command);
        }
    }
}
