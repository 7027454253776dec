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
    /// Expressions as they were bound, and where they stand in the text.
    places: Vec<(Expr, Span)>,
}

/// How far a registry was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    columns: usize,
    places: usize,
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

    /// Notes where an expression stands.
    pub(crate) fn place(&mut self, expr: &Expr, span: Span) {
        if !matches!(expr, Expr::Column(_) | Expr::Literal(..)) {
            self.places.push((expr.clone(), span));
        }
    }

    /// Where an expression stands, if it is as it was bound; of several places the last bound, which is no table's or view's
    /// that the query reads if it can be its own.
    pub(crate) fn place_of(&self, expr: &Expr) -> Option<Span> {
        self.place_where(|placed| placed == expr)
    }

    /// Where the last bound of the expressions of which this holds stands.
    pub(crate) fn place_where(&self, holds: impl Fn(&Expr) -> bool) -> Option<Span> {
        self.places.iter().rev().find(|(placed, _)| holds(placed)).map(|(_, span)| *span)
    }

    /// How far it is now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { columns: self.columns.len(), places: self.places.len() }
    }

    /// What came since is of another text (of a view, of a table), which is used here.
    pub(crate) fn used_at(&mut self, since: Mark, span: Span) {
        self.columns[since.columns..].iter_mut().filter_map(|column| column.span.as_mut()).for_each(|own| *own = span);
        self.places[since.places..].iter_mut().for_each(|(_, own)| *own = span);
    }

    /// An expression as text, with the columns' names.
    pub fn show(&self, expr: &Expr) -> String {
        let name = |id: usize| self.name(id).to_string();
        let field = |row: &Expr, index: usize| tidemill_expr::display::field_name(&self.expr_ty(row), index);
        expr.display(&name, &field).to_string()
    }
}
