//! DESCRIBE: the columns of a table or view, as Flink shows them.

use tidemill_expr::SqlType;
use tidemill_sql_parser::ast::{Describe, Expr, ExprKind, ObjectName};

use super::Session;
use crate::catalog::{CatalogEntry, ColumnSource, TableColumn, TableDef};
use crate::error::PlanResult;
use crate::plan::{Outcome, TextTable};

impl Session {
    pub(super) fn describe(&self, describe: &Describe) -> PlanResult<Outcome> {
        self.columns_of(&describe.name).map(Outcome::Table)
    }

    /// Name, type, nullability, key, extras and watermark of each column; comments where there are any.
    pub(super) fn columns_of(&self, name: &ObjectName) -> PlanResult<TextTable> {
        let mut columns = vec!["name", "type", "null", "key", "extras", "watermark"];
        let mut rows: Vec<Vec<Option<String>>> = match self.catalog.find(name)? {
            CatalogEntry::Table(table) => table.columns.iter().map(|column| table_row(table, column)).collect(),
            CatalogEntry::View(view) => view
                .schema
                .fields
                .iter()
                .map(|field| {
                    vec![
                        Some(field.name.clone()),
                        Some(field.ty.kind.to_string()),
                        Some(null_word(&field.ty)),
                        None,
                        None,
                        None,
                    ]
                })
                .collect(),
        };
        if let CatalogEntry::Table(table) = self.catalog.find(name)?
            && table.columns.iter().any(|column| column.comment.is_some())
        {
            columns.push("comment");
            rows.iter_mut().zip(&table.columns).for_each(|(row, column)| row.push(column.comment.clone()));
        }
        Ok(TextTable { columns: columns.into_iter().map(str::to_string).collect(), rows })
    }
}

fn null_word(ty: &SqlType) -> String {
    if ty.nullable { "TRUE" } else { "FALSE" }.to_string()
}

fn table_row(table: &TableDef, column: &TableColumn) -> Vec<Option<String>> {
    let watermark = table.watermark.as_ref().filter(|watermark| watermark.column == column.name);
    let mut ty = column.ty.kind.to_string();
    if watermark.is_some() {
        ty.push_str(" *ROWTIME*");
    } else if matches!(&column.source, ColumnSource::Computed(expr) if is_proctime(expr)) {
        ty.push_str(" *PROCTIME*");
    }
    let key = table.primary_key.as_ref().filter(|key| key.columns.contains(&column.name));
    let extras = match &column.source {
        ColumnSource::Physical => None,
        ColumnSource::Computed(expr) => Some(format!("AS {expr}")),
        ColumnSource::Metadata { key, is_virtual } => {
            let from = if *key == column.name { String::new() } else { format!(" FROM '{key}'") };
            Some(format!("METADATA{from}{}", if *is_virtual { " VIRTUAL" } else { "" }))
        }
    };
    vec![
        Some(column.name.clone()),
        Some(ty),
        Some(null_word(&column.ty)),
        key.map(|key| format!("PRI({})", key.columns.join(", "))),
        extras,
        watermark.map(|watermark| watermark.expr.to_string()),
    ]
}

fn is_proctime(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Function(call) if call.is("PROCTIME"))
}
