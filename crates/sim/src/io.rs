//! A process's blocking work: its I/O tasks one after the other, and reads of its tables, operation by operation.
//!
//! Between two operations time passes in which anything may happen, to this process and to others. A process that is stopped
//! may have an operation on its way: it is done, and the process learns of it when it goes on.

use std::sync::atomic::Ordering;

use crate::clock::{MS, What};
use crate::fiber::{Fiber, Go, Stop};
use crate::process::Done;
use crate::world::World;

impl World {
    /// The next I/O task begins.
    pub(crate) fn begin_io(&mut self, index: usize) {
        let Some(Some(process)) = self.processes.get_mut(index) else { return };
        if process.paused {
            return self.clock.schedule(MS, index, What::Io);
        }
        let Some(task) = process.host.tasks.pop_front() else { return };
        let Some(mut io) = process.io.take() else { return };
        self.begin(index, move || {
            let happening = task.run(&mut io);
            Done { io: Some(io), happening }
        });
    }

    /// A read begins, if no other is under way.
    pub(crate) fn begin_read(&mut self, index: usize, number: u64) {
        let Some(Some(process)) = self.processes.get_mut(index) else { return };
        if process.paused || process.reading.is_some() {
            return self.clock.schedule(MS / 4, index, What::Read(number));
        }
        let Some(task) = process.reads.remove(&number) else { return };
        let reading = self.begin(index, move || Done { io: None, happening: task.run() });
        if let Some(Some(process)) = self.processes.get_mut(index) {
            process.reading = reading;
        }
    }

    /// Begins work: in steps, or at one moment where only the store crashes processes. Returns the number of what is under
    /// way.
    fn begin(&mut self, index: usize, work: impl FnOnce() -> Done + Send + 'static) -> Option<u64> {
        if self.is_sweep() {
            self.done(index, work());
            return None;
        }
        let number = self.clock.number();
        if let Some(Some(process)) = self.processes.get_mut(index) {
            process.works.insert(number, Fiber::new(work));
        }
        self.clock.schedule(0, index, What::Go(number));
        Some(number)
    }

    /// Work goes on to its next operation, or to its end.
    pub(crate) fn go_on(&mut self, index: usize, number: u64) {
        let Some(Some(process)) = self.processes.get_mut(index) else { return };
        let mut go = Go::On;
        if process.paused {
            if process.unheard.contains(&number) || self.random.chance(500) {
                return self.clock.schedule(MS, index, What::Go(number));
            }
            process.unheard.insert(number);
            go = Go::UnheardOf;
        } else {
            process.unheard.remove(&number);
        }
        let Some(fiber) = process.works.get(&number) else { return };
        let stop = fiber.resume(go);
        self.trace.add(self.clock.now_ns(), index, "operations", self.store.operations.load(Ordering::Relaxed));
        match stop {
            Stop::Operation => {
                let delay_ns = self.draw_delay();
                self.clock.schedule(delay_ns, index, What::Go(number));
            }
            Stop::Done(done) => {
                process.works.remove(&number);
                if process.reading == Some(number) {
                    process.reading = None;
                }
                self.done(index, done);
            }
        }
    }

    /// How long an operation of the store takes: most are quick, some are not.
    fn draw_delay(&mut self) -> u64 {
        match self.random.below(100) {
            0 => self.random.between(MS, 12 * MS),
            1..10 => self.random.between(100_000, 3 * MS / 2),
            _ => self.random.between(5_000, 100_000),
        }
    }

    /// Work is done: the machines hear what came of it.
    fn done(&mut self, index: usize, done: Done) {
        let Done { io, happening } = done;
        if self.setup.loud {
            let text = format!("{happening:?}");
            eprintln!("             {}", text.chars().take(160).collect::<String>());
        }
        self.trace.add(self.clock.now_ns(), index, "written", self.store.written.load(Ordering::Relaxed));
        if self.has_crashed(index) {
            return;
        }
        if let (Some(Some(process)), Some(io)) = (self.processes.get_mut(index), io) {
            process.io = Some(io);
            process.io_busy = false;
        }
        self.deliver(index, happening);
    }
}
