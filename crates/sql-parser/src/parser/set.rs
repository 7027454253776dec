//! `SET` and `RESET`, read from the raw text: without quotes, keys and values may be anything (`SET a.b-c = 10 s`).

use super::{Parser, Result};
use crate::ast::{Ident, SetOption, StatementKind};
use crate::error::ParseError;
use crate::span::Span;

/// What follows spaces and comments.
fn skip_space(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        text = if text.starts_with("--") {
            text.find('\n').map_or("", |i| &text[i..])
        } else if text.starts_with("/*") {
            text.find("*/").map_or("", |i| &text[i + 2..])
        } else {
            return text;
        };
    }
}

/// The word a text begins with, and the rest.
fn first_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len()))
}

/// Whether a statement begins with `SET` or `RESET`.
pub(super) fn is_set(text: &str) -> bool {
    let (word, rest) = first_word(skip_space(text));
    (word.eq_ignore_ascii_case("SET") || word.eq_ignore_ascii_case("RESET"))
        && rest.chars().next().is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == '('))
}

/// A piece of the text: what it means and where it stands.
struct Piece {
    value: String,
    span: Span,
}

impl Parser<'_> {
    pub(super) fn set_or_reset(&self) -> Result<(StatementKind, Span)> {
        let text = skip_space(self.text);
        let (word, rest) = first_word(text);
        let start = self.offset_of(text);
        let span = Span::new(start, start + text.trim_end().trim_end_matches(';').trim_end().len());
        let rest = skip_space(rest);
        if word.eq_ignore_ascii_case("RESET") {
            return Ok((StatementKind::Reset(self.reset_key(rest)?), span));
        }
        if is_end(rest) {
            return Ok((StatementKind::Set(None), span));
        }
        let (key, rest) = self.key(rest)?;
        let after = skip_space(rest);
        let Some(value_text) = after.strip_prefix('=') else {
            return Err(self.malformed(after));
        };
        let value = self.value(skip_space(value_text))?;
        let option = SetOption { key: key.value, value: value.value, key_span: key.span, value_span: value.span };
        Ok((StatementKind::Set(Some(option)), span))
    }

    fn offset_of(&self, rest: &str) -> usize {
        self.base + self.text.len() - rest.len()
    }

    fn malformed(&self, at: &str) -> ParseError {
        let start = self.offset_of(at);
        let found = if is_end(at) { "the end of the statement".into() } else { format!("'{}'", shorten(at)) };
        let width = at.chars().next().map_or(0, char::len_utf8);
        ParseError::new(format!("expected '=', found {found}"), Span::new(start, start + width))
            .with_help("write SET 'key' = 'value', or SET alone to see what is set")
    }

    fn reset_key(&self, rest: &str) -> Result<Option<Ident>> {
        if is_end(rest) {
            return Ok(None);
        }
        let (key, rest) = self.key(rest)?;
        let rest = skip_space(rest);
        if is_end(rest) {
            return Ok(Some(Ident::new(key.value, key.span)));
        }
        let start = self.offset_of(rest);
        let message = format!("expected the end of the statement, found '{}'", shorten(rest));
        Err(ParseError::new(message, Span::new(start, start + 1))
            .with_help("write RESET 'key', or RESET alone for all"))
    }

    /// A key in quotes or of letters, digits, dots, dashes and underscores.
    fn key<'t>(&self, text: &'t str) -> Result<(Piece, &'t str)> {
        if text.starts_with('\'') {
            return self.string(text);
        }
        let length = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))).unwrap_or(text.len());
        if length == 0 {
            let start = self.offset_of(text);
            let width = text.chars().next().map_or(0, char::len_utf8);
            return Err(ParseError::new(
                format!("expected an option's key, found '{}'", shorten(text)),
                Span::new(start, start + width),
            )
            .with_help("write SET 'key' = 'value'"));
        }
        let start = self.offset_of(text);
        Ok((Piece { value: text[..length].to_string(), span: Span::new(start, start + length) }, &text[length..]))
    }

    /// A value in quotes, or everything up to the end or a comment.
    fn value(&self, text: &str) -> Result<Piece> {
        if text.starts_with('\'') {
            let (piece, rest) = self.string(text)?;
            let rest = skip_space(rest);
            if is_end(rest) {
                return Ok(piece);
            }
            let start = self.offset_of(rest);
            let message = format!("expected the end of the statement, found '{}'", shorten(rest));
            return Err(ParseError::new(message, Span::new(start, start + 1))
                .with_help("a quote within a string is doubled: 'it''s'"));
        }
        let end = [text.find("--"), text.find("/*")].into_iter().flatten().min().unwrap_or(text.len());
        let value = text[..end].trim_end().trim_end_matches(';').trim_end();
        let start = self.offset_of(text);
        if value.is_empty() {
            return Err(ParseError::new("expected a value after '='", Span::new(start, start))
                .with_help("write SET 'key' = 'value'; an empty value is ''"));
        }
        Ok(Piece { value: value.to_string(), span: Span::new(start, start + value.len()) })
    }

    /// From a quote to its end.
    fn string<'t>(&self, text: &'t str) -> Result<(Piece, &'t str)> {
        let start = self.offset_of(text);
        let mut value = String::new();
        let mut chars = text.char_indices().skip(1).peekable();
        while let Some((i, c)) = chars.next() {
            if c != '\'' {
                value.push(c);
            } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
                value.push('\'');
            } else {
                return Ok((Piece { value, span: Span::new(start, start + i + 1) }, &text[i + 1..]));
            }
        }
        Err(ParseError::new("this string is not closed", Span::new(start, start + 1)).with_help("add the closing '"))
    }
}

/// Whether nothing but the statement's end follows.
fn is_end(text: &str) -> bool {
    skip_space(text.strip_prefix(';').unwrap_or(text)).is_empty()
}

fn shorten(text: &str) -> String {
    text.split_whitespace().next().unwrap_or("").chars().take(20).collect()
}
