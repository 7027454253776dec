//! Queries: WITH, set operations, VALUES, ORDER BY, LIMIT.

use tidemill_expr::{Expr, Scalar, SqlType, TypeKind};
use tidemill_sql_parser::Span;
use tidemill_sql_parser::ast::{
    self, ExprKind, Literal, NullsOrder, OrderItem, Query, QueryBody, SetOperation, SetOperator, Values,
};

use super::scope::{Scope, ScopeTable};
use super::{Binder, Bound, Env, OutputColumn, unique_names};
use crate::error::{PlanError, PlanResult};
use crate::rel::{ColId, Rel, SortKey};

impl Binder<'_> {
    /// A query with all its clauses.
    pub(super) fn query<'q>(&mut self, query: &'q Query, env: &Env<'q>) -> PlanResult<Bound> {
        let mut env = env.clone();
        for (i, cte) in query.with.iter().enumerate() {
            if query.with[..i].iter().any(|earlier| earlier.name.value == cte.name.value) {
                let text = format!("WITH defines '{}' twice", cte.name.value);
                return Err(PlanError::new("sql.with", cte.name.span, text));
            }
            env.ctes.push(cte);
        }
        let (mut bound, keys) = self.body(&query.body, &query.order_by, &env)?;
        if let (Some(first), Some(last)) = (query.order_by.first(), query.order_by.last()) {
            bound.rel = Rel::Sort { input: Box::new(bound.rel), keys, span: first.span.to(last.span) };
        }
        let fetch = query.limit.as_ref().map(|limit| row_count(limit, "LIMIT")).transpose()?;
        let offset = query.offset.as_ref().map(|offset| row_count(offset, "OFFSET")).transpose()?;
        if fetch.is_some() || offset.is_some() {
            let span = query.limit.as_ref().or(query.offset.as_ref()).map_or(query.span, |count| count.span);
            bound.rel = Rel::Limit { input: Box::new(bound.rel), offset: offset.unwrap_or(0), fetch, span };
        }
        Ok(bound)
    }

    fn body<'q>(
        &mut self,
        body: &'q QueryBody,
        order_by: &[OrderItem],
        env: &Env<'q>,
    ) -> PlanResult<(Bound, Vec<SortKey>)> {
        let mut bound = match body {
            QueryBody::Select(select) => return self.select(select, order_by, env),
            QueryBody::Values(values) => self.values(values)?,
            QueryBody::Table(name) => self.named(name, &[], env)?,
            QueryBody::SetOperation(operation) => self.set_operation(operation, env)?,
            QueryBody::Nested(query) => self.query(query, env)?,
        };
        let keys = self.order_by_outputs(&mut bound, order_by)?;
        Ok((bound, keys))
    }

    /// ORDER BY where only the result's columns can be named.
    fn order_by_outputs(&mut self, bound: &mut Bound, order_by: &[OrderItem]) -> PlanResult<Vec<SortKey>> {
        let columns = bound.outputs.iter().map(|output| (output.name.clone(), output.id));
        let scope = Scope { tables: vec![ScopeTable::new(Vec::new(), columns)], outer: None };
        let mut items: Vec<(ColId, Expr)> = Vec::new();
        let mut keys = Vec::with_capacity(order_by.len());
        for item in order_by {
            let column = match ordinal(&item.expr, &bound.outputs)? {
                Some(column) => column,
                None => match self.scalar(&item.expr, &scope, "ORDER BY")? {
                    Expr::Column(column) => column,
                    computed => {
                        let ty = self.ty(&computed);
                        let id = self.registry.computed(format!("$sort{}", items.len()), ty, Some(item.span));
                        items.push((id, computed));
                        id
                    }
                },
            };
            keys.push(sort_key(column, item));
        }
        if !items.is_empty() {
            items.extend(bound.rel.columns().into_iter().map(|id| (id, Expr::Column(id))));
            let input = std::mem::replace(&mut bound.rel, Rel::Values { columns: Vec::new(), rows: Vec::new() });
            bound.rel = Rel::Project { input: Box::new(input), items };
        }
        Ok(keys)
    }

    fn values(&mut self, values: &Values) -> PlanResult<Bound> {
        let width = values.rows.first().map_or(0, Vec::len);
        let scope = Scope::default();
        let mut rows: Vec<Vec<Expr>> = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            if row.len() != width {
                let span = row.first().map_or(values.span, |cell| cell.span);
                let text = format!("this row has {} values, the first one has {width}", row.len());
                return Err(PlanError::new("sql.values", span, text));
            }
            rows.push(row.iter().map(|cell| self.scalar(cell, &scope, "VALUES")).collect::<PlanResult<_>>()?);
        }
        let mut columns = Vec::with_capacity(width);
        let mut outputs = Vec::with_capacity(width);
        for position in 0..width {
            let types: Vec<SqlType> = rows.iter().map(|row| self.ty(&row[position])).collect();
            let ty = SqlType::common_of(&types).ok_or_else(|| {
                let span = values.rows.first().and_then(|row| row.get(position)).map_or(values.span, |cell| cell.span);
                let text = format!("the values of column {} have no common type", position + 1);
                PlanError::new("sql.values", span, text).help("add a CAST")
            })?;
            for (row, cells) in rows.iter_mut().zip(&values.rows) {
                let cell = std::mem::replace(&mut row[position], Expr::boolean(true));
                row[position] = self.cast(cell, &ty, cells[position].span)?;
            }
            let name = format!("EXPR${position}");
            let id = self.registry.computed(&name, ty, Some(values.span));
            columns.push(id);
            outputs.push(OutputColumn { name, id, span: values.span });
        }
        Ok(Bound { rel: Rel::Values { columns, rows }, outputs })
    }

    fn set_operation<'q>(&mut self, operation: &'q SetOperation, env: &Env<'q>) -> PlanResult<Bound> {
        if operation.op != SetOperator::Union {
            let word = if operation.op == SetOperator::Intersect { "INTERSECT" } else { "EXCEPT" };
            return Err(PlanError::unsupported(operation.op_span, format!("{word} is not supported yet")));
        }
        // A chain of UNION ALL is one node.
        let mut parts = Vec::new();
        let all = operation.all;
        let mut pending = vec![&operation.right, &operation.left];
        while let Some(body) = pending.pop() {
            match body {
                QueryBody::SetOperation(inner) if inner.op == SetOperator::Union && inner.all == all => {
                    pending.extend([&inner.right, &inner.left]);
                }
                other => parts.push(self.body(other, &[], env)?.0),
            }
        }
        let bound = self.union_all(parts, operation.op_span)?;
        if all { Ok(bound) } else { Ok(distinct(bound, operation.op_span)) }
    }

    fn union_all(&mut self, mut parts: Vec<Bound>, span: Span) -> PlanResult<Bound> {
        let width = parts.first().map_or(0, |part| part.outputs.len());
        if let Some(other) = parts.iter().find(|part| part.outputs.len() != width) {
            let text = format!("UNION of {width} columns with {}", other.outputs.len());
            return Err(PlanError::new("sql.union", span, text).help("select as many columns on both sides"));
        }
        let mut columns = Vec::with_capacity(width);
        let mut outputs = Vec::with_capacity(width);
        for position in 0..width {
            let types: Vec<SqlType> = parts.iter().map(|part| self.registry.ty(part.outputs[position].id)).collect();
            let ty = SqlType::common_of(&types).ok_or_else(|| {
                let types: Vec<String> = types.iter().map(|ty| ty.kind.to_string()).collect();
                let text = format!("column {} of UNION has no common type: {}", position + 1, types.join(", "));
                PlanError::new("sql.union", span, text).help("add a CAST")
            })?;
            for part in &mut parts {
                self.cast_output(part, position, &ty)?;
            }
            let name = parts[0].outputs[position].name.clone();
            let id = self.registry.computed(&name, ty, Some(parts[0].outputs[position].span));
            columns.push(id);
            outputs.push(OutputColumn { name, id, span: parts[0].outputs[position].span });
        }
        unique_names(&mut outputs);
        let sources = parts.iter().map(|part| part.outputs.iter().map(|output| output.id).collect()).collect();
        let inputs = parts.into_iter().map(|part| part.rel).collect();
        Ok(Bound { rel: Rel::Union { inputs, columns, sources }, outputs })
    }

    /// Makes one of a query's columns be of a type, by a projection if need be.
    pub(super) fn cast_output(&mut self, bound: &mut Bound, position: usize, to: &SqlType) -> PlanResult<()> {
        let output = &mut bound.outputs[position];
        let from = self.registry.ty(output.id);
        if from.kind == to.kind {
            return Ok(());
        }
        let cast = self
            .functions
            .cast(Expr::Column(output.id), &from, to, false)
            .map_err(|text| PlanError::new("sql.cast", output.span, text))?;
        let id = self.registry.computed(&output.name, to.clone().with_null(from.nullable), Some(output.span));
        output.id = id;
        let mut items: Vec<(ColId, Expr)> = bound.rel.columns().into_iter().map(|id| (id, Expr::Column(id))).collect();
        items.push((id, cast));
        let input = std::mem::replace(&mut bound.rel, Rel::Values { columns: Vec::new(), rows: Vec::new() });
        bound.rel = Rel::Project { input: Box::new(input), items };
        Ok(())
    }
}

/// Each row once.
pub(super) fn distinct(bound: Bound, span: Span) -> Bound {
    let mut keys: Vec<ColId> = Vec::new();
    for output in &bound.outputs {
        if !keys.contains(&output.id) {
            keys.push(output.id);
        }
    }
    let items = keys.iter().map(|id| (*id, Expr::Column(*id))).collect();
    let input = Box::new(Rel::Project { input: Box::new(bound.rel), items });
    Bound { rel: Rel::Aggregate { input, keys, calls: Vec::new(), span }, outputs: bound.outputs }
}

/// NULL counts as the smallest value, as in Flink.
pub(super) fn sort_key(column: ColId, item: &OrderItem) -> SortKey {
    let nulls_first = item.nulls.map_or(!item.descending, |nulls| nulls == NullsOrder::First);
    SortKey { column, descending: item.descending, nulls_first }
}

/// The column that a whole number in ORDER BY stands for.
pub(super) fn ordinal(expr: &ast::Expr, outputs: &[OutputColumn]) -> PlanResult<Option<ColId>> {
    let ExprKind::Literal(Literal::Number(digits)) = &expr.kind else { return Ok(None) };
    let column = digits.parse::<usize>().ok().and_then(|number| outputs.get(number.checked_sub(1)?));
    match column {
        Some(output) => Ok(Some(output.id)),
        None => {
            let text = format!("there is no column {digits}: the result has {}", outputs.len());
            Err(PlanError::new("sql.order-by", expr.span, text))
        }
    }
}

/// The number of LIMIT or OFFSET.
fn row_count(expr: &ast::Expr, clause: &str) -> PlanResult<u64> {
    if let ExprKind::Literal(Literal::Number(digits)) = &expr.kind
        && let Ok(rows) = digits.parse()
    {
        return Ok(rows);
    }
    Err(PlanError::new("sql.limit", expr.span, format!("{clause} takes a whole number")))
}

/// The value of an interval of days to seconds, in milliseconds.
pub(super) fn interval_ms(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(Scalar::Millis(millis), ty) if ty.kind == TypeKind::IntervalDayTime => Some(*millis),
        _ => None,
    }
}
