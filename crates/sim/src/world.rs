//! One seed: processes under virtual time, with faults, until the job is done; then the oracles.
//!
//! Everything is drawn from the seed: the job, the schedule of slots, delays, kills, pauses, faults of the store. At a time
//! that the seed draws the faults end; from then on the job must finish. Then whatever still runs is waited for, and the job is
//! started once more, which must change nothing.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidemill_core::{Env, Failure};
use tidemill_runtime::{JobEnd, Mutant};

use crate::clock::{Clock, MS, What};
use crate::directories::Directories;
use crate::oracle;
use crate::process::Process;
use crate::random::Random;
use crate::scenario::{Scenario, Watermarks};
use crate::sink;
use crate::source::Rows;
use crate::store::{CrashAt, FaultRates, Late, Shared, SimStorage};
use crate::trace::Trace;

/// A job that is not done by then makes no progress (virtual nanoseconds after the faults have ended).
const PATIENCE_NS: u64 = 60_000 * MS;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The seed.
    pub seed: u64,
    /// The job; drawn from the seed where none is given.
    pub scenario: Option<Scenario>,
    /// A broken variant.
    pub mutant: Option<Mutant>,
    /// For the sweep: no faults but crashes at these operations of the store, no more than two, and no work in steps.
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

/// How far the job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It is to finish.
    Running,
    /// It has; others that believe to run it have not ended yet.
    Settling,
    /// It is started once more.
    Again,
    /// Nothing happens any more.
    Over,
}

/// The whole of a simulation.
pub struct World {
    pub(crate) setup: Setup,
    pub(crate) random: Random,
    pub(crate) scenario: Scenario,
    pub(crate) rows: Rows,
    pub(crate) batch_rows_max: u64,
    pub(crate) interval_ms: u64,
    /// Slots whose steps come late, one bit each; the same of every process.
    pub(crate) slow_slots: u64,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<Shared>,
    pub(crate) outside: sink::World,
    pub(crate) directories: Directories,
    pub(crate) watermarks: Watermarks,
    pub(crate) processes: Vec<Option<Process>>,
    pub(crate) env: Arc<dyn Env>,
    pub(crate) trace: Trace,
    pub(crate) healed: bool,
    /// Writes that are to be done late, by number.
    pub(crate) late: BTreeMap<u64, Late>,
    faults_end_ns: u64,
    life: Life,
    pub(crate) problem: Option<String>,
    pub(crate) checkpoints: u64,
    /// A bit has flipped: the job may be refused.
    pub(crate) damaged: bool,
    /// The view of the process that finished the job; none where it was refused.
    pub(crate) finisher: Option<SimStorage>,
}

/// Simulates one seed. A panic is a failure like others.
pub fn run(setup: Setup) -> Outcome {
    catch_unwind(|| simulate(setup)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        let problem = Some(format!("a panic: {}", text.unwrap_or("no message")));
        Outcome { problem, trace_hash: 0, events: 0, operations: 0, checkpoints: 0 }
    })
}

fn simulate(setup: Setup) -> Outcome {
    let mut world = World::new(setup);
    world.live();
    (0..world.processes.len()).for_each(|index| world.kill(index));
    if world.problem.is_none() {
        world.problem = oracle::judge(&mut world);
    }
    Outcome {
        problem: world.problem,
        trace_hash: world.trace.digest(),
        events: world.trace.events(),
        operations: world.store.operations.load(Ordering::Relaxed),
        checkpoints: world.checkpoints,
    }
}

impl World {
    fn new(setup: Setup) -> World {
        let mut random = Random::new(setup.seed);
        let drawn = Scenario::draw(&mut random);
        let scenario = setup.scenario.unwrap_or(drawn);
        let rows = scenario.rows(&mut random);
        let quiet = setup.crashes.is_some() || random.chance(300);
        let rates = match quiet {
            true => FaultRates::default(),
            false => FaultRates { error_before: random.below(100), error_after: random.below(100), late: 400 },
        };
        let store = Shared::new(Random::new(random.next()), rates);
        store.crash_at(&setup.crashes.iter().flatten().flatten().copied().collect::<Vec<_>>());
        let clock = Clock::new();
        let env = clock.env(random.next());
        let batch_rows_max = [1, 3, 7, 16][random.below(4) as usize];
        let interval_ms = random.between(1, 20);
        let slow_slots = scenario.slow_slots(&mut random);
        let faults_end_ns = random.between(20, 200) * MS;
        World {
            setup,
            random,
            scenario,
            rows,
            batch_rows_max,
            interval_ms,
            slow_slots,
            clock,
            store,
            outside: sink::World::default(),
            directories: Directories::default(),
            watermarks: Watermarks::default(),
            processes: Vec::new(),
            env,
            trace: Trace::new(setup.loud),
            healed: false,
            late: BTreeMap::new(),
            faults_end_ns,
            life: Life::Running,
            problem: None,
            checkpoints: 0,
            damaged: false,
            finisher: None,
        }
    }

    /// True where the store crashes processes at chosen operations, and nothing else goes wrong.
    pub(crate) fn is_sweep(&self) -> bool {
        self.setup.crashes.is_some()
    }

    /// True while the job has not finished.
    pub(crate) fn is_running(&self) -> bool {
        self.life == Life::Running
    }

    fn live(&mut self) {
        self.clock.schedule(0, 0, What::Start);
        if !self.is_sweep() {
            self.clock.schedule(self.faults_end_ns, 0, What::Heal);
            self.draw_fault();
            self.draw_events();
        }
        while self.life != Life::Over && self.problem.is_none() {
            let Some((process, what)) = self.clock.next() else {
                self.problem = Some("nothing is left to happen, and the job is not finished".to_string());
                return;
            };
            if self.clock.now_ns() > self.faults_end_ns + PATIENCE_NS {
                self.problem = Some("the job makes no progress after the faults have ended".to_string());
                return;
            }
            self.happen(process, what);
            if self.life == Life::Settling && self.late.is_empty() && self.processes.iter().all(Option::is_none) {
                self.life = Life::Again;
                self.clock.schedule(0, 0, What::Start);
            }
        }
    }

    fn happen(&mut self, index: usize, what: What) {
        let (name, detail) = what.described();
        self.trace.add(self.clock.now_ns(), index, name, detail);
        match what {
            // A start that was meant for the job while it ran is no second one after it has finished.
            What::Start if self.life == Life::Again && self.processes.iter().any(Option::is_some) => {}
            What::Start => self.start(),
            What::Heal => self.heal(),
            What::Kill => self.kill_by_chance(index),
            What::Pause => self.pause(index),
            What::Resume => self.resume(index),
            What::Step(slot) => self.step(index, slot),
            What::Ring(slot) => self.ring(index, slot),
            What::Io => self.begin_io(index),
            What::Read(number) => self.begin_read(index, number),
            What::Go(number) => self.go_on(index, number),
            What::Offload(number) => self.offload(index, number),
            What::Save => self.stop_with_savepoint(),
            What::Fresh => self.start_over(),
            What::Flip => self.flip_a_bit(),
            What::Failed(number) => self.hear_of_failure(index, number),
            What::Tick => self.tick(index),
            What::Late(number) => {
                if let Some(late) = self.late.remove(&number) {
                    late();
                }
            }
        }
        for late in self.store.take_late() {
            let number = self.clock.number();
            self.late.insert(number, late);
            let long_ns = if self.random.chance(300) { 60 * MS } else { 5 * MS };
            self.clock.schedule(self.random.between(10_000, long_ns), index, What::Late(number));
        }
    }

    /// A process says that its job is over.
    pub(crate) fn over(&mut self, index: usize, end: JobEnd) {
        match end {
            JobEnd::AlreadyFinished if self.life == Life::Again => self.life = Life::Over,
            // It was to start over, which nobody has begun yet.
            JobEnd::Finished | JobEnd::AlreadyFinished
                if self.life == Life::Running && self.directories.current().is_to_start_over(&self.store) =>
            {
                self.give_up(index);
            }
            JobEnd::Finished | JobEnd::AlreadyFinished if self.life != Life::Again => {
                if let (None, Some(Some(process))) = (&self.finisher, self.processes.get(index)) {
                    self.finisher = Some(process.storage.clone());
                }
                self.kill(index);
                self.heal();
                self.life = if self.is_sweep() { Life::Over } else { Life::Settling };
            }
            JobEnd::Savepoint(url) if self.life == Life::Running => self.go_on_from(index, url),
            JobEnd::Savepoint(_) => self.kill(index),
            JobEnd::Failed(failure) if self.life != Life::Again && self.may_fail(index, &failure) => {
                self.give_up(index);
            }
            JobEnd::Failed(failure) if self.damaged && is_refusal(&failure) => self.life = Life::Over,
            other => self.problem = Some(format!("the job ended otherwise: {other:?}")),
        }
    }

    /// Ends a process that cannot go on; another is started if there is none.
    pub(crate) fn give_up(&mut self, index: usize) {
        self.kill(index);
        if self.life == Life::Running && self.processes.iter().all(Option::is_none) {
            self.restart_later();
        }
    }

    /// Failures of the store are worth another start. A deposed process ends with a refusal, or because files that it needs are
    /// gone, as nothing of it counts any longer.
    fn may_fail(&self, index: usize, failure: &Failure) -> bool {
        let Some(process) = &self.processes[index] else { return true };
        let is_deposed = process.host.generation < self.directories.current().newest_generation(&self.store);
        failure.is_retryable() || failure.code() == "job.deposed" || is_deposed && is_of_deposed(failure)
    }
}

/// What becomes of a process whose files and prepared output others have removed.
fn is_of_deposed(failure: &Failure) -> bool {
    matches!(failure.code(), "storage.not-found" | "sim.lost")
}

/// How a job is refused, or ends, whose files are damaged.
fn is_refusal(failure: &Failure) -> bool {
    let code = failure.code();
    code.starts_with("checkpoint.") || code.starts_with("savepoint.") || code == "job.foreign"
}
