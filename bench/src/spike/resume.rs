//! Decision 005: a call can stop in the middle. Three chained operators that add one to a column, as a whole job, at several batch sizes:
//! ones that take every batch whole, and ones that stop after [`BUDGET`] rows.

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use serde_json::json;
use tidemill_core::{Batch, InputId, OperatorId, Progress, Result};
use tidemill_dataflow::graph::GRAPH_FORMAT;
use tidemill_dataflow::{Edge, JobGraph, Node, Operator, Output, Partitioning, Registry, Role, WriteStage};

use super::Print;
use crate::job;
use crate::rows::Rows;

/// Rows of a call; fewer than half as many more are not left for another.
const BUDGET: usize = 1000;
const OPERATORS: usize = 3;

pub(super) fn run(print: Print<'_>) -> Result<()> {
    for (batch, rows) in [(1, 300_000), (64, 10_000_000), (1024, 40_000_000), (4096, 40_000_000)] {
        let mut best = [f64::MAX; 2];
        for round in 0..6 {
            let kind = ["plain", "resumable"][round % 2];
            let measured = job::run(graph(kind, batch), registry(rows), 1, None)?;
            best[round % 2] = best[round % 2].min(measured.cost.cpu.as_nanos() as f64 / rows as f64);
        }
        let [plain, resumable] = best;
        print(json!({
            "spike": "resume", "batch_rows": batch, "plain_ns_a_row": plain, "resumable_ns_a_row": resumable,
            "ratio": resumable / plain,
        }));
    }
    Ok(())
}

/// Adds one to the first column.
struct AddOne {
    rows_max: usize,
}

impl Operator for AddOne {
    fn on_batch(&mut self, _input: InputId, batch: &Batch, out: &mut Output<'_>) -> Result<Progress> {
        let cut = self.rows_max.saturating_add(BUDGET / 2) < batch.len();
        let part = if cut { batch.slice(0, self.rows_max) } else { batch.clone() };
        let column = part.column(0);
        let added: Int64Array = column.as_primitive::<Int64Type>().unary(|value| value + 1);
        let mut columns = part.columns();
        columns[0] = Arc::new(added);
        out.emit(Batch::new(columns, part.len()));
        Ok(if cut { Progress::Rows(part.len()) } else { Progress::Done })
    }
}

fn registry(rows: u64) -> Registry {
    let mut registry = Registry::default();
    tidemill_connectors::register(&mut registry, &tidemill_connectors::Outside::standard(0));
    let rows = Rows { rows, keys: 1000, key_bytes: 8, insert: false, rows_per_ms: 10_000, out_of_order_ms: 0 };
    registry.add_source("rows", move |_| Ok(Arc::new(rows)));
    registry.add_operator("plain", |_| Ok(Box::new(AddOne { rows_max: usize::MAX })));
    registry.add_operator("resumable", |_| Ok(Box::new(AddOne { rows_max: BUDGET })));
    registry
}

fn graph(kind: &str, batch_rows: usize) -> JobGraph {
    let mut nodes = vec![Node::new(OperatorId(1), "rows", Role::Source, "rows", Vec::new())];
    nodes
        .extend((0..OPERATORS).map(|at| Node::new(OperatorId(2 + at as u128), kind, Role::Operator, kind, Vec::new())));
    let mut sink = Node::new(OperatorId(0), "blackhole", Role::Sink, "blackhole", Vec::new());
    sink.write = Some(WriteStage { sink: "blackhole".to_string(), ..WriteStage::default() });
    nodes.push(sink);
    let edges = (1..nodes.len()).map(|to| Edge::new(to - 1, to, Partitioning::Forward, &[])).collect();
    let options = [("tidemill.batch.rows-max".to_string(), batch_rows.to_string())].into_iter().collect();
    JobGraph { format: GRAPH_FORMAT, name: kind.to_string(), nodes, edges, options, ..JobGraph::default() }
}
