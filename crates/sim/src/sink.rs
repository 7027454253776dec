//! The simulated sink: rows are prepared with a barrier and become visible when they are committed.
//!
//! What is prepared lies under a name of its own in a place that survives crashes; committing moves it, once. So a row is
//! visible twice only if the protocol prepared it twice and named it twice. Preparing, committing and cleaning up are operations
//! that fail and crash like those of the store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMillisecondType};
use tidemill_core::storage::StorageError;
use tidemill_core::{Batch, CheckpointId, Failure, Now, OperatorId, Progress, Result};
use tidemill_dataflow::{Committer, Sink, Writer, WriterContext};

use crate::store::SimStorage;

/// A row as the oracle compares it: sign and columns.
pub type Row = (i64, Vec<Option<i64>>);

/// How often each row is there.
pub type Net = BTreeMap<Vec<Option<i64>>, i64>;

/// Rows that were prepared or committed together.
#[derive(Clone, Debug)]
pub struct Output {
    /// Of which of the job's directories.
    pub directory: usize,
    /// Of which generation.
    pub generation: u64,
    /// The rows.
    pub rows: Vec<Row>,
    /// The operation with which they were prepared.
    landed: u64,
}

/// What survives crashes.
#[derive(Debug, Default)]
pub struct Outside {
    prepared: BTreeMap<String, Output>,
    /// In the order in which they became visible.
    committed: Vec<(String, Output)>,
    /// The highest generation that removed the leftovers of a directory, and the operation with which it last did. What a
    /// deposed process removes, or does not, says nothing.
    cleaned: BTreeMap<usize, (u64, u64)>,
}

/// The world outside, shared by all processes.
pub type World = Arc<Mutex<Outside>>;

/// The sink of one process.
#[derive(Clone)]
pub struct SimSink {
    world: World,
    storage: SimStorage,
    directory: usize,
}

impl Outside {
    /// What is visible, in the order in which it became so.
    pub fn committed(&self) -> impl Iterator<Item = &Output> {
        self.committed.iter().map(|(_, output)| output)
    }

    /// What was left behind in a directory, but for what came after its leftovers were last removed.
    pub fn leftovers(&self, directory: usize) -> Vec<&String> {
        let (_, cleaned) = self.cleaned.get(&directory).copied().unwrap_or_default();
        let left = |output: &Output| output.directory == directory && output.landed < cleaned;
        self.prepared.iter().filter(|(_, output)| left(output)).map(|(name, _)| name).collect()
    }

    fn commit(&mut self, name: &str) -> Result<(), StorageError> {
        match self.prepared.remove(name) {
            Some(output) => self.committed.push((name.to_string(), output)),
            None if self.committed.iter().any(|(other, _)| other == name) => {}
            None => return Err(StorageError::NotFound(name.to_string())),
        }
        Ok(())
    }

    fn clean(&mut self, directory: usize, generation: u64, now: u64) {
        self.prepared.retain(|_, output| output.directory != directory || output.generation >= generation);
        let cleaned = self.cleaned.entry(directory).or_default();
        *cleaned = (generation, now).max(*cleaned);
    }
}

impl SimSink {
    /// The sink of a job in a directory, as a process sees it that has this view of the store.
    pub fn new(world: &World, storage: &SimStorage, directory: usize) -> SimSink {
        SimSink { world: Arc::clone(world), storage: storage.clone(), directory }
    }
}

fn lock(world: &World) -> MutexGuard<'_, Outside> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

struct SimWriter {
    sink: SimSink,
    prefix: String,
    generation: u64,
    rows: Vec<Row>,
    files: u64,
}

struct SimCommitter(SimSink);

impl Sink for SimSink {
    fn writer(&self, cx: &WriterContext) -> Result<Box<dyn Writer>> {
        let prefix = format!("{}-{}-{}-{}", self.directory, cx.operator, cx.generation, cx.subtask);
        let generation = cx.generation;
        Ok(Box::new(SimWriter { sink: self.clone(), prefix, generation, rows: Vec::new(), files: 0 }))
    }

    fn committer(&self, _operator: OperatorId) -> Result<Option<Box<dyn Committer>>> {
        Ok(Some(Box::new(SimCommitter(self.clone()))))
    }
}

impl Writer for SimWriter {
    fn write(&mut self, batch: &Batch, _now: Now) -> Result<Progress> {
        for row in 0..batch.len() {
            let values: Result<Vec<Option<i64>>> = (0..batch.width()).map(|column| value(batch, column, row)).collect();
            self.rows.push((batch.kind(row).sign(), values?));
        }
        Ok(Progress::Done)
    }

    fn prepare(&mut self, checkpoint: CheckpointId) -> Result<Vec<Vec<u8>>> {
        if self.rows.is_empty() {
            return Ok(Vec::new());
        }
        self.files += 1;
        let name = format!("{}-{checkpoint}-{}", self.prefix, self.files);
        let rows = std::mem::take(&mut self.rows);
        let half = rows[..rows.len() / 2].to_vec();
        let put = |rows: Vec<Row>| {
            let (sink, name, generation) = (self.sink.clone(), name.clone(), self.generation);
            move || {
                let (directory, landed) = (sink.directory, sink.storage.operations());
                lock(&sink.world).prepared.insert(name, Output { directory, generation, rows, landed });
            }
        };
        let (whole, half, late) = (put(rows.clone()), put(half), put(rows));
        let whole = || {
            whole();
            Ok(())
        };
        self.sink.storage.outside(&name, whole, |_| half(), Some(Box::new(late)))?;
        Ok(vec![name.into_bytes()])
    }
}

impl Committer for SimCommitter {
    fn commit(&mut self, prepared: &[Vec<u8>]) -> Result<()> {
        for name in prepared {
            let name = String::from_utf8_lossy(name).into_owned();
            let (world, late) = (Arc::clone(&self.0.world), name.clone());
            let late = move || drop(lock(&world).commit(&late));
            let commit = || lock(&self.0.world).commit(&name);
            match self.0.storage.outside(&name, commit, |_| {}, Some(Box::new(late))) {
                Err(StorageError::NotFound(_)) => {
                    return Err(Failure::fatal("sim.lost", format!("prepared output {name} is gone")));
                }
                other => other?,
            }
        }
        Ok(())
    }

    fn clean(&mut self, generation: u64) -> Result<()> {
        let SimSink { world, storage, directory } = &self.0;
        let clean = || {
            lock(world).clean(*directory, generation, storage.operations());
            Ok(())
        };
        Ok(storage.outside("clean", clean, |_| {}, None)?)
    }
}

fn value(batch: &Batch, column: usize, row: usize) -> Result<Option<i64>> {
    let array = batch.column(column);
    if array.is_null(row) {
        return Ok(None);
    }
    match array.data_type() {
        DataType::Int64 => Ok(Some(array.as_primitive::<Int64Type>().value(row))),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Ok(Some(array.as_primitive::<TimestampMillisecondType>().value(row)))
        }
        other => Err(Failure::fatal("sim.type", format!("the simulated sink takes no {other}"))),
    }
}
