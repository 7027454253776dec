//! Queries as written.

use super::{Expr, FunctionCall, Ident, ObjectName, WindowSpec};
use crate::span::Span;

/// `[WITH …] body [ORDER BY …] [LIMIT …] [OFFSET …]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Common table expressions, in order.
    pub with: Vec<Cte>,
    /// What produces the rows.
    pub body: QueryBody,
    /// The order of the result.
    pub order_by: Vec<OrderItem>,
    /// `LIMIT n` or `FETCH FIRST n ROWS ONLY`; `LIMIT ALL` is none.
    pub limit: Option<Expr>,
    /// `OFFSET n [ROWS]`.
    pub offset: Option<Expr>,
    /// All of it, without parentheses around it.
    pub span: Span,
}

/// `name [(columns)] AS (query)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cte {
    /// Its name.
    pub name: Ident,
    /// New names of its columns; empty if the query's are kept.
    pub columns: Vec<Ident>,
    /// What it stands for.
    pub query: Query,
    /// All of it.
    pub span: Span,
}

/// What produces a query's rows.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryBody {
    /// `SELECT …`.
    Select(Box<Select>),
    /// `VALUES …`.
    Values(Values),
    /// `TABLE t`: all of a table.
    Table(ObjectName),
    /// `a UNION ALL b`, …
    SetOperation(Box<SetOperation>),
    /// `(query)`, where the parentheses matter: it has its own WITH, ORDER BY, LIMIT or OFFSET.
    Nested(Box<Query>),
}

/// Two queries combined.
#[derive(Clone, Debug, PartialEq)]
pub struct SetOperation {
    /// How.
    pub op: SetOperator,
    /// `ALL`: duplicates are kept.
    pub all: bool,
    /// First operand.
    pub left: QueryBody,
    /// Second operand.
    pub right: QueryBody,
    /// From the first to the second operand.
    pub span: Span,
    /// The operator's words.
    pub op_span: Span,
}

/// Set operators; INTERSECT binds closer than the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOperator {
    /// `UNION`.
    Union,
    /// `INTERSECT`.
    Intersect,
    /// `EXCEPT`.
    Except,
}

/// `ALL` or `DISTINCT`, in `SELECT`, calls and `GROUP BY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetQuantifier {
    /// `ALL`.
    All,
    /// `DISTINCT`.
    Distinct,
}

/// `SELECT items FROM … WHERE … GROUP BY … HAVING … WINDOW … QUALIFY …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// `SELECT /*+ … */`.
    pub hints: Vec<Hint>,
    /// `SELECT DISTINCT`, `SELECT ALL`.
    pub quantifier: Option<SetQuantifier>,
    /// What is selected; never empty.
    pub items: Vec<SelectItem>,
    /// The tables between commas; empty without `FROM`.
    pub from: Vec<TableRef>,
    /// `WHERE`.
    pub selection: Option<Expr>,
    /// `GROUP BY`.
    pub group_by: Option<GroupBy>,
    /// `HAVING`.
    pub having: Option<Expr>,
    /// `WINDOW w AS (…), …`.
    pub windows: Vec<NamedWindow>,
    /// `QUALIFY`.
    pub qualify: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// An item of a `SELECT`.
#[derive(Clone, Debug, PartialEq)]
pub enum SelectItem {
    /// `*`.
    Wildcard(Span),
    /// `t.*`.
    QualifiedWildcard(ObjectName, Span),
    /// `expr [AS alias]`.
    Expr {
        /// The value.
        expr: Expr,
        /// Its name.
        alias: Option<Ident>,
    },
}

impl SelectItem {
    /// All of the item.
    pub fn span(&self) -> Span {
        match self {
            Self::Wildcard(span) | Self::QualifiedWildcard(_, span) => *span,
            Self::Expr { expr, alias } => alias.as_ref().map_or(expr.span, |a| expr.span.to(a.span)),
        }
    }
}

/// `GROUP BY [ALL | DISTINCT] items`.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupBy {
    /// Whether equal grouping sets are merged.
    pub quantifier: Option<SetQuantifier>,
    /// The items; never empty.
    pub items: Vec<GroupItem>,
    /// All of it.
    pub span: Span,
}

/// An item of `GROUP BY`.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupItem {
    /// One key.
    Expr(Expr),
    /// `(a, b)`, several keys as one item; `()`, none.
    Set(Vec<Expr>, Span),
    /// `ROLLUP (a, (b, c))`: each element is a list of keys.
    Rollup(Vec<Vec<Expr>>, Span),
    /// `CUBE (a, (b, c))`.
    Cube(Vec<Vec<Expr>>, Span),
    /// `GROUPING SETS (a, (b, c), (), ROLLUP (d))`.
    GroupingSets(Vec<GroupItem>, Span),
}

/// `name AS (…)` of the `WINDOW` clause.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedWindow {
    /// Its name.
    pub name: Ident,
    /// What it is.
    pub spec: WindowSpec,
}

/// `expr [ASC | DESC] [NULLS FIRST | NULLS LAST]`.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderItem {
    /// The sort key, or the position of a column.
    pub expr: Expr,
    /// `DESC`.
    pub descending: bool,
    /// Where nulls go, if the text says.
    pub nulls: Option<NullsOrder>,
    /// All of it.
    pub span: Span,
}

/// Where nulls go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullsOrder {
    /// `NULLS FIRST`.
    First,
    /// `NULLS LAST`.
    Last,
}

/// `VALUES (1, 'a'), (2, 'b')`; `VALUES 1, 2` has rows of one column, `ROW(1, 2)` is a row too.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// The rows; never empty, each with at least one value. Whether they are equally long is for the binder to check.
    pub rows: Vec<Vec<Expr>>,
    /// All of it.
    pub span: Span,
}

/// Something to read from, and its alias.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRef {
    /// What it is.
    pub kind: TableRefKind,
    /// `[AS] name [(columns)]`; a join has none.
    pub alias: Option<TableAlias>,
    /// All of it.
    pub span: Span,
}

/// The forms of a table in `FROM`.
#[derive(Clone, Debug, PartialEq)]
pub enum TableRefKind {
    /// `name [FOR SYSTEM_TIME AS OF expr]`.
    Table {
        /// Its name.
        name: ObjectName,
        /// `/*+ OPTIONS('k' = 'v') */`.
        hints: Vec<Hint>,
        /// The moment of which the table's version is meant.
        system_time: Option<Box<Expr>>,
    },
    /// `[LATERAL] (query)`, also `(VALUES …)`.
    Derived {
        /// The query.
        query: Box<Query>,
        /// It may use columns of the tables to its left.
        lateral: bool,
    },
    /// `[LATERAL] TABLE(f(…))`, or `f(…)` alone.
    Function {
        /// The call.
        call: Box<FunctionCall>,
        /// It may use columns of the tables to its left.
        lateral: bool,
    },
    /// `UNNEST(a, …) [WITH ORDINALITY]`.
    Unnest {
        /// The collections; never empty.
        exprs: Vec<Expr>,
        /// A last column counts from 1.
        ordinality: bool,
    },
    /// Two tables joined.
    Join(Box<Join>),
}

/// `[AS] name [(columns)]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TableAlias {
    /// The name.
    pub name: Ident,
    /// New names of the columns; empty if they are kept.
    pub columns: Vec<Ident>,
    /// All of it.
    pub span: Span,
}

/// Two tables joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// Left side.
    pub left: TableRef,
    /// Right side.
    pub right: TableRef,
    /// Which rows stay.
    pub kind: JoinKind,
    /// How they match.
    pub condition: JoinCondition,
    /// The words `[NATURAL] [LEFT] … JOIN`.
    pub op_span: Span,
}

/// Which rows stay without a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// None.
    Inner,
    /// The left ones.
    Left,
    /// The right ones.
    Right,
    /// All.
    Full,
    /// Every pair matches.
    Cross,
}

/// How rows match.
#[derive(Clone, Debug, PartialEq)]
pub enum JoinCondition {
    /// Always (`CROSS JOIN`).
    None,
    /// `ON expr`.
    On(Expr),
    /// `USING (columns)`.
    Using(Vec<Ident>),
    /// `NATURAL`: the columns of equal name.
    Natural,
}

/// One hint of `/*+ … */`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// Its name, such as `OPTIONS`, `BROADCAST`, `STATE_TTL`; not case-sensitive.
    pub name: Ident,
    /// What stands in its parentheses.
    pub args: Vec<HintArg>,
    /// All of it.
    pub span: Span,
}

/// `'key' = 'value'`, or a value alone (a table's name, a number).
#[derive(Clone, Debug, PartialEq)]
pub struct HintArg {
    /// What is set.
    pub key: Option<String>,
    /// To what.
    pub value: String,
    /// All of it.
    pub span: Span,
}
