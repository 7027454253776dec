//! What connectors take from the process around them.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};

/// A stream that several writers share.
pub type SharedStream = Arc<Mutex<dyn Write + Send>>;

/// Streams, and what makes this process different from every other.
#[derive(Clone)]
pub struct Outside {
    /// Where `print` writes.
    pub stdout: SharedStream,
    /// Where `print` writes with `'standard-error' = 'true'`.
    pub stderr: SharedStream,
    /// Whether `stdout` is a terminal, on which a table can be redrawn.
    pub stdout_is_terminal: bool,
    /// A random number of this process; part of the names of new files.
    pub process: u64,
}

impl Outside {
    /// The standard streams of this process.
    pub fn standard(process: u64) -> Outside {
        use std::io::IsTerminal;
        let stdout_is_terminal = std::io::stdout().is_terminal();
        Outside {
            stdout: Arc::new(Mutex::new(std::io::stdout())),
            stderr: Arc::new(Mutex::new(std::io::stderr())),
            stdout_is_terminal,
            process,
        }
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").field("process", &self.process).finish_non_exhaustive()
    }
}
