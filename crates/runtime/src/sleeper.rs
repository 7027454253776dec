//! How a slot's thread sleeps and is woken: an unpark costs microseconds, so one that is awake is never unparked.
//!
//! Invariant: between `prepare` and the sleep, the slot looks at its queues once more; a wake in between ends the sleep.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread::Thread;
use std::time::Duration;

use tidemill_dataflow::channel::Wake;

/// The bell of one thread.
#[derive(Debug, Default)]
pub struct Sleeper {
    thread: OnceLock<Thread>,
    asleep: AtomicBool,
}

impl Sleeper {
    /// The thread that calls this is the one to be woken.
    pub fn adopt(&self) {
        let _ = self.thread.set(std::thread::current());
    }

    /// Says that the thread is about to sleep; look at the queues after this.
    pub fn prepare(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// The thread found something to do after all.
    pub fn cancel(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// Sleeps until woken or for `at_most`.
    pub fn sleep(&self, at_most: Option<Duration>) {
        while self.asleep.load(Ordering::SeqCst) {
            match at_most {
                Some(at_most) => {
                    std::thread::park_timeout(at_most);
                    self.cancel();
                }
                None => std::thread::park(),
            }
        }
    }
}

impl Wake for Sleeper {
    fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed)
            && self.asleep.swap(false, Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }
}
