//! The binder: names and types of a syntax tree looked up, as a relational plan. Errors point at their place in the text.
//!
//! Every use of a table, view or common table expression is bound anew, with columns of its own. Implicit conversions
//! become casts here; nothing is simplified.

mod aggregate;
mod data_type;
mod expr;
mod from;
mod function;
mod insert;
mod literal;
mod query;
mod scope;
mod select;
mod table;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use tidemill_core::options::Configuration;
use tidemill_expr::{Expr, Field, Registry, RowType, SqlType, TimeZone};
use tidemill_sql_parser::Span;
use tidemill_sql_parser::ast::{Cte, Query};

use crate::catalog::{Catalog, ColumnSource, TableDef, TablePath};
use crate::error::{PlanError, PlanResult};
use crate::plan::BoundQuery;
use crate::rel::{ColId, ColumnRegistry, Rel};
use crate::session_options;

pub(crate) use data_type::bind_type;
pub(crate) use insert::BoundInsert;
use scope::{Scope, ScopeTable};

/// How deep views may be nested: so deep does the stack reach.
const VIEW_DEPTH_MAX: usize = 64;

/// Binds one statement.
pub(crate) struct Binder<'a> {
    catalog: &'a Catalog,
    functions: &'a Registry,
    time_zone: TimeZone,
    batch: bool,
    registry: ColumnRegistry,
    /// Definitions of the tables and views that the statement uses.
    pub(crate) uses: BTreeMap<TablePath, String>,
    view_depth: usize,
    /// More views are nested than may be: nothing else is wrong.
    views_too_deep: bool,
}

/// What surrounds a query.
#[derive(Clone, Default)]
pub(crate) struct Env<'q> {
    /// Common table expressions that can be seen, the nearest last.
    ctes: Vec<&'q Cte>,
    /// The scope of the query around this one.
    outer: Option<&'q Scope<'q>>,
}

/// A bound query: its plan and the result's columns.
pub(crate) struct Bound {
    pub(crate) rel: Rel,
    pub(crate) outputs: Vec<OutputColumn>,
}

/// A column of a query's result.
#[derive(Clone, Debug)]
pub(crate) struct OutputColumn {
    pub(crate) name: String,
    pub(crate) id: ColId,
    pub(crate) span: Span,
}

impl<'a> Binder<'a> {
    /// A binder for one statement of a session.
    pub(crate) fn new(catalog: &'a Catalog, functions: &'a Registry, config: &Configuration) -> PlanResult<Binder<'a>> {
        Ok(Binder {
            catalog,
            functions,
            time_zone: TimeZone::parse(session_options::time_zone(config))?,
            batch: session_options::is_batch(config),
            registry: ColumnRegistry::default(),
            uses: BTreeMap::new(),
            view_depth: 0,
            views_too_deep: false,
        })
    }

    /// Binds a SELECT.
    pub(crate) fn bind(mut self, query: &Query) -> PlanResult<(BoundQuery, BTreeMap<TablePath, String>)> {
        let bound = self.query(query, &Env::default())?;
        let uses = std::mem::take(&mut self.uses);
        Ok((self.finish(bound), uses))
    }

    /// The types of the computed columns of a table that is being made, by name, and a check of its watermark.
    pub(crate) fn check_table(mut self, table: &mut TableDef) -> PlanResult<()> {
        let mut stored = Vec::new();
        for column in table.stored() {
            stored.push((column.name.clone(), self.registry.computed(&column.name, column.ty.clone(), None)));
        }
        let scope = Scope { tables: vec![ScopeTable::new(vec![table.name.object.clone()], stored)], outer: None };
        for column in &mut table.columns {
            if let ColumnSource::Computed(expr) = &column.source {
                let bound = self.scalar(expr, &scope, expr::COMPUTED_COLUMN)?;
                column.ty = self.registry.expr_ty(&bound);
            }
        }
        let all: Vec<(String, ColId)> = table
            .columns
            .iter()
            .map(|column| (column.name.clone(), self.registry.computed(&column.name, column.ty.clone(), None)))
            .collect();
        let scope = Scope { tables: vec![ScopeTable::new(vec![table.name.object.clone()], all)], outer: None };
        if let Some(watermark) = &table.watermark {
            let ty = table.column(&watermark.column).map_or(SqlType::NULL, |column| column.ty.clone());
            self.watermark(&watermark.expr, &ty, &scope)?;
        }
        Ok(())
    }

    fn finish(self, bound: Bound) -> BoundQuery {
        let schema = self.schema(&bound.outputs);
        let columns = bound.outputs.iter().map(|output| output.id).collect();
        BoundQuery { rel: bound.rel, registry: self.registry, columns, schema }
    }

    fn schema(&self, outputs: &[OutputColumn]) -> RowType {
        RowType::new(outputs.iter().map(|output| Field::new(&output.name, self.registry.ty(output.id))).collect())
    }

    fn ty(&self, expr: &Expr) -> SqlType {
        self.registry.expr_ty(expr)
    }

    /// `expr` as type `to`, by a cast if need be.
    fn cast(&self, expr: Expr, to: &SqlType, span: Span) -> PlanResult<Expr> {
        let from = self.ty(&expr);
        self.functions.cast(expr, &from, to, false).map_err(|text| PlanError::new("sql.cast", span, text))
    }

    /// A call of a scalar function or operator on bound arguments.
    fn call(&self, name: &str, args: Vec<Expr>, span: Span) -> PlanResult<Expr> {
        let args = args
            .into_iter()
            .map(|arg| {
                let ty = self.ty(&arg);
                (arg, ty)
            })
            .collect();
        self.functions.call(name, args).map_err(|text| PlanError::new("sql.call", span, text))
    }

    /// A filter over a plan; TRUE filters nothing.
    fn filter(rel: Rel, predicate: Expr) -> Rel {
        if predicate.is_true() { rel } else { Rel::Filter { input: Box::new(rel), predicate } }
    }

    fn use_table(&mut self, table: &Arc<TableDef>) {
        let text = crate::catalog::show_create_table(table);
        self.uses.insert(table.name.clone(), text);
    }
}

/// Names made unique as Flink makes them: a second `a` is `a0`.
fn unique_names(outputs: &mut [OutputColumn]) {
    let mut seen: Vec<String> = Vec::with_capacity(outputs.len());
    let given: Vec<String> = outputs.iter().map(|output| output.name.clone()).collect();
    for output in outputs {
        let mut name = output.name.clone();
        let mut number = 0;
        while seen.contains(&name) || (name != output.name && given.contains(&name)) {
            name = format!("{}{number}", output.name);
            number += 1;
        }
        seen.push(name.clone());
        output.name = name;
    }
}
