//! stdout as the `print` connector gets it: the progress line makes way, and a reader that has gone is remembered.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::console::Console;

/// The process's stdout, for connectors.
pub struct Stdout {
    console: Arc<Console>,
    has_lost_reader: Arc<AtomicBool>,
}

impl Stdout {
    /// stdout; `has_lost_reader` becomes true once nobody reads it.
    pub fn new(console: Arc<Console>, has_lost_reader: Arc<AtomicBool>) -> Stdout {
        Stdout { console, has_lost_reader }
    }

    fn watched<T>(&self, done: io::Result<T>) -> io::Result<T> {
        if done.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            self.has_lost_reader.store(true, Ordering::Relaxed);
        }
        done
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.console.clear_progress();
        self.watched(io::stdout().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.watched(io::stdout().flush())
    }
}
