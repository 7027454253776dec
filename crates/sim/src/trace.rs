//! The trace of a run: a hash over everything that happened, in order, over the objects that were written and the rows that
//! are visible in the end. Two runs of a seed must have the same.

use xxhash_rust::xxh3::Xxh3;

/// Hashes what happens.
#[derive(Default)]
pub struct Trace {
    hash: Xxh3,
    events: u64,
    loud: bool,
}

impl Trace {
    /// An empty trace; `loud` writes every event to stderr.
    pub fn new(loud: bool) -> Trace {
        Trace { loud, ..Trace::default() }
    }

    /// Adds an event: when, to whom, what.
    pub fn add(&mut self, time_ns: u64, process: usize, what: &str, detail: u64) {
        self.events += 1;
        if self.loud {
            eprintln!("{:>12} us  process {process}  {what} {detail}", time_ns / 1000);
        }
        self.hash.update(&time_ns.to_le_bytes());
        self.hash.update(&(process as u64).to_le_bytes());
        self.hash.update(what.as_bytes());
        self.hash.update(&detail.to_le_bytes());
    }

    /// Adds a row that is visible in the end, and how often.
    pub fn add_row(&mut self, row: &[Option<i64>], count: i64) {
        for value in row {
            self.hash.update(&[u8::from(value.is_some())]);
            self.hash.update(&value.unwrap_or_default().to_le_bytes());
        }
        self.hash.update(&count.to_le_bytes());
    }

    /// Number of events.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The hash of all events so far.
    pub fn digest(&self) -> u128 {
        self.hash.digest128()
    }
}
