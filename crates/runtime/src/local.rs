//! A job in this process: a thread for each slot, one for I/O, one on which the machines run.
//!
//! Does not decide anything: it carries actions out and brings their results back as events.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tidemill_core::memory::MemoryPool;
use tidemill_core::metrics::{Metric, Metrics};
use tidemill_core::storage::Storage;
use tidemill_core::{Env, EventTime, Failure, KeyGroups, Result};
use tidemill_dataflow::channel::Wake;
use tidemill_dataflow::deployment::Deployment;
use tidemill_dataflow::faults::Faults;
use tidemill_dataflow::job_options::{CHECKPOINT_INTERVAL, CHECKPOINT_TIMEOUT, MANAGED_MEMORY, RESTART_ATTEMPTS};
use tidemill_dataflow::plan::ThreadPlan;
use tidemill_dataflow::slot::Slot;
use tidemill_dataflow::subtask::Command;
use tidemill_dataflow::watch::{HELD_NS_MAX, Watch};
use tidemill_dataflow::{CounterValues, Counters, Pool, Registry};

use crate::coordinator::{CoordinatorConfig, Event};
use crate::driver::{Driver, Happening, Host, IoTask};
use crate::homes::ReadTask;
use crate::job::{JobEnd, JobOutcome, JobSpec, JobStatus, Stop};
use crate::job_io::JobIo;
use crate::opened::Opened;
use crate::pool::IoPool;
use crate::sleeper::Sleeper;

/// A running job.
pub struct JobHandle {
    events: Sender<Happening>,
    outcome: Receiver<JobOutcome>,
    shared: Arc<Mutex<Shared>>,
    memory: Arc<MemoryPool>,
    metrics: Metrics,
    control: Option<JoinHandle<()>>,
}

/// What slots hear.
enum SlotCommand {
    Task(usize, Command),
    Cancel,
}

#[derive(Default)]
struct Shared {
    base: CounterValues,
    live: Vec<Arc<Counters>>,
    watermarks: Vec<Metric>,
    checkpoint: u64,
    notices: Vec<String>,
}

impl Shared {
    fn counters(&self) -> CounterValues {
        let mut sum = self.base;
        self.live.iter().for_each(|counters| sum.add(&counters.values()));
        sum
    }
}

/// Starts a job whose checkpoints go to `storage`.
pub fn start(spec: JobSpec, registry: Registry, storage: Arc<dyn Storage>, env: Arc<dyn Env>) -> Result<JobHandle> {
    let config = coordinator_config(&spec)?;
    let (events, happenings) = channel();
    let (send_outcome, outcome) = channel();
    let (send_task, tasks) = channel::<IoTask>();
    let shared = Arc::new(Mutex::new(Shared::default()));
    let metrics = Metrics::default();
    let memory = MemoryPool::new(spec.options.size(&MANAGED_MEMORY)?);
    let io = JobIo::new(spec.clone(), registry.clone(), storage, Arc::clone(&env), None).with_chosen_directory();
    let io_events = events.clone();
    spawn("io", move || run_io(io, &tasks, &io_events))?;
    TOUCHING.get_or_init(|| spawn("memory", tidemill_state::touch_fresh_memory).is_ok());
    let process = Process {
        registry,
        parallelism: spec.parallelism,
        env,
        events: events.clone(),
        io: send_task,
        pool: IoPool::of_process()?,
        slots: Vec::new(),
        shared: Arc::clone(&shared),
        memory: Arc::clone(&memory),
        metrics: metrics.clone(),
        end: None,
    };
    let driver = Driver::new(config, None);
    let control = spawn("control", move || control(driver, process, &happenings, &send_outcome))?;
    Ok(JobHandle { events, outcome, shared, memory, metrics, control: Some(control) })
}

/// Whether a thread makes the fresh memory of this process's tables: one does for all jobs.
static TOUCHING: OnceLock<bool> = OnceLock::new();

/// What the coordinator takes from a job's options.
pub fn coordinator_config(spec: &JobSpec) -> Result<CoordinatorConfig> {
    let nanos = |duration: Duration| duration.as_nanos() as u64;
    Ok(CoordinatorConfig {
        interval_ns: spec.options.duration(&CHECKPOINT_INTERVAL)?.filter(|every| !every.is_zero()).map(nanos),
        timeout_ns: spec.options.duration(&CHECKPOINT_TIMEOUT)?.map_or(600_000_000_000, nanos),
        restarts_max: spec.options.integer(&RESTART_ATTEMPTS)?.unwrap_or(3).max(0) as u32,
        parallelism: spec.parallelism,
        is_kept: spec.is_kept,
    })
}

#[allow(clippy::disallowed_methods, reason = "this is the edge where threads come from")]
pub(crate) fn spawn<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> Result<JoinHandle<T>> {
    let failed = |error| Failure::retryable("thread", format!("the system refuses another thread: {error}"));
    Builder::new().name(format!("tidemill-{name}")).spawn(body).map_err(failed)
}

fn run_io(mut io: JobIo, tasks: &Receiver<IoTask>, events: &Sender<Happening>) {
    while let Ok(task) = tasks.recv() {
        // Behind the last task the coordinator hears of nothing else.
        let is_last = matches!(task, IoTask::Discard);
        let happened = catch_unwind(AssertUnwindSafe(|| task.run(&mut io))).unwrap_or_else(|panic| {
            let failure = defect("I/O", panic.as_ref());
            Happening::Event(if is_last { Event::Discarded(Err(failure)) } else { Event::SlotFailed(failure) })
        });
        if events.send(happened).is_err() {
            return;
        }
    }
}

fn defect(place: &str, panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Failure::fatal("defect", format!("a defect of Tidemill in {place}: {}", text.unwrap_or("no message")))
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl JobHandle {
    /// Asks the job to stop; [`JobHandle::wait`] tells when it has.
    pub fn stop(&self, stop: Stop) {
        let _ = self.events.send(Happening::Event(Event::Stop(stop)));
    }

    /// The job at a glance.
    pub fn status(&self) -> JobStatus {
        let shared = lock(&self.shared);
        let known = |metric: &Metric| Some(metric.get()).filter(|ms| *ms != i64::MIN);
        let watermark = shared.watermarks.iter().filter_map(known).min().map(EventTime);
        JobStatus {
            counters: shared.counters(),
            watermark,
            checkpoint: shared.checkpoint,
            state_bytes: self.memory.used(),
        }
    }

    /// What there is to be said about the job since the last call: restarts, checkpoints that were given up or passed over,
    /// operators that hold up their slot.
    pub fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared).notices)
    }

    /// The job's metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Waits for the end, at most for `timeout`.
    pub fn wait_for(&mut self, timeout: Duration) -> Option<JobOutcome> {
        match self.outcome.recv_timeout(timeout) {
            Ok(outcome) => Some(self.join(outcome)),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(self.join(lost())),
        }
    }

    /// Waits for the end.
    pub fn wait(mut self) -> JobOutcome {
        let outcome = self.outcome.recv().unwrap_or_else(|_| lost());
        self.join(outcome)
    }

    fn join(&mut self, outcome: JobOutcome) -> JobOutcome {
        if let Some(control) = self.control.take() {
            let _ = control.join();
        }
        outcome
    }
}

fn lost() -> JobOutcome {
    let failure = Failure::fatal("defect", "the job's control thread is gone; this is a defect of Tidemill");
    JobOutcome {
        end: JobEnd::Failed(failure),
        counters: CounterValues::default(),
        checkpoints_completed: 0,
        restored_from: None,
        has_result_hash: false,
    }
}

struct SlotThread {
    commands: Sender<SlotCommand>,
    sleeper: Arc<Sleeper>,
    thread: JoinHandle<()>,
    plan: ThreadPlan,
    watch: Arc<Watch>,
    /// Since when the call has been running that was last complained of.
    complained_ns: u64,
}

/// The host that a process is: threads and channels between them.
struct Process {
    registry: Registry,
    parallelism: u32,
    env: Arc<dyn Env>,
    events: Sender<Happening>,
    io: Sender<IoTask>,
    pool: IoPool,
    slots: Vec<SlotThread>,
    shared: Arc<Mutex<Shared>>,
    memory: Arc<MemoryPool>,
    metrics: Metrics,
    end: Option<JobEnd>,
}

/// Threads of a job. A system that allows fewer may end the process before anybody can say why.
const THREADS_MAX: usize = 8192;

/// The control thread's life.
fn control(mut driver: Driver, mut process: Process, happenings: &Receiver<Happening>, outcome: &Sender<JobOutcome>) {
    let env = Arc::clone(&process.env);
    driver.handle(Happening::Event(Event::Start), env.now(), &mut process);
    loop {
        lock(&process.shared).checkpoint = driver.coordinator().last_checkpoint();
        if let Some(end) = process.end.take() {
            let counters = process.final_counters(&driver);
            let checkpoints_completed = driver.coordinator().checkpoints_completed();
            let restored_from = driver.restored_from().map(str::to_string);
            let has_result_hash = driver.coordinator().hashes_results();
            let _ = outcome.send(JobOutcome { end, counters, checkpoints_completed, restored_from, has_result_hash });
            return;
        }
        let now_ns = env.now().monotonic_ns;
        process.look_after_slots(now_ns);
        // Until the coordinator wants to look at the clock, or a slot could have been held up for too long.
        let wake_at_ns = driver.coordinator().wake_at_ns().unwrap_or(u64::MAX);
        let wait_ns = wake_at_ns.saturating_sub(now_ns).min(HELD_NS_MAX);
        let happening = match happenings.recv_timeout(Duration::from_nanos(wait_ns)) {
            Ok(happening) => happening,
            Err(RecvTimeoutError::Timeout) => Happening::Event(Event::Tick),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        driver.handle(happening, env.now(), &mut process);
    }
}

impl Process {
    fn final_counters(&self, driver: &Driver) -> CounterValues {
        let mut shared = lock(&self.shared);
        if shared.live.is_empty() {
            shared.base = driver.coordinator().base_counters();
        }
        shared.counters()
    }

    fn start_slot(&mut self, slot: Slot, sleeper: Arc<Sleeper>, generation: u64) -> Result<()> {
        let (commands, inbox) = channel();
        let (plan, watch) = (slot.plan().clone(), Arc::clone(slot.watch()));
        let thread = SlotRun {
            watermark: self.metrics.metric(&watermark_of(&plan)),
            slot,
            inbox,
            sleeper: Arc::clone(&sleeper),
            events: self.events.clone(),
            generation,
            env: Arc::clone(&self.env),
        };
        let thread = spawn(&plan.name, move || thread.run())?;
        self.slots.push(SlotThread { commands, sleeper, thread, plan, watch, complained_ns: 0 });
        Ok(())
    }

    /// Says who holds up a slot, once a call. What is alone on its thread may.
    fn look_after_slots(&mut self, now_ns: u64) {
        for slot in self.slots.iter_mut().filter(|slot| !slot.plan.may_block) {
            if let Some((name, since_ns)) =
                slot.watch.held(now_ns).filter(|(_, since_ns)| *since_ns != slot.complained_ns)
            {
                let held_ms = (now_ns - since_ns) / 1_000_000;
                let text = format!("'{name}' has not returned for {held_ms} ms and holds up {}", slot.plan.name);
                slot.complained_ns = since_ns;
                lock(&self.shared).notices.push(text);
            }
        }
    }
}

impl Host for Process {
    fn io(&mut self, task: IoTask) {
        let _ = self.io.send(task);
    }

    fn read(&mut self, task: ReadTask) {
        let events = self.events.clone();
        self.pool.run(Box::new(move || {
            let generation = task.generation;
            let happened = catch_unwind(AssertUnwindSafe(|| task.run()))
                .unwrap_or_else(|panic| Happening::SlotFailed(generation, defect("reading", panic.as_ref())));
            let _ = events.send(happened);
        }));
    }

    fn deploy(&mut self, opened: Opened) -> Result<()> {
        let threads = opened.plan.threads();
        if threads.len() > THREADS_MAX {
            let text = format!(
                "the job would take {} threads of this process, which are too many for many systems; {THREADS_MAX} is the most: \
                 lower the parallelism (-p, 'parallelism.default', 'scan.parallelism', 'sink.parallelism')",
                threads.len()
            );
            return Err(Failure::user("job.threads", text));
        }
        let sleepers: Vec<Arc<Sleeper>> = threads.iter().map(|_| Arc::default()).collect();
        let wakers: Vec<Arc<dyn Wake>> = sleepers.iter().map(|sleeper| Arc::clone(sleeper) as Arc<dyn Wake>).collect();
        let deployed = Deployment {
            graph: &opened.graph,
            job: opened.job,
            plan: &opened.plan,
            registry: &self.registry,
            parallelism: self.parallelism,
            key_groups: KeyGroups::new(opened.key_groups)?,
            generation: opened.generation,
            restored: &opened.restored,
            wakers: &wakers,
            pool: Arc::new(self.pool.clone()),
            env: self.env.as_ref(),
            memory: &self.memory,
            metrics: &self.metrics,
            faults: Faults::none(),
        }
        .build()?;
        {
            let mut shared = lock(&self.shared);
            shared.base = opened.counters;
            shared.live = deployed.counters.iter().map(|(_, counters)| Arc::clone(counters)).collect();
            shared.watermarks = threads.iter().map(|thread| self.metrics.metric(&watermark_of(thread))).collect();
        }
        for (slot, sleeper) in deployed.slots.into_iter().zip(sleepers) {
            self.start_slot(slot, sleeper, opened.generation)?;
        }
        Ok(())
    }

    fn notice(&mut self, text: String) {
        lock(&self.shared).notices.push(text);
    }

    fn undeploy(&mut self) {
        for slot in &self.slots {
            let _ = slot.commands.send(SlotCommand::Cancel);
            slot.sleeper.wake();
        }
        for slot in self.slots.drain(..) {
            let _ = slot.thread.join();
        }
    }

    fn command(&mut self, instance: Option<u32>, task: usize, command: &Command) {
        for thread in self.slots.iter().filter(|thread| thread.plan.runs(instance, task)) {
            let _ = thread.commands.send(SlotCommand::Task(task, command.clone()));
            thread.sleeper.wake();
        }
    }

    fn over(&mut self, end: JobEnd) {
        self.end = Some(end);
    }
}

/// The metric that a thread keeps.
fn watermark_of(thread: &ThreadPlan) -> String {
    format!("{}.currentInputWatermark", thread.name)
}

/// The life of a slot's thread.
struct SlotRun {
    slot: Slot,
    inbox: Receiver<SlotCommand>,
    sleeper: Arc<Sleeper>,
    events: Sender<Happening>,
    generation: u64,
    env: Arc<dyn Env>,
    watermark: Metric,
}

impl SlotRun {
    fn run(mut self) {
        self.sleeper.adopt();
        let failure = match catch_unwind(AssertUnwindSafe(|| self.work())) {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => failure,
            Err(panic) => defect("a slot", panic.as_ref()),
        };
        let _ = self.events.send(Happening::SlotFailed(self.generation, failure));
    }

    fn work(&mut self) -> Result<()> {
        loop {
            let Some((progressed, _)) = self.step()? else { return Ok(()) };
            if progressed {
                continue;
            }
            self.sleeper.prepare();
            let Some((progressed, wake_at_ns)) = self.step()? else { return Ok(()) };
            if progressed {
                self.sleeper.cancel();
                continue;
            }
            let now = self.env.now();
            let wait = |wake_at_ns: u64| Duration::from_nanos(wake_at_ns.saturating_sub(now.monotonic_ns));
            self.sleeper.sleep(wake_at_ns.map(wait));
        }
    }

    /// Commands, then one step; none when the slot is to end.
    fn step(&mut self) -> Result<Option<(bool, Option<u64>)>> {
        let mut commanded = false;
        while let Ok(command) = self.inbox.try_recv() {
            match command {
                SlotCommand::Cancel => return Ok(None),
                SlotCommand::Task(task, command) => self.slot.command(task, command)?,
            }
            commanded = true;
        }
        let step = self.slot.step(self.env.as_ref())?;
        for (_, report) in step.reports {
            let _ = self.events.send(Happening::Report(self.generation, report));
        }
        let watermarks = self.slot.subtasks().iter().map(|subtask| subtask.watermark().0);
        self.watermark.set(watermarks.filter(|ms| *ms != i64::MIN).min().unwrap_or(i64::MIN));
        Ok(Some((step.progressed || commanded, step.wake_at_ns)))
    }
}
