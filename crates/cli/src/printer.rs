//! Prints a result on a thread of its own: stdout may block for as long as its reader likes, signals are heard meanwhile.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use tidemill_core::{Failure, Result};

use crate::collect::ResultQueue;
use crate::console::Console;
use crate::output::{ResultWriter, Shape};
use crate::signals::{Signals, spawn};

/// How often signals are looked at while the last rows are printed.
const TICK: Duration = Duration::from_millis(20);
/// How many ticks a stopped query's last rows may take.
const TICKS_AFTER_STOP_MAX: u32 = 50;

/// How printing ended.
#[derive(Debug)]
pub enum Printed {
    /// All of it; this many rows.
    All(u64),
    /// The reader of stdout is gone.
    NobodyReads,
    /// It was given up after a signal.
    GivenUp,
    /// It failed.
    Failed(Failure),
}

/// A result that is being printed.
pub struct Printer {
    queue: ResultQueue,
    has_lost_reader: Arc<AtomicBool>,
    done: Receiver<Printed>,
}

impl Printer {
    /// Begins to print what comes out of `queue`.
    pub fn start(shape: Shape, queue: ResultQueue, console: Arc<Console>) -> Result<Printer> {
        let (send, done) = channel();
        let has_lost_reader = Arc::new(AtomicBool::new(false));
        let (from, lost) = (queue.clone(), Arc::clone(&has_lost_reader));
        spawn("printer", move || {
            let printed = match print(shape, &from, &console) {
                Ok(Ok(rows)) => Printed::All(rows),
                Ok(Err(error)) if error.kind() == ErrorKind::BrokenPipe => Printed::NobodyReads,
                Ok(Err(error)) => Printed::Failed(unwritable(&error)),
                Err(failure) => Printed::Failed(failure),
            };
            if !matches!(printed, Printed::All(_)) {
                lost.store(true, Ordering::Relaxed);
                from.abandon();
            }
            // Nobody waits where the query was given up.
            let _ = send.send(printed);
        })?;
        Ok(Printer { queue, has_lost_reader, done })
    }

    /// True once nothing can be printed any more.
    pub fn has_lost_reader(&self) -> bool {
        self.has_lost_reader.load(Ordering::Relaxed)
    }

    /// Waits until everything is printed. The query has ended; after a signal it waits for a moment only.
    pub fn finish(self, signals: &Signals) -> Printed {
        self.queue.close();
        let mut ticks_left = TICKS_AFTER_STOP_MAX;
        loop {
            match self.done.recv_timeout(TICK) {
                Ok(printed) => return printed,
                Err(RecvTimeoutError::Timeout) if signals.count() == 0 => {}
                Err(RecvTimeoutError::Timeout) if ticks_left > 0 => ticks_left -= 1,
                Err(_) => return Printed::GivenUp,
            }
        }
    }
}

fn print(shape: Shape, queue: &ResultQueue, console: &Console) -> Result<io::Result<u64>> {
    let mut writer = match ResultWriter::new(shape, io::stdout()) {
        Ok(writer) => writer,
        Err(error) => return Ok(Err(error)),
    };
    while let Some(batch) = queue.pop() {
        console.clear_progress();
        if let Err(error) = writer.write(&batch)? {
            return Ok(Err(error));
        }
    }
    Ok(writer.finish())
}

/// stdout cannot be written, for another reason than a reader that has gone.
pub fn unwritable(error: &io::Error) -> Failure {
    Failure::user("stdout", format!("the result cannot be written to stdout: {error}"))
}
