//! A session with connectors that only plan.

use std::sync::Arc;

use tidemill_core::options::ConfigOption;
use tidemill_core::options::OptionType;
use tidemill_core::{Failure, Result};
use tidemill_dataflow::{Connector, Connectors, JobGraph, ReadRequest, SinkChanges, SinkPlan, SourcePlan, TableSpec};
use tidemill_planner::{Outcome, PlanError, PlannedJob, Session};

/// A connector that can be read and written.
struct Fake {
    name: &'static str,
    accepts: Option<SinkChanges>,
    nested: bool,
    /// The column of which equalities are answered exactly.
    exact: Option<&'static str>,
}

const PATH: ConfigOption = ConfigOption::new("path", OptionType::Text, "Where it is.");
const FORMAT: ConfigOption = ConfigOption::new("format", OptionType::Text, "How it is written.");
const EVENTS: ConfigOption = ConfigOption::new("events.num", OptionType::Integer, "How many events.");
const RATE: ConfigOption = ConfigOption::new("rows-per-second", OptionType::Integer, "How fast.");
const STYLE: ConfigOption = ConfigOption::new("style", OptionType::Text, "How it looks.");

impl Connector for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn options(&self, _table: &TableSpec) -> Result<Vec<&'static ConfigOption>> {
        Ok(vec![&PATH, &FORMAT, &EVENTS, &RATE, &STYLE])
    }

    fn reads_nested_fields(&self) -> bool {
        self.nested
    }

    fn answers_exactly(&self, table: &TableSpec, path: &[usize]) -> bool {
        path.len() == 1 && self.exact.is_some_and(|exact| table.schema.fields[path[0]].name == exact)
    }

    fn plan_source(&self, table: &TableSpec, request: &ReadRequest) -> Result<SourcePlan> {
        let config = format!("{} {:?} {:?} {:?}", table.name, request.columns, request.equals, request.limit);
        Ok(SourcePlan { kind: self.name.to_string(), config: config.into_bytes(), bounded: true, parallelism: 0 })
    }

    fn plan_sink(&self, table: &TableSpec) -> Result<SinkPlan> {
        let accepts =
            self.accepts.ok_or_else(|| Failure::user("connector.read-only", format!("{} only reads", self.name)))?;
        let config = table.name.clone().into_bytes();
        Ok(SinkPlan { kind: self.name.to_string(), config, accepts, may_block: false, parallelism: 0 })
    }
}

pub fn session() -> Session {
    let mut connectors = Connectors::default();
    for (name, accepts, nested, exact) in [
        ("filesystem", Some(SinkChanges::InsertOnly), false, None),
        ("print", Some(SinkChanges::All), false, None),
        ("blackhole", Some(SinkChanges::All), false, None),
        ("upserts", Some(SinkChanges::Upsert), false, None),
        ("nexmark", None, true, Some("event_type")),
    ] {
        connectors.add(Arc::new(Fake { name, accepts, nested, exact }));
    }
    Session::new(connectors, Arc::new(tidemill_functions::registry()))
}

/// A session with a few tables: `f` with an event time, `k` with a key, `a` plain, sinks `out_*`.
pub fn with_tables() -> Session {
    let mut session = session();
    run(
        &mut session,
        "
        CREATE TABLE f (dep_time TIMESTAMP(3), carrier STRING, origin STRING, dep_delay INT, distance INT,
          day AS DATE_FORMAT(dep_time, 'yyyy-MM-dd'), WATERMARK FOR dep_time AS dep_time - INTERVAL '12' HOUR)
          WITH ('connector' = 'filesystem', 'path' = '/f', 'format' = 'parquet');
        CREATE TABLE a (x INT, y BIGINT, s STRING, d DECIMAL(10, 2), b BOOLEAN NOT NULL)
          WITH ('connector' = 'filesystem', 'path' = '/a', 'format' = 'csv');
        CREATE TABLE out_inserts (k STRING, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '/o', 'format' = 'csv');
        CREATE TABLE out_upserts (k STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upserts');
        CREATE TABLE out_all (k STRING, n BIGINT) WITH ('connector' = 'print');
        ",
    );
    session
}

/// Executes every statement of a script; the last outcome.
pub fn run(session: &mut Session, script: &str) -> Option<Outcome> {
    let mut last = None;
    for parsed in tidemill_sql_parser::parse_script(script).unwrap_or_else(|error| panic!("{}", error.render(script))) {
        match session.execute(&parsed.statement) {
            Ok(outcome) => last = Some(outcome),
            Err(error) => panic!("{}", error.render(script)),
        }
    }
    last
}

pub fn explain(session: &mut Session, sql: &str) -> String {
    match run(session, &format!("EXPLAIN CHANGELOG_MODE {sql}")) {
        Some(Outcome::Text(text)) => text,
        other => panic!("EXPLAIN gave {other:?}"),
    }
}

pub fn job(session: &mut Session, script: &str) -> PlannedJob {
    match run(session, script) {
        Some(Outcome::Job(job)) => *job,
        other => panic!("the script gave {other:?}"),
    }
}

pub fn graph(session: &mut Session, sql: &str) -> JobGraph {
    match run(session, sql) {
        Some(Outcome::Job(job)) => job.graph.unwrap(),
        Some(Outcome::Query(query)) => query.graph.unwrap(),
        other => panic!("the statement gave {other:?}"),
    }
}

/// The error of the last statement; those before it must be fine.
pub fn error(session: &mut Session, script: &str) -> PlanError {
    let mut statements =
        tidemill_sql_parser::parse_script(script).unwrap_or_else(|error| panic!("{}", error.render(script)));
    session.begin_text();
    let last = statements.pop().unwrap();
    for parsed in statements {
        session.execute(&parsed.statement).unwrap_or_else(|error| panic!("{}", error.render(script)));
    }
    match session.execute(&last.statement) {
        Ok(outcome) => panic!("no error, but {outcome:?}"),
        Err(error) => error,
    }
}

/// Names and kinds of a graph's nodes.
pub fn kinds(graph: &JobGraph) -> Vec<String> {
    graph.nodes.iter().map(|node| node.kind.clone()).collect()
}

/// Compares with `golden/NAME.txt`; with `TIDEMILL_BLESS` set it is written instead.
pub fn golden(name: &str, text: &str) {
    // From the package's folder, where cargo runs tests.
    let path = format!("tests/it/golden/{name}.txt");
    if std::env::var_os("TIDEMILL_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        wanted == text,
        "{name}: the plan is not as written down in {path}\n--- now:\n{text}\n--- written down:\n{wanted}"
    );
}
