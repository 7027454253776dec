//! The session's catalog: tables and views of `default_catalog.default_database`, found by names of one to three parts.
//!
//! A temporary table or view hides a permanent one of the same name. Names of tables and columns are case-sensitive.

mod like;
mod option_places;
mod show_create;
mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tidemill_sql_parser::ast::{Ident, ObjectName, Query};

use crate::error::{PlanError, PlanResult, neighbours};

pub use like::merge_like;
pub use option_places::{OptionPlaces, TextNumber};
pub use show_create::{show_create_table, show_create_view};
pub use table::{ColumnSource, TableColumn, TableConstraint, TableDef, TableWatermark};

/// The one catalog.
pub const CATALOG: &str = "default_catalog";
/// The one database.
pub const DATABASE: &str = "default_database";

/// A table or a view.
#[derive(Clone, Debug)]
pub enum CatalogEntry {
    /// Something a connector reads or writes.
    Table(Arc<TableDef>),
    /// A query with a name.
    View(Arc<ViewDef>),
}

/// A view.
#[derive(Clone, Debug)]
pub struct ViewDef {
    /// Its full name.
    pub name: TablePath,
    /// Its columns' names and types, found when it was made.
    pub schema: tidemill_expr::RowType,
    /// New names given to the query's columns; empty if they are kept.
    pub columns: Vec<Ident>,
    /// What it stands for.
    pub query: Query,
    /// The query as the user wrote it.
    pub query_text: String,
    /// `COMMENT '…'`.
    pub comment: Option<String>,
    /// Made with `TEMPORARY`.
    pub temporary: bool,
}

/// A full name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TablePath {
    /// The catalog.
    pub catalog: String,
    /// The database.
    pub database: String,
    /// The table or view.
    pub object: String,
}

/// All tables and views of a session.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    permanent: BTreeMap<TablePath, CatalogEntry>,
    temporary: BTreeMap<TablePath, CatalogEntry>,
}

impl CatalogEntry {
    /// `table` or `view`.
    pub fn word(&self) -> &'static str {
        match self {
            CatalogEntry::Table(_) => "table",
            CatalogEntry::View(_) => "view",
        }
    }

    fn temporary(&self) -> bool {
        match self {
            CatalogEntry::Table(table) => table.temporary,
            CatalogEntry::View(view) => view.temporary,
        }
    }

    fn path(&self) -> &TablePath {
        match self {
            CatalogEntry::Table(table) => &table.name,
            CatalogEntry::View(view) => &view.name,
        }
    }
}

impl Catalog {
    /// The full name that a name in the text stands for.
    ///
    /// # Errors
    /// There is no such catalog or database.
    pub fn path(&self, name: &ObjectName) -> PlanResult<TablePath> {
        let (catalog, database, object) = match name.parts.as_slice() {
            [object] => (None, None, object),
            [database, object] => (None, Some(database), object),
            [catalog, database, object] => (Some(catalog), Some(database), object),
            _ => {
                let text = format!("'{name}' has too many parts");
                return Err(PlanError::new("sql.name", name.span, text)
                    .help("write table, database.table or catalog.database.table"));
            }
        };
        if let Some(catalog) = catalog {
            check_catalog(catalog)?;
        }
        if let Some(database) = database {
            check_database(database)?;
        }
        Ok(TablePath { catalog: CATALOG.into(), database: DATABASE.into(), object: object.value.clone() })
    }

    /// The table or view of a full name.
    pub fn get(&self, path: &TablePath) -> Option<&CatalogEntry> {
        self.temporary.get(path).or_else(|| self.permanent.get(path))
    }

    /// The table or view of a name in the text; an unknown one lists its neighbours.
    pub fn find(&self, name: &ObjectName) -> PlanResult<&CatalogEntry> {
        let path = self.path(name)?;
        self.get(&path).ok_or_else(|| {
            let known: Vec<&str> = self.entries().map(|(path, _)| path.object.as_str()).collect();
            PlanError::new("sql.table", name.span, format!("table or view '{}' does not exist", path.object))
                .help(neighbours(&path.object, known, "tables and views"))
        })
    }

    /// Adds a table or view; false if `if_not_exists` and there is one already.
    pub fn create(&mut self, entry: CatalogEntry, if_not_exists: bool, name: &ObjectName) -> PlanResult<bool> {
        let entries = if entry.temporary() { &mut self.temporary } else { &mut self.permanent };
        let path = entry.path().clone();
        match entries.get(&path) {
            Some(_) if if_not_exists => Ok(false),
            Some(old) => {
                let text = format!("there is a {} '{}' already", old.word(), path.object);
                let help = format!("drop it first (DROP {} {name}), or write IF NOT EXISTS", old.word().to_uppercase());
                Err(PlanError::new("sql.exists", name.span, text).help(help))
            }
            None => {
                entries.insert(path, entry);
                Ok(true)
            }
        }
    }

    /// Removes a table (`word` is `table`) or a view (`view`).
    pub fn drop(&mut self, name: &ObjectName, word: &str, temporary: bool, if_exists: bool) -> PlanResult<()> {
        let path = self.path(name)?;
        let hidden = self.temporary.contains_key(&path);
        let entries = if temporary { &mut self.temporary } else { &mut self.permanent };
        match entries.get(&path) {
            Some(entry) if entry.word() != word => {
                let text = format!("'{}' is a {}, not a {word}", path.object, entry.word());
                let help = format!("write DROP {}", entry.word().to_uppercase());
                Err(PlanError::new("sql.table", name.span, text).help(help))
            }
            Some(_) if hidden && !temporary => {
                let text = format!("a temporary {word} '{}' hides the permanent one", path.object);
                let help = format!("drop it first: DROP TEMPORARY {} {name}", word.to_uppercase());
                Err(PlanError::new("sql.table", name.span, text).help(help))
            }
            Some(_) => {
                entries.remove(&path);
                Ok(())
            }
            None if if_exists => Ok(()),
            None => {
                let known: Vec<&str> = entries
                    .iter()
                    .filter(|(_, entry)| entry.word() == word)
                    .map(|(path, _)| path.object.as_str())
                    .collect();
                let kind = if temporary { format!("temporary {word}") } else { word.to_string() };
                let error = PlanError::new("sql.table", name.span, format!("{kind} '{}' does not exist", path.object));
                let help = if hidden && !temporary {
                    format!("there is a temporary one: write DROP TEMPORARY {}", word.to_uppercase())
                } else {
                    neighbours(&path.object, known, &format!("{kind}s"))
                };
                Err(error.help(help))
            }
        }
    }

    /// All tables and views that can be seen, by name.
    pub fn entries(&self) -> impl Iterator<Item = (&TablePath, &CatalogEntry)> {
        let mut all: BTreeMap<&TablePath, &CatalogEntry> = self.permanent.iter().collect();
        all.extend(self.temporary.iter());
        all.into_iter()
    }
}

/// Refuses any catalog but the one there is.
pub fn check_catalog(name: &Ident) -> PlanResult<()> {
    if name.value == CATALOG {
        return Ok(());
    }
    let text = format!("catalog '{}' does not exist", name.value);
    Err(PlanError::new("sql.catalog", name.span, text).help(format!("the only catalog is {CATALOG}")))
}

/// Refuses any database but the one there is.
pub fn check_database(name: &Ident) -> PlanResult<()> {
    if name.value == DATABASE {
        return Ok(());
    }
    let text = format!("database '{}' does not exist", name.value);
    Err(PlanError::new("sql.database", name.span, text).help(format!("the only database is {DATABASE}")))
}

impl fmt::Display for TablePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.catalog, self.database, self.object)
    }
}
