//! Expressions without operators: constants, names, calls, CASE, CAST, constructors; and `.field`, `[index]` after them.

use super::{Parser, Result};
use crate::ast::{Expr, ExprKind, Ident, Literal, ObjectName, WhenThen};
use crate::error::ParseError;
use crate::keywords;
use crate::lexer::TokenKind;
use crate::span::Span;

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Result<Expr> {
        let start = self.span();
        let kind = match self.peek() {
            TokenKind::Number(digits) => {
                let digits = digits.clone();
                self.advance();
                ExprKind::Literal(Literal::Number(digits))
            }
            TokenKind::String(_) => ExprKind::Literal(Literal::String(self.expect_string("a string")?)),
            TokenKind::Hex(_) => ExprKind::Literal(self.hex()?),
            TokenKind::Symbol("(") => {
                let items = self.paren_items()?;
                return Ok(self.paren_expr(items, start));
            }
            TokenKind::Quoted(_) => self.name_or_call()?,
            TokenKind::Word(word) => {
                let word = word.to_ascii_uppercase();
                match self.special(&word)? {
                    Some(kind) => kind,
                    None if !keywords::is_reserved(&word) => self.name_or_call()?,
                    None => return Err(self.no_expression()),
                }
            }
            _ => return Err(self.no_expression()),
        };
        Ok(Expr { kind, span: self.since(start) })
    }

    fn no_expression(&self) -> ParseError {
        let error = self.expected(&["an expression"]);
        let after_comma = self.at > 0 && self.tokens[self.at - 1].kind == TokenKind::Symbol(",");
        match self.peek() {
            TokenKind::Word(word) if after_comma => {
                let word = word.to_ascii_uppercase();
                error.with_help(format!("remove the comma before {word}, or write an expression between them"))
            }
            TokenKind::Symbol(")") if after_comma => error.with_help("remove the comma before ')'"),
            TokenKind::Word(word) => {
                let help = format!("if {word} is meant as a name, write it in backticks: `{word}`");
                error.with_help(help)
            }
            TokenKind::Other(text) if text.starts_with('?') || text.starts_with('$') => {
                error.with_help("parameters are not supported; write the value itself")
            }
            _ => error,
        }
    }

    /// The forms that begin with a word of their own; `None` if the word is a name here.
    fn special(&mut self, word: &str) -> Result<Option<ExprKind>> {
        let paren = self.is_symbol_at(1, "(");
        let bracket = self.is_symbol_at(1, "[");
        Ok(Some(match word {
            "NULL" => self.constant(Literal::Null),
            "TRUE" => self.constant(Literal::Boolean(true)),
            "FALSE" => self.constant(Literal::Boolean(false)),
            "UNKNOWN" => self.constant(Literal::Unknown),
            "DATE" | "TIME" | "TIMESTAMP" | "INTERVAL" => match self.typed_literal(word)? {
                Some(literal) => ExprKind::Literal(literal),
                None => return Ok(None),
            },
            "CASE" => self.case()?,
            "CAST" | "TRY_CAST" if paren => self.cast(word == "TRY_CAST")?,
            "EXISTS" if paren => self.exists()?,
            "ROW" if paren => {
                self.advance();
                self.expect_symbol("(")?;
                let fields = if self.is_symbol(")") { Vec::new() } else { self.comma_list(Self::expression)? };
                self.expect_symbol(")")?;
                ExprKind::Row(fields)
            }
            "ARRAY" if bracket => {
                self.advance();
                ExprKind::Array(self.bracket_list()?)
            }
            "MAP" if bracket => self.map()?,
            "EXTRACT" if paren => self.extract()?,
            "TRIM" if paren => self.trim()?,
            "FLOOR" | "CEIL" | "CEILING" if paren => self.floor_or_ceil(word)?,
            "POSITION" | "SUBSTRING" | "OVERLAY" if paren => self.keyword_arguments(word)?,
            _ if keywords::is_without_parentheses(word) && !paren => self.call_without_parentheses()?,
            _ if keywords::is_callable(word) && paren => self.name_or_call()?,
            _ => return Ok(None),
        }))
    }

    fn constant(&mut self, literal: Literal) -> ExprKind {
        self.advance();
        ExprKind::Literal(literal)
    }

    /// A dotted name, or a call of one.
    fn name_or_call(&mut self) -> Result<ExprKind> {
        let start = self.span();
        let mut parts: Vec<Ident> = self.eat_any_word().into_iter().collect();
        while self.is_symbol(".") {
            self.advance();
            parts.push(self.eat_any_word().ok_or_else(|| self.expected(&["a field's name"]))?);
        }
        if !self.is_symbol("(") {
            return Ok(ExprKind::Column(parts));
        }
        let name = ObjectName { span: self.since(start), parts };
        if name.parts.len() > 3 {
            let message = "a function's name has at most three parts: catalog, database and function";
            return Err(ParseError::new(message, name.span));
        }
        Ok(ExprKind::Function(Box::new(self.call(name)?)))
    }

    /// `.field` and `[index]`, any number of them, after an expression that begins at `start`.
    pub(super) fn postfix(&mut self, mut base: Expr, start: Span) -> Result<Expr> {
        loop {
            let kind = if self.is_symbol("[") {
                self.advance();
                let index = Box::new(self.expression()?);
                self.expect_symbol("]")?;
                ExprKind::Item { base: Box::new(base), index }
            } else if self.is_symbol(".") {
                self.advance();
                let field = self.eat_any_word().ok_or_else(|| self.expected(&["a field's name"]))?;
                ExprKind::Field { base: Box::new(base), field }
            } else {
                return Ok(base);
            };
            self.deepen()?;
            base = Expr { kind, span: self.since(start) };
        }
    }

    fn case(&mut self) -> Result<ExprKind> {
        self.expect_keyword("CASE")?;
        let operand = if self.is_keyword("WHEN") { None } else { Some(Box::new(self.expression()?)) };
        let mut branches = Vec::new();
        while self.eat_keyword("WHEN") {
            let when = self.expression()?;
            self.expect_keyword("THEN")?;
            branches.push(WhenThen { when, then: self.expression()? });
        }
        if branches.is_empty() {
            return Err(self.expected(&["WHEN"]));
        }
        let otherwise = if self.eat_keyword("ELSE") { Some(Box::new(self.expression()?)) } else { None };
        if !self.eat_keyword("END") {
            return Err(self.expected(if otherwise.is_some() { &["END"] } else { &["WHEN", "ELSE", "END"] }));
        }
        Ok(ExprKind::Case { operand, branches, otherwise })
    }

    fn cast(&mut self, safe: bool) -> Result<ExprKind> {
        self.advance();
        self.expect_symbol("(")?;
        let operand = Box::new(self.expression()?);
        self.expect_keyword("AS")?;
        let data_type = self.data_type()?;
        self.expect_symbol(")")?;
        Ok(ExprKind::Cast { operand, data_type, safe })
    }

    fn exists(&mut self) -> Result<ExprKind> {
        self.advance();
        let span = self.span();
        match self.paren_items()? {
            super::paren::ParenItems::Query(query) => Ok(ExprKind::Exists(query)),
            super::paren::ParenItems::Items(_) => {
                Err(ParseError::new("EXISTS takes a query", self.since(span)).with_help("write EXISTS (SELECT …)"))
            }
        }
    }

    /// `[a, b, …]`, possibly empty.
    fn bracket_list(&mut self) -> Result<Vec<Expr>> {
        self.expect_symbol("[")?;
        let items = if self.is_symbol("]") { Vec::new() } else { self.comma_list(Self::expression)? };
        self.expect_symbol("]")?;
        Ok(items)
    }

    fn map(&mut self) -> Result<ExprKind> {
        let start = self.span();
        self.advance();
        let items = self.bracket_list()?;
        if items.len() % 2 == 1 {
            return Err(ParseError::new("MAP needs a value for every key", self.since(start))
                .with_help("write MAP[key, value, …]; a column named map stands in backticks: `map`[key]"));
        }
        let mut pairs = Vec::with_capacity(items.len() / 2);
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            pairs.push((key, value));
        }
        Ok(ExprKind::Map(pairs))
    }
}
