//! SELECT: FROM, WHERE, GROUP BY, HAVING, the items, DISTINCT, and the ORDER BY that sees both rows and items.

use tidemill_expr::Expr;
use tidemill_sql_parser::Span;
use tidemill_sql_parser::ast::{
    self, ArgValue, ExprKind, FunctionArg, GroupBy, GroupItem, OrderItem, Select, SelectItem, SetQuantifier, TableArg,
};

use super::aggregate::{Aggregates, GroupKey};
use super::expr::ExprCx;
use super::query::{distinct, ordinal, sort_key};
use super::scope::Scope;
use super::{Binder, Bound, Env, OutputColumn, unique_names};
use crate::error::{PlanError, PlanResult};
use crate::rel::{ColId, Rel, SortKey};

/// An item of the result, bound.
struct Item {
    expr: Expr,
    name: String,
    span: Span,
    uses: Vec<(ColId, Span)>,
}

/// A sort key, bound: an item or an expression of its own.
enum Order {
    Item(usize),
    Expr(Expr, Vec<(ColId, Span)>),
}

impl Binder<'_> {
    pub(super) fn select<'q>(
        &mut self,
        select: &'q Select,
        order_by: &[OrderItem],
        env: &Env<'q>,
    ) -> PlanResult<(Bound, Vec<SortKey>)> {
        self.refuse_clauses(select)?;
        let from = self.from(&select.from, env)?;
        let scope = Scope { tables: from.tables, outer: env.outer };
        let mut rel = from.rel;
        if let Some(selection) = &select.selection {
            let predicate = self.condition(selection, &scope, "WHERE")?;
            rel = Self::filter(rel, predicate);
        }
        let group_exprs = self.group_exprs(select.group_by.as_ref(), select, &scope)?;
        let mut aggregates = Aggregates::new(group_exprs.as_ref().is_some_and(|keys| !keys.is_empty()));
        let mut items = self.items(select, &scope, &mut aggregates)?;
        let mut having_uses = Vec::new();
        let having = match &select.having {
            Some(having) => {
                let mut cx =
                    ExprCx { scope: &scope, aggregates: Some(&mut aggregates), clause: "HAVING", uses: Vec::new() };
                let bound = self.boolean(having, &mut cx)?;
                having_uses = cx.uses;
                Some(bound)
            }
            None => None,
        };
        let mut orders = self.orders(order_by, &items, &scope, &mut aggregates)?;

        if group_exprs.is_some() || having.is_some() || !aggregates.is_empty() {
            let span = select.group_by.as_ref().map_or(select.span, |group_by| group_by.span);
            let keys = self.group_keys(group_exprs.unwrap_or_default(), &items);
            for item in &mut items {
                let expr = std::mem::replace(&mut item.expr, Expr::boolean(true));
                item.expr = self.over_groups(expr, &keys, &aggregates, &item.uses, item.span)?;
                if let Expr::Column(id) = item.expr
                    && aggregates.computes(id)
                {
                    self.registry.rename(id, &item.name);
                }
            }
            for (order, item) in orders.iter_mut().zip(order_by) {
                if let Order::Expr(expr, uses) = order {
                    let bound = std::mem::replace(expr, Expr::boolean(true));
                    *expr = self.over_groups(bound, &keys, &aggregates, uses, item.span)?;
                }
            }
            let having = match (having, &select.having) {
                (Some(bound), Some(ast)) => {
                    Some(self.over_groups(bound, &keys, &aggregates, &having_uses, ast.span)?)
                }
                _ => None,
            };
            rel = self.group(rel, &keys, aggregates, span);
            if let Some(having) = having {
                rel = Self::filter(rel, having);
            }
        }
        self.project(rel, items, orders, order_by, select)
    }

    /// The items as columns, each row once if asked for, sort keys found.
    fn project(
        &mut self,
        input: Rel,
        items: Vec<Item>,
        orders: Vec<Order>,
        order_by: &[OrderItem],
        select: &Select,
    ) -> PlanResult<(Bound, Vec<SortKey>)> {
        let mut projected: Vec<(ColId, Expr)> = Vec::with_capacity(items.len());
        let mut outputs: Vec<OutputColumn> = Vec::with_capacity(items.len());
        for item in items {
            let id = match &item.expr {
                Expr::Column(id) => *id,
                computed => {
                    let ty = self.ty(computed);
                    self.registry.computed(&item.name, ty, Some(item.span))
                }
            };
            if !projected.iter().any(|(known, _)| *known == id) {
                projected.push((id, item.expr));
            }
            outputs.push(OutputColumn { name: item.name, id, span: item.span });
        }
        unique_names(&mut outputs);
        let is_distinct = select.quantifier == Some(SetQuantifier::Distinct);
        let mut keys = Vec::with_capacity(orders.len());
        for (order, item) in orders.into_iter().zip(order_by) {
            let column = match order {
                Order::Item(position) => outputs[position].id,
                Order::Expr(expr, _) => match projected.iter().find(|(_, known)| *known == expr) {
                    Some((id, _)) => *id,
                    None if is_distinct => {
                        return Err(PlanError::new(
                            "sql.order-by",
                            item.span,
                            "with SELECT DISTINCT only what is selected can be in ORDER BY",
                        ));
                    }
                    None => {
                        let id = match &expr {
                            Expr::Column(id) => *id,
                            computed => {
                                let ty = self.ty(computed);
                                self.registry.computed(format!("$sort{}", keys.len()), ty, Some(item.span))
                            }
                        };
                        projected.push((id, expr));
                        id
                    }
                },
            };
            keys.push(sort_key(column, item));
        }
        let rel = Rel::Project { input: Box::new(input), items: projected };
        let bound = Bound { rel, outputs };
        Ok((if is_distinct { distinct(bound, select.span) } else { bound }, keys))
    }

    fn refuse_clauses(&self, select: &Select) -> PlanResult<()> {
        if let Some(qualify) = &select.qualify {
            return Err(PlanError::unsupported(qualify.span, "QUALIFY is not supported yet"));
        }
        if let Some(window) = select.windows.first() {
            return Err(PlanError::unsupported(window.name.span, "WINDOW is not supported yet"));
        }
        if let Some(hint) = select.hints.first() {
            let text = format!("the hint {} is not supported yet", hint.name.value);
            return Err(PlanError::unsupported(hint.span, text).help("leave it out"));
        }
        Ok(())
    }

    fn items(&mut self, select: &Select, scope: &Scope<'_>, aggregates: &mut Aggregates) -> PlanResult<Vec<Item>> {
        let mut items = Vec::new();
        for item in &select.items {
            match item {
                SelectItem::Wildcard(span) => {
                    if scope.tables.is_empty() {
                        return Err(PlanError::new("sql.select", *span, "'*' needs a FROM clause"));
                    }
                    for column in scope.tables.iter().flat_map(|table| &table.columns).filter(|column| !column.merged) {
                        items.push(column_item(column.id, &column.name, *span));
                    }
                }
                SelectItem::QualifiedWildcard(name, span) => {
                    let Some(table) = scope.tables.iter().find(|table| table.is_called(&name.parts)) else {
                        let names = scope.tables.iter().filter_map(|table| table.name.last().map(String::as_str));
                        return Err(PlanError::new(
                            "sql.table",
                            name.span,
                            format!("there is no table '{name}' in FROM"),
                        )
                        .help(crate::error::neighbours(name.last(), names, "tables in FROM")));
                    };
                    for column in &table.columns {
                        items.push(column_item(column.id, &column.name, *span));
                    }
                }
                SelectItem::Expr { expr, alias } => {
                    let mut cx =
                        ExprCx { scope, aggregates: Some(&mut *aggregates), clause: "SELECT", uses: Vec::new() };
                    let bound = self.expr(expr, &mut cx)?;
                    let uses = cx.uses;
                    let name = match alias {
                        Some(alias) => alias.value.clone(),
                        None => natural_name(expr).unwrap_or_else(|| format!("EXPR${}", items.len())),
                    };
                    items.push(Item { expr: bound, name, span: item.span(), uses });
                }
            }
        }
        Ok(items)
    }

    /// The keys of GROUP BY over the rows; none without the clause.
    fn group_exprs(
        &mut self,
        group_by: Option<&GroupBy>,
        select: &Select,
        scope: &Scope<'_>,
    ) -> PlanResult<Option<Vec<(Expr, Span)>>> {
        let Some(group_by) = group_by else { return Ok(None) };
        let mut keys = Vec::new();
        for item in &group_by.items {
            let exprs: &[ast::Expr] = match item {
                GroupItem::Expr(expr) => std::slice::from_ref(expr),
                GroupItem::Set(exprs, _) => exprs,
                GroupItem::Rollup(_, span) | GroupItem::Cube(_, span) | GroupItem::GroupingSets(_, span) => {
                    return Err(PlanError::unsupported(*span, "grouping sets are not supported yet")
                        .help("write one query per set, combined by UNION ALL"));
                }
            };
            for expr in exprs {
                let bound = self.scalar(expr, scope, "GROUP BY").map_err(|error| alias_advice(error, expr, select))?;
                if !keys.iter().any(|(known, _)| *known == bound) {
                    keys.push((bound, expr.span));
                }
            }
        }
        Ok(Some(keys))
    }

    /// Columns for the keys; an expression that is selected too has that item's name.
    fn group_keys(&mut self, exprs: Vec<(Expr, Span)>, items: &[Item]) -> Vec<GroupKey> {
        exprs
            .into_iter()
            .enumerate()
            .map(|(i, (expr, span))| {
                let name =
                    items.iter().find(|item| item.expr == expr).map_or(format!("$f{i}"), |item| item.name.clone());
                self.group_key(expr, &name, span)
            })
            .collect()
    }

    fn orders(
        &mut self,
        order_by: &[OrderItem],
        items: &[Item],
        scope: &Scope<'_>,
        aggregates: &mut Aggregates,
    ) -> PlanResult<Vec<Order>> {
        let as_outputs: Vec<OutputColumn> = items
            .iter()
            .enumerate()
            .map(|(id, item)| OutputColumn { name: item.name.clone(), id, span: item.span })
            .collect();
        let mut orders = Vec::with_capacity(order_by.len());
        for item in order_by {
            if let Some(position) = ordinal(&item.expr, &as_outputs)? {
                orders.push(Order::Item(position));
                continue;
            }
            if let ExprKind::Column(parts) = &item.expr.kind
                && let [name] = parts.as_slice()
                && let Some(position) = items.iter().position(|item| item.name == name.value)
            {
                orders.push(Order::Item(position));
                continue;
            }
            let mut cx = ExprCx { scope, aggregates: Some(&mut *aggregates), clause: "ORDER BY", uses: Vec::new() };
            let bound = self.expr(&item.expr, &mut cx)?;
            let uses = cx.uses;
            orders.push(Order::Expr(bound, uses));
        }
        Ok(orders)
    }
}

fn column_item(id: ColId, name: &str, span: Span) -> Item {
    Item { expr: Expr::Column(id), name: name.to_string(), span, uses: vec![(id, span)] }
}

/// The name of an item without an alias: a column's or field's own.
fn natural_name(expr: &ast::Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Column(parts) => parts.last().map(|part| part.value.clone()),
        ExprKind::Field { field, .. } => Some(field.value.clone()),
        _ => None,
    }
}

/// GROUP BY does not see aliases: say so where one was meant.
fn alias_advice(error: PlanError, expr: &ast::Expr, select: &Select) -> PlanError {
    let ExprKind::Column(parts) = &expr.kind else { return error };
    let [name] = parts.as_slice() else { return error };
    let aliased = select.items.iter().find_map(|item| match item {
        SelectItem::Expr { expr, alias: Some(alias) } if alias.value == name.value => Some(expr),
        _ => None,
    });
    match aliased {
        Some(expr) => {
            error.help(format!("GROUP BY does not see the names given in SELECT; write GROUP BY {expr} instead"))
        }
        None => error,
    }
}

/// The table passed to a table function.
pub(super) fn table_arg(arg: &FunctionArg) -> Option<&TableArg> {
    match &arg.value {
        ArgValue::Table(table) => Some(table),
        _ => None,
    }
}
