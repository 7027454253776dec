//! A recursive-descent parser over the lexer's tokens; operators by precedence climbing.
//!
//! Owns the position in the tokens, the limits on nesting and height, and the wording of "expected …, found …".
//! Each grammar has its file. Invariants:
//! 1. A function that parses something leaves the position behind its last token, also in its span.
//! 2. No step goes back: every choice is made on the tokens ahead, so time is linear in the text.
//! 3. Every recursion goes through [`Parser::nested`], every loop that builds a deeper tree through [`Parser::deepen`].

mod call;
mod create;
mod expr;
mod literal;
mod paren;
mod primary;
mod query;
mod select;
mod set;
mod statement;
mod table;
mod types;
mod utility;
mod window;

pub(crate) use expr::precedence;

use crate::ast::{Ident, ObjectName};
use crate::error::ParseError;
use crate::keywords;
use crate::lexer::{Token, TokenKind, lex};
use crate::limits::{NESTING_MAX, TREE_HEIGHT_MAX};
use crate::span::Span;

pub(crate) type Result<T> = std::result::Result<T, ParseError>;

/// The state of parsing one statement.
pub(crate) struct Parser<'a> {
    /// The text that spans refer to.
    source: &'a str,
    /// The statement's own text, and where it begins in `source`.
    text: &'a str,
    base: usize,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// Height of the tallest tree built at the present depth.
    height: usize,
}

impl<'a> Parser<'a> {
    /// A parser of `text`, which stands at byte `base` of `source`.
    pub fn new(source: &'a str, text: &'a str, base: usize) -> Result<Self> {
        let set = set::is_set(text);
        let tokens = if set { lex("", base)? } else { lex(text, base)? };
        Ok(Self { source, text, base, tokens, at: 0, depth: 0, height: 0 })
    }

    // Tokens.

    fn peek(&self) -> &TokenKind {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &TokenKind {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)].kind
    }

    /// Span of the token ahead.
    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    /// Span of the token just taken.
    fn last_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    /// From `start` to the token just taken.
    fn since(&self, start: Span) -> Span {
        start.to(self.last_span())
    }

    fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn is_keyword_at(&self, ahead: usize, keyword: &str) -> bool {
        matches!(self.peek_at(ahead), TokenKind::Word(w) if w.eq_ignore_ascii_case(keyword))
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        self.is_keyword_at(0, keyword)
    }

    /// Whether the tokens ahead are these keywords.
    fn is_keywords(&self, keywords: &[&str]) -> bool {
        keywords.iter().enumerate().all(|(i, k)| self.is_keyword_at(i, k))
    }

    fn eat_keyword(&mut self, keyword: &str) -> bool {
        self.eat_keywords(&[keyword])
    }

    /// Takes all of these keywords or nothing.
    fn eat_keywords(&mut self, keywords: &[&str]) -> bool {
        let found = self.is_keywords(keywords);
        if found {
            self.at += keywords.len();
        }
        found
    }

    fn expect_keyword(&mut self, keyword: &str) -> Result<()> {
        if self.eat_keyword(keyword) { Ok(()) } else { Err(self.expected(&[keyword])) }
    }

    fn expect_keywords(&mut self, keywords: &[&str]) -> Result<()> {
        keywords.iter().try_for_each(|k| self.expect_keyword(k))
    }

    fn is_symbol_at(&self, ahead: usize, symbol: &str) -> bool {
        matches!(self.peek_at(ahead), TokenKind::Symbol(s) if *s == symbol)
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        self.is_symbol_at(0, symbol)
    }

    fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.eat_symbol(symbol) { Ok(()) } else { Err(self.expected(&[&format!("'{symbol}'")])) }
    }

    fn is_string_at(&self, ahead: usize) -> bool {
        matches!(self.peek_at(ahead), TokenKind::String(_))
    }

    fn eat_string(&mut self) -> Option<String> {
        let TokenKind::String(value) = self.peek() else { return None };
        let value = value.clone();
        self.advance();
        Some(value)
    }

    fn expect_string(&mut self, what: &str) -> Result<String> {
        self.eat_string().ok_or_else(|| self.expected(&[what]))
    }

    /// An unsigned whole number, as lengths and precisions are.
    fn expect_u32(&mut self, what: &str) -> Result<u32> {
        if let TokenKind::Number(digits) = self.peek()
            && let Ok(value) = digits.parse()
        {
            self.advance();
            return Ok(value);
        }
        Err(self.expected(&[what]))
    }

    // Lists and names.

    /// One or more, between commas.
    fn comma_list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat_symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `(item, …)`: one or more in parentheses.
    fn paren_list<T>(&mut self, item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect_symbol("(")?;
        let items = self.comma_list(item)?;
        self.expect_symbol(")")?;
        Ok(items)
    }

    /// A name: in backticks, or a word that is not reserved.
    fn ident(&mut self, what: &str) -> Result<Ident> {
        match self.eat_ident() {
            Some(ident) => Ok(ident),
            None => Err(self.expected(&[what])),
        }
    }

    fn is_ident_at(&self, ahead: usize) -> bool {
        match self.peek_at(ahead) {
            TokenKind::Quoted(_) => true,
            TokenKind::Word(word) => !keywords::is_reserved(word),
            _ => false,
        }
    }

    fn eat_ident(&mut self) -> Option<Ident> {
        if !self.is_ident_at(0) {
            return None;
        }
        self.eat_any_word()
    }

    /// A name after a dot, where a reserved word cannot mean anything else.
    fn eat_any_word(&mut self) -> Option<Ident> {
        let (TokenKind::Quoted(value) | TokenKind::Word(value)) = self.peek() else { return None };
        let ident = Ident::new(value.clone(), self.span());
        self.advance();
        Some(ident)
    }

    /// `a`, `a.b`, `a.b.c`.
    fn object_name(&mut self, what: &str) -> Result<ObjectName> {
        let mut parts = vec![self.ident(what)?];
        while self.eat_symbol(".") {
            let part = self.eat_any_word().ok_or_else(|| self.expected(&["a name"]))?;
            parts.push(part);
        }
        let span = parts.iter().fold(parts[0].span, |s, p| s.to(p.span));
        if parts.len() > 3 {
            return Err(ParseError::new("a name has at most three parts: catalog, database and object", span)
                .with_help("a name that contains dots stands in backticks as a whole: `a.b`"));
        }
        Ok(ObjectName { parts, span })
    }

    // Limits.

    /// Runs one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= NESTING_MAX {
            return Err(ParseError::new(
                format!("the statement is nested more than {NESTING_MAX} levels deep"),
                self.span(),
            )
            .with_help("move inner parts into views or WITH"));
        }
        self.depth += 1;
        let outer = std::mem::take(&mut self.height);
        let result = parse(self);
        self.depth -= 1;
        let value = result?;
        self.deepen()?;
        self.height = self.height.max(outer);
        Ok(value)
    }

    /// Notes that the tree at this depth has become one node taller.
    fn deepen(&mut self) -> Result<()> {
        self.height += 1;
        if self.height <= TREE_HEIGHT_MAX {
            return Ok(());
        }
        Err(ParseError::new(
            format!("more than {TREE_HEIGHT_MAX} operators or levels build on each other"),
            self.span(),
        )
        .with_help("split the expression or the query with views, WITH, or IN (…) in place of a chain"))
    }

    // Errors.

    /// "expected …, found …" at the token ahead. Keywords in capitals, anything else as a phrase.
    fn expected(&self, what: &[&str]) -> ParseError {
        let found = self.found();
        let list = match what {
            [] => String::new(),
            [one] => format!("expected {one}, "),
            [rest @ .., last] => format!("expected {} or {last}, ", rest.join(", ")),
        };
        let mut error = ParseError::new(format!("{list}found {found}"), self.span());
        error.expected = what.iter().map(ToString::to_string).collect();
        error.help = self.advice(what, &mut error.span);
        error
    }

    /// The token ahead in words.
    fn found(&self) -> String {
        match self.peek() {
            TokenKind::Eof => "the end of the statement".into(),
            TokenKind::Word(w) if keywords::is_reserved(w) => format!("the keyword {}", w.to_ascii_uppercase()),
            TokenKind::String(s) if s.chars().count() > 20 => {
                format!("the string '{}…'", s.chars().take(20).collect::<String>())
            }
            _ => format!("'{}'", self.span().text(self.source)),
        }
    }

    /// What the user probably meant: a misspelt keyword here or just before, or a reserved word meant as a name.
    fn advice(&self, what: &[&str], span: &mut Span) -> Option<String> {
        let wanted =
            || what.iter().copied().filter(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
        if let TokenKind::Word(found) = self.peek() {
            match keywords::nearest(found, wanted()) {
                Some(keyword) if !found.eq_ignore_ascii_case(keyword) => {
                    return Some(format!("did you mean {keyword}?"));
                }
                _ => {}
            }
            if keywords::is_reserved(found) && what.iter().any(|w| w.contains("name")) {
                return Some(format!("a name that is a keyword stands in backticks: `{found}`"));
            }
        }
        // `SELECT * FROM t WHER a = 1` reads WHER as t's alias: the mistake stands one word earlier.
        if self.at > 0
            && let TokenKind::Word(before) = &self.tokens[self.at - 1].kind
            && !keywords::is_reserved(before)
            && let Some(keyword) = keywords::nearest(before, wanted())
        {
            *span = self.last_span();
            return Some(format!("did you mean {keyword} instead of {before}?"));
        }
        None
    }

    /// Something Flink has and this engine has not.
    fn unsupported(&self, what: &str, span: Span) -> ParseError {
        ParseError::new(format!("{what} is not supported yet"), span)
    }

    /// Refuses anything after the text's one thing.
    pub fn end(&self) -> Result<()> {
        if *self.peek() == TokenKind::Eof { Ok(()) } else { Err(self.expected(&["the end of the text"])) }
    }
}
