//! Virtual time: what is to happen, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidemill_core::{Env, Now};

use crate::random::Random;

/// Nanoseconds of a millisecond.
pub const MS: u64 = 1_000_000;

/// Something that happens to a process, or to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A process starts.
    Start,
    /// A slot does one step.
    Step(usize),
    /// A slot that waits for a time is woken.
    Ring(usize),
    /// The next I/O task begins.
    Io,
    /// A read begins.
    Read(u64),
    /// A piece of blocking work goes on.
    Go(u64),
    /// A reader's I/O is done.
    Offload(u64),
    /// The news of a slot's failure arrives.
    Failed(u64),
    /// The coordinator looks at the clock.
    Tick,
    /// A process is killed.
    Kill,
    /// A process is stopped for a while.
    Pause,
    /// It goes on.
    Resume,
    /// A write that seemed to have failed is done.
    Late(u64),
    /// Somebody wants the job to stop with a savepoint.
    Save,
    /// Somebody wants the job to start over.
    Fresh,
    /// A bit of a stored object flips.
    Flip,
    /// From now on nothing goes wrong.
    Heal,
}

impl What {
    /// Its name and number in the trace.
    pub fn described(self) -> (&'static str, u64) {
        match self {
            What::Start => ("start", 0),
            What::Step(slot) => ("step", slot as u64),
            What::Ring(slot) => ("ring", slot as u64),
            What::Io => ("io", 0),
            What::Read(number) => ("read", number),
            What::Go(number) => ("go", number),
            What::Offload(number) => ("offload", number),
            What::Failed(number) => ("failed", number),
            What::Tick => ("tick", 0),
            What::Kill => ("kill", 0),
            What::Pause => ("pause", 0),
            What::Resume => ("resume", 0),
            What::Late(number) => ("late", number),
            What::Save => ("save", 0),
            What::Fresh => ("fresh", 0),
            What::Flip => ("flip", 0),
            What::Heal => ("heal", 0),
        }
    }
}

/// The time, and what is still to come, in order.
pub struct Clock {
    now_ns: Arc<AtomicU64>,
    sequence: u64,
    queue: BinaryHeap<Reverse<(u64, u64, usize, What)>>,
}

impl Clock {
    /// The beginning of time.
    pub fn new() -> Clock {
        Clock { now_ns: Arc::default(), sequence: 0, queue: BinaryHeap::new() }
    }

    /// The time in nanoseconds.
    pub fn now_ns(&self) -> u64 {
        self.now_ns.load(Ordering::Relaxed)
    }

    /// The time as the engine sees it.
    pub fn now(&self) -> Now {
        now_at(self.now_ns())
    }

    /// A number that was not given before.
    pub fn number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Something will happen to a process.
    pub fn schedule(&mut self, delay_ns: u64, process: usize, what: What) {
        let number = self.number();
        self.queue.push(Reverse((self.now_ns() + delay_ns, number, process, what)));
    }

    /// What happens next, and to whom; time has passed until then.
    pub fn next(&mut self) -> Option<(usize, What)> {
        let Reverse((time_ns, _, process, what)) = self.queue.pop()?;
        self.now_ns.store(time_ns, Ordering::Relaxed);
        Some((process, what))
    }

    /// Time and randomness for processes.
    pub fn env(&self, random: u64) -> Arc<dyn Env> {
        Arc::new(SimEnv { now_ns: Arc::clone(&self.now_ns), random: AtomicU64::new(random) })
    }
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
