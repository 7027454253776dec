//! One use of a table: its stored columns, then computed ones, then the watermark.

use std::sync::Arc;

use tidemill_expr::{Expr, SqlType};
use tidemill_sql_parser::Span;
use tidemill_sql_parser::ast;

use super::expr::COMPUTED_COLUMN;
use super::scope::{Scope, ScopeTable};
use super::{Binder, Bound, OutputColumn};
use crate::catalog::{ColumnSource, TableDef};
use crate::error::{PlanError, PlanResult};
use crate::rel::{ColId, ColumnInfo, Origin, Rel, Scan, ScanColumn};

impl Binder<'_> {
    /// The plan that reads a table.
    pub(super) fn table(&mut self, table: &Arc<TableDef>, span: Span) -> PlanResult<Bound> {
        self.use_table(table);
        let origin = |column: &str| Origin::Table { table: table.name.to_string(), column: column.to_string() };
        let mut reads = Vec::new();
        for (position, column) in table.stored().into_iter().enumerate() {
            let info = ColumnInfo {
                name: column.name.clone(),
                ty: column.ty.clone(),
                span: Some(span),
                origin: origin(&column.name),
            };
            reads.push(ScanColumn { id: self.registry.add(info), path: vec![position] });
        }
        let stored: Vec<(String, ColId)> =
            table.stored().iter().zip(&reads).map(|(column, read)| (column.name.clone(), read.id)).collect();
        let stored = Scope { tables: vec![ScopeTable::new(Vec::new(), stored)], outer: None };
        let mut outputs = Vec::new();
        let mut items: Vec<(ColId, Expr)> = Vec::new();
        let mut next_read = reads.iter();
        for column in &table.columns {
            let id = match &column.source {
                ColumnSource::Computed(expr) => {
                    let bound = self
                        .scalar(expr, &stored, COMPUTED_COLUMN)
                        .map_err(|error| error.within(&format!("computed column '{}'", column.name), span))?;
                    let ty = self.ty(&bound);
                    let info =
                        ColumnInfo { name: column.name.clone(), ty, span: Some(span), origin: origin(&column.name) };
                    let id = self.registry.add(info);
                    items.push((id, bound));
                    id
                }
                _ => {
                    let Some(read) = next_read.next() else { continue };
                    items.push((read.id, Expr::Column(read.id)));
                    read.id
                }
            };
            outputs.push(OutputColumn { name: column.name.clone(), id, span });
        }
        let has_computed = items.len() > reads.len();
        let mut rel = Rel::Scan(Scan { table: Arc::clone(table), reads, equals: Vec::new(), limit: None, span });
        if has_computed {
            rel = Rel::Project { input: Box::new(rel), items };
        }
        if let Some(watermark) = &table.watermark
            && let Some(time) = outputs.iter().find(|output| output.name == watermark.column).map(|output| output.id)
        {
            let columns = outputs.iter().map(|output| (output.name.clone(), output.id));
            let scope = Scope { tables: vec![ScopeTable::new(Vec::new(), columns)], outer: None };
            let ty = self.registry.ty(time);
            let expr = self
                .watermark(&watermark.expr, &ty, &scope)
                .map_err(|error| error.within(&format!("watermark of '{}'", watermark.column), span))?;
            rel = Rel::Watermark { input: Box::new(rel), time, watermark: expr };
        }
        Ok(Bound { rel, outputs })
    }

    /// A watermark's expression, of the event time's type.
    pub(super) fn watermark(&mut self, expr: &ast::Expr, ty: &SqlType, scope: &Scope<'_>) -> PlanResult<Expr> {
        use tidemill_expr::TypeKind::{Timestamp, TimestampLtz};
        if !matches!(ty.kind, Timestamp(0..=3) | TimestampLtz(0..=3)) {
            let text = format!("the event time must be TIMESTAMP(3) or TIMESTAMP_LTZ(3), not {}", ty.kind);
            return Err(PlanError::new("sql.watermark", expr.span, text)
                .help("declare the column so, or add a computed column: ts AS TO_TIMESTAMP_LTZ(millis, 3)"));
        }
        let bound = self.scalar(expr, scope, "WATERMARK")?;
        let found = self.ty(&bound);
        let fits = matches!((&found.kind, &ty.kind), (Timestamp(_), Timestamp(_)) | (TimestampLtz(_), TimestampLtz(_)));
        if !fits {
            let text = format!("the watermark is of type {}, but the event time of type {}", found.kind, ty.kind);
            return Err(PlanError::new("sql.watermark", expr.span, text).help("write column - INTERVAL '5' SECOND"));
        }
        self.cast(bound, ty, expr.span)
    }
}
