//! INSERT: the query's columns matched with the sink's, converted to their types where Flink converts by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidemill_expr::{Expr, Field, RowType, TypeKind};
use tidemill_sql_parser::Span;
use tidemill_sql_parser::ast::{Ident, Insert};

use super::scope::Scope;
use super::{Binder, Env};
use crate::catalog::{CatalogEntry, ColumnSource, TableColumn, TableDef, TablePath};
use crate::error::{PlanError, PlanResult, neighbours};
use crate::plan::BoundQuery;
use crate::rel::{ColId, Rel};

/// A bound INSERT. The query's columns are those that the sink writes, in order and of its types.
pub(crate) struct BoundInsert {
    pub(crate) table: Arc<TableDef>,
    pub(crate) query: BoundQuery,
    pub(crate) uses: BTreeMap<TablePath, String>,
}

impl Binder<'_> {
    /// Binds an INSERT.
    pub(crate) fn bind_insert(mut self, insert: &Insert) -> PlanResult<BoundInsert> {
        let table = match self.catalog.find(&insert.table)? {
            CatalogEntry::Table(table) => Arc::clone(table),
            CatalogEntry::View(_) => {
                let text = format!("'{}' is a view: rows cannot be inserted into it", insert.table.last());
                return Err(PlanError::new("sql.insert", insert.table.span, text));
            }
        };
        if insert.overwrite {
            return Err(PlanError::unsupported(insert.table.span, "INSERT OVERWRITE is not supported yet")
                .help("remove the old files, then write INSERT INTO"));
        }
        self.use_table(&table);
        let written = table.written();
        let mut values: Vec<Option<Expr>> = vec![None; written.len()];
        for (column, value) in &insert.partition {
            let position = partition_column(&table, &written, column)?;
            let bound = self.scalar(value, &Scope::default(), "PARTITION")?;
            let kind = written[position].ty.kind.clone();
            // As of a selected value, lengths are not enforced.
            let same = same_family(&self.ty(&bound).kind, &kind);
            values[position] = Some(if same { bound } else { self.cast(bound, &kind.nullable(), value.span)? });
        }
        let targets = targets(&table, &written, insert, &values)?;
        let bound = self.query(&insert.query, &Env::default())?;
        if bound.outputs.len() != targets.len() {
            let wanted: Vec<String> = targets.iter().map(|target| written[*target].name.clone()).collect();
            let text = format!(
                "the query has {} columns, but {} go into '{}': {}",
                bound.outputs.len(),
                targets.len(),
                table.name.object,
                wanted.join(", ")
            );
            return Err(PlanError::new("sql.insert", insert.query.span, text)
                .help("select as many columns, or name those that are filled: INSERT INTO t (a, b) SELECT …"));
        }
        for (output, target) in bound.outputs.iter().zip(&targets) {
            let column = written[*target];
            values[*target] = Some(self.sink_value(output.id, column, &table, output.span)?);
        }
        let mut items: Vec<(ColId, Expr)> = Vec::with_capacity(written.len());
        let mut columns = Vec::with_capacity(written.len());
        for (value, column) in values.into_iter().zip(&written) {
            let expr = match value {
                Some(expr) => expr,
                None if column.ty.nullable => Expr::null(column.ty.clone()),
                None => {
                    let text = format!("column '{}' is NOT NULL, but nothing is inserted into it", column.name);
                    return Err(PlanError::new("sql.insert", insert.table.span, text)
                        .help("add it to the column list and the query"));
                }
            };
            let id = match &expr {
                Expr::Column(id) => *id,
                computed => {
                    let ty = self.ty(computed);
                    self.registry.computed(&column.name, ty, None)
                }
            };
            if !items.iter().any(|(known, _)| *known == id) {
                items.push((id, expr));
            }
            columns.push(id);
        }
        let schema = RowType::new(written.iter().map(|column| Field::new(&column.name, column.ty.clone())).collect());
        let rel = Rel::Project { input: Box::new(bound.rel), items };
        let query = BoundQuery { rel, registry: self.registry, columns, schema };
        Ok(BoundInsert { table: Arc::clone(&table), query, uses: self.uses })
    }

    /// A column of the query as the sink's column wants it.
    fn sink_value(&self, id: ColId, column: &TableColumn, table: &TableDef, span: Span) -> PlanResult<Expr> {
        let (from, to) = (self.registry.ty(id), &column.ty);
        if same_family(&from.kind, &to.kind) {
            // As in Flink, lengths are not enforced (table.exec.sink.type-length-enforcer is IGNORE).
            return Ok(Expr::Column(id));
        }
        if !from.implicitly_casts_to(to) {
            let text = format!(
                "column '{}' of '{}' is {}, but the query's '{}' is {}",
                column.name,
                table.name.object,
                to.kind,
                self.registry.name(id),
                from.kind
            );
            return Err(PlanError::new("sql.insert", span, text).help(format!("write CAST(… AS {})", to.kind)));
        }
        self.cast(Expr::Column(id), &to.clone().with_null(from.nullable), span)
    }
}

/// Whether values differ in nothing but the lengths of their types.
fn same_family(from: &TypeKind, to: &TypeKind) -> bool {
    from == to || (from.is_character() && to.is_character()) || (from.is_binary() && to.is_binary())
}

fn partition_column(table: &TableDef, written: &[&TableColumn], name: &Ident) -> PlanResult<usize> {
    if !table.partition_keys.contains(&name.value) {
        let keys = table.partition_keys.iter().map(String::as_str);
        let text = format!("'{}' is no partition column of '{}'", name.value, table.name.object);
        return Err(PlanError::new("sql.insert", name.span, text).help(neighbours(
            &name.value,
            keys,
            "partition columns",
        )));
    }
    written
        .iter()
        .position(|column| column.name == name.value)
        .ok_or_else(|| PlanError::new("sql.insert", name.span, format!("column '{}' cannot be written", name.value)))
}

/// Positions of the columns that the query's columns go to, in order.
fn targets(
    table: &TableDef,
    written: &[&TableColumn],
    insert: &Insert,
    fixed: &[Option<Expr>],
) -> PlanResult<Vec<usize>> {
    if insert.columns.is_empty() {
        return Ok((0..written.len()).filter(|position| fixed[*position].is_none()).collect());
    }
    let mut targets = Vec::with_capacity(insert.columns.len());
    for name in &insert.columns {
        let Some(position) = written.iter().position(|column| column.name == name.value) else {
            let text = match table.column(&name.value).map(|column| &column.source) {
                Some(ColumnSource::Computed(_)) => format!("column '{}' is computed: it cannot be written", name.value),
                Some(_) => format!("column '{}' is VIRTUAL: it cannot be written", name.value),
                None => format!("table '{}' has no column '{}'", table.name.object, name.value),
            };
            let names = written.iter().map(|column| column.name.as_str());
            return Err(PlanError::new("sql.insert", name.span, text).help(neighbours(&name.value, names, "columns")));
        };
        if targets.contains(&position) || fixed[position].is_some() {
            return Err(PlanError::new("sql.insert", name.span, format!("column '{}' is filled twice", name.value)));
        }
        targets.push(position);
    }
    Ok(targets)
}
