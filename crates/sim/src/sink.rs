//! The simulated sink: rows are prepared with a barrier and become visible when they are committed.
//!
//! What is prepared lies under a name of its own in a place that survives crashes; committing moves it, once. So a row is
//! visible twice only if the protocol prepared it twice and named it twice. Preparing and committing are operations that fail and
//! crash like those of the store.

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

/// What survives crashes.
#[derive(Debug, Default)]
pub struct Outside {
    prepared: BTreeMap<String, Vec<Row>>,
    committed: BTreeMap<String, Vec<Row>>,
}

/// The world outside, shared by all processes.
pub type World = Arc<Mutex<Outside>>;

/// The sink of one process.
#[derive(Clone)]
pub struct SimSink {
    world: World,
    storage: Arc<SimStorage>,
}

impl Outside {
    /// All visible rows, netted: how often each row is there.
    pub fn net(&self) -> BTreeMap<Vec<Option<i64>>, i64> {
        let mut net = BTreeMap::new();
        for (sign, row) in self.committed.values().flatten() {
            *net.entry(row.clone()).or_insert(0) += sign;
        }
        net.retain(|_, count| *count != 0);
        net
    }

    fn commit(&mut self, name: &str) -> Result<(), StorageError> {
        match self.prepared.remove(name) {
            Some(rows) => drop(self.committed.insert(name.to_string(), rows)),
            None if self.committed.contains_key(name) => {}
            None => return Err(StorageError::NotFound(name.to_string())),
        }
        Ok(())
    }
}

impl SimSink {
    /// The sink as a process sees it that has this view of the store.
    pub fn new(world: &World, storage: &Arc<SimStorage>) -> SimSink {
        SimSink { world: Arc::clone(world), storage: Arc::clone(storage) }
    }

    fn world(&self) -> MutexGuard<'_, Outside> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct SimWriter {
    sink: SimSink,
    prefix: String,
    rows: Vec<Row>,
    files: u64,
}

struct SimCommitter(SimSink);

impl Sink for SimSink {
    fn writer(&self, cx: &WriterContext) -> Result<Box<dyn Writer>> {
        let prefix = format!("{}-{}-{}", cx.operator, cx.generation, cx.subtask);
        Ok(Box::new(SimWriter { sink: self.clone(), prefix, rows: Vec::new(), files: 0 }))
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
        let put = |rows| {
            self.sink.world().prepared.insert(name.clone(), rows);
        };
        let whole = || {
            put(rows);
            Ok(())
        };
        self.sink.storage.outside(&name, whole, |_| put(half))?;
        Ok(vec![name.into_bytes()])
    }
}

impl Committer for SimCommitter {
    fn commit(&mut self, prepared: &[Vec<u8>]) -> Result<()> {
        for name in prepared {
            let name = String::from_utf8_lossy(name).into_owned();
            let commit = || self.0.world().commit(&name);
            match self.0.storage.outside(&name, commit, |_| {}) {
                Err(StorageError::NotFound(_)) => {
                    return Err(Failure::fatal("sim.lost", format!("prepared output {name} is gone")));
                }
                other => other?,
            }
        }
        Ok(())
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
