//! The engine as the interpreter sees it: a query's text in, a bag of rows out, streaming or batch.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tidemill_batch::{BatchContext, Lowering, execute_query};
use tidemill_checkpoint::MemoryStorage;
use tidemill_connectors::{Outside, values};
use tidemill_core::options::{ConfigOption, Configuration};
use tidemill_core::{Batch, CheckpointId, Failure, FailureClass, Now, Progress, Result};
use tidemill_dataflow::{
    Connector, Connectors, ReadRequest, Registry, Sink, SinkPlan, SourcePlan, TableSpec, Writer, WriterContext,
};
use tidemill_expr::{Field, RowType, Scalar, SqlType, TypeKind};
use tidemill_naive::{Row, Type, Value};
use tidemill_planner::{COLLECT, Outcome, PlannedQuery, Session};
use tidemill_runtime::{JobEnd, JobSpec, SystemEnv, local};

/// How the engine is to run a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As a job of this parallelism, with batches of at most so many rows, aggregates in one or two phases.
    Streaming { parallelism: u32, rows_max: u32, two_phases: bool },
    /// On DataFusion, likewise.
    Batch { lowering: Lowering, parallelism: u32, rows_max: u32 },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Names and types of the columns, and the rows as sorted text.
    Rows(Vec<(String, String)>, Vec<String>),
    /// A value could not be computed.
    Value(String),
    /// The engine does not take the query.
    Refused(String),
}

/// Tables and the engine's parts.
pub struct Engine {
    functions: Arc<tidemill_expr::Registry>,
    connectors: Connectors,
    components: Registry,
    script: Vec<String>,
}

impl Engine {
    /// An engine whose tables hold these rows, and that has run `script`.
    pub fn new(rows: BTreeMap<String, Vec<Row>>, script: Vec<String>) -> Engine {
        let functions = Arc::new(tidemill_functions::registry());
        let mut connectors = Connectors::default();
        connectors.add(Arc::new(Memory(rows)));
        let mut components = Registry::default();
        tidemill_operators::register(&mut components, &functions);
        components.set_functions(Arc::clone(&functions));
        tidemill_connectors::register(&mut components, &Outside::standard(1));
        Engine { functions, connectors, components, script }
    }

    /// Runs a query.
    pub fn ask(&self, query: &str, mode: Mode) -> Answer {
        let (planned, options) = match self.plan(query, mode) {
            Ok(planned) => planned,
            Err(error) => return Answer::Refused(error),
        };
        let columns = planned.schema.fields.iter().map(|f| (f.name.clone(), shown_type(&f.ty.kind))).collect();
        let counts = match mode {
            Mode::Streaming { parallelism, .. } => self.stream(planned, parallelism, options),
            Mode::Batch { lowering, parallelism, rows_max } => self.batch(&planned, lowering, parallelism, rows_max),
        };
        match counts {
            Err(failure) if matches!(failure.class(), FailureClass::Data | FailureClass::User) => {
                Answer::Value(failure.to_string())
            }
            Err(failure) => panic!("{mode:?} failed: {failure}\n{query}"),
            Ok(counts) => {
                let mut rows = Vec::new();
                for (row, count) in counts {
                    assert!(count >= 0, "{mode:?} takes back the row ({row}) that is not there\n{query}");
                    rows.extend(std::iter::repeat_n(row, count as usize));
                }
                Answer::Rows(columns, rows)
            }
        }
    }

    /// The plan, or why there is none, and the session's options.
    fn plan(&self, query: &str, mode: Mode) -> std::result::Result<(Box<PlannedQuery>, Configuration), String> {
        let mut session = Session::new(self.connectors.clone(), Arc::clone(&self.functions));
        let options = match mode {
            Mode::Batch { .. } => vec![("execution.runtime-mode", "batch".to_string())],
            Mode::Streaming { parallelism, rows_max, two_phases } => vec![
                ("parallelism.default", parallelism.to_string()),
                ("tidemill.batch.rows-max", rows_max.to_string()),
                ("restart-strategy.fixed-delay.attempts", "0".to_string()),
                ("table.optimizer.agg-phase-strategy", if two_phases { "TWO_PHASE" } else { "ONE_PHASE" }.to_string()),
            ],
        };
        for (key, value) in options {
            session.configure(key, &value).map_err(|error| error.to_string())?;
        }
        for statement in &self.script {
            session.execute_sql(statement).unwrap_or_else(|error| panic!("{}", error.render(statement)));
        }
        match session.execute_sql(query) {
            Ok(Outcome::Query(planned)) => Ok((planned, session.config().clone())),
            Ok(other) => panic!("{query} is no query: {other:?}"),
            Err(error) => Err(error.render(query)),
        }
    }

    fn stream(
        &self,
        planned: Box<PlannedQuery>,
        parallelism: u32,
        options: Configuration,
    ) -> Result<BTreeMap<String, i64>> {
        let ledger = Ledger { schema: planned.schema.clone(), counts: Arc::default() };
        let mut registry = self.components.clone();
        let sink = ledger.clone();
        registry.add_sink(COLLECT, move |_| Ok(Arc::new(sink.clone())));
        let spec = JobSpec {
            name: "query".to_string(),
            fingerprint: "query".to_string(),
            graph: planned.graph.expect("a streaming plan"),
            parallelism,
            options,
            fresh: false,
            from_savepoint: None,
            is_kept: false,
        };
        let storage = Arc::new(MemoryStorage::new());
        match local::start(spec, registry, storage, Arc::new(SystemEnv::new()))?.wait().end {
            JobEnd::Finished => Ok(ledger.counts.lock().unwrap().clone()),
            JobEnd::Failed(failure) => Err(failure),
            other => panic!("the job ended as {other:?}"),
        }
    }

    fn batch(
        &self,
        planned: &PlannedQuery,
        lowering: Lowering,
        parallelism: u32,
        rows_max: u32,
    ) -> Result<BTreeMap<String, i64>> {
        let cx = BatchContext {
            functions: Arc::clone(&self.functions),
            connectors: self.connectors.clone(),
            components: self.components.clone(),
            env: Arc::new(SystemEnv::new()),
            time_zone: "UTC".to_string(),
            parallelism: parallelism as usize,
            rows_max: rows_max as usize,
            canceled: Arc::new(AtomicBool::new(false)),
            counters: Arc::default(),
        };
        let query = match lowering {
            Lowering::Optimized => &planned.optimized,
            Lowering::Bound => &planned.bound,
        };
        let mut counts = BTreeMap::new();
        for batch in execute_query(query, &cx)? {
            count(&batch?, &planned.schema, &mut counts);
        }
        Ok(counts)
    }
}

/// Adds a batch's changes to the rows that are there.
fn count(batch: &Batch, schema: &RowType, counts: &mut BTreeMap<String, i64>) {
    let columns = batch.columns();
    for row in 0..batch.len() {
        let cells = columns
            .iter()
            .zip(&schema.fields)
            .map(|(column, f)| value(&Scalar::at(column, &f.ty, row), &f.ty.kind).to_string());
        let line = cells.collect::<Vec<_>>().join(", ");
        *counts.entry(line).or_default() += batch.kind(row).sign();
    }
}

/// The sink of a SELECT: how often each row is there.
#[derive(Clone)]
struct Ledger {
    schema: RowType,
    counts: Arc<Mutex<BTreeMap<String, i64>>>,
}

impl Sink for Ledger {
    fn writer(&self, _cx: &WriterContext) -> Result<Box<dyn Writer>> {
        Ok(Box::new(self.clone()))
    }
}

impl Writer for Ledger {
    fn write(&mut self, batch: &Batch, _now: Now) -> Result<Progress> {
        count(batch, &self.schema, &mut self.counts.lock().unwrap());
        Ok(Progress::Done)
    }

    fn prepare(&mut self, _checkpoint: CheckpointId) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }
}

/// Tables that are there already: `'connector' = 'memory'`.
struct Memory(BTreeMap<String, Vec<Row>>);

impl Connector for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn options(&self, _table: &TableSpec) -> Result<Vec<&'static ConfigOption>> {
        Ok(Vec::new())
    }

    fn reads_nested_fields(&self) -> bool {
        true
    }

    fn plan_source(&self, table: &TableSpec, request: &ReadRequest) -> Result<SourcePlan> {
        let name = table.name.rsplit('.').next().unwrap_or_default();
        let rows = &self.0[name];
        let fields = request.columns.iter().map(|path| field(&table.schema, path)).collect();
        let rows: Vec<Vec<Scalar>> =
            rows.iter().map(|row| request.columns.iter().map(|path| scalar(part(row, path))).collect()).collect();
        Ok(values::plan(&RowType::new(fields), &rows))
    }

    fn plan_sink(&self, table: &TableSpec) -> Result<SinkPlan> {
        Err(Failure::user("connector.read-only", format!("{} only reads", table.name)))
    }
}

fn field(schema: &RowType, path: &[usize]) -> Field {
    let field = &schema.fields[path[0]];
    match (&field.ty.kind, &path[1..]) {
        (_, []) => field.clone(),
        (TypeKind::Row(row), rest) => {
            let inner = self::field(row, rest);
            Field::new(&inner.name, SqlType { nullable: true, ..inner.ty })
        }
        (other, _) => panic!("a path into {other}"),
    }
}

fn part<'r>(row: &'r [Value], path: &[usize]) -> &'r Value {
    match (&row[path[0]], &path[1..]) {
        (whole, []) => whole,
        (Value::Row(fields), rest) => part(fields, rest),
        _ => &Value::Null,
    }
}

fn scalar(value: &Value) -> Scalar {
    match value {
        Value::Null => Scalar::Null,
        Value::Boolean(value) => Scalar::Boolean(*value),
        Value::Int(n) => Scalar::Int(*n),
        Value::Decimal(value, scale) => Scalar::Decimal { value: *value, scale: *scale as u8 },
        Value::Float(x) => Scalar::Double(f64::from(*x)),
        Value::Double(x) => Scalar::Double(*x),
        Value::Text(text) => Scalar::string(text.as_str()),
        Value::Date(days) => Scalar::Date(*days as i32),
        Value::Timestamp(nanos) => Scalar::timestamp_ms((nanos / 1_000_000) as i64),
        Value::Row(values) => Scalar::Row(values.iter().map(scalar).collect()),
        other => panic!("tables hold no {other:?}"),
    }
}

fn value(scalar: &Scalar, kind: &TypeKind) -> Value {
    match (scalar, kind) {
        (Scalar::Null, _) => Value::Null,
        (Scalar::Boolean(value), _) => Value::Boolean(*value),
        (Scalar::Int(n), _) => Value::Int(*n),
        (Scalar::Double(x), TypeKind::Float) => Value::Float(*x as f32),
        (Scalar::Double(x), _) => Value::Double(*x),
        (Scalar::Decimal { value, scale }, _) => Value::Decimal(*value, u32::from(*scale)),
        (Scalar::String(text), _) => Value::text(text.as_ref()),
        (Scalar::Bytes(bytes), _) => Value::Bytes(bytes.to_vec()),
        (Scalar::Date(days), _) => Value::Date(i64::from(*days)),
        (Scalar::Time(ms), _) => Value::Time(i64::from(*ms)),
        (Scalar::Timestamp { millis, nanos }, _) => {
            Value::Timestamp(i128::from(*millis) * 1_000_000 + i128::from(*nanos))
        }
        (Scalar::Months(n), _) => Value::Months(i64::from(*n)),
        (Scalar::Millis(n), _) => Value::Millis(*n),
        (Scalar::Row(values), TypeKind::Row(row)) => {
            Value::Row(values.iter().zip(&row.fields).map(|(v, f)| value(v, &f.ty.kind)).collect())
        }
        (Scalar::Array(values), TypeKind::Array(of)) => {
            Value::Array(values.iter().map(|v| value(v, &of.kind)).collect())
        }
        (Scalar::Map(entries), TypeKind::Map(k, v)) => {
            Value::Map(entries.iter().map(|(a, b)| (value(a, &k.kind), value(b, &v.kind))).collect())
        }
        (other, kind) => panic!("{other} is no {kind}"),
    }
}

/// A type as far as both sides write it the same: how long a text can be is not compared.
fn shown_type(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Char(_) | TypeKind::Varchar(_) => "text".to_string(),
        TypeKind::Row(_) | TypeKind::Array(_) | TypeKind::Map(..) => "nested".to_string(),
        other => other.to_string(),
    }
}

/// The same for the interpreter's types.
pub fn shown_naive_type(ty: &Type) -> String {
    match ty {
        Type::Char(_) | Type::Varchar(_) => "text".to_string(),
        Type::Row(_) | Type::Array(_) | Type::Map(..) => "nested".to_string(),
        other => other.to_string(),
    }
}
