//! `tidemill-bench window-agg`: windowed count and sum per key with exactly-once on, beside the control loop.

use std::sync::Arc;

use clap::Args;
use prost::Message;
use serde_json::{Value, json};
use tidemill_core::options::parse_duration;
use tidemill_core::{OperatorId, Result};
use tidemill_dataflow::graph::GRAPH_FORMAT;
use tidemill_dataflow::{Edge, JobGraph, Node, Partitioning, ReadStage, Registry, Role, WatermarkSpec, WriteStage};
use tidemill_expr::SqlType;
use tidemill_operators::config::{
    AggregateCall, OutputColumn, OutputKind, TimeSource, WINDOW_AGGREGATE, WindowAggregateConfig, WindowKind,
    WindowSpec,
};

use crate::rows::Rows;
use crate::timed::{Longest, Timed};
use crate::{control, job};

/// Rows of one run of the control loop.
const CONTROL_ROWS_MAX: u64 = 30_000_000;

/// Options of `window-agg`.
#[derive(Args)]
#[command(
    after_help = "Example: tidemill-bench window-agg --keys 100000 --rows 200000000 --checkpoint-interval 1000 --json"
)]
pub struct Arguments {
    /// Different keys.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 32))]
    keys: u64,
    /// Rows.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rows: u64,
    /// Bytes of a key: 8 (a BIGINT) or 24 (a string).
    #[arg(long, default_value_t = 8, value_parser = key_bytes)]
    key_bytes: usize,
    /// Every key once, in order.
    #[arg(long)]
    insert: bool,
    /// Event time rises by a millisecond after this many rows.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    rows_per_ms: u64,
    /// `tumble:SIZE` or `hop:SIZE:SLIDE`.
    #[arg(long, default_value = "tumble:10s", value_parser = window)]
    window: WindowSpec,
    /// Rows are up to this much out of order, e.g. 20s.
    #[arg(long, default_value = "0s", value_parser = duration_ms)]
    out_of_order: u64,
    /// Milliseconds between checkpoints; without it none are taken.
    #[arg(long)]
    checkpoint_interval: Option<u64>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

fn key_bytes(text: &str) -> Result<usize, String> {
    match text {
        "8" => Ok(8),
        "24" => Ok(24),
        _ => Err("keys have 8 or 24 bytes".to_string()),
    }
}

fn duration_ms(text: &str) -> Result<u64, String> {
    let duration = parse_duration(text).ok_or("expected a duration such as 20s")?;
    Ok(duration.as_millis() as u64)
}

fn window(text: &str) -> Result<WindowSpec, String> {
    let wrong = || "expected tumble:SIZE or hop:SIZE:SLIDE, e.g. hop:1h:1min".to_string();
    let parts: Vec<&str> = text.split(':').collect();
    let ms = |text: &str| {
        parse_duration(text).map(|duration| duration.as_millis() as i64).filter(|ms| *ms > 0).ok_or_else(wrong)
    };
    let (kind, size_ms, step_ms) = match parts.as_slice() {
        ["tumble", size] => (WindowKind::Tumble, ms(size)?, ms(size)?),
        ["hop", size, slide] => (WindowKind::Hop, ms(size)?, ms(slide)?),
        _ => return Err(wrong()),
    };
    Ok(WindowSpec { kind: kind as i32, size_ms, step_ms, offset_ms: 0 })
}

/// Runs it.
pub fn run(arguments: &Arguments) -> Result<Value> {
    let rows = Rows {
        rows: arguments.rows,
        keys: if arguments.insert { arguments.rows } else { arguments.keys },
        key_bytes: arguments.key_bytes,
        insert: arguments.insert,
        rows_per_ms: arguments.rows_per_ms,
        out_of_order_ms: arguments.out_of_order,
    };
    let longest = Longest::default();
    let before = control::kev_per_cpu_s(&rows, CONTROL_ROWS_MAX)?;
    let measured = job::run(graph(arguments, &rows), registry(rows, &longest)?, 1, arguments.checkpoint_interval)?;
    let after = control::kev_per_cpu_s(&rows, CONTROL_ROWS_MAX)?;
    let cpu_s = measured.cost.cpu.as_secs_f64();
    Ok(json!({
        "events": measured.counters.rows_in,
        "cpu_s": cpu_s,
        "kev_per_cpu_s": measured.counters.rows_in as f64 / cpu_s / 1000.0,
        "wall_s": measured.cost.wall.as_secs_f64(),
        "rss_max_mib": measured.cost.rss_max_mib,
        "result_hash": format!("{:032x}", measured.counters.result_hash),
        "call_max_ms": longest.ms(),
        "control_kev_per_cpu_s": before.max(after),
        "rows_out": measured.counters.rows_out,
        "late_rows_dropped": measured.counters.late_rows_dropped,
        "checkpoints_completed": measured.checkpoints,
    }))
}

fn registry(rows: Rows, longest: &Longest) -> Result<Registry> {
    let mut inner = Registry::default();
    let functions = Arc::new(tidemill_functions::registry());
    tidemill_operators::register(&mut inner, &functions);
    inner.set_functions(functions);
    tidemill_connectors::register(&mut inner, &tidemill_connectors::Outside::standard(0));
    let mut registry = inner.clone();
    registry.add_source("rows", move |_| Ok(Arc::new(rows)));
    let longest = longest.clone();
    registry.add_operator("timed", move |config| {
        Ok(Box::new(Timed::new(inner.operator(WINDOW_AGGREGATE, config)?, longest.clone())))
    });
    Ok(registry)
}

fn graph(arguments: &Arguments, rows: &Rows) -> JobGraph {
    let id = OperatorId::from_name;
    let key = if rows.key_bytes > 8 { SqlType::STRING } else { SqlType::BIGINT };
    let types: Vec<Vec<u8>> = [key, SqlType::timestamp(3), SqlType::BIGINT].iter().map(SqlType::to_bytes).collect();
    // A millisecond more: rows of the same millisecond are not late.
    let delay_ms = arguments.out_of_order as i64 + 1;
    let mut source = Node::new(id("rows"), "rows", Role::Source, "rows", Vec::new());
    source.read = Some(ReadStage {
        types: types.clone(),
        watermark: Some(WatermarkSpec { column: 1, delay_ms, ..WatermarkSpec::default() }),
        ..ReadStage::default()
    });
    let outputs =
        [(OutputKind::Key, 0), (OutputKind::WindowEnd, 0), (OutputKind::Aggregate, 0), (OutputKind::Aggregate, 1)];
    let config = WindowAggregateConfig {
        input_types: types,
        keys: vec![0],
        aggregates: vec![AggregateCall::new("COUNT", &[]), AggregateCall::new("SUM", &[2])],
        window: Some(arguments.window),
        time: Some(TimeSource { column: 1, ..TimeSource::default() }),
        outputs: outputs.iter().map(|(kind, index)| OutputColumn::new(*kind, *index)).collect(),
        ..WindowAggregateConfig::default()
    };
    let aggregate = Node::new(id("aggregate"), "WindowAggregate", Role::Operator, "timed", config.encode_to_vec());
    let mut sink = Node::new(id("sink"), "blackhole", Role::Sink, "blackhole", Vec::new());
    sink.write = Some(WriteStage { sink: "blackhole".to_string(), result_hash: true, ..WriteStage::default() });
    JobGraph {
        format: GRAPH_FORMAT,
        name: "window-agg".to_string(),
        nodes: vec![source, aggregate, sink],
        edges: vec![Edge::new(0, 1, Partitioning::Hash, &[0]), Edge::new(1, 2, Partitioning::Forward, &[])],
        ..JobGraph::default()
    }
}
