//! Decision 004: own plan and rules. The Nexmark queries from text to a job graph, median of many times.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tidemill_core::{Failure, Result};
use tidemill_planner::{Outcome, PlanError, Session};
use tidemill_sql_parser::{parse_statement, split_statements};

use super::Print;
use crate::measure;
use crate::nexmark::{DDL, QUERIES};

const TIMES: usize = 201;

pub(super) fn run(print: Print<'_>) -> Result<()> {
    let functions = Arc::new(tidemill_functions::registry());
    for (name, text) in QUERIES {
        let mut session = Session::new(tidemill_connectors::connectors(), Arc::clone(&functions));
        let script = format!("{DDL}\n{text}");
        let mut insert = "";
        for statement in split_statements(&script) {
            if let Outcome::Job(_) = session.execute_sql(statement.text).map_err(wrong)? {
                insert = statement.text;
            }
        }
        let mut bytes = 0;
        let (mut parsing, mut planning) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            let (parsed, cpu) = measure::of_thread(|| parse_statement(insert))?;
            parsing.push(cpu);
            let statement = parsed.map_err(|error| wrong(PlanError::parse(&error, insert)))?;
            let (planned, cpu) = measure::of_thread(|| session.execute(&statement))?;
            planning.push(cpu);
            if let Outcome::Job(job) = planned.map_err(wrong)? {
                bytes = job.graph.map_or(0, |graph| graph.encode_bytes().len());
            }
        }
        print(json!({
            "spike": "plan", "query": name, "parse_us": median_us(parsing), "plan_us": median_us(planning), "graph_bytes": bytes,
        }));
    }
    Ok(())
}

fn median_us(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn wrong(error: PlanError) -> Failure {
    Failure::user("bench.sql", error.to_string())
}
