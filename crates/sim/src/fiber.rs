//! Work that blocks, in steps: it runs on a thread of its own, and stops before every operation on the outside world.
//!
//! Owns the baton between that thread and the world's. Exactly one of them runs at any time: the world, in
//! [`Fiber::resume`], waits until the work stops again, so that what happens is the same whenever the world does the same.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder, Thread};

/// How work goes on from where it has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Go {
    /// It does the operation and goes on.
    On = 1,
    /// It does the operation and stops again before it learns what came of it.
    UnheardOf = 2,
}

/// The baton's value while it is the world's turn.
const WORLD: u8 = 0;

/// Where work has stopped.
#[derive(Debug)]
pub enum Stop<T> {
    /// Before or behind an operation.
    Operation,
    /// At its end.
    Done(T),
}

/// Work on a thread of its own.
pub struct Fiber<T> {
    baton: Arc<Baton>,
    result: Arc<Mutex<Option<thread::Result<T>>>>,
    worker: Worker,
}

/// Whose turn it is: the world's, or the work's and how it goes on.
struct Baton {
    turn: AtomicU8,
    world: Thread,
}

/// A thread that does work.
struct Worker {
    works: Sender<Work>,
    thread: Thread,
}

type Work = Box<dyn FnOnce() + Send>;

thread_local! {
    /// The baton of the work that this thread does.
    static OWN: RefCell<Option<Arc<Baton>>> = const { RefCell::new(None) };
    /// Threads without work, of the world on this thread.
    static FREE: RefCell<Vec<Worker>> = const { RefCell::new(Vec::new()) };
}

/// Hands the baton to the world and waits until it comes back. Where nobody holds one, nothing stops.
pub fn stop() -> Go {
    match OWN.with_borrow(Clone::clone) {
        Some(baton) => {
            baton.give_back();
            baton.wait_for_turn()
        }
        None => Go::On,
    }
}

impl Baton {
    fn give_back(&self) {
        self.turn.store(WORLD, Ordering::Release);
        self.world.unpark();
    }

    fn wait_for_turn(&self) -> Go {
        loop {
            match self.turn.load(Ordering::Acquire) {
                WORLD => thread::park(),
                go if go == Go::On as u8 => return Go::On,
                _ => return Go::UnheardOf,
            }
        }
    }

    fn hand_to(&self, worker: &Thread, go: Go) {
        self.turn.store(go as u8, Ordering::Release);
        worker.unpark();
        while self.turn.load(Ordering::Acquire) != WORLD {
            thread::park();
        }
    }
}

impl<T: Send + 'static> Fiber<T> {
    /// Work that begins when it is first resumed.
    pub fn new(work: impl FnOnce() -> T + Send + 'static) -> Fiber<T> {
        let baton = Arc::new(Baton { turn: AtomicU8::new(WORLD), world: thread::current() });
        let result = Arc::new(Mutex::new(None));
        let (own, place) = (Arc::clone(&baton), Arc::clone(&result));
        let worker = run(Box::new(move || {
            own.wait_for_turn();
            OWN.set(Some(Arc::clone(&own)));
            let done = catch_unwind(AssertUnwindSafe(work));
            OWN.set(None);
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
            own.give_back();
        }));
        Fiber { baton, result, worker }
    }

    /// Lets the work go on until it stops; at its end its thread is free again. A panic of the work goes on here.
    pub fn resume(&self, go: Go) -> Stop<T> {
        self.baton.hand_to(&self.worker.thread, go);
        let Some(done) = self.result.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Stop::Operation;
        };
        let free = Worker { works: self.worker.works.clone(), thread: self.worker.thread.clone() };
        FREE.with_borrow_mut(|all| all.push(free));
        match done {
            Ok(done) => Stop::Done(done),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Lets the work go on to its end.
    pub fn finish(&self) -> T {
        loop {
            if let Stop::Done(done) = self.resume(Go::On) {
                return done;
            }
        }
    }
}

/// Gives work to a thread that has none, or to a new one.
#[allow(clippy::disallowed_methods, clippy::expect_used, reason = "only one of the threads runs at any time")]
fn run(work: Work) -> Worker {
    let worker = FREE.with_borrow_mut(Vec::pop).unwrap_or_else(|| {
        stay_on_this_processor();
        let (works, inbox) = channel::<Work>();
        let body = move || inbox.into_iter().for_each(|work| work());
        let thread = Builder::new().spawn(body).expect("the system has another thread").thread().clone();
        Worker { works, thread }
    });
    worker.works.send(work).expect("a thread without work waits for some");
    worker
}

/// Threads of which one runs at a time hand over to each other much faster on one processor. New threads stay there, too.
fn stay_on_this_processor() {
    #[cfg(target_os = "linux")]
    {
        use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
        let mut own = CpuSet::new();
        // Where it is not allowed, all is as it should be, only slower.
        let _ = sched_getcpu().and_then(|number| own.set(number)).and_then(|()| {
            let this_thread = nix::unistd::Pid::from_raw(0);
            sched_setaffinity(this_thread, &own)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_stops_at_every_operation_and_its_thread_is_used_again() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        for round in 0..3 {
            let noted = Arc::clone(&seen);
            let fiber = Fiber::new(move || {
                noted.lock().unwrap().push((round, "begins"));
                assert_eq!(stop(), Go::UnheardOf);
                noted.lock().unwrap().push((round, "goes on"));
                thread::current().id()
            });
            assert!(matches!(fiber.resume(Go::On), Stop::Operation));
            assert_eq!(seen.lock().unwrap().last(), Some(&(round, "begins")));
            assert!(matches!(fiber.resume(Go::UnheardOf), Stop::Done(id) if id != thread::current().id()));
            assert_eq!(seen.lock().unwrap().last(), Some(&(round, "goes on")));
            assert_eq!(FREE.with_borrow(Vec::len), 1);
        }
        assert_eq!(stop(), Go::On, "nobody holds a baton here");
    }
}
