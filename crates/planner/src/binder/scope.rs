//! What names mean at a place of a query: the tables of its FROM clause, and those of the queries around it.

use tidemill_expr::{Expr, SqlType, TypeKind};
use tidemill_sql_parser::Span;
use tidemill_sql_parser::ast::Ident;

use crate::error::{PlanError, PlanResult, neighbours};
use crate::rel::{ColId, ColumnRegistry};

/// The tables that a query's expressions can name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope<'p> {
    /// The tables in the order of FROM.
    pub(crate) tables: Vec<ScopeTable>,
    /// The scope of the query around this one; its columns can be seen but not used.
    pub(crate) outer: Option<&'p Scope<'p>>,
}

/// One table of FROM.
#[derive(Clone, Debug)]
pub(crate) struct ScopeTable {
    /// What qualifies its columns: the alias alone, or the parts of its name; empty for a derived table without one.
    pub(crate) name: Vec<String>,
    /// Its columns.
    pub(crate) columns: Vec<ScopeColumn>,
}

/// One column of a table of FROM.
#[derive(Clone, Debug)]
pub(crate) struct ScopeColumn {
    /// Its name.
    pub(crate) name: String,
    /// Its id.
    pub(crate) id: ColId,
    /// Left out of `*` and of names without a table: the second of two columns that USING or NATURAL has merged.
    pub(crate) merged: bool,
}

impl ScopeTable {
    /// A table of these columns.
    pub(crate) fn new(name: Vec<String>, columns: impl IntoIterator<Item = (String, ColId)>) -> ScopeTable {
        let columns = columns.into_iter().map(|(name, id)| ScopeColumn { name, id, merged: false }).collect();
        ScopeTable { name, columns }
    }

    /// Whether `parts` (the qualifier of a column) means this table: all of its name or its end.
    pub(crate) fn is_called(&self, parts: &[Ident]) -> bool {
        !self.name.is_empty()
            && parts.len() <= self.name.len()
            && self.name[self.name.len() - parts.len()..].iter().zip(parts).all(|(name, part)| *name == part.value)
    }
}

/// What a dotted name turned out to be.
enum Found {
    Column(ColId, usize),
    Ambiguous(Vec<String>),
    Nothing,
}

impl Scope<'_> {
    /// A dotted name as an expression: a column, perhaps of a table, perhaps with fields of a row behind it.
    pub(crate) fn resolve(&self, parts: &[Ident], span: Span, registry: &ColumnRegistry) -> PlanResult<(Expr, ColId)> {
        let (id, used) = match self.find(parts) {
            Found::Column(id, used) => (id, used),
            Found::Ambiguous(candidates) => {
                let name = dotted(&parts[..1]);
                return Err(PlanError::new("sql.column", span, format!("column '{name}' is ambiguous"))
                    .help(format!("write {}", candidates.join(" or "))));
            }
            Found::Nothing => return Err(self.unknown(parts, span)),
        };
        let mut expr = Expr::Column(id);
        for field in &parts[used..] {
            expr = field_of(expr, field, registry)?;
        }
        Ok((expr, id))
    }

    fn find(&self, parts: &[Ident]) -> Found {
        // The longest qualifier first, so that `t.a` is the column of table t even if there is a column t with a field a.
        for used in (1..parts.len().min(4)).rev() {
            for table in self.tables.iter().filter(|table| table.is_called(&parts[..used])) {
                if let Some(column) = table.columns.iter().find(|column| column.name == parts[used].value) {
                    return Found::Column(column.id, used + 1);
                }
            }
        }
        let Some(first) = parts.first() else { return Found::Nothing };
        let mut found: Vec<(&ScopeTable, &ScopeColumn)> = Vec::new();
        for table in &self.tables {
            found.extend(
                table.columns.iter().filter(|column| !column.merged && column.name == first.value).map(|c| (table, c)),
            );
        }
        match found.as_slice() {
            [] => Found::Nothing,
            [(_, column)] => Found::Column(column.id, 1),
            many => Found::Ambiguous(
                many.iter()
                    .map(|(table, column)| match table.name.last() {
                        Some(name) => format!("{name}.{}", column.name),
                        None => column.name.clone(),
                    })
                    .collect(),
            ),
        }
    }

    fn unknown(&self, parts: &[Ident], span: Span) -> PlanError {
        let name = dotted(parts);
        let mut outer = self.outer;
        while let Some(scope) = outer {
            if let Found::Column(..) = scope.find(parts) {
                let text =
                    format!("'{name}' is a column of the query around this one, which a subquery cannot use yet");
                return PlanError::unsupported(span, text).help("write the query as a join");
            }
            outer = scope.outer;
        }
        if let [table, column, ..] = parts
            && let Some(known) = self.tables.iter().find(|known| known.is_called(std::slice::from_ref(table)))
        {
            let names = known.columns.iter().map(|column| column.name.as_str());
            let text = format!("table '{}' has no column '{}'", table.value, column.value);
            return PlanError::new("sql.column", column.span, text).help(neighbours(&column.value, names, "columns"));
        }
        let wanted = parts.last().map_or("", |part| part.value.as_str());
        let mut names: Vec<&str> = Vec::new();
        for column in self.tables.iter().flat_map(|table| &table.columns) {
            if !names.contains(&column.name.as_str()) {
                names.push(&column.name);
            }
        }
        let help = if names.is_empty() {
            "there are no columns here; text is written in single quotes".to_string()
        } else {
            neighbours(wanted, names, "columns")
        };
        PlanError::new("sql.column", span, format!("column '{name}' does not exist")).help(help)
    }
}

/// A field of a row-valued expression.
pub(crate) fn field_of(base: Expr, field: &Ident, registry: &ColumnRegistry) -> PlanResult<Expr> {
    let ty: SqlType = registry.expr_ty(&base);
    let TypeKind::Row(row) = &ty.kind else {
        let text = format!("'{}' is of type {}, which has no field '{}'", registry.show(&base), ty.kind, field.value);
        return Err(PlanError::new("sql.field", field.span, text));
    };
    match row.position(&field.value) {
        Some(index) => Ok(Expr::Field { expr: Box::new(base), index }),
        None => {
            let text = format!("the row '{}' has no field '{}'", registry.show(&base), field.value);
            let names = row.fields.iter().map(|field| field.name.as_str());
            Err(PlanError::new("sql.field", field.span, text).help(neighbours(&field.value, names, "fields")))
        }
    }
}

fn dotted(parts: &[Ident]) -> String {
    parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".")
}
