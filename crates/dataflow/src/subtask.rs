//! A subtask: a source or a gate, a chain behind it, and the checkpoint it is part of.
//!
//! Invariant: commands are carried out between steps, so a barrier never stands in the middle of a batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidemill_core::{Barrier, Env, EventTime, Now, OperatorId, Result, SubtaskIndex};
use tidemill_state::HomeRows;

use crate::chain::{Chain, Target};
use crate::fill::Fetch;
use crate::gate::Gate;
use crate::operator::Mail;
use crate::snapshot::{OperatorSnapshot, SubtaskSnapshot};
use crate::source::Split;
use crate::source_task::SourceTask;
use crate::watch::Watch;

/// Frozen rows gathered between two pieces of work while a checkpoint is being taken.
const GATHER_ROWS_MAX: usize = 1024;
/// Rows put into tables that are being filled between two pieces of work.
const FILL_ROWS_MAX: usize = 1024;
/// Between two looks at how much memory the tables hold.
const RESERVE_EVERY_NS: u64 = 10_000_000;
/// Pieces of work in one step of a subtask.
const WORK_PER_STEP: usize = 64;

/// What is asked of a subtask from outside.
#[derive(Clone, Debug)]
pub enum Command {
    /// Sources: splits to read, each with the watermark of its generator.
    AddSplits(Vec<(Split, EventTime)>),
    /// Sources: no more splits will come.
    NoMoreSplits,
    /// Sources: inject a barrier.
    Barrier(Arc<Barrier>),
    /// Sources: the job is complete, send `Closed`.
    Close,
    /// Rows that an operator wanted have been read; said of an urgent wish, or of another.
    Rows(OperatorId, Arc<HomeRows>, bool),
    /// News for all operators.
    Mail(Mail),
}

/// What a subtask tells the outside.
#[derive(Debug)]
pub enum Report {
    /// Its part of a checkpoint is gathered.
    Snapshot(SubtaskSnapshot),
    /// Rows are to be read for it.
    Fetch(Fetch),
    /// All rows of an operator's tables are in memory.
    Filled(OperatorId, SubtaskIndex),
    /// All rows have passed through it.
    Ended,
    /// Nothing will pass through it any more.
    Closed,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// True if anything was done: step again.
    pub progressed: bool,
    /// When to step again even if nothing arrives (monotonic nanoseconds).
    pub wake_at_ns: Option<u64>,
}

pub(crate) enum Head {
    Source(Box<SourceTask>, Arc<[Target]>),
    Gate(Gate),
}

/// One parallel instance of a task.
pub struct Subtask {
    pub(crate) task: usize,
    pub(crate) index: SubtaskIndex,
    /// Its head's name.
    pub(crate) name: String,
    /// Number of its first name in the watch of its slot.
    pub(crate) watched: usize,
    /// When its tables are measured next (monotonic nanoseconds).
    pub(crate) reserve_at_ns: u64,
    pub(crate) head: Head,
    pub(crate) chain: Chain,
    pub(crate) snapshots: BTreeMap<u64, Vec<OperatorSnapshot>>,
    pub(crate) reported_end: bool,
    pub(crate) reported_closed: bool,
}

impl Subtask {
    /// Position of its task in the plan.
    pub fn task(&self) -> usize {
        self.task
    }

    /// Which parallel instance it is.
    pub fn index(&self) -> SubtaskIndex {
        self.index
    }

    /// What can hold up its slot: its links, then its head.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.chain.links.iter().map(|link| link.name.clone()).chain([self.name.clone()])
    }

    /// The watermark at its head, for progress displays.
    pub fn watermark(&self) -> EventTime {
        match &self.head {
            Head::Gate(gate) => gate.watermark(),
            Head::Source(..) => self.chain.links.first().map_or(EventTime::MIN, |link| link.watermark),
        }
    }

    /// Carries out a command.
    pub fn command(&mut self, command: Command) -> Result<()> {
        let command = match command {
            Command::Rows(operator, rows, is_urgent) => {
                return self.chain.rows_arrived(operator, rows, is_urgent);
            }
            Command::Mail(mail) => {
                self.chain.push_mail(&mail);
                return Ok(());
            }
            command => command,
        };
        let Head::Source(source, _) = &mut self.head else { return Ok(()) };
        match command {
            Command::AddSplits(splits) => {
                for (split, watermark) in splits {
                    source.add_split(split, watermark)?;
                }
            }
            Command::NoMoreSplits => source.no_more_splits(),
            Command::Barrier(barrier) => source.barrier(&barrier)?,
            Command::Close => source.close(),
            Command::Rows(..) | Command::Mail(_) => {}
        }
        Ok(())
    }

    /// Works for a while: pulls elements in, pushes rows through the chain, gathers frozen rows.
    pub fn step(&mut self, env: &dyn Env, watch: &Watch, reports: &mut Vec<Report>) -> Result<Stepped> {
        let mut progressed = false;
        let mut now = env.now();
        for _ in 0..WORK_PER_STEP {
            self.chain.flush_edges(now, false)?;
            let filled = self.chain.fill(FILL_ROWS_MAX)?;
            let worked = self.work(&mut now, env, watch)? || filled;
            if self.chain.gather_all(GATHER_ROWS_MAX)? || worked {
                progressed = true;
            }
            if !worked {
                self.chain.flush_edges(now, true)?;
                break;
            }
        }
        if now.monotonic_ns >= self.reserve_at_ns {
            self.reserve_at_ns = now.monotonic_ns + RESERVE_EVERY_NS;
            self.chain.reserve()?;
        }
        self.report(reports);
        Ok(Stepped { progressed, wake_at_ns: self.wake_at_ns(now) })
    }

    /// One call: of the most downstream link that has something to do, else of the head. The clock is read once, behind it.
    fn work(&mut self, now: &mut Now, env: &dyn Env, watch: &Watch) -> Result<bool> {
        let (watched, began_ns) = (self.watched, now.monotonic_ns);
        let called = self.chain.step(*now, &mut |link| watch.enter(watched + link, began_ns))?;
        let worked = match called {
            Some(_) => true,
            None => {
                watch.enter(watched + self.chain.links.len(), began_ns);
                self.pull(*now)?
            }
        };
        watch.leave();
        if worked {
            *now = env.now();
        }
        if let Some(link) = called {
            self.chain.spent(link, now.monotonic_ns.saturating_sub(began_ns));
        }
        Ok(worked)
    }

    /// Takes one element from the head if the chain has room.
    fn pull(&mut self, now: Now) -> Result<bool> {
        match &mut self.head {
            Head::Gate(gate) => {
                if self.chain.is_blocked(&[Target::Link(0, 0)]) {
                    return Ok(false);
                }
                let Some(merged) = gate.poll(self.chain.wants())? else { return Ok(false) };
                self.chain.push_head(merged);
                Ok(true)
            }
            Head::Source(source, targets) => {
                if self.chain.is_blocked(targets) {
                    return Ok(false);
                }
                if source.state.pending.is_empty() && !source.read(now)? {
                    return Ok(false);
                }
                match source.state.pending.pop_front() {
                    Some(element) => self.chain.send(targets, &element)?,
                    None => return Ok(true),
                }
                Ok(true)
            }
        }
    }

    fn wake_at_ns(&self, now: Now) -> Option<u64> {
        let timer_ns = self.chain.next_timer_ms().map(|timer_ms| {
            let wait_ms = timer_ms.saturating_sub(now.wall_ms).max(0) as u64;
            now.monotonic_ns + wait_ms * 1_000_000
        });
        let source_ns = match &self.head {
            Head::Source(source, _) => source.wake_at_ns(),
            Head::Gate(_) => None,
        };
        timer_ns.into_iter().chain(source_ns).min()
    }

    fn report(&mut self, reports: &mut Vec<Report>) {
        let (task, subtask) = (self.task, self.index);
        let wanted = self.chain.take_wanted().into_iter();
        reports.extend(wanted.map(|(operator, wanted)| Report::Fetch(Fetch { operator, task, subtask, wanted })));
        reports.extend(self.chain.filled.drain(..).map(|operator| Report::Filled(operator, subtask)));
        let mut expected = self.chain.links.len();
        if let Head::Source(source, _) = &mut self.head {
            expected += 1;
            for (checkpoint, snapshot) in source.state.snapshots.drain(..) {
                self.snapshots.entry(checkpoint).or_default().insert(0, snapshot);
            }
        }
        for (checkpoint, snapshot) in self.chain.finished.drain(..) {
            self.snapshots.entry(checkpoint).or_default().push(snapshot);
        }
        while let Some(entry) = self.snapshots.first_entry().filter(|entry| entry.get().len() == expected) {
            let (checkpoint, operators) = entry.remove_entry();
            let (task, subtask) = (self.task, self.index);
            reports.push(Report::Snapshot(SubtaskSnapshot { checkpoint, task, subtask, operators }));
        }
        let passed = match &self.head {
            Head::Source(source, _) => source.has_ended(),
            Head::Gate(_) => true,
        };
        if !self.reported_end && passed && self.chain.has_ended() && !self.has_backlog() {
            self.reported_end = true;
            reports.push(Report::Ended);
        }
        if !self.reported_closed && self.reported_end && self.is_closed() && !self.has_backlog() {
            self.reported_closed = true;
            reports.push(Report::Closed);
        }
    }

    fn is_closed(&self) -> bool {
        let head = match &self.head {
            Head::Source(source, _) => source.is_closed(),
            Head::Gate(_) => true,
        };
        head && self.chain.has_closed()
    }

    fn has_backlog(&self) -> bool {
        self.chain.edges.iter().any(crate::exchange::EdgeOut::is_blocked)
    }
}
