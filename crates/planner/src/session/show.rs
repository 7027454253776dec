//! SHOW.

use tidemill_sql_parser::ast::{ObjectName, Show, ShowFilter, ShowKind};

use super::Session;
use crate::catalog::{
    CATALOG, CatalogEntry, DATABASE, check_catalog, check_database, show_create_table, show_create_view,
};
use crate::error::{PlanError, PlanResult};
use crate::plan::{Outcome, TextTable};

impl Session {
    pub(super) fn show(&self, show: &Show) -> PlanResult<Outcome> {
        let list = |title: &str, names: Vec<String>| {
            let names = names.into_iter().filter(|name| show.filter.as_ref().is_none_or(|filter| passes(filter, name)));
            Ok(Outcome::Table(TextTable::new(&[title], names.map(|name| vec![name]).collect())))
        };
        match &show.kind {
            ShowKind::Catalogs => list("catalog name", vec![CATALOG.to_string()]),
            ShowKind::Databases(catalog) => {
                if let Some(name) = catalog.as_ref().and_then(|name| name.parts.first()) {
                    check_catalog(name)?;
                }
                list("database name", vec![DATABASE.to_string()])
            }
            ShowKind::Tables(database) => {
                check_path(database.as_ref())?;
                list("table name", self.catalog.entries().map(|(path, _)| path.object.clone()).collect())
            }
            ShowKind::Views(database) => {
                check_path(database.as_ref())?;
                let views = self.catalog.entries().filter(|(_, entry)| matches!(entry, CatalogEntry::View(_)));
                list("view name", views.map(|(path, _)| path.object.clone()).collect())
            }
            ShowKind::Functions { user: true } => list("function name", Vec::new()),
            ShowKind::Functions { user: false } => list("function name", self.functions.function_names()),
            ShowKind::CurrentCatalog => list("current catalog name", vec![CATALOG.to_string()]),
            ShowKind::CurrentDatabase => list("current database name", vec![DATABASE.to_string()]),
            ShowKind::Columns(name) => {
                let mut table = self.columns_of(name)?;
                table.rows.retain(|row| match (&show.filter, row.first()) {
                    (Some(filter), Some(Some(name))) => passes(filter, name),
                    _ => true,
                });
                Ok(Outcome::Table(table))
            }
            ShowKind::CreateTable(name) => match self.catalog.find(name)? {
                CatalogEntry::Table(table) => Ok(Outcome::Text(show_create_table(table))),
                CatalogEntry::View(_) => Err(PlanError::new("sql.show", name.span, format!("'{name}' is a view"))
                    .help(format!("write SHOW CREATE VIEW {name}"))),
            },
            ShowKind::CreateView(name) => match self.catalog.find(name)? {
                CatalogEntry::View(view) => Ok(Outcome::Text(show_create_view(view))),
                CatalogEntry::Table(_) => Err(PlanError::new("sql.show", name.span, format!("'{name}' is a table"))
                    .help(format!("write SHOW CREATE TABLE {name}"))),
            },
        }
    }
}

/// Refuses a database that does not exist.
fn check_path(name: Option<&ObjectName>) -> PlanResult<()> {
    match name.map(|name| name.parts.as_slice()) {
        Some([database]) => check_database(database),
        Some([catalog, database, ..]) => check_catalog(catalog).and_then(|()| check_database(database)),
        _ => Ok(()),
    }
}

fn passes(filter: &ShowFilter, name: &str) -> bool {
    let fold = |text: &str| if filter.ignore_case { text.to_lowercase() } else { text.to_string() };
    let (pattern, name): (Vec<char>, Vec<char>) =
        (fold(&filter.pattern).chars().collect(), fold(name).chars().collect());
    like(&pattern, &name) != filter.negated
}

/// `%` is any text, `_` any character.
fn like(pattern: &[char], text: &[char]) -> bool {
    // places[i]: the pattern so far matches the first i characters.
    let mut places = vec![false; text.len() + 1];
    places[0] = true;
    for wanted in pattern {
        if *wanted == '%' {
            let from = places.iter().position(|place| *place).unwrap_or(places.len());
            places.iter_mut().skip(from).for_each(|place| *place = true);
        } else {
            for at in (0..text.len()).rev() {
                places[at + 1] = places[at] && (*wanted == '_' || *wanted == text[at]);
            }
            places[0] = false;
        }
    }
    places.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_wildcards() {
        let like =
            |pattern: &str, text: &str| like(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
        assert!(like("%", "") && like("a%c", "abc") && like("a%c", "ac") && like("_b%", "abcd"));
        assert!(!like("a", "ab") && !like("_", "") && !like("a%c", "acb"));
    }
}
