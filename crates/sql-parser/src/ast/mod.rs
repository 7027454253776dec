//! The syntax tree of Flink's SQL dialect: what the text says, before any name or type is looked up.
//!
//! Every node has a [`Span`]. Every node prints itself as canonical SQL (`Display`); parsing that text gives an equal
//! tree but for the spans, so two nodes say the same exactly if their texts are equal. Parentheses are not nodes.
//! The tree is at most [`crate::limits::TREE_HEIGHT_MAX`] nodes high, so walking it recursively is safe.

mod expr;
mod query;
mod statement;
mod types;

pub use expr::{
    ArgValue, BinaryOp, Expr, ExprKind, FrameBound, FrameUnit, FunctionArg, FunctionCall, IsTest, LikeKind, Literal,
    NullTreatment, Quantifier, TableArg, TableArgSource, TrimSide, UnaryOp, WhenThen, WindowFrame, WindowRef,
    WindowSpec,
};
pub use query::{
    Cte, GroupBy, GroupItem, Hint, HintArg, Join, JoinCondition, JoinKind, NamedWindow, NullsOrder, OrderItem, Query,
    QueryBody, Select, SelectItem, SetOperation, SetOperator, SetQuantifier, TableAlias, TableRef, TableRefKind,
    Values,
};
pub use statement::{
    ClientCommand, ColumnDef, ColumnKind, CreateTable, CreateView, Describe, Drop, DropKind, Explain, ExplainDetail,
    Insert, LikeClause, LikeFeature, LikeMerge, LikeOption, PrimaryKey, SetOption, Show, ShowFilter, ShowKind,
    Statement, StatementKind, StatementSet, TableOption, Use, WatermarkDef,
};
pub use types::{DataType, IntervalQualifier, RowField, TimeUnit, TypeKind};

use crate::span::Span;

/// One name. Names are case-sensitive and kept as written, without their backticks.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    /// The name itself; a doubled backtick inside quotes is one backtick here.
    pub value: String,
    /// Where it stands, quotes included.
    pub span: Span,
}

impl Ident {
    /// A name at a place.
    pub fn new(value: impl Into<String>, span: Span) -> Self {
        Self { value: value.into(), span }
    }
}

/// A name of one to three parts: `table`, `database.table`, `catalog.database.table`; functions likewise.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectName {
    /// The parts from left to right; never empty.
    pub parts: Vec<Ident>,
    /// From the first to the last part.
    pub span: Span,
}

impl ObjectName {
    /// The last part: the table's or function's own name.
    pub fn last(&self) -> &str {
        self.parts.last().map_or("", |p| p.value.as_str())
    }

    /// The parts as plain text.
    pub fn values(&self) -> Vec<&str> {
        self.parts.iter().map(|p| p.value.as_str()).collect()
    }
}
