//! Expressions as SQL.

use std::fmt::{self, Display, Formatter};

use super::{join, parenthesized, quoted};
use crate::ast::{
    ArgValue, BinaryOp, Expr, ExprKind, FrameBound, FrameUnit, FunctionArg, FunctionCall, IsTest, LikeKind, Literal,
    NullTreatment, Quantifier, SetQuantifier, TableArg, TableArgSource, TrimSide, UnaryOp, WhenThen, WindowFrame,
    WindowRef, WindowSpec,
};
use crate::parser::precedence as binds;

/// An operand, in parentheses if it binds less closely than `1`.
struct At<'a>(&'a Expr, u8);

impl Display for At<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if precedence(&self.0.kind) < self.1 { write!(f, "({})", self.0) } else { write!(f, "{}", self.0) }
    }
}

fn precedence(kind: &ExprKind) -> u8 {
    match kind {
        ExprKind::Or(_) => binds::OR,
        ExprKind::And(_) => binds::AND,
        ExprKind::Not(_) => binds::NOT,
        ExprKind::Is { .. } => binds::IS,
        ExprKind::IsDistinctFrom { .. } | ExprKind::QuantifiedComparison { .. } => binds::COMPARISON,
        ExprKind::Between { .. } | ExprKind::Like { .. } | ExprKind::InList { .. } | ExprKind::InSubquery { .. } => {
            binds::RANGE
        }
        ExprKind::Binary { op, .. } => operator_precedence(*op),
        ExprKind::Unary { .. } => binds::SIGN,
        _ => binds::PRIMARY,
    }
}

fn operator_precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Plus | BinaryOp::Minus => binds::ADD,
        BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo | BinaryOp::Concat => binds::MULTIPLY,
        _ => binds::COMPARISON,
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Display for ExprKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => literal.fmt(f),
            Self::Column(parts) => join(f, parts, "."),
            Self::Field { base, field } => match base.kind {
                // Without parentheses it would be one dotted name.
                Self::Column(_) => write!(f, "({base}).{}", AfterDot(&field.value)),
                _ => write!(f, "{}.{}", At(base, binds::PRIMARY), AfterDot(&field.value)),
            },
            Self::Item { base, index } => write!(f, "{}[{index}]", At(base, binds::PRIMARY)),
            Self::Unary { op, operand } => {
                let sign = if *op == UnaryOp::Minus { '-' } else { '+' };
                // A space between two signs: `--` begins a comment.
                let space = if matches!(operand.kind, Self::Unary { .. }) { " " } else { "" };
                write!(f, "{sign}{space}{}", At(operand, binds::SIGN))
            }
            Self::Binary { left, op, right } => {
                let at = operator_precedence(*op);
                write!(f, "{} {op} {}", At(left, at), At(right, at + 1))
            }
            Self::And(items) => chain(f, items, " AND ", binds::AND),
            Self::Or(items) => chain(f, items, " OR ", binds::OR),
            Self::Not(operand) => write!(f, "NOT {}", At(operand, binds::NOT)),
            Self::Is { operand, test, negated } => {
                let not = if *negated { "NOT " } else { "" };
                write!(f, "{} IS {not}{test}", At(operand, binds::IS))
            }
            Self::IsDistinctFrom { left, right, negated } => {
                let not = if *negated { "NOT " } else { "" };
                write!(f, "{} IS {not}DISTINCT FROM ", At(left, binds::COMPARISON))?;
                At(right, binds::COMPARISON + 1).fmt(f)
            }
            Self::QuantifiedComparison { left, op, quantifier, query } => {
                let word = if *quantifier == Quantifier::All { "ALL" } else { "ANY" };
                write!(f, "{} {op} {word} ({query})", At(left, binds::COMPARISON))
            }
            Self::Between { .. } | Self::Like { .. } | Self::InList { .. } | Self::InSubquery { .. } => range(self, f),
            Self::Exists(query) => write!(f, "EXISTS ({query})"),
            Self::Subquery(query) => write!(f, "({query})"),
            Self::Case { operand, branches, otherwise } => {
                f.write_str("CASE")?;
                if let Some(operand) = operand {
                    write!(f, " {operand}")?;
                }
                for WhenThen { when, then } in branches {
                    write!(f, " WHEN {when} THEN {then}")?;
                }
                if let Some(otherwise) = otherwise {
                    write!(f, " ELSE {otherwise}")?;
                }
                f.write_str(" END")
            }
            Self::Cast { operand, data_type, safe } => {
                write!(f, "{}CAST({operand} AS {data_type})", if *safe { "TRY_" } else { "" })
            }
            Self::Extract { unit, operand } => write!(f, "EXTRACT({unit} FROM {operand})"),
            Self::FloorTo { operand, unit } => write!(f, "FLOOR({operand} TO {unit})"),
            Self::CeilTo { operand, unit } => write!(f, "CEIL({operand} TO {unit})"),
            Self::Trim { side, characters, operand } => trim(f, *side, characters.as_deref(), operand),
            Self::Function(call) => call.fmt(f),
            Self::Array(items) => {
                f.write_str("ARRAY[")?;
                join(f, items, ", ")?;
                f.write_str("]")
            }
            Self::Map(pairs) => {
                f.write_str("MAP[")?;
                for (i, (key, value)) in pairs.iter().enumerate() {
                    write!(f, "{}{key}, {value}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Row(fields) => {
                f.write_str("ROW")?;
                parenthesized(f, fields)
            }
            Self::TimeUnit(unit) => unit.fmt(f),
        }
    }
}

/// A name after `]` or `)` and a dot, where the lexer takes `._` for a mistake.
struct AfterDot<'a>(&'a str);

impl Display for AfterDot<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.starts_with('_') {
            write!(f, "`{}`", self.0.replace('`', "``"))
        } else {
            f.write_str(&super::quote_ident(self.0))
        }
    }
}

fn chain(f: &mut Formatter<'_>, items: &[Expr], word: &str, at: u8) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        write!(f, "{}{}", if i > 0 { word } else { "" }, At(item, at + 1))?;
    }
    Ok(())
}

fn range(kind: &ExprKind, f: &mut Formatter<'_>) -> fmt::Result {
    let not = |negated: &bool| if *negated { " NOT" } else { "" };
    let inner = binds::RANGE + 1;
    match kind {
        ExprKind::Between { operand, low, high, negated, symmetric } => {
            let symmetric = if *symmetric { " SYMMETRIC" } else { "" };
            write!(f, "{}{} BETWEEN{symmetric} ", At(operand, binds::RANGE), not(negated))?;
            write!(f, "{} AND {}", At(low, inner), At(high, inner))
        }
        ExprKind::Like { operand, pattern, escape, kind, negated } => {
            let word = if *kind == LikeKind::Like { "LIKE" } else { "SIMILAR TO" };
            write!(f, "{}{} {word} {}", At(operand, binds::RANGE), not(negated), At(pattern, inner))?;
            match escape {
                Some(escape) => write!(f, " ESCAPE {}", At(escape, inner)),
                None => Ok(()),
            }
        }
        ExprKind::InList { operand, list, negated } => {
            write!(f, "{}{} IN ", At(operand, binds::RANGE), not(negated))?;
            parenthesized(f, list)
        }
        ExprKind::InSubquery { operand, query, negated } => {
            write!(f, "{}{} IN ({query})", At(operand, binds::RANGE), not(negated))
        }
        other => other.fmt(f),
    }
}

fn trim(f: &mut Formatter<'_>, side: TrimSide, characters: Option<&Expr>, operand: &Expr) -> fmt::Result {
    let word = match side {
        TrimSide::Both => "BOTH",
        TrimSide::Leading => "LEADING",
        TrimSide::Trailing => "TRAILING",
    };
    match characters {
        Some(characters) => write!(f, "TRIM({word} {characters} FROM {operand})"),
        None if side == TrimSide::Both => write!(f, "TRIM({operand})"),
        None => write!(f, "TRIM({word} FROM {operand})"),
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(true) => f.write_str("TRUE"),
            Self::Boolean(false) => f.write_str("FALSE"),
            Self::Unknown => f.write_str("UNKNOWN"),
            Self::Number(digits) => f.write_str(digits),
            Self::String(text) => f.write_str(&quoted(text)),
            Self::Binary(digits) => write!(f, "X'{digits}'"),
            Self::Date(text) => write!(f, "DATE {}", quoted(text)),
            Self::Time(text) => write!(f, "TIME {}", quoted(text)),
            Self::Timestamp(text) => write!(f, "TIMESTAMP {}", quoted(text)),
            Self::TimestampLtz(text) => write!(f, "TIMESTAMP WITH LOCAL TIME ZONE {}", quoted(text)),
            Self::Interval { value, negative, qualifier } => {
                write!(f, "INTERVAL {}{} {qualifier}", if *negative { "-" } else { "" }, quoted(value))
            }
        }
    }
}

impl Display for BinaryOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Concat => "||",
            Self::Eq => "=",
            Self::NotEq => "<>",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::Overlaps => "OVERLAPS",
        })
    }
}

impl Display for IsTest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "NULL",
            Self::True => "TRUE",
            Self::False => "FALSE",
            Self::Unknown => "UNKNOWN",
            Self::Json => "JSON",
            Self::JsonObject => "JSON OBJECT",
            Self::JsonArray => "JSON ARRAY",
            Self::JsonScalar => "JSON SCALAR",
        })
    }
}

impl Display for SetQuantifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::All { "ALL" } else { "DISTINCT" })
    }
}

impl Display for FunctionCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_name(f)?;
        if self.parentheses {
            f.write_str("(")?;
            if let Some(quantifier) = self.quantifier {
                write!(f, "{quantifier} ")?;
            }
            join(f, &self.args, ", ")?;
            if !self.order_by.is_empty() {
                f.write_str(" ORDER BY ")?;
                join(f, &self.order_by, ", ")?;
            }
            f.write_str(")")?;
        }
        if !self.within_group.is_empty() {
            f.write_str(" WITHIN GROUP (ORDER BY ")?;
            join(f, &self.within_group, ", ")?;
            f.write_str(")")?;
        }
        if let Some(filter) = &self.filter {
            write!(f, " FILTER (WHERE {filter})")?;
        }
        match self.null_treatment {
            Some(NullTreatment::Ignore) => f.write_str(" IGNORE NULLS")?,
            Some(NullTreatment::Respect) => f.write_str(" RESPECT NULLS")?,
            None => {}
        }
        match &self.over {
            Some(over) => write!(f, " OVER {over}"),
            None => Ok(()),
        }
    }
}

impl FunctionCall {
    /// A built-in's name needs no backticks where a column's would.
    fn write_name(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.name.parts.as_slice() {
            [only] if crate::keywords::is_callable(&only.value) => f.write_str(&only.value),
            _ => self.name.fmt(f),
        }
    }
}

impl Display for FunctionArg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name} => ")?;
        }
        match &self.value {
            ArgValue::Expr(expr) => expr.fmt(f),
            ArgValue::Wildcard => f.write_str("*"),
            ArgValue::Table(table) => table.fmt(f),
            ArgValue::Descriptor(columns) => {
                f.write_str("DESCRIPTOR")?;
                parenthesized(f, columns)
            }
            ArgValue::Default => f.write_str("DEFAULT"),
        }
    }
}

impl Display for TableArg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.source {
            TableArgSource::Name(name) => write!(f, "TABLE {name}")?,
            TableArgSource::Query(query) => write!(f, "TABLE ({query})")?,
        }
        if !self.partition_by.is_empty() {
            f.write_str(" PARTITION BY ")?;
            parenthesized(f, &self.partition_by)?;
        }
        if !self.order_by.is_empty() {
            f.write_str(" ORDER BY ")?;
            parenthesized(f, &self.order_by)?;
        }
        Ok(())
    }
}

impl Display for WindowRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(f),
            Self::Spec(spec) => spec.fmt(f),
        }
    }
}

impl Display for WindowSpec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        let mut space = "";
        if let Some(base) = &self.base {
            base.fmt(f)?;
            space = " ";
        }
        if !self.partition_by.is_empty() {
            write!(f, "{space}PARTITION BY ")?;
            join(f, &self.partition_by, ", ")?;
            space = " ";
        }
        if !self.order_by.is_empty() {
            write!(f, "{space}ORDER BY ")?;
            join(f, &self.order_by, ", ")?;
            space = " ";
        }
        if let Some(frame) = &self.frame {
            write!(f, "{space}{frame}")?;
        }
        f.write_str(")")
    }
}

impl Display for WindowFrame {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let unit = if self.unit == FrameUnit::Rows { "ROWS" } else { "RANGE" };
        match &self.end {
            Some(end) => write!(f, "{unit} BETWEEN {} AND {end}", self.start),
            None => write!(f, "{unit} {}", self.start),
        }
    }
}

impl Display for FrameBound {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnboundedPreceding => f.write_str("UNBOUNDED PRECEDING"),
            Self::Preceding(offset) => write!(f, "{} PRECEDING", At(offset, binds::RANGE + 1)),
            Self::CurrentRow => f.write_str("CURRENT ROW"),
            Self::Following(offset) => write!(f, "{} FOLLOWING", At(offset, binds::RANGE + 1)),
            Self::UnboundedFollowing => f.write_str("UNBOUNDED FOLLOWING"),
        }
    }
}
