//! Columns as DataFusion sees them: `name#id`, without a table, nullable.

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{Column, DFSchema, DFSchemaRef, ToDFSchema};
use datafusion::logical_expr::Expr;
use tidemill_core::Result;
use tidemill_planner::rel::{ColId, ColumnRegistry};

use crate::failure::from_datafusion;

/// The name of a column.
pub(crate) fn name(registry: &ColumnRegistry, id: ColId) -> String {
    format!("{}#{id}", registry.name(id))
}

/// A column as an expression.
pub(crate) fn column(registry: &ColumnRegistry, id: ColId) -> Expr {
    named(name(registry, id))
}

/// The column of that name as an expression.
pub(crate) fn named(name: impl Into<String>) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// The Arrow schema of some columns.
pub(crate) fn schema(registry: &ColumnRegistry, ids: &[ColId]) -> SchemaRef {
    let field = |id: &ColId| Field::new(name(registry, *id), registry.ty(*id).arrow_type(), true);
    std::sync::Arc::new(Schema::new(ids.iter().map(field).collect::<Vec<Field>>()))
}

/// The same as DataFusion's.
pub(crate) fn df_schema(schema: SchemaRef) -> Result<DFSchemaRef> {
    schema.to_dfschema_ref().map_err(from_datafusion)
}

/// Those of `positions` that an input has, and the positions of `names` in it.
pub(crate) fn with_named<'a>(
    positions: &[usize],
    names: impl Iterator<Item = &'a str>,
    input: &DFSchema,
) -> Vec<usize> {
    let width = input.fields().len();
    let mut all: Vec<usize> = positions.iter().copied().filter(|position| *position < width).collect();
    all.extend(names.filter_map(|name| input.index_of_column_by_name(None, name)));
    all.sort_unstable();
    all.dedup();
    all
}
