//! FROM: tables, views, derived tables, joins.

use std::sync::Arc;

use tidemill_expr::Expr;
use tidemill_sql_parser::Span;
use tidemill_sql_parser::ast::{
    Hint, Ident, Join, JoinCondition, JoinKind as AstJoin, ObjectName, TableAlias, TableRef, TableRefKind,
};

use super::scope::{Scope, ScopeTable};
use super::{Binder, Bound, Env, OutputColumn, VIEW_DEPTH_MAX};
use crate::catalog::{CatalogEntry, TableDef};
use crate::error::{PlanError, PlanResult};
use crate::rel::{JoinKind, Rel};

/// A bound item of FROM: its plan and what it adds to the scope.
pub(super) struct FromItem {
    pub(super) rel: Rel,
    pub(super) tables: Vec<ScopeTable>,
}

impl Binder<'_> {
    /// The tables between commas, joined.
    pub(super) fn from(&mut self, from: &[TableRef], env: &Env<'_>) -> PlanResult<FromItem> {
        let mut all: Option<FromItem> = None;
        for table in from {
            let item = self.table_ref(table, env)?;
            all = Some(match all {
                None => item,
                Some(left) => {
                    let mut tables = left.tables;
                    tables.extend(item.tables);
                    let rel = Rel::Join {
                        left: Box::new(left.rel),
                        right: Box::new(item.rel),
                        kind: JoinKind::Inner,
                        condition: Expr::boolean(true),
                        span: table.span,
                    };
                    FromItem { rel, tables }
                }
            });
        }
        // Without FROM there is one row of no columns.
        Ok(all.unwrap_or_else(|| FromItem {
            rel: Rel::Values { columns: Vec::new(), rows: vec![Vec::new()] },
            tables: Vec::new(),
        }))
    }

    fn table_ref(&mut self, table: &TableRef, env: &Env<'_>) -> PlanResult<FromItem> {
        match &table.kind {
            TableRefKind::Table { name, hints, system_time } => {
                if system_time.is_some() {
                    return Err(PlanError::unsupported(table.span, "FOR SYSTEM_TIME AS OF is not supported yet"));
                }
                let bound = self.named(name, hints, env)?;
                let qualifier = name.values().into_iter().map(str::to_string).collect();
                self.item(bound, qualifier, table.alias.as_ref())
            }
            TableRefKind::Derived { query, lateral } => {
                // Even without LATERAL its columns cannot be used, but then they are not in sight either.
                if *lateral {
                    return Err(PlanError::unsupported(table.span, "LATERAL is not supported yet"));
                }
                let bound = self.query(query, env)?;
                self.item(bound, Vec::new(), table.alias.as_ref())
            }
            TableRefKind::Function { call, lateral } => {
                if *lateral {
                    return Err(PlanError::unsupported(table.span, "LATERAL TABLE is not supported yet"));
                }
                let bound = self.window_function(call, env)?;
                self.item(bound, Vec::new(), table.alias.as_ref())
            }
            TableRefKind::Unnest { .. } => Err(PlanError::unsupported(table.span, "UNNEST is not supported yet")),
            TableRefKind::Join(join) => self.join(join, env),
        }
    }

    /// A common table expression, a view or a table.
    pub(super) fn named(&mut self, name: &ObjectName, hints: &[Hint], env: &Env<'_>) -> PlanResult<Bound> {
        if let [single] = name.parts.as_slice()
            && let Some(index) = env.ctes.iter().rposition(|cte| cte.name.value == single.value)
        {
            let cte = env.ctes[index];
            // It sees those before it.
            let inner = Env { ctes: env.ctes[..index].to_vec(), outer: None };
            let bound = self.query(&cte.query, &inner)?;
            return self.rename(bound, &cte.columns, "the query");
        }
        let entry = self.catalog.find(name).map_err(|error| name_ctes(error, name, env))?.clone();
        let mark = self.registry.mark();
        let bound = match entry {
            CatalogEntry::Table(table) => {
                let table = with_hints(table, hints)?;
                self.table(&table, name.span)
            }
            CatalogEntry::View(view) => {
                if self.view_depth == VIEW_DEPTH_MAX {
                    self.views_too_deep = true;
                    return Err(too_deep(&view.name.object, name.span));
                }
                self.uses.insert(view.name.clone(), crate::catalog::show_create_view(&view));
                self.view_depth += 1;
                let bound = self
                    .query(&view.query, &Env::default())
                    .and_then(|bound| self.rename(bound, &view.columns, "the view"));
                self.view_depth -= 1;
                // Of views that are nested too deep the outermost is named, once.
                let mut bound = bound.map_err(|error| match self.views_too_deep {
                    true => too_deep(&view.name.object, name.span),
                    false => error.within(&format!("view '{}'", view.name.object), name.span),
                })?;
                for output in &mut bound.outputs {
                    output.span = name.span;
                }
                Ok(bound)
            }
        };
        self.registry.used_at(mark, name.span);
        bound
    }

    fn item(&mut self, bound: Bound, qualifier: Vec<String>, alias: Option<&TableAlias>) -> PlanResult<FromItem> {
        let (bound, qualifier) = match alias {
            Some(alias) => (self.rename(bound, &alias.columns, "the table")?, vec![alias.name.value.clone()]),
            None => (bound, qualifier),
        };
        let columns = bound.outputs.into_iter().map(|output| (output.name, output.id));
        Ok(FromItem { rel: bound.rel, tables: vec![ScopeTable::new(qualifier, columns)] })
    }

    /// New names for a query's columns, in order. Columns that have no name of their own have them in messages, too.
    fn rename(&mut self, mut bound: Bound, names: &[Ident], what: &str) -> PlanResult<Bound> {
        let (Some(first), Some(last)) = (names.first(), names.last()) else { return Ok(bound) };
        if names.len() != bound.outputs.len() {
            let text = format!("{what} has {} columns, but there are {} names", bound.outputs.len(), names.len());
            return Err(PlanError::new("sql.alias", first.span.to(last.span), text));
        }
        for (output, name) in bound.outputs.iter_mut().zip(names) {
            if self.registry.name(output.id).starts_with("EXPR$") {
                self.registry.rename(output.id, &name.value);
            }
            *output = OutputColumn { name: name.value.clone(), id: output.id, span: name.span };
        }
        Ok(bound)
    }

    fn join(&mut self, join: &Join, env: &Env<'_>) -> PlanResult<FromItem> {
        let left = self.table_ref(&join.left, env)?;
        let right = self.table_ref(&join.right, env)?;
        let kind = match join.kind {
            AstJoin::Inner | AstJoin::Cross => JoinKind::Inner,
            AstJoin::Left => JoinKind::Left,
            AstJoin::Right => JoinKind::Right,
            AstJoin::Full => JoinKind::Full,
        };
        let left_count = left.tables.len();
        let mut tables = left.tables;
        tables.extend(right.tables);
        let condition = match &join.condition {
            JoinCondition::None => Expr::boolean(true),
            JoinCondition::On(condition) => {
                let scope = Scope { tables: tables.clone(), outer: env.outer };
                self.condition(condition, &scope, "ON")?
            }
            JoinCondition::Using(columns) => self.using(columns, &mut tables, left_count, kind, join)?,
            JoinCondition::Natural => {
                let names = |tables: &[ScopeTable]| -> Vec<String> {
                    tables.iter().flat_map(|t| &t.columns).filter(|c| !c.merged).map(|c| c.name.clone()).collect()
                };
                let rights = names(&tables[left_count..]);
                let shared: Vec<Ident> = names(&tables[..left_count])
                    .into_iter()
                    .filter(|name| rights.contains(name))
                    .map(|name| Ident::new(name, join.op_span))
                    .collect();
                self.using(&shared, &mut tables, left_count, kind, join)?
            }
        };
        // The right side's outer join makes the other side's columns nullable.
        let rel =
            Rel::Join { left: Box::new(left.rel), right: Box::new(right.rel), kind, condition, span: join.op_span };
        let rel = self.outer_nulls(rel, &mut tables, left_count, kind);
        Ok(FromItem { rel, tables })
    }

    /// Columns of equal name on both sides; one of the two stays in sight.
    fn using(
        &mut self,
        columns: &[Ident],
        tables: &mut [ScopeTable],
        left_count: usize,
        kind: JoinKind,
        join: &Join,
    ) -> PlanResult<Expr> {
        if kind == JoinKind::Full {
            return Err(PlanError::unsupported(join.op_span, "FULL JOIN with USING or NATURAL is not supported yet")
                .help("write ON, and COALESCE(l.column, r.column) for the columns"));
        }
        let mut tests = Vec::with_capacity(columns.len());
        for column in columns {
            let side = |tables: &[ScopeTable]| {
                let scope = Scope { tables: tables.to_vec(), outer: None };
                scope.resolve(std::slice::from_ref(column), column.span, &self.registry).map(|(_, id)| id)
            };
            let (left, right) = (side(&tables[..left_count])?, side(&tables[left_count..])?);
            tests.push(self.call("=", vec![Expr::Column(left), Expr::Column(right)], column.span)?);
            let hidden = if kind == JoinKind::Right { left } else { right };
            for known in tables.iter_mut().flat_map(|table| &mut table.columns).filter(|known| known.id == hidden) {
                known.merged = true;
            }
        }
        match tests.len() {
            0 => Ok(Expr::boolean(true)),
            1 => Ok(tests.remove(0)),
            _ => self.call("AND", tests, join.op_span),
        }
    }

    /// Gives the columns of a side that may be missing new ids with nullable types.
    fn outer_nulls(&mut self, rel: Rel, tables: &mut [ScopeTable], left_count: usize, kind: JoinKind) -> Rel {
        let (left, right) = match kind {
            JoinKind::Left => (false, true),
            JoinKind::Right => (true, false),
            JoinKind::Full => (true, true),
            _ => return rel,
        };
        let mut items: Vec<(usize, Expr)> = Vec::new();
        let mut changed = false;
        for (position, table) in tables.iter_mut().enumerate() {
            let nullable = if position < left_count { left } else { right };
            for column in &mut table.columns {
                let ty = self.registry.ty(column.id);
                if nullable && !ty.nullable {
                    let known = items.iter().find(|(_, expr)| *expr == Expr::Column(column.id)).map(|(id, _)| *id);
                    let id = known.unwrap_or_else(|| self.registry.computed(&column.name, ty.with_null(true), None));
                    if known.is_none() {
                        items.push((id, Expr::Column(column.id)));
                    }
                    column.id = id;
                    changed = true;
                } else if !items.iter().any(|(id, _)| *id == column.id) {
                    items.push((column.id, Expr::Column(column.id)));
                }
            }
        }
        if changed { Rel::Project { input: Box::new(rel), items } } else { rel }
    }
}

/// `/*+ OPTIONS('key' = 'value') */` on a table: its options for this use.
fn with_hints(table: Arc<TableDef>, hints: &[Hint]) -> PlanResult<Arc<TableDef>> {
    let mut changed: Option<TableDef> = None;
    for hint in hints {
        if !hint.name.value.eq_ignore_ascii_case("OPTIONS") {
            let text = format!("the hint {} is not known here", hint.name.value);
            return Err(PlanError::unsupported(hint.span, text).help("tables take /*+ OPTIONS('key' = 'value') */"));
        }
        let own = changed.get_or_insert_with(|| (*table).clone());
        for arg in &hint.args {
            let Some(key) = &arg.key else {
                return Err(
                    PlanError::new("sql.hint", arg.span, "an option is missing its key").help("write 'key' = 'value'")
                );
            };
            own.options.set(key, &arg.value);
        }
    }
    Ok(changed.map_or(table, Arc::new))
}

fn name_ctes(error: PlanError, name: &ObjectName, env: &Env<'_>) -> PlanError {
    let names: Vec<&str> = env.ctes.iter().map(|cte| cte.name.value.as_str()).collect();
    if names.is_empty() || name.parts.len() > 1 {
        return error;
    }
    let help = match error.advice() {
        Some(help) => format!("{help}; WITH defines {}", names.join(", ")),
        None => format!("WITH defines {}", names.join(", ")),
    };
    error.help(help)
}

fn too_deep(view: &str, span: Span) -> PlanError {
    let text = format!("view '{view}': views can be nested at most {VIEW_DEPTH_MAX} deep");
    PlanError::new("sql.view", span, text).help("put the queries of some of them into one view, as WITH or subqueries")
}
