//! FROM: tables, derived tables, window functions, and nested loops over all of them.

use tidemill_sql_parser::ast::{Join, JoinCondition, JoinKind, TableRef, TableRefKind};

use crate::error::{Error, Result};
use crate::expr::Binder;
use crate::query::{Env, Relation, rename};
use crate::value::{Row, Value};
use crate::window;

/// The rows that SELECT goes through: one without columns if there is no FROM, every combination of several tables.
pub(crate) fn rows(env: &Env<'_>, from: &[TableRef]) -> Result<Relation> {
    let mut all = Relation { columns: Vec::new(), rows: vec![Row::new()] };
    for table in from {
        let next = table_ref(env, table)?;
        all = combine(all, next, JoinKind::Cross, |_| Ok(true))?;
    }
    Ok(all)
}

fn table_ref(env: &Env<'_>, table: &TableRef) -> Result<Relation> {
    let mut relation = match &table.kind {
        TableRefKind::Table { name, hints, system_time: None } if hints.is_empty() => env.named(name)?,
        TableRefKind::Derived { query, lateral: false } => env.query(query)?,
        TableRefKind::Function { call, lateral: _ } => window::rows(call, env)?,
        TableRefKind::Join(join) => return joined(env, join),
        other => return Err(Error::Unsupported(format!("{other:?}"))),
    };
    if let Some(alias) = &table.alias {
        relation = rename(relation, &alias.columns)?;
        for column in &mut relation.columns {
            column.table = alias.name.value.clone();
        }
    }
    Ok(relation)
}

fn joined(env: &Env<'_>, join: &Join) -> Result<Relation> {
    let (left, right) = (table_ref(env, &join.left)?, table_ref(env, &join.right)?);
    let condition = match &join.condition {
        JoinCondition::None => None,
        JoinCondition::On(condition) => {
            let columns: Vec<_> = left.columns.iter().chain(&right.columns).cloned().collect();
            Some(Binder { columns: &columns, groups: None, zone: env.zone }.condition(condition)?)
        }
        other => return Err(Error::Unsupported(format!("{other:?}"))),
    };
    combine(left, right, join.kind, |row| match condition.as_ref().map(|condition| (condition.eval)(row)) {
        None | Some(Value::Boolean(true)) => Ok(true),
        Some(Value::Error(what)) => Err(Error::Value(what)),
        Some(_) => Ok(false),
    })
}

/// Every pair that matches; of a side that is kept, rows without a match beside NULLs.
fn combine(
    left: Relation,
    right: Relation,
    kind: JoinKind,
    matches: impl Fn(&Row) -> Result<bool>,
) -> Result<Relation> {
    let nulls = |relation: &Relation| vec![Value::Null; relation.columns.len()];
    let mut rows = Vec::new();
    let mut right_matched = vec![false; right.rows.len()];
    for l in &left.rows {
        let mut matched = false;
        for (r, right_matched) in right.rows.iter().zip(&mut right_matched) {
            let row: Row = l.iter().chain(r).cloned().collect();
            if matches(&row)? {
                matched = true;
                *right_matched = true;
                rows.push(row);
            }
        }
        if !matched && matches!(kind, JoinKind::Left | JoinKind::Full) {
            rows.push(l.iter().cloned().chain(nulls(&right)).collect());
        }
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        let lonely = right.rows.iter().zip(&right_matched).filter(|(_, matched)| !**matched);
        rows.extend(lonely.map(|(r, _)| nulls(&left).into_iter().chain(r.iter().cloned()).collect::<Row>()));
    }
    let columns = left.columns.into_iter().chain(right.columns).collect();
    Ok(Relation { columns, rows })
}
