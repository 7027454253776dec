//! The simulated sink: rows are prepared with a barrier and become visible when they are committed.
//!
//! What is prepared lies under a name of its own in a place that survives crashes; committing moves it, once. So a row is
//! visible twice only if the protocol prepared it twice and named it twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMillisecondType};
use tidemill_core::{Batch, CheckpointId, Failure, Now, OperatorId, Progress, Result};
use tidemill_dataflow::{Committer, Sink, Writer, WriterContext};

/// A row as the oracle compares it: sign and columns.
pub type Row = (i64, Vec<Option<i64>>);

/// What survives crashes.
#[derive(Debug, Default)]
pub struct Outside {
    prepared: BTreeMap<String, Vec<Row>>,
    committed: BTreeMap<String, Vec<Row>>,
}

/// The world outside, shared by all processes.
#[derive(Clone, Debug, Default)]
pub struct SimSink(Arc<Mutex<Outside>>);

impl SimSink {
    /// All visible rows, netted: how often each row is there.
    pub fn net(&self) -> BTreeMap<Vec<Option<i64>>, i64> {
        let outside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut net = BTreeMap::new();
        for (sign, row) in outside.committed.values().flatten() {
            *net.entry(row.clone()).or_insert(0) += sign;
        }
        net.retain(|_, count| *count != 0);
        net
    }
}

struct SimWriter {
    outside: SimSink,
    prefix: String,
    rows: Vec<Row>,
    files: u64,
}

struct SimCommitter(SimSink);

impl Sink for SimSink {
    fn writer(&self, cx: &WriterContext) -> Result<Box<dyn Writer>> {
        let prefix = format!("{}-{}-{}", cx.operator, cx.generation, cx.subtask);
        Ok(Box::new(SimWriter { outside: self.clone(), prefix, rows: Vec::new(), files: 0 }))
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
        let mut outside = self.outside.0.lock().unwrap_or_else(PoisonError::into_inner);
        outside.prepared.insert(name.clone(), std::mem::take(&mut self.rows));
        Ok(vec![name.into_bytes()])
    }
}

impl Committer for SimCommitter {
    fn commit(&mut self, prepared: &[Vec<u8>]) -> Result<()> {
        let mut outside = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in prepared {
            let name = String::from_utf8_lossy(name).into_owned();
            match outside.prepared.remove(&name) {
                Some(rows) => drop(outside.committed.insert(name, rows)),
                None if outside.committed.contains_key(&name) => {}
                None => return Err(Failure::fatal("sim.lost", format!("prepared output {name} is gone"))),
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
