//! Statements as written.

use super::{DataType, Expr, Hint, Ident, ObjectName, Query};
use crate::span::Span;

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it says.
    pub kind: StatementKind,
    /// From its first to its last word; no semicolon.
    pub span: Span,
}

/// The statements.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `SELECT …`, `VALUES …`, `WITH …`.
    Query(Box<Query>),
    /// `INSERT INTO …`.
    Insert(Box<Insert>),
    /// `EXECUTE STATEMENT SET BEGIN … END`, `BEGIN STATEMENT SET; … END`.
    StatementSet(StatementSet),
    /// `CREATE TABLE …`.
    CreateTable(Box<CreateTable>),
    /// `CREATE VIEW …`.
    CreateView(Box<CreateView>),
    /// `DROP TABLE …`, `DROP VIEW …`.
    Drop(Drop),
    /// `SET 'key' = 'value'`; `SET` alone lists all that are set.
    Set(Option<SetOption>),
    /// `RESET 'key'`; `RESET` alone undoes every `SET`.
    Reset(Option<Ident>),
    /// `SHOW …`.
    Show(Show),
    /// `DESCRIBE t`, `DESC t`.
    Describe(Describe),
    /// `EXPLAIN …`.
    Explain(Box<Explain>),
    /// `USE …`.
    Use(Use),
    /// A command of the shell.
    Client(ClientCommand),
}

/// `INSERT INTO | OVERWRITE name [PARTITION (…)] [(columns)] query`.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// The sink.
    pub table: ObjectName,
    /// `INSERT OVERWRITE`.
    pub overwrite: bool,
    /// `t /*+ OPTIONS('k' = 'v') */`.
    pub hints: Vec<Hint>,
    /// `PARTITION (day = '2013-01-01')`: constants for partition columns.
    pub partition: Vec<(Ident, Expr)>,
    /// The columns that the query's columns go to; empty: all of the table's, in order.
    pub columns: Vec<Ident>,
    /// What is inserted.
    pub query: Query,
    /// All of it.
    pub span: Span,
}

/// Several INSERTs as one job.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementSet {
    /// Never empty.
    pub inserts: Vec<Insert>,
    /// All of it.
    pub span: Span,
}

/// `CREATE [TEMPORARY] TABLE [IF NOT EXISTS] name (…) … WITH (…) [LIKE …]`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// The columns in order.
    pub columns: Vec<ColumnDef>,
    /// `WATERMARK FOR …`.
    pub watermark: Option<WatermarkDef>,
    /// `PRIMARY KEY (…) NOT ENFORCED`, of the table or of a column.
    pub primary_key: Option<PrimaryKey>,
    /// `COMMENT '…'`.
    pub comment: Option<String>,
    /// `PARTITIONED BY (…)`.
    pub partitioned_by: Vec<Ident>,
    /// `WITH ('key' = 'value', …)`.
    pub options: Vec<TableOption>,
    /// `LIKE other (…)`.
    pub like: Option<LikeClause>,
    /// All of it.
    pub span: Span,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: Ident,
    /// Where its values come from.
    pub kind: ColumnKind,
    /// `COMMENT '…'`.
    pub comment: Option<String>,
    /// All of it.
    pub span: Span,
}

/// Where a column's values come from.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnKind {
    /// `name type`: stored in the table.
    Physical(DataType),
    /// `name AS expr`: computed when the table is read.
    Computed(Expr),
    /// `name type METADATA [FROM 'key'] [VIRTUAL]`: known to the connector or format.
    Metadata {
        /// Its type.
        data_type: DataType,
        /// Its name there; the column's own if the text does not say.
        key: Option<String>,
        /// Read only.
        is_virtual: bool,
    },
}

/// `WATERMARK FOR column AS expr`.
#[derive(Clone, Debug, PartialEq)]
pub struct WatermarkDef {
    /// The event-time column; several parts name a field of a row.
    pub column: Vec<Ident>,
    /// The watermark of a row.
    pub expr: Expr,
    /// All of it.
    pub span: Span,
}

/// `[CONSTRAINT name] PRIMARY KEY (columns) NOT ENFORCED`.
#[derive(Clone, Debug, PartialEq)]
pub struct PrimaryKey {
    /// The constraint's name.
    pub name: Option<Ident>,
    /// The key; never empty.
    pub columns: Vec<Ident>,
    /// All of it.
    pub span: Span,
}

/// `'key' = 'value'`.
#[derive(Clone, Debug, PartialEq)]
pub struct TableOption {
    /// What is set.
    pub key: String,
    /// To what.
    pub value: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Where the value stands.
    pub value_span: Span,
}

/// `LIKE table [(options)]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LikeClause {
    /// The table that is copied.
    pub table: ObjectName,
    /// What of it, in order.
    pub options: Vec<LikeOption>,
    /// All of it.
    pub span: Span,
}

/// `INCLUDING ALL`, `EXCLUDING OPTIONS`, …
#[derive(Clone, Debug, PartialEq)]
pub struct LikeOption {
    /// What happens with it.
    pub merge: LikeMerge,
    /// Which part of the table.
    pub feature: LikeFeature,
    /// Both words.
    pub span: Span,
}

/// What happens with a part of the copied table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LikeMerge {
    /// Taken over; a clash is an error.
    Including,
    /// Left out.
    Excluding,
    /// Taken over; in a clash the new table's wins.
    Overwriting,
}

/// A part of the copied table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LikeFeature {
    /// Every part.
    All,
    /// The primary key.
    Constraints,
    /// How rows are distributed.
    Distribution,
    /// Computed columns.
    Generated,
    /// Metadata columns.
    Metadata,
    /// `WITH`.
    Options,
    /// `PARTITIONED BY`.
    Partitions,
    /// Watermarks.
    Watermarks,
}

/// `CREATE [TEMPORARY] VIEW [IF NOT EXISTS] name [(columns)] [COMMENT '…'] AS query`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateView {
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// New names of its columns; empty if the query's are kept.
    pub columns: Vec<Ident>,
    /// `COMMENT '…'`.
    pub comment: Option<String>,
    /// What it stands for.
    pub query: Query,
    /// The query as the user wrote it.
    pub query_text: String,
    /// All of it.
    pub span: Span,
}

/// `DROP [TEMPORARY] TABLE | VIEW [IF EXISTS] name`.
#[derive(Clone, Debug, PartialEq)]
pub struct Drop {
    /// What is dropped.
    pub kind: DropKind,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// Its name.
    pub name: ObjectName,
}

/// What is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropKind {
    /// A table.
    Table,
    /// A view.
    View,
}

/// `SET 'key' = 'value'` or `SET key = value`.
#[derive(Clone, Debug, PartialEq)]
pub struct SetOption {
    /// The option.
    pub key: String,
    /// Its new value.
    pub value: String,
    /// Where the key stands.
    pub key_span: Span,
    /// Where the value stands.
    pub value_span: Span,
}

/// `SHOW …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Show {
    /// What is listed.
    pub kind: ShowKind,
    /// Which of them.
    pub filter: Option<ShowFilter>,
}

/// What `SHOW` lists.
#[derive(Clone, Debug, PartialEq)]
pub enum ShowKind {
    /// `SHOW CATALOGS`.
    Catalogs,
    /// `SHOW DATABASES [FROM catalog]`.
    Databases(Option<ObjectName>),
    /// `SHOW TABLES [FROM database]`.
    Tables(Option<ObjectName>),
    /// `SHOW VIEWS [FROM database]`.
    Views(Option<ObjectName>),
    /// `SHOW FUNCTIONS`; with `USER` the user's own only.
    Functions {
        /// `SHOW USER FUNCTIONS`.
        user: bool,
    },
    /// `SHOW COLUMNS FROM table`.
    Columns(ObjectName),
    /// `SHOW CURRENT CATALOG`.
    CurrentCatalog,
    /// `SHOW CURRENT DATABASE`.
    CurrentDatabase,
    /// `SHOW CREATE TABLE t`.
    CreateTable(ObjectName),
    /// `SHOW CREATE VIEW v`.
    CreateView(ObjectName),
}

/// `[NOT] LIKE | ILIKE 'pattern'`.
#[derive(Clone, Debug, PartialEq)]
pub struct ShowFilter {
    /// `NOT`.
    pub negated: bool,
    /// `ILIKE`: case does not matter.
    pub ignore_case: bool,
    /// With `%` and `_`.
    pub pattern: String,
}

/// `DESCRIBE [EXTENDED] table`.
#[derive(Clone, Debug, PartialEq)]
pub struct Describe {
    /// `EXTENDED`.
    pub extended: bool,
    /// The table or view.
    pub name: ObjectName,
}

/// `EXPLAIN [details | PLAN FOR] statement`.
#[derive(Clone, Debug, PartialEq)]
pub struct Explain {
    /// What to show besides the plans, and where it is asked for.
    pub details: Vec<(ExplainDetail, Span)>,
    /// A query, an INSERT or a statement set.
    pub statement: Statement,
}

/// What `EXPLAIN` shows besides the plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExplainDetail {
    /// `ESTIMATED_COST`.
    EstimatedCost,
    /// `CHANGELOG_MODE`.
    ChangelogMode,
    /// `JSON_EXECUTION_PLAN`.
    JsonExecutionPlan,
    /// `PLAN_ADVICE`.
    PlanAdvice,
}

/// `USE …`.
#[derive(Clone, Debug, PartialEq)]
pub enum Use {
    /// `USE CATALOG name`.
    Catalog(Ident),
    /// `USE [catalog.]database`.
    Database(ObjectName),
}

/// A command of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCommand {
    /// `QUIT`, `EXIT`.
    Quit,
    /// `HELP`.
    Help,
    /// `CLEAR`.
    Clear,
}
