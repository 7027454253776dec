//! Work that may wait for a disk or a network, done away from the slots' threads.
//!
//! A reader starts it, goes on, is woken when it is done and takes the result. Where there is only one thread (batch mode, the
//! simulator) [`Inline`] does it at once.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use tidemill_core::{Failure, Result};

use crate::channel::Wake;

/// Where such work is done.
pub trait Pool: Send + Sync {
    /// Does it, now or soon, in any order.
    fn run(&self, work: Box<dyn FnOnce() + Send>);
}

/// Does it at once, on the thread that asks.
#[derive(Clone, Copy, Debug)]
pub struct Inline;

impl Pool for Inline {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

impl Wake for Inline {
    fn wake(&self) {}
}

/// What a reader hands such work to.
#[derive(Clone)]
pub struct Offload {
    pool: Arc<dyn Pool>,
    slot: Arc<dyn Wake>,
}

/// The result of work under way.
#[derive(Debug)]
pub struct Pending<T>(Receiver<T>);

impl fmt::Debug for Offload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Offload")
    }
}

impl Offload {
    /// Work for the slot that `slot` wakes, done by `pool`.
    pub fn new(pool: Arc<dyn Pool>, slot: Arc<dyn Wake>) -> Offload {
        Offload { pool, slot }
    }

    /// Work is done where it is started: its result is there at once.
    pub fn inline() -> Offload {
        Offload::new(Arc::new(Inline), Arc::new(Inline))
    }

    /// Starts a piece of work.
    pub fn start<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Pending<T> {
        let (done, pending) = channel();
        let slot = Arc::clone(&self.slot);
        self.pool.run(Box::new(move || {
            // Nobody takes it any more if the reader is gone.
            let _ = done.send(work());
            slot.wake();
        }));
        Pending(pending)
    }
}

impl<T> Pending<T> {
    /// The result, once it is there.
    pub fn take(&self) -> Result<Option<T>> {
        match self.0.try_recv() {
            Ok(result) => Ok(Some(result)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Failure::fatal("defect", "I/O for a reader broke off")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Keeps work until it is told to do it.
    #[derive(Default)]
    struct Later(Mutex<Vec<Box<dyn FnOnce() + Send>>>);

    impl Pool for Later {
        fn run(&self, work: Box<dyn FnOnce() + Send>) {
            self.0.lock().unwrap().push(work);
        }
    }

    #[test]
    fn a_result_is_there_when_the_work_is_done_and_lost_work_is_a_failure() {
        let pool = Arc::new(Later::default());
        let offload = Offload::new(Arc::clone(&pool) as Arc<dyn Pool>, Arc::new(Inline));
        let (first, second) = (offload.start(|| 1), offload.start(|| 2));
        assert_eq!(first.take().unwrap(), None);
        let mut work = std::mem::take(&mut *pool.0.lock().unwrap());
        drop(work.pop());
        work.into_iter().for_each(|work| work());
        assert_eq!(first.take().unwrap(), Some(1));
        assert_eq!(second.take().unwrap_err().code(), "defect");
        assert_eq!(Offload::inline().start(|| 3).take().unwrap(), Some(3));
    }
}
