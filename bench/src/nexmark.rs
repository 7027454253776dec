//! `tidemill-bench nexmark`: one query of the Nexmark benchmark, from SQL text to a blackhole.

use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use tidemill_core::{Failure, Result};
use tidemill_dataflow::{Connectors, Registry};
use tidemill_planner::{Outcome, PlanError, PlannedJob, Session};
use tidemill_sql_parser::split_statements;

use crate::job;

/// The tables that the queries read.
pub const DDL: &str = include_str!("../nexmark/ddl.sql");
/// Names and texts of the queries.
pub const QUERIES: [(&str, &str); 14] = [
    ("q0", include_str!("../nexmark/q0.sql")),
    ("q1", include_str!("../nexmark/q1.sql")),
    ("q2", include_str!("../nexmark/q2.sql")),
    ("q5", include_str!("../nexmark/q5.sql")),
    ("q7", include_str!("../nexmark/q7.sql")),
    ("q8", include_str!("../nexmark/q8.sql")),
    ("q11", include_str!("../nexmark/q11.sql")),
    ("q12", include_str!("../nexmark/q12.sql")),
    ("q14", include_str!("../nexmark/q14.sql")),
    ("q15", include_str!("../nexmark/q15.sql")),
    ("q16", include_str!("../nexmark/q16.sql")),
    ("q17", include_str!("../nexmark/q17.sql")),
    ("q21", include_str!("../nexmark/q21.sql")),
    ("q22", include_str!("../nexmark/q22.sql")),
];

/// Options of `nexmark`.
#[derive(Args)]
#[command(
    after_help = "Example: tidemill-bench nexmark --query q5 --events 5000000 -p 2 --checkpoint-interval 1000 --json"
)]
pub struct Arguments {
    /// The query: q0, q1, q2, q5, …
    #[arg(long, value_parser = query)]
    query: &'static str,
    /// Events to generate; a file is read whole.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,
    /// Slots.
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    parallelism: u32,
    /// Milliseconds between checkpoints; without it none are taken.
    #[arg(long)]
    checkpoint_interval: Option<u64>,
    /// `generate`, or a Parquet file of events.
    #[arg(long, default_value = "generate")]
    input: String,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

fn query(name: &str) -> Result<&'static str, String> {
    let names: Vec<&str> = QUERIES.iter().map(|(name, _)| *name).collect();
    let found = QUERIES.iter().find(|(other, _)| *other == name);
    found.map(|(_, text)| *text).ok_or_else(|| format!("there is no query {name}; there are {}", names.join(", ")))
}

/// Runs it.
pub fn run(arguments: &Arguments) -> Result<Value> {
    let mut registry = Registry::default();
    let functions = Arc::new(tidemill_functions::registry());
    registry.set_functions(Arc::clone(&functions));
    tidemill_operators::register(&mut registry, &functions);
    tidemill_connectors::register(&mut registry, &tidemill_connectors::Outside::standard(0));
    let job = plan(arguments, tidemill_connectors::connectors(), functions)?;
    let graph = job.graph.ok_or_else(|| Failure::fatal("bench.plan", "the query has no streaming plan"))?;
    let measured = job::run(graph, registry, arguments.parallelism, arguments.checkpoint_interval)?;
    let cpu_s = measured.cost.cpu.as_secs_f64();
    // A file has as many as it has.
    let events = if arguments.input == "generate" { arguments.events } else { measured.counters.rows_in };
    Ok(json!({
        "events": events,
        "cpu_s": cpu_s,
        "kev_per_cpu_s": events as f64 / cpu_s / 1000.0,
        "wall_s": measured.cost.wall.as_secs_f64(),
        "rss_max_mib": measured.cost.rss_max_mib,
        "result_hash": format!("{:032x}", measured.counters.result_hash),
        "rows_in": measured.counters.rows_in,
        "rows_out": measured.counters.rows_out,
        "late_rows_dropped": measured.counters.late_rows_dropped,
        "checkpoints_completed": measured.checkpoints,
    }))
}

fn plan(arguments: &Arguments, connectors: Connectors, functions: Arc<tidemill_expr::Registry>) -> Result<PlannedJob> {
    let mut session = Session::new(connectors, functions);
    let wrong = |error: PlanError| Failure::user("bench.sql", error.to_string());
    session.configure("tidemill.sink.result-hash", "true").map_err(wrong)?;
    let script = format!("{}\n{}", table_definitions(arguments), arguments.query);
    let mut planned = None;
    for statement in split_statements(&script) {
        if let Outcome::Job(job) = session.execute_sql(statement.text).map_err(wrong)? {
            planned = Some(*job);
        }
    }
    planned.ok_or_else(|| Failure::fatal("bench.sql", "the query's file has no INSERT"))
}

/// The tables, with as many events as were asked for, or with the file in the generator's place.
fn table_definitions(arguments: &Arguments) -> String {
    let connector = match arguments.input.as_str() {
        "generate" => format!("'connector' = 'nexmark', 'events.num' = '{}'", arguments.events),
        file => format!("'connector' = 'filesystem', 'format' = 'parquet', 'path' = '{}'", file.replace('\'', "''")),
    };
    DDL.replace("'connector' = 'nexmark',\n  'events.num' = '1000000'", &connector)
}
