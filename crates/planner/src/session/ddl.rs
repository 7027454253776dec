//! CREATE TABLE and CREATE VIEW: checked when they are made, so that later uses can rely on them.

use std::sync::Arc;

use tidemill_core::options::Configuration;
use tidemill_expr::{Field, RowType, SqlType};
use tidemill_sql_parser::Span;
use tidemill_sql_parser::ast::{ColumnKind, CreateTable, CreateView, Ident};

use super::Session;
use crate::binder::{Binder, bind_type};
use crate::catalog::{
    CatalogEntry, ColumnSource, OptionPlaces, TableColumn, TableConstraint, TableDef, TableWatermark, ViewDef,
    merge_like,
};
use crate::error::{PlanError, PlanResult, neighbours};
use crate::plan::Outcome;

impl Session {
    pub(super) fn create_table(&mut self, create: &CreateTable) -> PlanResult<Outcome> {
        let mut table = self.declared(create)?;
        if let Some(like) = &create.like {
            let base = match self.catalog.find(&like.table)? {
                CatalogEntry::Table(base) => Arc::clone(base),
                CatalogEntry::View(_) => {
                    let text = format!("'{}' is a view: only tables can be copied", like.table.last());
                    return Err(PlanError::new("sql.like", like.table.span, text));
                }
            };
            table = merge_like(&base, table, like)?;
        }
        check_keys(&mut table, create)?;
        if table.written().is_empty() && table.stored().is_empty() {
            return Err(PlanError::new("sql.create", create.span, "the table has no stored column"));
        }
        Binder::new(&self.catalog, &self.functions, &self.config)?.check_table(&mut table)?;
        self.catalog.create(CatalogEntry::Table(Arc::new(table)), create.if_not_exists, &create.name)?;
        Ok(Outcome::Done)
    }

    /// The table as its statement alone declares it. Types of computed columns are not known yet.
    fn declared(&self, create: &CreateTable) -> PlanResult<TableDef> {
        let mut columns: Vec<TableColumn> = Vec::with_capacity(create.columns.len());
        for column in &create.columns {
            if columns.iter().any(|earlier| earlier.name == column.name.value) {
                let text = format!("the table has two columns '{}'", column.name.value);
                return Err(PlanError::new("sql.create", column.name.span, text));
            }
            let (ty, source) = match &column.kind {
                ColumnKind::Physical(data_type) => (bind_type(data_type)?, ColumnSource::Physical),
                ColumnKind::Computed(expr) => (SqlType::NULL, ColumnSource::Computed(expr.clone())),
                ColumnKind::Metadata { data_type, key, is_virtual } => {
                    let key = key.clone().unwrap_or_else(|| column.name.value.clone());
                    (bind_type(data_type)?, ColumnSource::Metadata { key, is_virtual: *is_virtual })
                }
            };
            columns.push(TableColumn { name: column.name.value.clone(), ty, source, comment: column.comment.clone() });
        }
        let mut options = Configuration::default();
        for option in &create.options {
            if options.raw(&option.key).is_some() {
                let text = format!("the option '{}' is given twice", option.key);
                return Err(PlanError::new("sql.create", option.key_span, text));
            }
            options.set(&option.key, &option.value);
        }
        let watermark = match &create.watermark {
            None => None,
            Some(watermark) => match watermark.column.as_slice() {
                [column] => Some(TableWatermark { column: column.value.clone(), expr: watermark.expr.clone() }),
                _ => {
                    return Err(PlanError::unsupported(
                        watermark.span,
                        "the event time cannot be a field of a row yet",
                    )
                    .help("add a computed column for it: ts AS row_column.field"));
                }
            },
        };
        let primary_key = create.primary_key.as_ref().map(|key| TableConstraint {
            name: key.name.as_ref().map_or_else(
                || format!("PK_{}", key.columns.iter().map(|c| c.value.as_str()).collect::<Vec<_>>().join("_")),
                |name| name.value.clone(),
            ),
            columns: key.columns.iter().map(|column| column.value.clone()).collect(),
        });
        Ok(TableDef {
            name: self.catalog.path(&create.name)?,
            columns,
            watermark,
            primary_key,
            partition_keys: create.partitioned_by.iter().map(|column| column.value.clone()).collect(),
            options,
            option_places: OptionPlaces::new(self.text, &create.options),
            comment: create.comment.clone(),
            temporary: create.temporary,
        })
    }

    pub(super) fn create_view(&mut self, create: &CreateView) -> PlanResult<Outcome> {
        let binder = Binder::new(&self.catalog, &self.functions, &self.config)?;
        let (bound, _) = binder.bind(&create.query)?;
        let mut schema = bound.schema;
        if let (Some(first), Some(last)) = (create.columns.first(), create.columns.last()) {
            if create.columns.len() != schema.len() {
                let text =
                    format!("the query has {} columns, but there are {} names", schema.len(), create.columns.len());
                return Err(PlanError::new("sql.create", first.span.to(last.span), text));
            }
            schema = RowType::new(
                schema
                    .fields
                    .into_iter()
                    .zip(&create.columns)
                    .map(|(field, name)| Field::new(&name.value, field.ty))
                    .collect(),
            );
        }
        for (position, field) in schema.fields.iter().enumerate() {
            if schema.fields[..position].iter().any(|earlier| earlier.name == field.name) {
                let text = format!("the view has two columns '{}'", field.name);
                let span = create.columns.get(position).map_or(create.query.span, |name| name.span);
                return Err(PlanError::new("sql.create", span, text));
            }
        }
        let view = ViewDef {
            name: self.catalog.path(&create.name)?,
            schema,
            columns: create.columns.clone(),
            query: create.query.clone(),
            query_text: create.query_text.clone(),
            comment: create.comment.clone(),
            temporary: create.temporary,
        };
        self.catalog.create(CatalogEntry::View(Arc::new(view)), create.if_not_exists, &create.name)?;
        Ok(Outcome::Done)
    }
}

/// Keys, partitions and watermark name columns of the table; key columns become NOT NULL.
fn check_keys(table: &mut TableDef, create: &CreateTable) -> PlanResult<()> {
    let place = |names: Option<&[Ident]>, wanted: &str| -> Span {
        names
            .and_then(|names| names.iter().find(|name| name.value == wanted))
            .map_or(create.name.span, |name| name.span)
    };
    let unknown = |wanted: &str, what: &str, span: Span, table: &TableDef| {
        let names = table.columns.iter().map(|column| column.name.as_str());
        PlanError::new("sql.create", span, format!("{what} names '{wanted}', which is no column of the table"))
            .help(neighbours(wanted, names, "columns"))
    };
    let mut seen: Vec<&String> = Vec::new();
    for name in &table.partition_keys {
        let span = place(Some(&create.partitioned_by), name);
        match table.column(name).map(|column| &column.source) {
            None => return Err(unknown(name, "PARTITIONED BY", span, table)),
            Some(ColumnSource::Physical) => {}
            Some(_) => {
                let text = format!("'{name}' is not stored in the table, so it cannot be partitioned by it");
                return Err(PlanError::new("sql.create", span, text));
            }
        }
        if seen.contains(&name) {
            return Err(PlanError::new("sql.create", span, format!("'{name}' is in PARTITIONED BY twice")));
        }
        seen.push(name);
    }
    if let Some(key) = table.primary_key.clone() {
        let names = create.primary_key.as_ref().map(|key| key.columns.as_slice());
        for name in &key.columns {
            let span = place(names, name);
            match table.columns.iter().position(|column| column.name == *name) {
                None => return Err(unknown(name, "PRIMARY KEY", span, table)),
                Some(at) if table.columns[at].source != ColumnSource::Physical => {
                    let text = format!("'{name}' is not stored in the table, so it cannot be in its primary key");
                    return Err(PlanError::new("sql.create", span, text));
                }
                Some(at) => table.columns[at].ty.nullable = false,
            }
        }
    }
    if let Some(watermark) = &table.watermark
        && table.column(&watermark.column).is_none()
    {
        let names = create.watermark.as_ref().map(|watermark| watermark.column.as_slice());
        return Err(unknown(&watermark.column, "WATERMARK", place(names, &watermark.column), table));
    }
    Ok(())
}
