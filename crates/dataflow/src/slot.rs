//! What one thread runs: a subtask of each of its tasks, in turn, downstream first.

use std::sync::Arc;

use tidemill_core::{Env, Failure};

use crate::plan::ThreadPlan;
use crate::subtask::{Command, Report, Subtask};
use crate::watch::Watch;

/// What one thread runs.
pub struct Slot {
    plan: ThreadPlan,
    subtasks: Vec<Subtask>,
    watch: Arc<Watch>,
}

/// What a step of a slot came to.
#[derive(Debug, Default)]
pub struct SlotStep {
    /// True if anything was done: step again.
    pub progressed: bool,
    /// When to step again even if nothing arrives (monotonic nanoseconds).
    pub wake_at_ns: Option<u64>,
    /// What subtasks report, with their task.
    pub reports: Vec<(usize, Report)>,
}

impl Slot {
    /// A slot over the subtasks of its plan, in that order.
    pub(crate) fn new(plan: ThreadPlan, mut subtasks: Vec<Subtask>) -> Slot {
        let mut names = Vec::new();
        for subtask in &mut subtasks {
            subtask.watched = names.len();
            names.extend(subtask.names());
        }
        Slot { plan, subtasks, watch: Arc::new(Watch::new(names)) }
    }

    /// What it runs, and what its thread is called.
    pub fn plan(&self) -> &ThreadPlan {
        &self.plan
    }

    /// Says what it is doing, to whoever looks.
    pub fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// Its subtasks.
    pub fn subtasks(&self) -> &[Subtask] {
        &self.subtasks
    }

    /// Carries out a command for its subtask of a task.
    pub fn command(&mut self, task: usize, command: Command) -> Result<(), Failure> {
        let own = self.subtasks.iter_mut().find(|subtask| subtask.task() == task);
        own.map_or(Ok(()), |subtask| subtask.command(command))
    }

    /// Lets every subtask work for a while.
    pub fn step(&mut self, env: &dyn Env) -> Result<SlotStep, Failure> {
        let mut outcome = SlotStep::default();
        let mut reports = Vec::new();
        for subtask in self.subtasks.iter_mut().rev() {
            let stepped = subtask.step(env, &self.watch, &mut reports)?;
            outcome.progressed |= stepped.progressed;
            outcome.wake_at_ns = outcome.wake_at_ns.into_iter().chain(stepped.wake_at_ns).min();
            outcome.reports.extend(reports.drain(..).map(|report| (subtask.task(), report)));
        }
        Ok(outcome)
    }
}
