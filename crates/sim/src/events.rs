//! What users do to a job, and what becomes of its files: it is stopped with a savepoint and goes on from it, it starts over, a
//! bit flips.

use tidemill_core::storage::Storage;
use tidemill_runtime::Stop;
use tidemill_runtime::coordinator::Event;
use tidemill_runtime::driver::Happening;

use crate::clock::{MS, What};
use crate::world::World;

impl World {
    /// Draws whether and when such a thing happens: at most one of them in a seed.
    pub(crate) fn draw_events(&mut self) {
        let what = match self.random.below(100) {
            0..15 => What::Save,
            15..22 => What::Fresh,
            22..32 => What::Flip,
            _ => return,
        };
        let times = if what == What::Save { 2 } else { 1 };
        for _ in 0..times {
            let delay_ns = self.random.between(3, 120) * MS;
            self.clock.schedule(delay_ns, 0, what);
        }
    }

    /// The newest process is asked to stop with a savepoint.
    pub(crate) fn stop_with_savepoint(&mut self) {
        let index = self.processes.len() - 1;
        if self.is_running() && self.processes[index].as_ref().is_some_and(|process| !process.paused) {
            let url = format!("sim://savepoint-{}/", self.clock.number());
            self.deliver(index, Happening::Event(Event::Stop(Stop::WithSavepoint(url))));
        }
    }

    /// A process has stopped with a savepoint: the job goes on from it in another directory, unless another process has taken
    /// it over before.
    pub(crate) fn go_on_from(&mut self, index: usize, url: String) {
        let generation = self.processes[index].as_ref().map_or(0, |process| process.host.generation);
        let newest = self.directories.current().newest_generation(&self.store);
        if generation < newest {
            return self.give_up(index);
        }
        (0..self.processes.len()).for_each(|index| self.kill(index));
        self.directories.next(url);
        self.restart_later();
    }

    /// The job is to start over: whoever runs it is deposed.
    pub(crate) fn start_over(&mut self) {
        if self.is_running() && !self.healed {
            self.directories.start_over(&self.store);
            self.start();
        }
    }

    /// A bit of an object flips.
    pub(crate) fn flip_a_bit(&mut self) {
        let objects = self.store.objects();
        let Ok(paths) = objects.list(&self.directories.current().folder()) else { return };
        if paths.is_empty() {
            return;
        }
        let path = &paths[self.random.below(paths.len() as u64) as usize];
        let Ok(mut bytes) = objects.get(path) else { return };
        if let Some(bits) = (bytes.len() as u64 * 8).checked_sub(1) {
            let bit = self.random.between(0, bits) as usize;
            bytes[bit / 8] ^= 1 << (bit % 8);
            self.damaged = objects.put(path, &bytes).is_ok();
        }
    }
}
