//! `SELECT`: its items and clauses, GROUP BY, hints.

use super::{Parser, Result};
use crate::ast::{
    Expr, ExprKind, GroupBy, GroupItem, Hint, HintArg, Ident, NamedWindow, ObjectName, Select, SelectItem,
};
use crate::error::ParseError;
use crate::lexer::TokenKind;

impl Parser<'_> {
    pub(super) fn select(&mut self) -> Result<Select> {
        let start = self.span();
        self.expect_keyword("SELECT")?;
        let hints = self.hints()?;
        let quantifier = self.set_quantifier();
        let items = self.comma_list(Self::select_item)?;
        let from = if self.eat_keyword("FROM") { self.comma_list(Self::table_ref)? } else { Vec::new() };
        let selection = if self.eat_keyword("WHERE") { Some(self.expression()?) } else { None };
        let group_by = if self.is_keyword("GROUP") { Some(self.group_by()?) } else { None };
        let having = if self.eat_keyword("HAVING") { Some(self.expression()?) } else { None };
        let windows = if self.eat_keyword("WINDOW") { self.comma_list(Self::named_window)? } else { Vec::new() };
        let qualify = if self.eat_keyword("QUALIFY") { Some(self.expression()?) } else { None };
        let span = self.since(start);
        Ok(Select { hints, quantifier, items, from, selection, group_by, having, windows, qualify, span })
    }

    fn named_window(&mut self) -> Result<NamedWindow> {
        let name = self.ident("a window's name")?;
        self.expect_keyword("AS")?;
        Ok(NamedWindow { name, spec: self.window_spec()? })
    }

    fn select_item(&mut self) -> Result<SelectItem> {
        let start = self.span();
        if self.eat_symbol("*") {
            return Ok(SelectItem::Wildcard(start));
        }
        if let Some(name) = self.qualified_wildcard() {
            return Ok(SelectItem::QualifiedWildcard(name, self.since(start)));
        }
        let expr = self.expression()?;
        let alias = if self.eat_keyword("AS") { Some(self.ident("a name")?) } else { self.eat_ident() };
        Ok(SelectItem::Expr { expr, alias })
    }

    /// `t.*`, `db.t.*`.
    fn qualified_wildcard(&mut self) -> Option<ObjectName> {
        let mut ahead = 0;
        while matches!(self.peek_at(ahead), TokenKind::Word(_) | TokenKind::Quoted(_))
            && self.is_symbol_at(ahead + 1, ".")
        {
            ahead += 2;
        }
        if ahead == 0 || !self.is_symbol_at(ahead, "*") {
            return None;
        }
        let start = self.span();
        let mut parts: Vec<Ident> = Vec::new();
        while let Some(part) = self.eat_any_word() {
            parts.push(part);
            self.eat_symbol(".");
        }
        let span = parts.iter().fold(start, |s, p| s.to(p.span));
        self.eat_symbol("*");
        Some(ObjectName { parts, span })
    }

    fn group_by(&mut self) -> Result<GroupBy> {
        let start = self.span();
        self.expect_keywords(&["GROUP", "BY"])?;
        let quantifier = self.set_quantifier();
        let items = self.comma_list(Self::group_item)?;
        Ok(GroupBy { quantifier, items, span: self.since(start) })
    }

    fn group_item(&mut self) -> Result<GroupItem> {
        let start = self.span();
        if self.is_keywords(&["GROUPING", "SETS"]) {
            self.eat_keywords(&["GROUPING", "SETS"]);
            let sets = self.nested(|p| p.paren_list(Self::group_item))?;
            return Ok(GroupItem::GroupingSets(sets, self.since(start)));
        }
        for (keyword, make) in
            [("ROLLUP", GroupItem::Rollup as fn(Vec<Vec<Expr>>, crate::Span) -> GroupItem), ("CUBE", GroupItem::Cube)]
        {
            if self.eat_keyword(keyword) {
                let elements = self.paren_list(Self::group_element)?;
                return Ok(make(elements, self.since(start)));
            }
        }
        if self.is_symbol("(") {
            let mut keys = self.group_element()?;
            if keys.len() != 1 {
                return Ok(GroupItem::Set(keys, self.since(start)));
            }
            if let Some(only) = keys.pop() {
                return Ok(GroupItem::Expr(only));
            }
        }
        self.expression().map(GroupItem::Expr)
    }

    /// `a`, `(a, b)` or `()` as a list of keys.
    fn group_element(&mut self) -> Result<Vec<Expr>> {
        let paren = self.is_symbol("(");
        if paren && self.is_symbol_at(1, ")") {
            self.advance();
            self.advance();
            return Ok(Vec::new());
        }
        let expr = self.expression()?;
        Ok(match expr.kind {
            ExprKind::Row(fields) if paren => fields,
            _ => vec![expr],
        })
    }

    /// `/*+ NAME(…), … */`, if it stands here.
    pub(super) fn hints(&mut self) -> Result<Vec<Hint>> {
        let mut hints = Vec::new();
        while *self.peek() == TokenKind::HintBegin {
            let start = self.span();
            self.advance();
            while *self.peek() != TokenKind::HintEnd {
                hints.push(self.hint()?);
                self.eat_symbol(",");
            }
            self.advance();
            if hints.is_empty() {
                return Err(ParseError::new("this hint is empty", self.since(start))
                    .with_help("write /*+ OPTIONS('key' = 'value') */, or drop the + for a comment"));
            }
        }
        Ok(hints)
    }

    fn hint(&mut self) -> Result<Hint> {
        let start = self.span();
        let name = self.eat_any_word().ok_or_else(|| self.expected(&["a hint's name"]))?;
        let mut args = Vec::new();
        if self.eat_symbol("(") {
            if !self.is_symbol(")") {
                args = self.comma_list(Self::hint_arg)?;
            }
            self.expect_symbol(")")?;
        }
        Ok(Hint { name, args, span: self.since(start) })
    }

    fn hint_arg(&mut self) -> Result<HintArg> {
        let start = self.span();
        let first = self.hint_value()?;
        let (key, value) = if self.eat_symbol("=") { (Some(first), self.hint_value()?) } else { (None, first) };
        Ok(HintArg { key, value, span: self.since(start) })
    }

    fn hint_value(&mut self) -> Result<String> {
        let mut value = match self.peek() {
            TokenKind::String(v) | TokenKind::Number(v) => v.clone(),
            TokenKind::Word(v) | TokenKind::Quoted(v) => v.clone(),
            _ => return Err(self.expected(&["a string", "a name"])),
        };
        self.advance();
        while self.is_symbol(".") {
            self.advance();
            let part = self.eat_any_word().ok_or_else(|| self.expected(&["a name"]))?;
            value.push('.');
            value.push_str(&part.value);
        }
        Ok(value)
    }
}
