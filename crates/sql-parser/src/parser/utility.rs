//! `DROP`, `SHOW`, `DESCRIBE`, `USE`.

use super::{Parser, Result};
use crate::ast::{Describe, Drop, DropKind, ObjectName, Show, ShowFilter, ShowKind, StatementKind, Use};

impl Parser<'_> {
    pub(super) fn drop_object(&mut self) -> Result<StatementKind> {
        self.expect_keyword("DROP")?;
        let temporary = self.eat_keyword("TEMPORARY");
        let kind = if self.eat_keyword("TABLE") {
            DropKind::Table
        } else if self.eat_keyword("VIEW") {
            DropKind::View
        } else {
            for other in ["FUNCTION", "SYSTEM", "CATALOG", "DATABASE", "MODEL", "MATERIALIZED", "CONNECTION"] {
                if self.is_keyword(other) {
                    return Err(self.unsupported(&format!("DROP {other}"), self.span()));
                }
            }
            return Err(self.expected(&["TABLE", "VIEW"]));
        };
        let if_exists = self.eat_keywords(&["IF", "EXISTS"]);
        let name = self.object_name("a table's or view's name")?;
        Ok(StatementKind::Drop(Drop { kind, temporary, if_exists, name }))
    }

    pub(super) fn show(&mut self) -> Result<StatementKind> {
        self.expect_keyword("SHOW")?;
        let kind = if self.eat_keyword("CATALOGS") {
            ShowKind::Catalogs
        } else if self.eat_keyword("DATABASES") {
            ShowKind::Databases(self.show_from()?)
        } else if self.eat_keyword("TABLES") {
            ShowKind::Tables(self.show_from()?)
        } else if self.eat_keyword("VIEWS") {
            ShowKind::Views(self.show_from()?)
        } else if self.eat_keyword("FUNCTIONS") {
            ShowKind::Functions { user: false }
        } else if self.eat_keywords(&["USER", "FUNCTIONS"]) {
            ShowKind::Functions { user: true }
        } else if self.eat_keyword("COLUMNS") {
            let from = self.show_from()?;
            ShowKind::Columns(from.ok_or_else(|| self.expected(&["FROM", "IN"]))?)
        } else if self.eat_keyword("CURRENT") {
            if self.eat_keyword("CATALOG") {
                ShowKind::CurrentCatalog
            } else if self.eat_keyword("DATABASE") {
                ShowKind::CurrentDatabase
            } else {
                return Err(self.expected(&["CATALOG", "DATABASE"]));
            }
        } else if self.eat_keyword("CREATE") {
            if self.eat_keyword("TABLE") {
                ShowKind::CreateTable(self.object_name("a table's name")?)
            } else if self.eat_keyword("VIEW") {
                ShowKind::CreateView(self.object_name("a view's name")?)
            } else {
                return Err(self.expected(&["TABLE", "VIEW"]));
            }
        } else {
            for other in ["MODULES", "FULL", "MODELS", "JARS", "JOBS", "PROCEDURES", "PARTITIONS", "MATERIALIZED"] {
                if self.is_keyword(other) {
                    return Err(self.unsupported(&format!("SHOW {other}"), self.span()));
                }
            }
            return Err(self.expected(&[
                "TABLES",
                "VIEWS",
                "FUNCTIONS",
                "COLUMNS",
                "CREATE",
                "CATALOGS",
                "DATABASES",
                "CURRENT",
            ]));
        };
        Ok(StatementKind::Show(Show { kind, filter: self.show_filter()? }))
    }

    /// `[FROM | IN name]`.
    fn show_from(&mut self) -> Result<Option<ObjectName>> {
        if self.eat_keyword("FROM") || self.eat_keyword("IN") {
            return self.object_name("a name").map(Some);
        }
        Ok(None)
    }

    /// `[[NOT] LIKE | ILIKE 'pattern']`.
    fn show_filter(&mut self) -> Result<Option<ShowFilter>> {
        let negated = self.eat_keyword("NOT");
        let ignore_case = self.eat_keyword("ILIKE");
        if !ignore_case && !self.eat_keyword("LIKE") {
            return if negated { Err(self.expected(&["LIKE", "ILIKE"])) } else { Ok(None) };
        }
        let pattern = self.expect_string("a pattern in single quotes")?;
        Ok(Some(ShowFilter { negated, ignore_case, pattern }))
    }

    pub(super) fn describe(&mut self) -> Result<StatementKind> {
        self.advance();
        for other in ["CATALOG", "DATABASE", "FUNCTION", "MODEL", "JOB"] {
            if self.is_keyword(other) && (self.is_ident_at(1) || self.is_string_at(1)) {
                return Err(self.unsupported(&format!("DESCRIBE {other}"), self.span()));
            }
        }
        let extended = self.is_keyword("EXTENDED") && self.is_ident_at(1);
        if extended {
            self.advance();
        }
        Ok(StatementKind::Describe(Describe { extended, name: self.object_name("a table's name")? }))
    }

    pub(super) fn use_object(&mut self) -> Result<StatementKind> {
        self.expect_keyword("USE")?;
        if self.is_keyword("MODULES") {
            return Err(self.unsupported("USE MODULES", self.span()));
        }
        if self.is_keyword("CATALOG") && self.is_ident_at(1) {
            self.advance();
            return Ok(StatementKind::Use(Use::Catalog(self.ident("a catalog's name")?)));
        }
        Ok(StatementKind::Use(Use::Database(self.object_name("a database's name")?)))
    }
}
