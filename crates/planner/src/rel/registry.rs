//! Every column of a plan by its id: name, type, where the text named it and where its values come from.

use tidemill_expr::{Expr, SqlType};
use tidemill_sql_parser::Span;

/// A column of a plan. Every instance of a table, view or subquery has its own; `Expr::Column` holds it in a [`super::Rel`].
pub type ColId = usize;

/// Where the values of a column come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A column of a table.
    Table {
        /// The table's full name.
        table: String,
        /// The column's name there.
        column: String,
    },
    /// An expression, an aggregate, a window.
    Computed,
}

/// What is known about a column.
#[derive(Clone, Debug)]
pub struct ColumnInfo {
    /// Its name, for plans and messages; not unique.
    pub name: String,
    /// Its type, with nullability.
    pub ty: SqlType,
    /// Where the text names it.
    pub span: Option<Span>,
    /// Where its values come from.
    pub origin: Origin,
}

/// The columns of a plan.
#[derive(Clone, Debug, Default)]
pub struct ColumnRegistry {
    columns: Vec<ColumnInfo>,
}

impl ColumnRegistry {
    /// A new column.
    pub fn add(&mut self, info: ColumnInfo) -> ColId {
        self.columns.push(info);
        self.columns.len() - 1
    }

    /// A new column that is computed.
    pub fn computed(&mut self, name: impl Into<String>, ty: SqlType, span: Option<Span>) -> ColId {
        self.add(ColumnInfo { name: name.into(), ty, span, origin: Origin::Computed })
    }

    /// What is known about a column, if there is one of that id.
    pub fn get(&self, id: ColId) -> Option<&ColumnInfo> {
        self.columns.get(id)
    }

    /// A column's type; NULL's type for an id that was never given out.
    pub fn ty(&self, id: ColId) -> SqlType {
        self.get(id).map_or(SqlType::NULL, |column| column.ty.clone())
    }

    /// A column's name.
    pub fn name(&self, id: ColId) -> &str {
        self.get(id).map_or("?", |column| column.name.as_str())
    }

    /// The type of an expression over the plan's columns.
    pub fn expr_ty(&self, expr: &Expr) -> SqlType {
        expr.ty(&|id| self.ty(id))
    }

    /// Gives a column another name.
    pub(crate) fn rename(&mut self, id: ColId, name: &str) {
        if let Some(column) = self.columns.get_mut(id) {
            column.name = name.to_string();
        }
    }

    /// An expression as text, with the columns' names.
    pub fn show(&self, expr: &Expr) -> String {
        let name = |id: usize| self.name(id).to_string();
        let field = |row: &Expr, index: usize| tidemill_expr::display::field_name(&self.expr_ty(row), index);
        expr.display(&name, &field).to_string()
    }
}
