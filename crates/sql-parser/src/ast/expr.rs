//! Expressions as written.

use super::{DataType, Ident, IntervalQualifier, ObjectName, OrderItem, Query, SetQuantifier, TimeUnit};
use crate::span::Span;

/// An expression at a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// All of it, without parentheses around it.
    pub span: Span,
}

/// The forms of an expression.
///
/// Three forms of the standard are plain calls here: `SUBSTRING(x FROM a FOR b)` is `SUBSTRING(x, a, b)`,
/// `POSITION(a IN b)` is `POSITION(a, b)`, `OVERLAY(x PLACING y FROM a FOR b)` is `OVERLAY(x, y, a, b)`.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A constant.
    Literal(Literal),
    /// A dotted name, `a`, `t.a`, `db.t.a.f`: where the table ends and fields of rows begin is for the binder to say.
    Column(Vec<Ident>),
    /// `base.field` where the base is no dotted name: `f(x).y`, `a[1].b`, `(t.r).x`.
    Field {
        /// The row.
        base: Box<Expr>,
        /// The field's name.
        field: Ident,
    },
    /// `base[index]`: an element of an array (from 1), a map or a variant.
    Item {
        /// The collection.
        base: Box<Expr>,
        /// Position or key.
        index: Box<Expr>,
    },
    /// `-x`, `+x`.
    Unary {
        /// The sign.
        op: UnaryOp,
        /// What it applies to.
        operand: Box<Expr>,
    },
    /// Arithmetic, comparison, concatenation.
    Binary {
        /// Left operand.
        left: Box<Expr>,
        /// Operator.
        op: BinaryOp,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `a AND b AND …`: two or more, in order.
    And(Vec<Expr>),
    /// `a OR b OR …`: two or more, in order.
    Or(Vec<Expr>),
    /// `NOT x`.
    Not(Box<Expr>),
    /// `x IS [NOT] NULL`, `TRUE`, `FALSE`, `UNKNOWN`, `JSON …`.
    Is {
        /// What is tested.
        operand: Box<Expr>,
        /// For what.
        test: IsTest,
        /// `IS NOT`.
        negated: bool,
    },
    /// `a IS [NOT] DISTINCT FROM b`.
    IsDistinctFrom {
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
        /// `IS NOT DISTINCT FROM`.
        negated: bool,
    },
    /// `x [NOT] BETWEEN [SYMMETRIC] low AND high`.
    Between {
        /// What is tested.
        operand: Box<Expr>,
        /// Lower bound, inclusive.
        low: Box<Expr>,
        /// Upper bound, inclusive.
        high: Box<Expr>,
        /// `NOT BETWEEN`.
        negated: bool,
        /// The bounds may stand in either order.
        symmetric: bool,
    },
    /// `x [NOT] LIKE pattern [ESCAPE c]`, `x [NOT] SIMILAR TO pattern [ESCAPE c]`.
    Like {
        /// What is tested.
        operand: Box<Expr>,
        /// The pattern.
        pattern: Box<Expr>,
        /// The escape character.
        escape: Option<Box<Expr>>,
        /// Which pattern language.
        kind: LikeKind,
        /// `NOT LIKE`.
        negated: bool,
    },
    /// `x [NOT] IN (a, b, …)`: at least one item.
    InList {
        /// What is tested.
        operand: Box<Expr>,
        /// The candidates.
        list: Vec<Expr>,
        /// `NOT IN`.
        negated: bool,
    },
    /// `x [NOT] IN (query)`.
    InSubquery {
        /// What is tested.
        operand: Box<Expr>,
        /// The candidates.
        query: Box<Query>,
        /// `NOT IN`.
        negated: bool,
    },
    /// `x < ALL (query)`, `x = ANY (query)`.
    QuantifiedComparison {
        /// Left operand.
        left: Box<Expr>,
        /// A comparison.
        op: BinaryOp,
        /// For all rows or for any.
        quantifier: Quantifier,
        /// The rows.
        query: Box<Query>,
    },
    /// `EXISTS (query)`.
    Exists(Box<Query>),
    /// `(query)` as a value.
    Subquery(Box<Query>),
    /// `CASE [operand] WHEN … THEN … [ELSE …] END`.
    Case {
        /// The compared value of the simple form.
        operand: Option<Box<Expr>>,
        /// At least one.
        branches: Vec<WhenThen>,
        /// The value if no branch applies.
        otherwise: Option<Box<Expr>>,
    },
    /// `CAST(x AS t)`, `TRY_CAST(x AS t)`.
    Cast {
        /// What is converted.
        operand: Box<Expr>,
        /// To what.
        data_type: DataType,
        /// `TRY_CAST`: NULL instead of an error.
        safe: bool,
    },
    /// `EXTRACT(unit FROM x)`.
    Extract {
        /// What is taken out.
        unit: TimeUnit,
        /// Of what.
        operand: Box<Expr>,
    },
    /// `FLOOR(x TO unit)`.
    FloorTo {
        /// What is rounded.
        operand: Box<Expr>,
        /// To what.
        unit: TimeUnit,
    },
    /// `CEIL(x TO unit)`, `CEILING(x TO unit)`.
    CeilTo {
        /// What is rounded.
        operand: Box<Expr>,
        /// To what.
        unit: TimeUnit,
    },
    /// `TRIM([[BOTH | LEADING | TRAILING] [characters] FROM] x)`.
    Trim {
        /// Which end; both if the text does not say.
        side: TrimSide,
        /// What is cut off; a space if the text does not say.
        characters: Option<Box<Expr>>,
        /// From what.
        operand: Box<Expr>,
    },
    /// A call of a function.
    Function(Box<FunctionCall>),
    /// `ARRAY[a, b, …]`.
    Array(Vec<Expr>),
    /// `MAP[k, v, …]`.
    Map(Vec<(Expr, Expr)>),
    /// `ROW(a, b, …)` or `(a, b, …)`; the latter has two or more fields.
    Row(Vec<Expr>),
    /// A unit as an argument: `TIMESTAMPADD(MONTH, …)`, `TIMESTAMPDIFF(DAY, …)`.
    TimeUnit(TimeUnit),
}

/// A constant as written; numbers keep their digits.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `NULL`.
    Null,
    /// `TRUE`, `FALSE`.
    Boolean(bool),
    /// `UNKNOWN`: a truth value that is NULL.
    Unknown,
    /// `12`, `1.50`, `1e10`: unsigned, the exact digits. With an exponent it is a DOUBLE, with a point a DECIMAL.
    Number(String),
    /// `'text'`, quotes resolved. `E'a\n'` and `U&'\00e9'` are resolved too.
    String(String),
    /// `X'0aff'`: an even number of hexadecimal digits.
    Binary(String),
    /// `DATE '2013-01-01'`.
    Date(String),
    /// `TIME '12:00:00'`.
    Time(String),
    /// `TIMESTAMP '2013-01-01 12:00:00'`.
    Timestamp(String),
    /// `TIMESTAMP WITH LOCAL TIME ZONE '2013-01-01 12:00:00'`.
    TimestampLtz(String),
    /// `INTERVAL [-]'1 02:03' DAY TO MINUTE`.
    Interval {
        /// The text in quotes.
        value: String,
        /// A minus sign before the quotes.
        negative: bool,
        /// What it counts.
        qualifier: IntervalQualifier,
    },
}

/// A sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `+`
    Plus,
    /// `-`
    Minus,
}

/// Operators with two operands; AND and OR are n-ary, see [`ExprKind::And`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `||`
    Concat,
    /// `=`
    Eq,
    /// `<>`, `!=`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtEq,
    /// `>`
    Gt,
    /// `>=`
    GtEq,
    /// `OVERLAPS`, between rows of two
    Overlaps,
}

impl BinaryOp {
    /// Whether it is one of `= <> < <= > >=`.
    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::NotEq | Self::Lt | Self::LtEq | Self::Gt | Self::GtEq)
    }
}

/// What `IS` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsTest {
    /// `IS NULL`.
    Null,
    /// `IS TRUE`.
    True,
    /// `IS FALSE`.
    False,
    /// `IS UNKNOWN`.
    Unknown,
    /// `IS JSON`, `IS JSON VALUE`.
    Json,
    /// `IS JSON OBJECT`.
    JsonObject,
    /// `IS JSON ARRAY`.
    JsonArray,
    /// `IS JSON SCALAR`.
    JsonScalar,
}

/// A pattern language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LikeKind {
    /// `%` and `_`.
    Like,
    /// The standard's regular expressions.
    SimilarTo,
}

/// `ALL`, or `ANY` and its synonym `SOME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// Every row.
    All,
    /// At least one row.
    Any,
}

/// One `WHEN condition THEN result`.
#[derive(Clone, Debug, PartialEq)]
pub struct WhenThen {
    /// The condition, or the value to compare with.
    pub when: Expr,
    /// The result.
    pub then: Expr,
}

/// Which end `TRIM` cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrimSide {
    /// Both.
    Both,
    /// The beginning.
    Leading,
    /// The end.
    Trailing,
}

/// A call of a scalar, aggregate, window or table function.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionCall {
    /// Its name; function names are not case-sensitive.
    pub name: ObjectName,
    /// `false` for `CURRENT_TIMESTAMP` and its like, which stand without parentheses.
    pub parentheses: bool,
    /// `COUNT(DISTINCT x)`.
    pub quantifier: Option<SetQuantifier>,
    /// The arguments in order.
    pub args: Vec<FunctionArg>,
    /// `ORDER BY` within the parentheses: `ARRAY_AGG(x ORDER BY y)`.
    pub order_by: Vec<OrderItem>,
    /// `WITHIN GROUP (ORDER BY …)`.
    pub within_group: Vec<OrderItem>,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Box<Expr>>,
    /// `IGNORE NULLS`, `RESPECT NULLS`.
    pub null_treatment: Option<NullTreatment>,
    /// `OVER …`.
    pub over: Option<WindowRef>,
    /// From the name to the end of the last clause.
    pub span: Span,
}

impl FunctionCall {
    /// Whether it calls the built-in `name` (one part, any case).
    pub fn is(&self, name: &str) -> bool {
        self.name.parts.len() == 1 && self.name.last().eq_ignore_ascii_case(name)
    }
}

/// An argument, `value` or `name => value`.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionArg {
    /// The parameter's name.
    pub name: Option<Ident>,
    /// What is passed.
    pub value: ArgValue,
    /// All of it.
    pub span: Span,
}

/// What can be passed to a function.
#[derive(Clone, Debug, PartialEq)]
pub enum ArgValue {
    /// A value.
    Expr(Expr),
    /// `*`, in `COUNT(*)`.
    Wildcard,
    /// `TABLE t …`: a table, to a table function.
    Table(Box<TableArg>),
    /// `DESCRIPTOR(a, b)`: columns by name.
    Descriptor(Vec<Ident>),
    /// `DEFAULT`: the parameter's default.
    Default,
}

/// A table passed to a table function.
#[derive(Clone, Debug, PartialEq)]
pub struct TableArg {
    /// Which table.
    pub source: TableArgSource,
    /// `PARTITION BY a` or `PARTITION BY (a, b)`.
    pub partition_by: Vec<Expr>,
    /// `ORDER BY a` or `ORDER BY (a, b)`.
    pub order_by: Vec<OrderItem>,
    /// All of it.
    pub span: Span,
}

/// A table by name, or a query.
#[derive(Clone, Debug, PartialEq)]
pub enum TableArgSource {
    /// `TABLE t`.
    Name(ObjectName),
    /// `TABLE (SELECT …)`, `(SELECT …)`.
    Query(Box<Query>),
}

/// What a window function does with nulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullTreatment {
    /// `IGNORE NULLS`.
    Ignore,
    /// `RESPECT NULLS`.
    Respect,
}

/// `OVER name` or `OVER (…)`.
#[derive(Clone, Debug, PartialEq)]
pub enum WindowRef {
    /// A window of the `WINDOW` clause.
    Named(Ident),
    /// One written out.
    Spec(Box<WindowSpec>),
}

/// `([name] [PARTITION BY …] [ORDER BY …] [frame])`.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowSpec {
    /// A window of the `WINDOW` clause that this one adds to.
    pub base: Option<Ident>,
    /// `PARTITION BY`.
    pub partition_by: Vec<Expr>,
    /// `ORDER BY`.
    pub order_by: Vec<OrderItem>,
    /// `ROWS …` or `RANGE …`.
    pub frame: Option<WindowFrame>,
    /// With the parentheses.
    pub span: Span,
}

/// `ROWS BETWEEN start AND end`; without `BETWEEN` there is no end.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowFrame {
    /// Rows or values.
    pub unit: FrameUnit,
    /// Where it begins.
    pub start: FrameBound,
    /// Where it ends; at the current row if the text does not say.
    pub end: Option<FrameBound>,
    /// All of it.
    pub span: Span,
}

/// How a frame counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameUnit {
    /// In rows.
    Rows,
    /// By the value of the sort key.
    Range,
}

/// An end of a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameBound {
    /// `UNBOUNDED PRECEDING`.
    UnboundedPreceding,
    /// `n PRECEDING`.
    Preceding(Box<Expr>),
    /// `CURRENT ROW`.
    CurrentRow,
    /// `n FOLLOWING`.
    Following(Box<Expr>),
    /// `UNBOUNDED FOLLOWING`.
    UnboundedFollowing,
}
