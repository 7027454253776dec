//! Queries as SQL, on one line.

use std::fmt::{self, Display, Formatter};

use super::{join, parenthesized, quoted};
use crate::ast::{
    Cte, GroupBy, GroupItem, Hint, HintArg, Join, JoinCondition, JoinKind, NamedWindow, NullsOrder, OrderItem, Query,
    QueryBody, Select, SelectItem, SetOperation, SetOperator, TableAlias, TableRef, TableRefKind, Values,
};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.with.is_empty() {
            f.write_str("WITH ")?;
            join(f, &self.with, ", ")?;
            f.write_str(" ")?;
        }
        self.body.fmt(f)?;
        if !self.order_by.is_empty() {
            f.write_str(" ORDER BY ")?;
            join(f, &self.order_by, ", ")?;
        }
        if let Some(limit) = &self.limit {
            write!(f, " LIMIT {limit}")?;
        }
        match &self.offset {
            Some(offset) => write!(f, " OFFSET {offset}"),
            None => Ok(()),
        }
    }
}

impl Display for Cte {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        if !self.columns.is_empty() {
            f.write_str(" ")?;
            parenthesized(f, &self.columns)?;
        }
        write!(f, " AS ({})", self.query)
    }
}

impl Display for QueryBody {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select(select) => select.fmt(f),
            Self::Values(values) => values.fmt(f),
            Self::Table(name) => write!(f, "TABLE {name}"),
            Self::SetOperation(operation) => operation.fmt(f),
            Self::Nested(query) => write!(f, "({query})"),
        }
    }
}

impl Display for SetOperation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let binds = |op: SetOperator| u8::from(op == SetOperator::Intersect);
        let operand = |f: &mut Formatter<'_>, body: &QueryBody, min: u8| match body {
            QueryBody::SetOperation(inner) if binds(inner.op) < min => write!(f, "({inner})"),
            _ => body.fmt(f),
        };
        operand(f, &self.left, binds(self.op))?;
        let word = match self.op {
            SetOperator::Union => "UNION",
            SetOperator::Intersect => "INTERSECT",
            SetOperator::Except => "EXCEPT",
        };
        write!(f, " {word} {}", if self.all { "ALL " } else { "" })?;
        operand(f, &self.right, binds(self.op) + 1)
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        if !self.hints.is_empty() {
            hints(f, &self.hints)?;
            f.write_str(" ")?;
        }
        if let Some(quantifier) = self.quantifier {
            write!(f, "{quantifier} ")?;
        }
        join(f, &self.items, ", ")?;
        if !self.from.is_empty() {
            f.write_str(" FROM ")?;
            join(f, &self.from, ", ")?;
        }
        if let Some(selection) = &self.selection {
            write!(f, " WHERE {selection}")?;
        }
        if let Some(group_by) = &self.group_by {
            write!(f, " {group_by}")?;
        }
        if let Some(having) = &self.having {
            write!(f, " HAVING {having}")?;
        }
        if !self.windows.is_empty() {
            f.write_str(" WINDOW ")?;
            join(f, &self.windows, ", ")?;
        }
        match &self.qualify {
            Some(qualify) => write!(f, " QUALIFY {qualify}"),
            None => Ok(()),
        }
    }
}

impl Display for SelectItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wildcard(_) => f.write_str("*"),
            Self::QualifiedWildcard(name, _) => write!(f, "{name}.*"),
            Self::Expr { expr, alias: Some(alias) } => write!(f, "{expr} AS {alias}"),
            Self::Expr { expr, alias: None } => expr.fmt(f),
        }
    }
}

impl Display for GroupBy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("GROUP BY ")?;
        if let Some(quantifier) = self.quantifier {
            write!(f, "{quantifier} ")?;
        }
        join(f, &self.items, ", ")
    }
}

impl Display for GroupItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expr(expr) => expr.fmt(f),
            Self::Set(keys, _) => parenthesized(f, keys),
            Self::Rollup(elements, _) => grouping(f, "ROLLUP", elements),
            Self::Cube(elements, _) => grouping(f, "CUBE", elements),
            Self::GroupingSets(items, _) => {
                f.write_str("GROUPING SETS ")?;
                parenthesized(f, items)
            }
        }
    }
}

fn grouping(f: &mut Formatter<'_>, word: &str, elements: &[Vec<crate::ast::Expr>]) -> fmt::Result {
    write!(f, "{word} (")?;
    for (i, keys) in elements.iter().enumerate() {
        f.write_str(if i > 0 { ", " } else { "" })?;
        match keys.as_slice() {
            [only] => only.fmt(f)?,
            keys => parenthesized(f, keys)?,
        }
    }
    f.write_str(")")
}

impl Display for NamedWindow {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} AS {}", self.name, self.spec)
    }
}

impl Display for OrderItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.expr, if self.descending { " DESC" } else { "" })?;
        match self.nulls {
            Some(NullsOrder::First) => f.write_str(" NULLS FIRST"),
            Some(NullsOrder::Last) => f.write_str(" NULLS LAST"),
            None => Ok(()),
        }
    }
}

impl Display for Values {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("VALUES ")?;
        for (i, row) in self.rows.iter().enumerate() {
            f.write_str(if i > 0 { ", " } else { "" })?;
            parenthesized(f, row)?;
        }
        Ok(())
    }
}

impl Display for TableRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TableRefKind::Table { name, hints: table_hints, system_time } => {
                name.fmt(f)?;
                if !table_hints.is_empty() {
                    f.write_str(" ")?;
                    hints(f, table_hints)?;
                }
                if let Some(time) = system_time {
                    write!(f, " FOR SYSTEM_TIME AS OF {time}")?;
                }
            }
            TableRefKind::Derived { query, lateral } => write!(f, "{}({query})", lateral_word(*lateral))?,
            TableRefKind::Function { call, lateral } => write!(f, "{}TABLE({call})", lateral_word(*lateral))?,
            TableRefKind::Unnest { exprs, ordinality } => {
                f.write_str("UNNEST")?;
                parenthesized(f, exprs)?;
                f.write_str(if *ordinality { " WITH ORDINALITY" } else { "" })?;
            }
            TableRefKind::Join(join) => join.fmt(f)?,
        }
        match &self.alias {
            Some(alias) => write!(f, " AS {alias}"),
            None => Ok(()),
        }
    }
}

fn lateral_word(lateral: bool) -> &'static str {
    if lateral { "LATERAL " } else { "" }
}

impl Display for TableAlias {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        if self.columns.is_empty() {
            return Ok(());
        }
        f.write_str(" ")?;
        parenthesized(f, &self.columns)
    }
}

impl Display for Join {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let natural = if self.condition == JoinCondition::Natural { "NATURAL " } else { "" };
        let word = match self.kind {
            JoinKind::Inner => "JOIN",
            JoinKind::Left => "LEFT JOIN",
            JoinKind::Right => "RIGHT JOIN",
            JoinKind::Full => "FULL JOIN",
            JoinKind::Cross => "CROSS JOIN",
        };
        write!(f, "{} {natural}{word} ", self.left)?;
        match self.right.kind {
            TableRefKind::Join(_) => write!(f, "({})", self.right)?,
            _ => self.right.fmt(f)?,
        }
        match &self.condition {
            JoinCondition::On(condition) => write!(f, " ON {condition}"),
            JoinCondition::Using(columns) => {
                f.write_str(" USING ")?;
                parenthesized(f, columns)
            }
            JoinCondition::None | JoinCondition::Natural => Ok(()),
        }
    }
}

/// `/*+ A('k' = 'v'), B(t) */`.
pub(super) fn hints(f: &mut Formatter<'_>, items: &[Hint]) -> fmt::Result {
    f.write_str("/*+ ")?;
    join(f, items, ", ")?;
    f.write_str(" */")
}

impl Display for Hint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        if self.args.is_empty() { Ok(()) } else { parenthesized(f, &self.args) }
    }
}

impl Display for HintArg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{} = {}", quoted(key), quoted(&self.value)),
            None => f.write_str(&quoted(&self.value)),
        }
    }
}
