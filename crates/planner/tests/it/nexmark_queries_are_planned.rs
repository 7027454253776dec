use crate::support::{golden, kinds, run, session};
use tidemill_planner::Outcome;

fn read(name: &str) -> String {
    // From the package's folder, where cargo runs tests.
    std::fs::read_to_string(format!("../../bench/nexmark/{name}.sql")).unwrap()
}

const QUERIES: &[&str] = &["q0", "q1", "q2", "q5", "q7", "q8", "q11", "q12", "q14", "q15", "q16", "q17", "q21", "q22"];

#[test]
fn each_reads_only_the_fields_it_needs() {
    let mut plans = String::new();
    for query in QUERIES {
        let mut session = session();
        run(&mut session, &read("ddl"));
        let Some(Outcome::Job(job)) = run(&mut session, &read(query)) else { panic!("{query} is no job") };
        let graph = job.graph.unwrap();
        plans.push_str(&format!("{query}: {}\n", kinds(&graph).join(" ")));
        for node in graph.nodes.iter().filter(|node| node.kind == "nexmark") {
            plans.push_str(&format!("  {}\n", String::from_utf8_lossy(&node.config)));
        }
        let Some(Outcome::Text(text)) = run(&mut session, &format!("EXPLAIN {}", last_statement(&read(query)))) else {
            panic!("{query} cannot be explained")
        };
        let (_, execution) = text.split_once("== Optimized Execution Plan ==\n").unwrap();
        plans.push_str(execution);
        plans.push('\n');
    }
    golden("nexmark", &plans);
}

fn last_statement(script: &str) -> String {
    let text = tidemill_sql_parser::split_statements(script).pop().unwrap().text.to_string();
    text.strip_prefix("EXECUTE ").map(str::to_string).unwrap_or(text)
}

#[test]
fn each_is_planned_for_batch_too() {
    for query in QUERIES.iter().filter(|query| **query != "q12") {
        let mut session = session();
        run(&mut session, "SET 'execution.runtime-mode' = 'batch'");
        run(&mut session, &read("ddl"));
        let Some(Outcome::Job(job)) = run(&mut session, &read(query)) else { panic!("{query} is no job") };
        assert!(job.graph.is_none());
    }
}
