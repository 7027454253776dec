//! The threads of this process that do what may wait for a disk or a network, for every job: readers' I/O, and rows read for
//! tables that are being filled.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tidemill_core::{Failure, Result};
use tidemill_dataflow::Pool;

use crate::local::spawn;
use crate::reads::READS_MAX;

type Work = Box<dyn FnOnce() + Send>;

/// Hands work to the threads.
#[derive(Clone, Debug)]
pub struct IoPool(Sender<Work>);

impl IoPool {
    /// The pool of this process; its threads are started at the first call.
    pub fn of_process() -> Result<IoPool> {
        static POOL: OnceLock<Option<IoPool>> = OnceLock::new();
        let refused = || Failure::retryable("thread", "the system refuses the threads that do I/O");
        POOL.get_or_init(|| start().ok()).clone().ok_or_else(refused)
    }
}

impl Pool for IoPool {
    fn run(&self, work: Work) {
        // The threads live as long as the process.
        let _ = self.0.send(work);
    }
}

fn start() -> Result<IoPool> {
    let (sender, receiver) = channel::<Work>();
    let receiver = Arc::new(Mutex::new(receiver));
    for number in 0..READS_MAX {
        let receiver = Arc::clone(&receiver);
        spawn(&format!("io-{number}"), move || work(&receiver))?;
    }
    Ok(IoPool(sender))
}

fn work(receiver: &Mutex<Receiver<Work>>) {
    loop {
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        // Whoever waits for the result learns that there will be none.
        let _ = catch_unwind(AssertUnwindSafe(work));
    }
}
