//! Queries: rows in, rows out, clause by clause in the order of the standard.
//!
//! Rows may hold errors on the way. They fail the query where the row is demanded: by a condition, a key of GROUP BY,
//! DISTINCT or ORDER BY, or in the answer.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use tidemill_sql_parser::ast::{
    Expr, ExprKind, GroupBy, GroupItem, Ident, Literal, NullsOrder, ObjectName, OrderItem, Query, QueryBody, Select,
    SelectItem, SetOperation, SetOperator, SetQuantifier, Values,
};

use crate::error::{Error, Result};
use crate::expr::{Binder, Bound, Column, Groups, column};
use crate::from;
use crate::oracle::Oracle;
use crate::types::Type;
use crate::value::{Row, Value};

/// Rows with named columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relation {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

/// What a query's names of tables mean.
#[derive(Clone)]
pub(crate) struct Env<'a> {
    pub(crate) oracle: &'a Oracle,
    /// Common table expressions, the nearest last.
    pub(crate) ctes: Vec<(String, Relation)>,
    /// What local time is ahead of UTC, in nanoseconds.
    pub(crate) zone: i128,
}

/// Rows with the values they are to be sorted by.
type Keyed = Vec<(Vec<Value>, Row)>;

impl Env<'_> {
    /// A query with all its clauses.
    pub(crate) fn query(&self, query: &Query) -> Result<Relation> {
        let mut env = self.clone();
        for cte in &query.with {
            let relation = rename(env.query(&cte.query)?, &cte.columns)?;
            env.ctes.push((cte.name.value.clone(), relation));
        }
        let (columns, mut rows) = env.body(&query.body, &query.order_by)?;
        if !query.order_by.is_empty() {
            demand(rows.iter().flat_map(|(keys, _)| keys))?;
            rows.sort_by(|(a, _), (b, _)| order(a, b, &query.order_by));
        }
        let number = |expr: &Option<Expr>| match expr.as_ref().map(|expr| &expr.kind) {
            None => Ok(None),
            Some(ExprKind::Literal(Literal::Number(digits))) => Ok(digits.parse::<usize>().ok()),
            Some(other) => Err(Error::Unsupported(format!("LIMIT {other:?}"))),
        };
        let (offset, limit) = (number(&query.offset)?.unwrap_or(0), number(&query.limit)?.unwrap_or(usize::MAX));
        let rows = rows.into_iter().map(|(_, row)| row).skip(offset).take(limit).collect();
        Ok(Relation { columns, rows })
    }

    fn body(&self, body: &QueryBody, order_by: &[OrderItem]) -> Result<(Vec<Column>, Keyed)> {
        let relation = match body {
            QueryBody::Select(select) => return self.select(select, order_by),
            QueryBody::Values(values) => self.values(values)?,
            QueryBody::Table(name) => self.named(name)?,
            QueryBody::SetOperation(operation) => self.set_operation(operation)?,
            QueryBody::Nested(query) => self.query(query)?,
        };
        let binder = self.binder(&relation.columns);
        let outputs: Vec<Bound> =
            relation.columns.iter().enumerate().map(|(i, c)| column(i, c.ty.clone(), "")).collect();
        let orders = orders(order_by, binder, &relation.columns, &outputs)?;
        let keyed = |row: Row| (orders.iter().map(|key| (key.eval)(&row)).collect(), row);
        let rows = relation.rows.into_iter().map(keyed).collect();
        Ok((relation.columns, rows))
    }

    fn binder<'b>(&self, columns: &'b [Column]) -> Binder<'b> {
        Binder { columns, groups: None, zone: self.zone }
    }

    fn values(&self, values: &Values) -> Result<Relation> {
        let binder = self.binder(&[]);
        let rows: Vec<Vec<Bound>> =
            values.rows.iter().map(|row| row.iter().map(|cell| binder.bind(cell)).collect()).collect::<Result<_>>()?;
        let width = rows.first().map_or(0, Vec::len);
        if rows.iter().any(|row| row.len() != width) {
            return Err(Error::Mistake("the rows of VALUES are of different lengths".into()));
        }
        let mut relation = Relation { columns: Vec::new(), rows: vec![Row::new(); rows.len()] };
        for i in 0..width {
            let ty = Type::common_of(rows.iter().map(|row| &row[i].ty))?;
            for (result, row) in relation.rows.iter_mut().zip(&rows) {
                result.push((binder.coerce(row[i].clone(), &ty).eval)(&[]));
            }
            relation.columns.push(Column { table: String::new(), name: format!("EXPR${i}"), ty });
        }
        Ok(relation)
    }

    fn set_operation(&self, operation: &SetOperation) -> Result<Relation> {
        if operation.op != SetOperator::Union {
            return Err(Error::Unsupported(format!("{:?}", operation.op)));
        }
        let side = |body: &QueryBody| -> Result<Relation> {
            let (columns, rows) = self.body(body, &[])?;
            Ok(Relation { columns, rows: rows.into_iter().map(|(_, row)| row).collect() })
        };
        let (left, right) = (side(&operation.left)?, side(&operation.right)?);
        if left.columns.len() != right.columns.len() {
            return Err(Error::Mistake("the sides of UNION have different numbers of columns".into()));
        }
        let mut columns = left.columns.clone();
        for (column, other) in columns.iter_mut().zip(&right.columns) {
            column.ty = column.ty.common(&other.ty)?;
        }
        let mut rows = Vec::new();
        for side in [left, right] {
            let casts: Vec<Bound> = side
                .columns
                .iter()
                .enumerate()
                .map(|(i, from)| self.binder(&[]).coerce(column(i, from.ty.clone(), ""), &columns[i].ty))
                .collect();
            rows.extend(side.rows.iter().map(|row| casts.iter().map(|cast| (cast.eval)(row)).collect::<Row>()));
        }
        if !operation.all {
            demand(rows.iter().flatten())?;
            rows = rows.into_iter().collect::<BTreeSet<Row>>().into_iter().collect();
        }
        Ok(Relation { columns, rows })
    }

    fn select(&self, select: &Select, order_by: &[OrderItem]) -> Result<(Vec<Column>, Keyed)> {
        if select.qualify.is_some() || !select.windows.is_empty() || !select.hints.is_empty() {
            return Err(Error::Unsupported("QUALIFY, WINDOW and hints".into()));
        }
        let mut input = from::rows(self, &select.from)?;
        let binder = self.binder(&input.columns);
        if let Some(selection) = &select.selection {
            input.rows = filter(input.rows, &binder.condition(selection)?)?;
        }
        let grouped = || self.grouped(select, order_by, &input);
        let (columns, items, keys, rows) = if select.group_by.is_some() || select.having.is_some() {
            grouped()?
        } else {
            let plain = items(select, binder).and_then(|(columns, items)| {
                let keys = orders(order_by, binder, &columns, &items)?;
                Ok((columns, items, keys))
            });
            match plain {
                Ok((columns, items, keys)) => (columns, items, keys, input.rows),
                Err(Error::Aggregate(_)) => grouped()?,
                Err(error) => return Err(error),
            }
        };
        let row = |row: &Row| {
            let part = |exprs: &[Bound]| exprs.iter().map(|expr| (expr.eval)(row)).collect::<Row>();
            (part(&keys), part(&items))
        };
        let mut rows: Keyed = rows.iter().map(row).collect();
        if select.quantifier == Some(SetQuantifier::Distinct) {
            demand(rows.iter().flat_map(|(_, row)| row))?;
            let mut seen = BTreeSet::new();
            rows.retain(|(_, row)| seen.insert(row.clone()));
        }
        Ok((columns, rows))
    }

    /// A SELECT over groups: its items and sort keys, and one row per group for them.
    #[allow(clippy::type_complexity)]
    fn grouped(
        &self,
        select: &Select,
        order_by: &[OrderItem],
        input: &Relation,
    ) -> Result<(Vec<Column>, Vec<Bound>, Vec<Bound>, Vec<Row>)> {
        let over_rows = self.binder(&input.columns);
        let keys = group_keys(select.group_by.as_ref(), over_rows)?;
        let groups = Groups { keys, calls: RefCell::new(Vec::new()) };
        let binder = Binder { groups: Some(&groups), ..over_rows };
        let (columns, items) = items(select, binder)?;
        let having = select.having.as_ref().map(|having| binder.condition(having)).transpose()?;
        let orders = orders(order_by, binder, &columns, &items)?;

        let mut members: BTreeMap<Vec<Value>, Vec<Row>> = BTreeMap::new();
        if groups.keys.is_empty() {
            members.insert(Vec::new(), Vec::new());
        }
        for row in &input.rows {
            let key: Vec<Value> = groups.keys.iter().map(|key| (key.eval)(row)).collect();
            demand(&key)?;
            members.entry(key).or_default().push(row.clone());
        }
        let calls = groups.calls.borrow();
        let mut rows = Vec::new();
        for (key, of_group) in members {
            let results = calls.iter().map(|call| call.over(&of_group));
            rows.push(key.into_iter().chain(results).collect::<Row>());
        }
        if let Some(having) = having {
            rows = filter(rows, &having)?;
        }
        Ok((columns, items, orders, rows))
    }

    /// A common table expression, a table or a view.
    pub(crate) fn named(&self, name: &ObjectName) -> Result<Relation> {
        let cte = self.ctes.iter().rev().find(|(cte, _)| name.parts.len() == 1 && cte == name.last());
        let mut relation = match cte {
            Some((_, relation)) => relation.clone(),
            None => self.oracle.read(name.last())?,
        };
        for column in &mut relation.columns {
            column.table = name.last().to_string();
        }
        Ok(relation)
    }
}

/// The rows for which the condition is TRUE.
pub(crate) fn filter(rows: Vec<Row>, condition: &Bound) -> Result<Vec<Row>> {
    let mut kept = Vec::new();
    for row in rows {
        match (condition.eval)(&row) {
            Value::Boolean(true) => kept.push(row),
            Value::Error(what) => return Err(Error::Value(what)),
            _ => {}
        }
    }
    Ok(kept)
}

/// Fails with the first error among the values.
pub(crate) fn demand<'v>(values: impl IntoIterator<Item = &'v Value>) -> Result<()> {
    values.into_iter().try_for_each(|value| match value {
        Value::Error(what) => Err(Error::Value(what.clone())),
        Value::Row(values) | Value::Array(values) => demand(values),
        _ => Ok(()),
    })
}

/// New names for the first columns.
pub(crate) fn rename(mut relation: Relation, names: &[Ident]) -> Result<Relation> {
    if names.len() > relation.columns.len() {
        return Err(Error::Mistake("more names than columns".into()));
    }
    for (column, name) in relation.columns.iter_mut().zip(names) {
        column.name = name.value.clone();
    }
    Ok(relation)
}

/// The items of a SELECT and the columns they make.
fn items(select: &Select, binder: Binder<'_>) -> Result<(Vec<Column>, Vec<Bound>)> {
    let mut columns: Vec<Column> = Vec::new();
    let mut bound = Vec::new();
    let mut add = |name: String, item: Bound| {
        let taken = |columns: &[Column], name: &str| columns.iter().any(|column| column.name == name);
        let mut unique = name.clone();
        let mut attempt = 0;
        while taken(&columns, &unique) {
            unique = format!("{name}{attempt}");
            attempt += 1;
        }
        columns.push(Column { table: String::new(), name: unique, ty: item.ty.clone() });
        bound.push(item);
    };
    let mut position = 0;
    for item in &select.items {
        let star = |table: Option<&str>| {
            let found = binder.columns.iter().enumerate().filter(move |(_, c)| table.is_none_or(|t| c.table == t));
            found.map(|(i, c)| (i, c.clone())).collect::<Vec<_>>()
        };
        let starred = match item {
            SelectItem::Wildcard(_) => star(None),
            SelectItem::QualifiedWildcard(name, _) => star(Some(name.last())),
            SelectItem::Expr { expr, alias } => {
                let name = match (alias, &expr.kind) {
                    (Some(alias), _) => alias.value.clone(),
                    (None, ExprKind::Column(parts)) => parts.last().map_or(String::new(), |part| part.value.clone()),
                    (None, ExprKind::Field { field, .. }) => field.value.clone(),
                    (None, _) => format!("EXPR${position}"),
                };
                add(name, binder.bind(expr)?);
                position += 1;
                continue;
            }
        };
        if starred.is_empty() {
            return Err(Error::Mistake(format!("there is nothing for {item:?}")));
        }
        for (at, found) in starred {
            let plain = column(at, found.ty, "");
            let item = match binder.groups.map(|groups| groups.keys.iter().position(|key| key.text == plain.text)) {
                None => plain,
                Some(Some(key)) => column(key, plain.ty, "key"),
                Some(None) => return Err(Error::Mistake(format!("'{}' is not in GROUP BY", found.name))),
            };
            add(found.name, item);
            position += 1;
        }
    }
    Ok((columns, bound))
}

fn group_keys(group_by: Option<&GroupBy>, binder: Binder<'_>) -> Result<Vec<Bound>> {
    let mut keys: Vec<Bound> = Vec::new();
    for item in group_by.map_or(&[][..], |group_by| &group_by.items) {
        let exprs = match item {
            GroupItem::Expr(expr) => std::slice::from_ref(expr),
            GroupItem::Set(exprs, _) => exprs,
            _ => return Err(Error::Unsupported("grouping sets".into())),
        };
        for expr in exprs {
            keys.push(binder.bind(expr)?);
        }
    }
    Ok(keys)
}

/// Sort keys: positions and names of the result first, then expressions over what the items are over.
fn orders(order_by: &[OrderItem], binder: Binder<'_>, columns: &[Column], items: &[Bound]) -> Result<Vec<Bound>> {
    order_by
        .iter()
        .map(|item| {
            let at = match &item.expr.kind {
                ExprKind::Literal(Literal::Number(digits)) => {
                    let at = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                    Some(at.ok_or_else(|| Error::Mistake(format!("ORDER BY {digits}")))?)
                }
                ExprKind::Column(parts) if parts.len() == 1 => {
                    columns.iter().position(|column| column.name == parts[0].value)
                }
                _ => None,
            };
            match at {
                None => binder.bind(&item.expr),
                Some(at) => items.get(at).cloned().ok_or_else(|| Error::Mistake("ORDER BY beyond the result".into())),
            }
        })
        .collect()
}

fn order(a: &[Value], b: &[Value], by: &[OrderItem]) -> Ordering {
    let one = |(item, (a, b)): (&OrderItem, (&Value, &Value))| {
        let nulls_first = item.nulls.map_or(!item.descending, |nulls| nulls == NullsOrder::First);
        match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => {
                if nulls_first {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (false, true) => {
                if nulls_first {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            _ if item.descending => b.cmp(a),
            _ => a.cmp(b),
        }
    };
    by.iter().zip(a.iter().zip(b)).map(one).find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
}
