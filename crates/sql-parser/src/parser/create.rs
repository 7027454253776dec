//! `CREATE TABLE` and `CREATE VIEW`.

use super::{Parser, Result};
use crate::ast::{
    ColumnDef, ColumnKind, CreateTable, CreateView, Ident, LikeClause, LikeFeature, LikeMerge, LikeOption, PrimaryKey,
    StatementKind, TableOption, WatermarkDef,
};
use crate::error::ParseError;

/// What stands between the parentheses of a table.
#[derive(Default)]
struct Elements {
    columns: Vec<ColumnDef>,
    watermark: Option<WatermarkDef>,
    primary_key: Option<PrimaryKey>,
}

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Result<StatementKind> {
        let start = self.span();
        self.expect_keyword("CREATE")?;
        if self.is_keywords(&["OR", "REPLACE"]) {
            return Err(self.unsupported("OR REPLACE", self.span()));
        }
        let temporary = self.eat_keyword("TEMPORARY");
        if self.eat_keyword("TABLE") {
            let mut table = self.create_table(temporary)?;
            table.span = self.since(start);
            return Ok(StatementKind::CreateTable(Box::new(table)));
        }
        if self.eat_keyword("VIEW") {
            let mut view = self.create_view(temporary)?;
            view.span = self.since(start);
            return Ok(StatementKind::CreateView(Box::new(view)));
        }
        for other in ["FUNCTION", "SYSTEM", "CATALOG", "DATABASE", "MODEL", "MATERIALIZED", "CONNECTION"] {
            if self.is_keyword(other) {
                return Err(self.unsupported(&format!("CREATE {other}"), self.span()));
            }
        }
        Err(self.expected(if temporary { &["TABLE", "VIEW"] } else { &["TABLE", "VIEW", "TEMPORARY"] }))
    }

    fn create_table(&mut self, temporary: bool) -> Result<CreateTable> {
        let start = self.span();
        let if_not_exists = self.eat_keywords(&["IF", "NOT", "EXISTS"]);
        let name = self.object_name("a table's name")?;
        let mut elements = Elements::default();
        if self.eat_symbol("(") {
            self.comma_list(|p| p.table_element(&mut elements))?;
            if !self.eat_symbol(")") {
                return Err(self.expected(&["','", "')'", "NOT", "METADATA", "COMMENT", "PRIMARY"]));
            }
        }
        let comment = self.comment()?;
        if self.is_keyword("DISTRIBUTED") {
            return Err(self.unsupported("DISTRIBUTED", self.span()));
        }
        let mut partitioned_by = Vec::new();
        if self.eat_keyword("PARTITIONED") {
            self.expect_keyword("BY")?;
            partitioned_by = self.paren_list(|p| p.ident("a column's name"))?;
        }
        let options = if self.eat_keyword("WITH") { self.table_options()? } else { Vec::new() };
        let like = if self.is_keyword("LIKE") { Some(self.like_clause()?) } else { None };
        if self.is_keyword("AS") {
            return Err(self
                .unsupported("CREATE TABLE … AS", self.span())
                .with_help("create the table with its columns, then INSERT INTO it"));
        }
        let Elements { columns, watermark, primary_key } = elements;
        let span = self.since(start);
        Ok(CreateTable {
            temporary,
            if_not_exists,
            name,
            columns,
            watermark,
            primary_key,
            comment,
            partitioned_by,
            options,
            like,
            span,
        })
    }

    fn comment(&mut self) -> Result<Option<String>> {
        if !self.eat_keyword("COMMENT") {
            return Ok(None);
        }
        self.expect_string("a comment in single quotes").map(Some)
    }

    fn table_element(&mut self, elements: &mut Elements) -> Result<()> {
        let start = self.span();
        if self.is_keywords(&["WATERMARK", "FOR"]) {
            self.eat_keywords(&["WATERMARK", "FOR"]);
            let watermark = self.watermark(start)?;
            if elements.watermark.is_some() {
                return Err(ParseError::new("a table has one WATERMARK only", watermark.span)
                    .with_help("keep the one of the column that windows and joins go by"));
            }
            elements.watermark = Some(watermark);
            return Ok(());
        }
        if self.is_keywords(&["PRIMARY", "KEY"]) || (self.is_keyword("CONSTRAINT") && self.is_keyword_at(2, "PRIMARY"))
        {
            let name = self.constraint_name()?;
            let columns = self.paren_list(|p| p.ident("a column's name"))?;
            return self.primary_key(elements, name, columns, start);
        }
        if (self.is_keyword("UNIQUE") && self.is_symbol_at(1, "("))
            || (self.is_keyword("CONSTRAINT") && self.is_keyword_at(2, "UNIQUE"))
        {
            return Err(ParseError::new("UNIQUE constraints are not supported", start)
                .with_help("declare PRIMARY KEY (…) NOT ENFORCED"));
        }
        let name = self.ident("a column's name")?;
        if self.eat_keyword("AS") {
            let kind = ColumnKind::Computed(self.expression()?);
            let comment = self.comment()?;
            elements.columns.push(ColumnDef { name, kind, comment, span: self.since(start) });
            return Ok(());
        }
        let data_type = self.data_type()?;
        let kind = if self.eat_keyword("METADATA") {
            let key = if self.eat_keyword("FROM") { Some(self.expect_string("a key in single quotes")?) } else { None };
            let is_virtual = self.eat_keyword("VIRTUAL");
            ColumnKind::Metadata { data_type, key, is_virtual }
        } else {
            ColumnKind::Physical(data_type)
        };
        if self.is_keyword("DEFAULT") {
            return Err(self.unsupported("DEFAULT", self.span()));
        }
        if self.is_keyword("PRIMARY") || self.is_keyword("CONSTRAINT") {
            let key_start = self.span();
            let constraint = self.constraint_name()?;
            self.primary_key(elements, constraint, vec![name.clone()], key_start)?;
        }
        let comment = self.comment()?;
        elements.columns.push(ColumnDef { name, kind, comment, span: self.since(start) });
        Ok(())
    }

    fn watermark(&mut self, start: crate::Span) -> Result<WatermarkDef> {
        let mut column = vec![self.ident("a column's name")?];
        while self.eat_symbol(".") {
            column.push(self.eat_any_word().ok_or_else(|| self.expected(&["a field's name"]))?);
        }
        self.expect_keyword("AS")?;
        let expr = self.expression()?;
        Ok(WatermarkDef { column, expr, span: self.since(start) })
    }

    /// `[CONSTRAINT name] PRIMARY KEY`.
    fn constraint_name(&mut self) -> Result<Option<Ident>> {
        let name = if self.eat_keyword("CONSTRAINT") { Some(self.ident("a constraint's name")?) } else { None };
        self.expect_keywords(&["PRIMARY", "KEY"])?;
        Ok(name)
    }

    /// `NOT ENFORCED` and the key's place among the elements.
    fn primary_key(
        &mut self,
        elements: &mut Elements,
        name: Option<Ident>,
        columns: Vec<Ident>,
        start: crate::Span,
    ) -> Result<()> {
        if !self.eat_keywords(&["NOT", "ENFORCED"]) {
            return Err(ParseError::new("a PRIMARY KEY must be declared NOT ENFORCED", self.since(start)).with_help(
                "write PRIMARY KEY (…) NOT ENFORCED: the engine relies on the key but cannot check stored data",
            ));
        }
        let span = self.since(start);
        if elements.primary_key.is_some() {
            return Err(ParseError::new("a table has one PRIMARY KEY only", span)
                .with_help("name all its columns in one: PRIMARY KEY (a, b) NOT ENFORCED"));
        }
        elements.primary_key = Some(PrimaryKey { name, columns, span });
        Ok(())
    }

    /// `('key' = 'value', …)`.
    fn table_options(&mut self) -> Result<Vec<TableOption>> {
        self.expect_symbol("(")?;
        let mut options: Vec<TableOption> = Vec::new();
        if self.eat_symbol(")") {
            return Ok(options);
        }
        self.comma_list(|p| {
            let key_span = p.span();
            let key = p.expect_string("an option's key in single quotes")?;
            p.expect_symbol("=")?;
            let value_span = p.span();
            let value = p.expect_string("a value in single quotes")?;
            if options.iter().any(|o| o.key == key) {
                return Err(ParseError::new(format!("the option '{key}' is given twice"), key_span)
                    .with_help("keep one of them"));
            }
            options.push(TableOption { key, value, key_span, value_span });
            Ok(())
        })?;
        self.expect_symbol(")")?;
        Ok(options)
    }

    fn like_clause(&mut self) -> Result<LikeClause> {
        let start = self.span();
        self.expect_keyword("LIKE")?;
        let table = self.object_name("a table's name")?;
        let mut options = Vec::new();
        if self.eat_symbol("(") {
            while !self.eat_symbol(")") {
                options.push(self.like_option()?);
            }
        }
        Ok(LikeClause { table, options, span: self.since(start) })
    }

    fn like_option(&mut self) -> Result<LikeOption> {
        let start = self.span();
        let merge = if self.eat_keyword("INCLUDING") {
            LikeMerge::Including
        } else if self.eat_keyword("EXCLUDING") {
            LikeMerge::Excluding
        } else if self.eat_keyword("OVERWRITING") {
            LikeMerge::Overwriting
        } else {
            return Err(self.expected(&["INCLUDING", "EXCLUDING", "OVERWRITING", "')'"]));
        };
        let features = [
            ("ALL", LikeFeature::All),
            ("CONSTRAINTS", LikeFeature::Constraints),
            ("DISTRIBUTION", LikeFeature::Distribution),
            ("GENERATED", LikeFeature::Generated),
            ("METADATA", LikeFeature::Metadata),
            ("OPTIONS", LikeFeature::Options),
            ("PARTITIONS", LikeFeature::Partitions),
            ("WATERMARKS", LikeFeature::Watermarks),
        ];
        let Some((_, feature)) = features.iter().find(|(word, _)| self.is_keyword(word)) else {
            return Err(self.expected(&features.map(|(word, _)| word)));
        };
        self.advance();
        Ok(LikeOption { merge, feature: *feature, span: self.since(start) })
    }

    fn create_view(&mut self, temporary: bool) -> Result<CreateView> {
        let start = self.span();
        let if_not_exists = self.eat_keywords(&["IF", "NOT", "EXISTS"]);
        let name = self.object_name("a view's name")?;
        let columns = if self.is_symbol("(") { self.paren_list(|p| p.ident("a column's name"))? } else { Vec::new() };
        let comment = self.comment()?;
        self.expect_keyword("AS")?;
        let query_start = self.span();
        let query = self.query()?;
        let query_text = self.since(query_start).text(self.source).to_string();
        let span = self.since(start);
        Ok(CreateView { temporary, if_not_exists, name, columns, comment, query, query_text, span })
    }
}
