//! What goes wrong with processes: they are killed, they are stopped and go on, and others are started meanwhile.

use crate::clock::{MS, What};
use crate::world::World;

impl World {
    /// Draws when the newest process is killed or paused next.
    pub(crate) fn draw_fault(&mut self) {
        let delay_ns = self.random.between(1, 60) * MS + self.random.below(MS);
        let process = self.processes.len().saturating_sub(1);
        let what = if self.random.chance(250) { What::Pause } else { What::Kill };
        self.clock.schedule(delay_ns, process, what);
    }

    /// From now on nothing goes wrong.
    pub(crate) fn heal(&mut self) {
        self.healed = true;
        self.store.heal();
    }

    /// Kills a process at a time that was drawn, and draws the next fault.
    pub(crate) fn kill_by_chance(&mut self, index: usize) {
        if !self.healed {
            self.kill(index);
            self.restart_later();
            self.draw_fault();
        }
    }

    /// Ends a process. An operation that its work has stopped before may be on its way to the store.
    pub(crate) fn kill(&mut self, index: usize) {
        if let Some(process) = self.processes.get_mut(index).and_then(Option::take) {
            let in_flight = !self.is_sweep() && self.random.chance(400);
            process.end(in_flight);
        }
    }

    /// Another process is started soon.
    pub(crate) fn restart_later(&mut self) {
        let delay_ns = self.random.between(0, 10) * MS;
        self.clock.schedule(delay_ns, 0, What::Start);
    }

    /// Stops a process for a while; another one is started in its place.
    pub(crate) fn pause(&mut self, index: usize) {
        if self.healed {
            return;
        }
        if let Some(Some(process)) = self.processes.get_mut(index) {
            process.paused = true;
            let resume_ns = self.random.between(1, 40) * MS;
            self.clock.schedule(resume_ns, index, What::Resume);
            self.restart_later();
        }
        self.draw_fault();
    }

    /// A process that was stopped goes on.
    pub(crate) fn resume(&mut self, index: usize) {
        if let Some(Some(process)) = self.processes.get_mut(index) {
            process.paused = false;
            self.settle(index);
        }
    }
}
