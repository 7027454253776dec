//! What planning hands out: bound queries, planned inserts and jobs, answers to statements.

use std::sync::Arc;

use tidemill_dataflow::{JobGraph, SinkPlan, WriteStage};
use tidemill_expr::RowType;
use tidemill_sql_parser::ast::ClientCommand;

use crate::catalog::TableDef;
use crate::rel::{ColId, ColumnRegistry, Rel};
use crate::traits::ChangelogMode;

/// A plan with all that is known about its columns.
#[derive(Clone, Debug)]
pub struct BoundQuery {
    /// The plan.
    pub rel: Rel,
    /// Its columns.
    pub registry: ColumnRegistry,
    /// The result's columns in order: columns of `rel`, perhaps fewer than it has, perhaps one twice.
    pub columns: Vec<ColId>,
    /// Names and types of the result's columns.
    pub schema: RowType,
}

/// A SELECT that is ready to run.
#[derive(Clone, Debug)]
pub struct PlannedQuery {
    /// Names and types of the result.
    pub schema: RowType,
    /// The query as it was bound, without any rule applied: the oracle's input.
    pub bound: BoundQuery,
    /// The query after the rules.
    pub optimized: BoundQuery,
    /// Which kinds of rows the streaming plan gives.
    pub changelog: ChangelogMode,
    /// The streaming plan, ending in a sink of kind [`crate::COLLECT`]; none in batch mode.
    pub graph: Option<JobGraph>,
    /// Canonical text of the statement and of everything it reads: equal texts mean the same query.
    pub definition: String,
}

/// One INSERT of a job.
#[derive(Clone, Debug)]
pub struct PlannedInsert {
    /// The sink's full name.
    pub sink: String,
    /// The sink's table.
    pub table: Arc<TableDef>,
    /// How it is written.
    pub plan: SinkPlan,
    /// What is counted, checked and hashed on the way.
    pub write: WriteStage,
    /// Names and types of the columns that are written, in the order in which they arrive.
    pub schema: RowType,
    /// The query as it was bound, casts to the sink's types included.
    pub bound: BoundQuery,
    /// The query after the rules.
    pub optimized: BoundQuery,
}

/// An INSERT or a statement set that is ready to run.
#[derive(Clone, Debug)]
pub struct PlannedJob {
    /// `pipeline.name`, else the sinks' full names, sorted.
    pub name: String,
    /// The INSERTs in order.
    pub inserts: Vec<PlannedInsert>,
    /// The streaming plan; none in batch mode.
    pub graph: Option<JobGraph>,
    /// Canonical text of the statements and of every table and view they use: a job whose text is the same is the same job,
    /// whatever plan today's planner would make.
    pub definition: String,
}

/// Rows of text that answer a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTable {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Cells; none is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What a statement gives.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is done; nothing to show but that.
    Done,
    /// Rows of text (SHOW, DESCRIBE, SET).
    Table(TextTable),
    /// A text as it is (EXPLAIN, SHOW CREATE).
    Text(String),
    /// A SELECT to be run.
    Query(Box<PlannedQuery>),
    /// A job to be run.
    Job(Box<PlannedJob>),
    /// A command for the shell itself.
    Client(ClientCommand),
}

impl TextTable {
    /// A table of full rows.
    pub fn new(columns: &[&str], rows: Vec<Vec<String>>) -> TextTable {
        TextTable {
            columns: columns.iter().map(|name| (*name).to_string()).collect(),
            rows: rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect(),
        }
    }
}
