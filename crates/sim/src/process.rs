//! A simulated process: the machines, the I/O and the slots of a job, on the code that real processes run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tidemill_core::memory::MemoryPool;
use tidemill_core::metrics::Metrics;
use tidemill_core::{Env, Failure, KeyGroups, Now, Result};
use tidemill_dataflow::channel::Wake;
use tidemill_dataflow::deployment::Deployment;
use tidemill_dataflow::slot::Slot;
use tidemill_dataflow::subtask::Command;
use tidemill_dataflow::{Pool, Registry};
use tidemill_runtime::coordinator::CoordinatorConfig;
use tidemill_runtime::driver::{Driver, Happening, Host, IoTask};
use tidemill_runtime::homes::ReadTask;
use tidemill_runtime::job_io::JobIo;
use tidemill_runtime::opened::Opened;
use tidemill_runtime::{JobEnd, Mutant};

use crate::fiber::Fiber;
use crate::scenario::Watermarks;
use crate::store::SimStorage;

/// Rings when a slot has something to do.
#[derive(Debug, Default)]
pub struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Bell {
    /// True if it rang since the last call.
    pub fn rang(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// A reader's I/O.
pub type Offloaded = Box<dyn FnOnce() + Send>;

/// Readers' I/O, until the world takes it.
#[derive(Clone, Default)]
pub struct Offloads(Arc<Mutex<Vec<Offloaded>>>);

impl Pool for Offloads {
    fn run(&self, work: Offloaded) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(work);
    }
}

impl Offloads {
    /// What was asked for since the last call.
    pub fn take(&self) -> Vec<Offloaded> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A slot with its bell and the commands on their way to it.
pub struct SimSlot {
    /// The slot.
    pub slot: Slot,
    /// Its bell.
    pub bell: Arc<Bell>,
    /// Commands that have arrived.
    pub inbox: VecDeque<(usize, Command)>,
    /// True while a step is scheduled.
    pub scheduled: bool,
    /// True once it has failed.
    pub failed: bool,
}

/// All of a process but its machines: what the driver's actions reach.
pub struct SimHost {
    registry: Registry,
    parallelism: u32,
    mutant: Option<Mutant>,
    env: Arc<dyn Env>,
    watermarks: Watermarks,
    /// Readers' I/O that was asked for and is not scheduled.
    pub offloads: Offloads,
    /// Its slots.
    pub slots: Vec<SimSlot>,
    /// The generation of the slots.
    pub generation: u64,
    /// I/O that was asked for and is not begun.
    pub tasks: VecDeque<IoTask>,
    /// Reads that were asked for and are not scheduled.
    pub reads: Vec<ReadTask>,
    /// How it ended.
    pub end: Option<JobEnd>,
}

/// What came of blocking work.
pub struct Done {
    /// The I/O that did it, where it was an I/O task.
    pub io: Option<Box<JobIo>>,
    /// For the machines.
    pub happening: Happening,
}

/// A process.
pub struct Process {
    /// Its machines.
    pub driver: Driver,
    /// Its slots and queues.
    pub host: SimHost,
    /// Its I/O, while no task is under way.
    pub io: Option<Box<JobIo>>,
    /// Its view of the store.
    pub storage: SimStorage,
    /// Readers' I/O that is under way, by number.
    pub offloaded: BTreeMap<u64, Offloaded>,
    /// Reads that are not begun, by number.
    pub reads: BTreeMap<u64, ReadTask>,
    /// Blocking work under way, by number.
    pub works: BTreeMap<u64, Fiber<Done>>,
    /// Work whose last operation is done and that does not know it yet.
    pub unheard: BTreeSet<u64>,
    /// The read under way: one at a time, as they wait for each other inside.
    pub reading: Option<u64>,
    /// Failures of slots that nobody has heard of yet, by number.
    pub failures: BTreeMap<u64, Happening>,
    /// True while the next I/O task is to begin or under way.
    pub io_busy: bool,
    /// True while it is stopped (SIGSTOP).
    pub paused: bool,
}

impl SimHost {
    /// A host without slots.
    pub fn new(
        registry: Registry,
        parallelism: u32,
        mutant: Option<Mutant>,
        env: Arc<dyn Env>,
        watermarks: Watermarks,
    ) -> SimHost {
        SimHost {
            watermarks,
            offloads: Offloads::default(),
            registry,
            parallelism,
            mutant,
            env,
            slots: Vec::new(),
            generation: 0,
            tasks: VecDeque::new(),
            reads: Vec::new(),
            end: None,
        }
    }
}

impl Host for SimHost {
    fn io(&mut self, task: IoTask) {
        self.tasks.push_back(task);
    }

    fn read(&mut self, task: ReadTask) {
        self.reads.push(task);
    }

    fn deploy(&mut self, opened: Opened) -> Result<()> {
        if !self.slots.is_empty() {
            return Err(Failure::fatal("sim.deployed-twice", "slots were deployed beside others"));
        }
        self.watermarks.restored(opened.restored_from.as_deref());
        let bells: Vec<Arc<Bell>> = opened.plan.threads().iter().map(|_| Arc::default()).collect();
        let wakers: Vec<Arc<dyn Wake>> = bells.iter().map(|bell| Arc::clone(bell) as Arc<dyn Wake>).collect();
        let metrics = Metrics::default();
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
            pool: Arc::new(self.offloads.clone()),
            env: self.env.as_ref(),
            memory: &MemoryPool::new(None),
            metrics: &metrics,
            faults: Mutant::faults(self.mutant),
        }
        .build()?;
        self.generation = opened.generation;
        let slots = deployed.slots.into_iter().zip(bells).map(|(slot, bell)| SimSlot {
            slot,
            bell,
            inbox: VecDeque::new(),
            scheduled: false,
            failed: false,
        });
        self.slots = slots.collect();
        self.slots.iter().for_each(|slot| slot.bell.wake());
        Ok(())
    }

    fn notice(&mut self, _text: String) {}

    fn undeploy(&mut self) {
        self.slots.clear();
    }

    fn command(&mut self, instance: Option<u32>, task: usize, command: &Command) {
        for sim in self.slots.iter_mut().filter(|sim| sim.slot.plan().runs(instance, task)) {
            sim.inbox.push_back((task, command.clone()));
            sim.bell.wake();
        }
    }

    fn over(&mut self, end: JobEnd) {
        self.end = Some(end);
    }
}

impl Process {
    /// A process that has done nothing yet.
    pub fn new(config: CoordinatorConfig, io: JobIo, host: SimHost, storage: SimStorage) -> Process {
        Process {
            driver: Driver::new(config, host.mutant),
            host,
            io: Some(Box::new(io)),
            storage,
            offloaded: BTreeMap::new(),
            reads: BTreeMap::new(),
            works: BTreeMap::new(),
            unheard: BTreeSet::new(),
            reading: None,
            failures: BTreeMap::new(),
            io_busy: false,
            paused: false,
        }
    }

    /// Ends it, whatever it is doing. An operation that is `in_flight` may still be done by the store.
    pub fn end(self, in_flight: bool) {
        self.storage.cut();
        for fiber in self.works.values() {
            self.storage.strand(in_flight);
            fiber.finish();
        }
    }

    /// Hands something that happened to the machines.
    pub fn handle(&mut self, happening: Happening, now: Now) {
        self.driver.handle(happening, now, &mut self.host);
    }
}
