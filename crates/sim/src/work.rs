//! What processes do when nothing goes wrong: they start, their slots take steps, their machines hear what happened.

use std::sync::Arc;

use tidemill_core::options::Configuration;
use tidemill_core::storage::Storage;
use tidemill_core::{Env, Failure};
use tidemill_dataflow::channel::Wake;
use tidemill_dataflow::subtask::Report;
use tidemill_runtime::JobSpec;
use tidemill_runtime::coordinator::{CoordinatorConfig, Event};
use tidemill_runtime::driver::Happening;
use tidemill_runtime::job_io::JobIo;

use crate::clock::{MS, What};
use crate::process::{Process, SimHost, SimSlot};
use crate::scenario::registry;
use crate::sink::SimSink;
use crate::world::World;

impl World {
    /// Starts a process.
    pub(crate) fn start(&mut self) {
        let parallelism = self.random.between(self.scenario.parallelism_min(), 4) as u32;
        let directory = self.directories.current();
        let storage = self.store.view(&directory.folder());
        let sink = SimSink::new(&self.outside, &storage, directory.number);
        let watermarks = self.watermarks.of_process();
        let registry = match registry(self.rows, &sink, &watermarks) {
            Ok(registry) => registry,
            Err(failure) => return self.problem = Some(failure.to_string()),
        };
        let spec = JobSpec {
            name: "sim".to_string(),
            fingerprint: "sim".to_string(),
            graph: self.scenario.graph(&self.rows, self.batch_rows_max),
            parallelism,
            options: Configuration::default(),
            fresh: directory.is_to_start_over(&self.store),
            from_savepoint: directory.begins_with(&self.store),
            is_kept: true,
        };
        let config = CoordinatorConfig {
            interval_ns: Some(self.interval_ms * MS),
            timeout_ns: self.random.between(12, 100) * MS,
            restarts_max: 1000,
            parallelism,
            is_kept: true,
        };
        let mutant = self.setup.mutant;
        let places = storage.clone();
        let io = JobIo::new(spec, registry.clone(), Arc::new(storage.clone()), Arc::clone(&self.env), mutant)
            .with_places(Arc::new(move |url| {
                let folder = url.strip_prefix("sim://").unwrap_or(url);
                Ok(Arc::new(places.of_folder(folder)) as Arc<dyn Storage>)
            }));
        let host = SimHost::new(registry, parallelism, mutant, Arc::clone(&self.env), watermarks);
        self.processes.push(Some(Process::new(config, io, host, storage)));
        self.deliver(self.processes.len() - 1, Happening::Event(Event::Start));
    }

    /// Hands something that happened to a process's machines.
    pub(crate) fn deliver(&mut self, index: usize, happening: Happening) {
        let now = self.clock.now();
        if let Some(Some(process)) = self.processes.get_mut(index) {
            process.handle(happening, now);
            self.settle(index);
        }
    }

    /// Schedules what a process wants to do next.
    pub(crate) fn settle(&mut self, index: usize) {
        let Some(Some(process)) = self.processes.get_mut(index) else { return };
        if process.paused {
            return;
        }
        if let Some(end) = process.host.end.take() {
            self.checkpoints = self.checkpoints.max(process.driver.coordinator().checkpoints_completed());
            return self.over(index, end);
        }
        for mut task in std::mem::take(&mut process.host.reads) {
            let number = self.clock.number();
            // Tables are filled in pieces, sooner or later.
            task.narrow((self.random.next() >> 48) as u16);
            process.reads.insert(number, task);
            let slow_ns = if self.random.chance(300) { 40 * MS } else { 2 * MS };
            self.clock.schedule(self.random.between(10_000, slow_ns), index, What::Read(number));
        }
        for work in process.host.offloads.take() {
            let number = self.clock.number();
            process.offloaded.insert(number, work);
            self.clock.schedule(self.random.between(5_000, 3 * MS), index, What::Offload(number));
        }
        for (number, sim) in process.host.slots.iter_mut().enumerate() {
            if sim.bell.rang() && !sim.scheduled && !sim.failed {
                sim.scheduled = true;
                let is_slow = self.slow_slots >> (number % 64) & 1 == 1;
                let delay_ns = self.random.between(1_000, if is_slow { 5 * MS } else { 400_000 });
                self.clock.schedule(delay_ns, index, What::Step(number));
            }
        }
        if !process.io_busy && !process.host.tasks.is_empty() {
            process.io_busy = true;
            self.clock.schedule(self.random.between(10_000, MS), index, What::Io);
        }
        if let Some(wake_at_ns) = process.driver.coordinator().wake_at_ns() {
            let delay_ns = wake_at_ns.saturating_sub(self.clock.now_ns()).max(1);
            self.clock.schedule(delay_ns, index, What::Tick);
        }
    }

    /// The coordinator looks at the clock.
    pub(crate) fn tick(&mut self, index: usize) {
        if self.processes.get(index).and_then(Option::as_ref).is_some_and(|process| !process.paused) {
            self.deliver(index, Happening::Event(Event::Tick));
        }
    }

    /// A slot waited for a time that has come.
    pub(crate) fn ring(&mut self, index: usize, slot: usize) {
        if let Some(Some(process)) = self.processes.get(index)
            && let Some(sim) = process.host.slots.get(slot)
        {
            sim.bell.wake();
            self.settle(index);
        }
    }

    /// A reader's I/O is done.
    pub(crate) fn offload(&mut self, index: usize, number: u64) {
        let Some(Some(process)) = self.processes.get_mut(index) else { return };
        if process.paused {
            return self.clock.schedule(MS, index, What::Offload(number));
        }
        if let Some(work) = process.offloaded.remove(&number) {
            work();
            self.settle(index);
        }
    }

    /// The machines hear that a slot has failed.
    pub(crate) fn hear_of_failure(&mut self, index: usize, number: u64) {
        let Some(Some(process)) = self.processes.get_mut(index) else { return };
        if process.paused {
            return self.clock.schedule(MS, index, What::Failed(number));
        }
        if let Some(happening) = process.failures.remove(&number) {
            self.deliver(index, happening);
        }
    }

    /// A slot takes a step.
    pub(crate) fn step(&mut self, index: usize, slot: usize) {
        let Some(Some(process)) = self.processes.get_mut(index) else { return };
        let generation = process.host.generation;
        let Some(sim) = process.host.slots.get_mut(slot) else { return };
        sim.scheduled = false;
        if sim.failed || process.paused {
            sim.bell.wake();
            return;
        }
        let mut happenings = Vec::new();
        match step_slot(sim, self.env.as_ref()) {
            Ok((true, _, reports)) => {
                sim.bell.wake();
                happenings.extend(reports.into_iter().map(|report| Happening::Report(generation, report)));
            }
            Ok((false, wake_at_ns, reports)) => {
                happenings.extend(reports.into_iter().map(|report| Happening::Report(generation, report)));
                if let Some(wake_at_ns) = wake_at_ns {
                    let delay_ns = wake_at_ns.saturating_sub(self.clock.now_ns()).max(1);
                    self.clock.schedule(delay_ns, index, What::Ring(slot));
                }
            }
            Err(failure) => {
                // Others may fail before anyone hears of it.
                sim.failed = true;
                let number = self.clock.number();
                process.failures.insert(number, Happening::SlotFailed(generation, failure));
                self.clock.schedule(self.random.between(1_000, 500_000), index, What::Failed(number));
            }
        }
        if self.has_crashed(index) {
            return;
        }
        for happening in happenings {
            self.deliver(index, happening);
        }
        self.settle(index);
    }

    /// Buries a process that the store has crashed; true if it has.
    pub(crate) fn has_crashed(&mut self, index: usize) -> bool {
        let crashed =
            self.processes.get(index).and_then(Option::as_ref).is_some_and(|process| process.storage.is_cut());
        if crashed {
            self.kill(index);
            self.restart_later();
        }
        crashed
    }
}

/// Commands, then a step: did it get anywhere, when to step again otherwise, and what it reports.
fn step_slot(sim: &mut SimSlot, env: &dyn Env) -> Result<(bool, Option<u64>, Vec<Report>), Failure> {
    let mut progressed = false;
    while let Some((task, command)) = sim.inbox.pop_front() {
        sim.slot.command(task, command)?;
        progressed = true;
    }
    let step = sim.slot.step(env)?;
    let reports = step.reports.into_iter().map(|(_, report)| report).collect();
    Ok((progressed || step.progressed, step.wake_at_ns, reports))
}
