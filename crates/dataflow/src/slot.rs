//! A slot: one subtask of each task of a job, run in turn on one thread, downstream first.

use tidemill_core::{Failure, Now, SubtaskIndex};

use crate::subtask::{Command, Report, Subtask};

/// What one thread runs.
pub struct Slot {
    index: SubtaskIndex,
    subtasks: Vec<Subtask>,
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
    /// A slot over subtasks in the order of their tasks.
    pub fn new(index: SubtaskIndex, subtasks: Vec<Subtask>) -> Slot {
        Slot { index, subtasks }
    }

    /// Its number; its subtasks have the same.
    pub fn index(&self) -> SubtaskIndex {
        self.index
    }

    /// Its subtasks.
    pub fn subtasks(&self) -> &[Subtask] {
        &self.subtasks
    }

    /// Carries out a command for the subtask of a task.
    pub fn command(&mut self, task: usize, command: Command) -> Result<(), Failure> {
        self.subtasks[task].command(command)
    }

    /// Lets every subtask work once.
    pub fn step(&mut self, now: Now) -> Result<SlotStep, Failure> {
        let mut outcome = SlotStep::default();
        let mut reports = Vec::new();
        for subtask in self.subtasks.iter_mut().rev() {
            let stepped = subtask.step(now, &mut reports)?;
            outcome.progressed |= stepped.progressed;
            outcome.wake_at_ns = outcome.wake_at_ns.into_iter().chain(stepped.wake_at_ns).min();
            outcome.reports.extend(reports.drain(..).map(|report| (subtask.task(), report)));
        }
        Ok(outcome)
    }
}
