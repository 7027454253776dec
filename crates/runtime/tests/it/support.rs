//! A small job: numbered rows in splits, dealt by key, into a sink that commits with checkpoints.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use tidemill_core::options::Configuration;
use tidemill_core::{Batch, CheckpointId, Failure, Now, OperatorId, Progress, Result};
use tidemill_dataflow::graph::GRAPH_FORMAT;
use tidemill_dataflow::{
    Committer, Discovery, Edge, Enumerator, JobGraph, Node, Partitioning, Poll, Reader, ReaderContext, Registry, Role,
    Sink, Source, Split, Writer, WriterContext,
};
use tidemill_runtime::JobSpec;

pub const SPLITS: i64 = 3;
pub const ROWS: i64 = 20_000;

/// Rows `0..ROWS` of each split; `rows_per_second` slows it down.
pub struct Numbers(pub Option<u64>);

impl Source for Numbers {
    fn enumerator(&self) -> Result<Box<dyn Enumerator>> {
        Ok(Box::new(All(false)))
    }
    fn reader(&self, _cx: &ReaderContext) -> Result<Box<dyn Reader>> {
        Ok(Box::new(NumberReader(Vec::new())))
    }
    fn rows_per_second(&self) -> Option<u64> {
        self.0
    }
}

struct All(bool);

impl Enumerator for All {
    fn discover(&mut self) -> Result<Discovery> {
        let found = std::mem::replace(&mut self.0, true);
        let split = |number: i64| Split { id: number.to_string(), payload: [number.to_le_bytes(), [0; 8]].concat() };
        Ok(Discovery { splits: if found { Vec::new() } else { (0..SPLITS).map(split).collect() }, again_in_ms: None })
    }
    fn snapshot(&self) -> Vec<u8> {
        vec![u8::from(self.0)]
    }
    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.0 = state == [1];
        Ok(())
    }
}

struct NumberReader(Vec<(u32, i64, i64)>);

impl Reader for NumberReader {
    fn add_split(&mut self, handle: u32, split: Split) -> Result<()> {
        let number = |at: usize| i64::from_le_bytes(split.payload[at..at + 8].try_into().unwrap());
        self.0.push((handle, number(0), number(8)));
        Ok(())
    }
    fn poll(&mut self, rows_max: usize, _now: Now) -> Result<Poll> {
        let Some((handle, split, position)) = self.0.first_mut() else { return Ok(Poll::Pending { wake_at_ns: None }) };
        if *position == ROWS {
            let handle = *handle;
            self.0.remove(0);
            return Ok(Poll::Finished(handle));
        }
        let end = (*position + rows_max as i64).min(ROWS);
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(*position..end));
        let splits: ArrayRef = Arc::new(Int64Array::from(vec![*split; (end - *position) as usize]));
        let batch = Batch::new(vec![splits, numbers], (end - *position) as usize);
        let handle = *handle;
        *position = end;
        self.0.rotate_left(1);
        Ok(Poll::Batch(handle, batch))
    }
    fn snapshot(&mut self) -> Result<Vec<(u32, Split)>> {
        let state = |(handle, split, position): &(u32, i64, i64)| {
            (*handle, Split { id: split.to_string(), payload: [split.to_le_bytes(), position.to_le_bytes()].concat() })
        };
        Ok(self.0.iter().map(state).collect())
    }
}

#[derive(Default)]
pub struct Visible {
    prepared: BTreeMap<String, Vec<(i64, i64)>>,
    pub committed: BTreeMap<String, Vec<(i64, i64)>>,
}

/// A sink whose rows become visible when they are committed; or, without commits, never.
#[derive(Clone)]
pub struct Ledger {
    pub visible: Arc<Mutex<Visible>>,
    pub commits: bool,
    /// Commits fail.
    pub is_closed: bool,
    /// Begins the names of what is prepared.
    pub start: &'static str,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger { visible: Arc::default(), commits: true, is_closed: false, start: "" }
    }
}

impl Ledger {
    /// All visible rows, sorted.
    pub fn rows(&self) -> Vec<(i64, i64)> {
        let mut rows: Vec<(i64, i64)> = self.visible.lock().unwrap().committed.values().flatten().copied().collect();
        rows.sort_unstable();
        rows
    }
}

impl Sink for Ledger {
    fn writer(&self, cx: &WriterContext) -> Result<Box<dyn Writer>> {
        Ok(Box::new(LedgerWriter(self.clone(), format!("{}{}-{}", self.start, cx.generation, cx.subtask), Vec::new())))
    }
    fn committer(&self, _operator: OperatorId) -> Result<Option<Box<dyn Committer>>> {
        Ok(Some(Box::new(LedgerCommitter(self.clone()))))
    }
}

struct LedgerWriter(Ledger, String, Vec<(i64, i64)>);

impl Writer for LedgerWriter {
    fn write(&mut self, batch: &Batch, _now: Now) -> Result<Progress> {
        let column = |index: usize| batch.column(index).as_primitive::<Int64Type>().clone();
        let (splits, numbers) = (column(0), column(1));
        self.2.extend((0..splits.len()).map(|row| (splits.value(row), numbers.value(row))));
        Ok(Progress::Done)
    }
    fn prepare(&mut self, checkpoint: CheckpointId) -> Result<Vec<Vec<u8>>> {
        if !self.0.commits {
            return Ok(Vec::new());
        }
        let name = format!("{}-{checkpoint}", self.1);
        self.0.visible.lock().unwrap().prepared.insert(name.clone(), std::mem::take(&mut self.2));
        Ok(vec![name.into_bytes()])
    }
}

struct LedgerCommitter(Ledger);

impl Committer for LedgerCommitter {
    fn commit(&mut self, prepared: &[Vec<u8>]) -> Result<()> {
        if self.0.is_closed {
            return Err(Failure::user("ledger.closed", "the ledger is closed"));
        }
        let mut visible = self.0.visible.lock().unwrap();
        for name in prepared {
            let name = String::from_utf8(name.clone()).unwrap();
            if let Some(rows) = visible.prepared.remove(&name) {
                visible.committed.insert(name, rows);
            }
        }
        Ok(())
    }
}

/// The job: source, by key to the sink.
pub fn spec(parallelism: u32, interval: &str) -> JobSpec {
    let node = |name: &str, role, kind: &str| Node::new(OperatorId::from_name(name), name, role, kind, Vec::new());
    let graph = JobGraph {
        format: GRAPH_FORMAT,
        name: "numbers".to_string(),
        nodes: vec![node("numbers", Role::Source, "numbers"), node("ledger", Role::Sink, "ledger")],
        edges: vec![Edge::new(0, 1, Partitioning::Hash, &[1])],
        options: BTreeMap::from([("tidemill.batch.rows-max".to_string(), "64".to_string())]),
        ..JobGraph::default()
    };
    let mut options = Configuration::default();
    options.set("execution.checkpointing.interval", interval);
    JobSpec {
        name: "numbers".to_string(),
        fingerprint: "1".to_string(),
        graph,
        parallelism,
        options,
        fresh: false,
        from_savepoint: None,
        is_kept: true,
    }
}

/// The code of the job.
pub fn registry(ledger: &Ledger, rows_per_second: Option<u64>) -> Registry {
    let mut registry = Registry::default();
    registry.add_source("numbers", move |_| Ok(Arc::new(Numbers(rows_per_second))));
    let ledger = ledger.clone();
    registry.add_sink("ledger", move |_| Ok(Arc::new(ledger.clone())));
    registry
}

/// What must be visible in the end.
pub fn all_rows() -> Vec<(i64, i64)> {
    (0..SPLITS).flat_map(|split| (0..ROWS).map(move |number| (split, number))).collect()
}
