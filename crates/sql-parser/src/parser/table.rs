//! `FROM`: tables, derived tables, table functions, joins.

use super::{Parser, Result};
use crate::ast::{Ident, Join, JoinCondition, JoinKind, Query, TableAlias, TableRef, TableRefKind};
use crate::lexer::TokenKind;
use crate::span::Span;

/// What stood in parentheses in `FROM`.
enum TableParen {
    Query(Box<Query>),
    Table(Box<TableRef>),
}

impl Parser<'_> {
    /// A table and what is joined to it.
    pub(super) fn table_ref(&mut self) -> Result<TableRef> {
        self.nested(|p| {
            let start = p.span();
            let left = p.table_primary()?;
            p.joins(left, start)
        })
    }

    fn joins(&mut self, mut left: TableRef, start: Span) -> Result<TableRef> {
        loop {
            let op_start = self.span();
            let natural = self.eat_keyword("NATURAL");
            let Some(kind) = self.join_kind()? else {
                if natural {
                    return Err(self.expected(&["JOIN", "LEFT", "RIGHT", "FULL", "INNER"]));
                }
                return Ok(left);
            };
            let op_span = self.since(op_start);
            let right = self.table_primary()?;
            let condition = if natural {
                JoinCondition::Natural
            } else if kind == JoinKind::Cross {
                JoinCondition::None
            } else {
                self.join_condition()?
            };
            self.deepen()?;
            let join = Join { left, right, kind, condition, op_span };
            left = TableRef { kind: TableRefKind::Join(Box::new(join)), alias: None, span: self.since(start) };
        }
    }

    fn join_kind(&mut self) -> Result<Option<JoinKind>> {
        let (kind, word) = if self.eat_keyword("JOIN") {
            return Ok(Some(JoinKind::Inner));
        } else if self.eat_keyword("INNER") {
            (JoinKind::Inner, "JOIN")
        } else if self.eat_keyword("CROSS") {
            (JoinKind::Cross, "JOIN")
        } else if self.is_keyword("LEFT") || self.is_keyword("RIGHT") || self.is_keyword("FULL") {
            let kind = if self.is_keyword("LEFT") {
                JoinKind::Left
            } else if self.is_keyword("RIGHT") {
                JoinKind::Right
            } else {
                JoinKind::Full
            };
            self.advance();
            self.eat_keyword("OUTER");
            (kind, "JOIN")
        } else {
            return Ok(None);
        };
        self.expect_keyword(word)?;
        Ok(Some(kind))
    }

    fn join_condition(&mut self) -> Result<JoinCondition> {
        if self.eat_keyword("ON") {
            return self.expression().map(JoinCondition::On);
        }
        if self.eat_keyword("USING") {
            return self.paren_list(|p| p.ident("a column's name")).map(JoinCondition::Using);
        }
        let mut error = self.expected(&["ON", "USING"]);
        error.help.get_or_insert_with(|| "a join without a condition is written CROSS JOIN".into());
        Err(error)
    }

    fn table_primary(&mut self) -> Result<TableRef> {
        let start = self.span();
        if self.is_symbol("(") {
            return match self.table_paren()? {
                TableParen::Query(query) => self.aliased(TableRefKind::Derived { query, lateral: false }, start),
                TableParen::Table(table) => Ok(*table),
            };
        }
        let lateral = self.eat_keyword("LATERAL");
        if self.is_keyword("TABLE") && self.is_symbol_at(1, "(") {
            self.advance();
            self.advance();
            let call = Box::new(self.table_call()?);
            self.expect_symbol(")")?;
            return self.aliased(TableRefKind::Function { call, lateral }, start);
        }
        if self.eat_keyword("UNNEST") {
            let exprs = self.paren_list(Self::expression)?;
            let ordinality = self.eat_keywords(&["WITH", "ORDINALITY"]);
            return self.aliased(TableRefKind::Unnest { exprs, ordinality }, start);
        }
        if lateral && self.eat_symbol("(") {
            let query = Box::new(self.query()?);
            self.expect_symbol(")")?;
            return self.aliased(TableRefKind::Derived { query, lateral }, start);
        }
        if self.is_call() {
            let call = Box::new(self.table_call()?);
            return self.aliased(TableRefKind::Function { call, lateral }, start);
        }
        if lateral {
            return Err(self.expected(&["TABLE", "UNNEST", "'('"]));
        }
        let name = self.object_name("a table's name")?;
        let mut hints = self.hints()?;
        let system_time = if self.eat_keywords(&["FOR", "SYSTEM_TIME", "AS", "OF"]) {
            Some(Box::new(self.expression()?))
        } else {
            None
        };
        hints.extend(self.hints()?);
        self.aliased(TableRefKind::Table { name, hints, system_time }, start)
    }

    fn aliased(&mut self, mut kind: TableRefKind, start: Span) -> Result<TableRef> {
        self.no_table_suffix()?;
        let alias_start = self.span();
        let name = if self.eat_keyword("AS") { Some(self.ident("a name")?) } else { self.eat_ident() };
        let alias = match name {
            Some(name) => Some(self.table_alias(name, alias_start)?),
            None => None,
        };
        if let TableRefKind::Table { hints, .. } = &mut kind {
            hints.extend(self.hints()?);
        }
        self.no_table_suffix()?;
        Ok(TableRef { kind, alias, span: self.since(start) })
    }

    fn table_alias(&mut self, name: Ident, start: Span) -> Result<TableAlias> {
        let columns = if self.is_symbol("(") { self.paren_list(|p| p.ident("a column's name"))? } else { Vec::new() };
        Ok(TableAlias { name, columns, span: self.since(start) })
    }

    /// Refuses what Flink or other systems write behind a table and this parser does not know.
    fn no_table_suffix(&self) -> Result<()> {
        for word in ["MATCH_RECOGNIZE", "TABLESAMPLE", "PIVOT", "UNPIVOT"] {
            if self.is_keyword(word) && (self.is_symbol_at(1, "(") || word == "TABLESAMPLE") {
                return Err(self.unsupported(word, self.span()));
            }
        }
        Ok(())
    }

    /// From `(` to its `)`: a query, or tables that are joined.
    fn table_paren(&mut self) -> Result<TableParen> {
        self.expect_symbol("(")?;
        let content = if self.is_query_at(0) && !self.is_keyword("TABLE") {
            TableParen::Query(Box::new(self.query()?))
        } else if self.leads_to_query() {
            self.nested(Self::table_after_paren)?
        } else if *self.peek() == TokenKind::Symbol(")") {
            return Err(self.expected(&["SELECT", "a table's name"]));
        } else {
            TableParen::Table(Box::new(self.table_ref()?))
        };
        self.expect_symbol(")")?;
        Ok(content)
    }

    /// Within a parenthesis, at another one that leads to a query: see [`super::paren`] for the same in expressions.
    fn table_after_paren(&mut self) -> Result<TableParen> {
        let start = self.span();
        let first = match self.table_paren()? {
            TableParen::Query(query) if self.continues_query() => {
                let left = super::query::as_operand(*query);
                return Ok(TableParen::Query(Box::new(self.query_after(left, start)?)));
            }
            TableParen::Query(query) if self.is_symbol(")") => return Ok(TableParen::Query(query)),
            TableParen::Query(query) => self.aliased(TableRefKind::Derived { query, lateral: false }, start)?,
            TableParen::Table(table) => *table,
        };
        Ok(TableParen::Table(Box::new(self.joins(first, start)?)))
    }
}
