//! What an opening parenthesis begins: a query, one expression, or several.
//!
//! `((SELECT 1))` is a query, `((SELECT 1) + 2)` an expression, `((SELECT 1) UNION (SELECT 2))` a query again: which,
//! shows only behind the inner parenthesis. The inner part is parsed once and taken up as what it turns out to be.

use super::{Parser, Result};
use crate::ast::{Expr, ExprKind, Query};
use crate::lexer::TokenKind;
use crate::limits::NESTING_MAX;
use crate::span::Span;

/// What stood in parentheses.
pub(super) enum ParenItems {
    Query(Box<Query>),
    /// One or more.
    Items(Vec<Expr>),
}

impl Parser<'_> {
    /// Whether a query's first keyword stands `ahead`.
    pub(super) fn is_query_at(&self, ahead: usize) -> bool {
        let then_word = || matches!(self.peek_at(ahead + 1), TokenKind::Word(_) | TokenKind::Quoted(_));
        ["SELECT", "WITH", "VALUES"].iter().any(|k| self.is_keyword_at(ahead, k))
            || (self.is_keyword_at(ahead, "TABLE") && then_word())
    }

    /// Whether opening parentheses follow and then a query; one that begins with `TABLE` counts only directly.
    pub(super) fn leads_to_query(&self) -> bool {
        let mut ahead = 0;
        while ahead <= NESTING_MAX && self.is_symbol_at(ahead, "(") {
            ahead += 1;
        }
        ahead > 0 && self.is_query_at(ahead)
    }

    /// Whether what follows can only continue a query.
    pub(super) fn continues_query(&self) -> bool {
        ["UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT", "OFFSET", "FETCH"].iter().any(|k| self.is_keyword(k))
    }

    /// From `(` to its `)`.
    pub(super) fn paren_items(&mut self) -> Result<ParenItems> {
        self.expect_symbol("(")?;
        let items = if self.is_query_at(0) {
            ParenItems::Query(Box::new(self.query()?))
        } else if self.leads_to_query() {
            self.nested(Self::paren_after_query)?
        } else {
            ParenItems::Items(self.comma_list(Self::expression)?)
        };
        self.expect_symbol(")")?;
        Ok(items)
    }

    /// Within a parenthesis, at another one that leads to a query.
    fn paren_after_query(&mut self) -> Result<ParenItems> {
        let start = self.span();
        let first = match self.paren_items()? {
            ParenItems::Query(query) if self.continues_query() => {
                let left = super::query::as_operand(*query);
                return Ok(ParenItems::Query(Box::new(self.query_after(left, start)?)));
            }
            ParenItems::Query(query) if self.is_symbol(")") => return Ok(ParenItems::Query(query)),
            items => self.paren_expr(items, start),
        };
        let first = self.postfix(first, start)?;
        let mut items = vec![self.climb(first, start, 0)?];
        while self.eat_symbol(",") {
            items.push(self.expression()?);
        }
        Ok(ParenItems::Items(items))
    }

    /// What stood in parentheses as an expression; they began at `start`.
    pub(super) fn paren_expr(&self, items: ParenItems, start: Span) -> Expr {
        let kind = match items {
            ParenItems::Query(query) => ExprKind::Subquery(query),
            ParenItems::Items(mut items) => match (items.len(), items.pop()) {
                (1, Some(only)) => return only,
                (_, last) => ExprKind::Row(items.into_iter().chain(last).collect()),
            },
        };
        Expr { kind, span: self.since(start) }
    }
}
