//! One seed: processes under virtual time, with faults, until the job is done; then the oracle.
//!
//! Everything is drawn from the seed: the job, the schedule of slots, delays, kills, pauses, faults of the store. At a time
//! that the seed draws the faults end; from then on the job must finish, and what is visible must be what the definition says.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use tidemill_core::options::Configuration;
use tidemill_core::{Env, Failure, Now};
use tidemill_dataflow::channel::Wake;
use tidemill_dataflow::subtask::Report;
use tidemill_runtime::coordinator::{CoordinatorConfig, Event};
use tidemill_runtime::driver::{Driver, Happening};
use tidemill_runtime::job_io::JobIo;
use tidemill_runtime::{JobEnd, JobSpec, Mutant};

use crate::process::{Process, SimHost, SimSlot};
use crate::random::Random;
use crate::scenario::{Scenario, registry};
use crate::sink::{self, SimSink};
use crate::source::Rows;
use crate::store::{CrashAt, FaultRates, Shared};
use crate::trace::Trace;

/// A job that is not done by then makes no progress (virtual nanoseconds after the faults have ended).
const PATIENCE_NS: u64 = 60_000_000_000;
const MS: u64 = 1_000_000;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The seed.
    pub seed: u64,
    /// The job; drawn from the seed where none is given.
    pub scenario: Option<Scenario>,
    /// A broken variant.
    pub mutant: Option<Mutant>,
    /// For the sweep: no faults but crashes at these operations of the store, no more than two.
    pub crashes: Option<[Option<(u64, CrashAt)>; 2]>,
    /// Every event is written to stderr.
    pub loud: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What is wrong, if something is.
    pub problem: Option<String>,
    /// The hash of everything that happened.
    pub trace_hash: u128,
    /// How much happened.
    pub events: u64,
    /// Operations of the store.
    pub operations: u64,
    /// Checkpoints that were completed.
    pub checkpoints: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Start(u32),
    Step(usize),
    Ring(usize),
    Io,
    Read(u64),
    /// The news of a slot's failure arrives.
    Failed(u64),
    Tick,
    Kill,
    Pause,
    Resume,
    Heal,
}

/// The clock of the simulation and the randomness of its processes.
struct SimEnv {
    now_ns: Arc<AtomicU64>,
    random: AtomicU64,
}

impl Env for SimEnv {
    fn now(&self) -> Now {
        now_at(self.now_ns.load(Ordering::Relaxed))
    }

    fn random_u64(&self) -> u64 {
        let state = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        Random::new(state).next()
    }
}

fn now_at(now_ns: u64) -> Now {
    Now { monotonic_ns: now_ns, wall_ms: 1_700_000_000_000 + (now_ns / MS) as i64 }
}

struct World {
    setup: Setup,
    random: Random,
    scenario: Scenario,
    rows: Rows,
    batch_rows_max: u64,
    interval_ms: u64,
    now_ns: Arc<AtomicU64>,
    sequence: u64,
    queue: BinaryHeap<Reverse<(u64, u64, usize, What)>>,
    store: Arc<Shared>,
    outside: sink::World,
    processes: Vec<Option<Process>>,
    env: Arc<SimEnv>,
    trace: Trace,
    healed: bool,
    faults_end_ns: u64,
    finished: bool,
    problem: Option<String>,
    checkpoints: u64,
}

/// Simulates one seed.
pub fn run(setup: Setup) -> Outcome {
    let mut world = World::new(setup);
    world.live();
    world.judge()
}

impl World {
    fn new(setup: Setup) -> World {
        let mut random = Random::new(setup.seed);
        let drawn = Scenario::ALL[random.below(Scenario::ALL.len() as u64) as usize].1;
        let scenario = setup.scenario.unwrap_or(drawn);
        let rows = scenario.rows(&mut random);
        let quiet = setup.crashes.is_some() || random.chance(300);
        let rates = match quiet {
            true => FaultRates::default(),
            false => FaultRates { error_before: random.below(100), error_after: random.below(100) },
        };
        let store = Shared::new(Random::new(random.next()), rates);
        store.crash_at(&setup.crashes.iter().flatten().flatten().copied().collect::<Vec<_>>());
        let now_ns = Arc::new(AtomicU64::new(0));
        let env = Arc::new(SimEnv { now_ns: Arc::clone(&now_ns), random: AtomicU64::new(random.next()) });
        let batch_rows_max = [1, 3, 7, 16][random.below(4) as usize];
        let interval_ms = random.between(1, 20);
        let faults_end_ns = random.between(20, 200) * MS;
        World {
            setup,
            random,
            scenario,
            rows,
            batch_rows_max,
            interval_ms,
            now_ns,
            sequence: 0,
            queue: BinaryHeap::new(),
            store,
            outside: sink::World::default(),
            processes: Vec::new(),
            env,
            trace: Trace::new(setup.loud),
            healed: false,
            faults_end_ns,
            finished: false,
            problem: None,
            checkpoints: 0,
        }
    }

    fn now(&self) -> u64 {
        self.now_ns.load(Ordering::Relaxed)
    }

    fn schedule(&mut self, delay_ns: u64, process: usize, what: What) {
        self.sequence += 1;
        self.queue.push(Reverse((self.now() + delay_ns, self.sequence, process, what)));
    }

    fn live(&mut self) {
        let parallelism = self.draw_parallelism();
        self.schedule(0, 0, What::Start(parallelism));
        if self.setup.crashes.is_none() {
            let heal_ns = self.faults_end_ns;
            self.schedule(heal_ns, 0, What::Heal);
            self.draw_fault();
        }
        while let Some(Reverse((time_ns, _, process, what))) = self.queue.pop() {
            self.now_ns.store(time_ns, Ordering::Relaxed);
            if self.finished || self.problem.is_some() {
                return;
            }
            if time_ns > self.faults_end_ns + PATIENCE_NS {
                self.problem = Some("the job makes no progress after the faults have ended".to_string());
                return;
            }
            self.happen(process, what);
        }
        if !self.finished && self.problem.is_none() {
            self.problem = Some("nothing is left to happen, and the job is not finished".to_string());
        }
    }

    fn draw_parallelism(&mut self) -> u32 {
        // With late rows only one reader decides what is late: at other parallelisms it is a race, in Flink too.
        let drawn = self.random.between(1, 4) as u32;
        if self.scenario == Scenario::LateRows { 1 } else { drawn }
    }

    /// Draws when the running process is killed or paused next.
    fn draw_fault(&mut self) {
        let delay_ns = self.random.between(1, 60) * MS + self.random.below(MS);
        let process = self.processes.len().saturating_sub(1);
        let what = if self.random.chance(250) { What::Pause } else { What::Kill };
        self.schedule(delay_ns, process, what);
    }

    fn happen(&mut self, index: usize, what: What) {
        let time_ns = self.now();
        let (name, detail) = match what {
            What::Start(parallelism) => ("start", u64::from(parallelism)),
            What::Step(slot) => ("step", slot as u64),
            What::Ring(slot) => ("ring", slot as u64),
            What::Io => ("io", 0),
            What::Read(number) => ("read", number),
            What::Failed(number) => ("failed", number),
            What::Tick => ("tick", 0),
            What::Kill => ("kill", 0),
            What::Pause => ("pause", 0),
            What::Resume => ("resume", 0),
            What::Heal => ("heal", 0),
        };
        self.trace.add(time_ns, index, name, detail);
        match what {
            What::Start(parallelism) => self.start(parallelism),
            What::Heal => {
                self.healed = true;
                self.store.heal();
            }
            What::Kill if !self.healed => {
                self.kill(index);
                self.restart_later();
                self.draw_fault();
            }
            What::Pause if !self.healed => {
                if let Some(Some(process)) = self.processes.get_mut(index) {
                    process.paused = true;
                    let resume_ns = self.random.between(1, 40) * MS;
                    self.schedule(resume_ns, index, What::Resume);
                    self.restart_later();
                }
                self.draw_fault();
            }
            What::Kill | What::Pause => {}
            What::Resume => {
                if let Some(Some(process)) = self.processes.get_mut(index) {
                    process.paused = false;
                    self.settle(index);
                }
            }
            What::Step(slot) => self.step(index, slot),
            What::Ring(slot) => {
                if let Some(Some(process)) = self.processes.get(index)
                    && let Some(sim) = process.host.slots.get(slot)
                {
                    sim.bell.wake();
                    self.settle(index);
                }
            }
            What::Io => self.io(index),
            What::Read(number) => self.read(index, number),
            What::Failed(number) => {
                let Some(Some(process)) = self.processes.get_mut(index) else { return };
                if process.paused {
                    return self.schedule(MS, index, What::Failed(number));
                }
                if let Some(happening) = process.failures.remove(&number) {
                    self.deliver(index, happening);
                }
            }
            What::Tick => self.deliver(index, Happening::Event(Event::Tick)),
        }
    }

    fn restart_later(&mut self) {
        let delay_ns = self.random.between(0, 10) * MS;
        let parallelism = self.draw_parallelism();
        self.schedule(delay_ns, 0, What::Start(parallelism));
    }

    fn kill(&mut self, index: usize) {
        if let Some(process) = self.processes.get_mut(index).and_then(Option::take) {
            process.storage.cut();
        }
    }

    fn start(&mut self, parallelism: u32) {
        let storage = self.store.view();
        let registry = match registry(self.rows, &SimSink::new(&self.outside, &storage)) {
            Ok(registry) => registry,
            Err(failure) => return self.problem = Some(failure.to_string()),
        };
        let spec = JobSpec {
            name: "sim".to_string(),
            fingerprint: "sim".to_string(),
            graph: self.scenario.graph(&self.rows, self.batch_rows_max),
            parallelism,
            options: Configuration::default(),
            fresh: false,
            from_savepoint: None,
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
        let env = Arc::clone(&self.env) as Arc<dyn Env>;
        let io = JobIo::new(spec, registry.clone(), Arc::clone(&storage) as _, Arc::clone(&env), mutant);
        let host = SimHost::new(registry, parallelism, mutant, env);
        let driver = Driver::new(config, mutant);
        let (reads, failures) = (BTreeMap::new(), BTreeMap::new());
        let process = Process { driver, host, io, storage, reads, failures, io_busy: false, paused: false };
        self.processes.push(Some(process));
        let index = self.processes.len() - 1;
        self.deliver(index, Happening::Event(Event::Start));
    }

    fn deliver(&mut self, index: usize, happening: Happening) {
        let now = now_at(self.now());
        let Some(Some(process)) = self.processes.get_mut(index) else { return };
        if process.paused {
            return;
        }
        process.handle(happening, now);
        self.settle(index);
    }

    /// Schedules what a process wants to do next.
    fn settle(&mut self, index: usize) {
        let now_ns = self.now();
        let Some(Some(process)) = self.processes.get_mut(index) else { return };
        if process.paused {
            return;
        }
        if let Some(end) = process.host.end.take() {
            self.checkpoints = self.checkpoints.max(process.driver.coordinator().checkpoints_completed());
            return self.over(index, end);
        }
        let mut wanted = Vec::new();
        for mut task in std::mem::take(&mut process.host.reads) {
            self.sequence += 1;
            // Tables are filled in pieces, sooner or later.
            task.narrow((self.random.next() >> 48) as u16);
            process.reads.insert(self.sequence, task);
            let slow_ns = if self.random.chance(300) { 40 * MS } else { 2 * MS };
            wanted.push((Some(self.random.between(10_000, slow_ns)), What::Read(self.sequence)));
        }
        for (number, sim) in process.host.slots.iter_mut().enumerate() {
            if sim.bell.rang() && !sim.scheduled && !sim.failed {
                sim.scheduled = true;
                wanted.push((None, What::Step(number)));
            }
        }
        if !process.io_busy && !process.host.tasks.is_empty() {
            process.io_busy = true;
            wanted.push((None, What::Io));
        }
        if let Some(wake_at_ns) = process.driver.coordinator().wake_at_ns() {
            wanted.push((Some(wake_at_ns.saturating_sub(now_ns).max(1)), What::Tick));
        }
        for (delay_ns, what) in wanted {
            let delay_ns = delay_ns.unwrap_or_else(|| match what {
                What::Io => self.random.between(10_000, 3 * MS),
                _ => self.random.between(1_000, 400_000),
            });
            self.schedule(delay_ns, index, what);
        }
    }

    fn step(&mut self, index: usize, slot: usize) {
        let now = now_at(self.now());
        let Some(Some(process)) = self.processes.get_mut(index) else { return };
        let generation = process.host.generation;
        let Some(sim) = process.host.slots.get_mut(slot) else { return };
        sim.scheduled = false;
        if sim.failed || process.paused {
            sim.bell.wake();
            return;
        }
        let mut happenings = Vec::new();
        let mut wake_at_ns = None;
        match step_slot(sim, self.env.as_ref()) {
            Ok((progressed, wanted_ns, reports)) => {
                if progressed {
                    sim.bell.wake();
                } else {
                    wake_at_ns = wanted_ns;
                }
                happenings.extend(reports.into_iter().map(|report| Happening::Report(generation, report)));
            }
            Err(failure) => {
                // Others may fail before anyone hears of it.
                sim.failed = true;
                self.sequence += 1;
                let number = self.sequence;
                process.failures.insert(number, Happening::SlotFailed(generation, failure));
                let delay_ns = self.random.between(1_000, 500_000);
                self.schedule(delay_ns, index, What::Failed(number));
            }
        }
        if let Some(wake_at_ns) = wake_at_ns {
            self.schedule(wake_at_ns.saturating_sub(now.monotonic_ns).max(1), index, What::Ring(slot));
        }
        let Some(Some(process)) = self.processes.get(index) else { return };
        if process.storage.is_cut() {
            self.kill(index);
            return self.restart_later();
        }
        for happening in happenings {
            self.deliver(index, happening);
        }
        self.settle(index);
    }

    fn io(&mut self, index: usize) {
        let Some(Some(process)) = self.processes.get_mut(index) else { return };
        if process.paused {
            // A stopped process does its I/O when it goes on.
            return self.schedule(MS, index, What::Io);
        }
        process.io_busy = false;
        let Some(task) = process.host.tasks.pop_front() else { return };
        let happening = task.run(&mut process.io);
        if self.setup.loud {
            let text = format!("{happening:?}");
            eprintln!("             {}", text.chars().take(160).collect::<String>());
        }
        let crashed = process.storage.is_cut();
        let operations = self.store.operations.load(Ordering::Relaxed);
        self.trace.add(self.now(), index, "io-done", operations);
        self.trace.add(self.now(), index, "written", self.store.written.load(Ordering::Relaxed));
        if crashed {
            self.kill(index);
            return self.restart_later();
        }
        self.deliver(index, happening);
    }

    fn read(&mut self, index: usize, number: u64) {
        let Some(Some(process)) = self.processes.get_mut(index) else { return };
        if process.paused {
            return self.schedule(MS, index, What::Read(number));
        }
        let Some(task) = process.reads.remove(&number) else { return };
        let happening = task.run();
        let crashed = process.storage.is_cut();
        self.trace.add(self.now(), index, "read-done", self.store.operations.load(Ordering::Relaxed));
        if crashed {
            self.kill(index);
            return self.restart_later();
        }
        self.deliver(index, happening);
    }

    fn over(&mut self, index: usize, end: JobEnd) {
        match end {
            JobEnd::Finished | JobEnd::AlreadyFinished => self.finished = true,
            JobEnd::Failed(failure) if may_be_tried_again(&failure) => {
                self.kill(index);
                if self.processes.iter().all(Option::is_none) {
                    self.restart_later();
                }
            }
            other => self.problem = Some(format!("the job ended otherwise: {other:?}")),
        }
    }

    fn judge(mut self) -> Outcome {
        if self.problem.is_none() {
            let found = self.outside.lock().unwrap_or_else(PoisonError::into_inner).net();
            let expected = self.scenario.expected(&self.rows);
            found.iter().for_each(|(row, count)| self.trace.add_row(row, *count));
            if found != expected {
                let missing = expected.iter().filter(|(row, count)| found.get(*row) != Some(*count)).count();
                let surplus = found.iter().filter(|(row, count)| expected.get(*row) != Some(*count)).count();
                self.problem = Some(format!(
                    "the visible rows are not those of an uninterrupted run: {missing} of {} rows missing or other, {surplus} \
                     that should not be there, such as {:?}",
                    expected.len(),
                    found.iter().find(|(row, count)| expected.get(*row) != Some(*count))
                ));
            }
        }
        Outcome {
            problem: self.problem,
            trace_hash: self.trace.digest(),
            events: self.trace.events(),
            operations: self.store.operations.load(Ordering::Relaxed),
            checkpoints: self.checkpoints,
        }
    }
}

/// A deposed process ends with a refusal; that is as it should be. Failures of the store are worth another start.
fn may_be_tried_again(failure: &Failure) -> bool {
    failure.is_retryable() || failure.code() == "job.deposed"
}

/// Commands, then a step.
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
