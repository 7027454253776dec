//! Text to tokens: sqlparser's tokenizer under Flink's lexical rules, brought to byte offsets.
//!
//! Names take backticks, strings single quotes; double quotes are refused. Comments vanish, but for hints
//! (`/*+ … */`), whose words become tokens between [`TokenKind::HintBegin`] and [`TokenKind::HintEnd`].

use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{Location, Token as Raw, Tokenizer, TokenizerError, Whitespace};

use crate::error::ParseError;
use crate::limits::STATEMENT_BYTES_MAX;
use crate::span::Span;

/// A token at a place.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub span: Span,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// A keyword or a name without quotes.
    Word(String),
    /// A name in backticks.
    Quoted(String),
    /// An unsigned number.
    Number(String),
    /// A string, quotes and escapes resolved.
    String(String),
    /// The digits of `X'…'`.
    Hex(String),
    /// An operator or a mark of punctuation.
    Symbol(&'static str),
    /// `/*+`.
    HintBegin,
    /// `*/` of a hint.
    HintEnd,
    /// Anything the dialect has no use for.
    Other(String),
    /// The end of the text.
    Eof,
}

/// Flink's lexical rules.
#[derive(Debug)]
struct FlinkDialect;

impl Dialect for FlinkDialect {
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '$'
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }

    fn supports_string_escape_constant(&self) -> bool {
        true
    }
}

/// The tokens of one statement, the last of them [`TokenKind::Eof`]. `base` is added to every offset.
pub(crate) fn lex(text: &str, base: usize) -> Result<Vec<Token>, ParseError> {
    if text.len() > STATEMENT_BYTES_MAX {
        let message = format!(
            "the statement has {} bytes, the limit is {STATEMENT_BYTES_MAX}: keep long lists of values in a file and read it as a table",
            text.len()
        );
        return Err(ParseError::new(message, Span::new(base, base)));
    }
    let mut tokens = Vec::new();
    lex_into(text, base, &mut tokens)?;
    let end = tokens.last().map_or(base, |t: &Token| t.span.end as usize);
    tokens.push(Token { kind: TokenKind::Eof, span: Span::new(end, end) });
    Ok(tokens)
}

fn lex_into(text: &str, base: usize, out: &mut Vec<Token>) -> Result<(), ParseError> {
    let mut raw = Vec::new();
    let result = Tokenizer::new(&FlinkDialect, text).tokenize_with_location_into_buf(&mut raw);
    let mut cursor = Cursor::new(text, base);
    let mut number_end = None;
    for token in raw {
        let start = cursor.offset();
        cursor.advance_to(token.span.end);
        let span = Span::new(start, cursor.offset());
        let is_word = matches!(token.token, Raw::Word(_));
        if number_end == Some(start) && is_word {
            let whole = out.last().map_or(span, |number| number.span.to(span));
            let name = Span::new(whole.start as usize - base, whole.end as usize - base).text(text);
            return Err(ParseError::new("a number is directly followed by a letter", whole)
                .with_help(format!("a name that begins with a digit stands in backticks: `{name}`")));
        }
        number_end = None;
        match token.token {
            Raw::Whitespace(Whitespace::MultiLineComment(comment)) => {
                if let Some(hint) = comment.strip_prefix('+') {
                    out.push(Token { kind: TokenKind::HintBegin, span: Span::new(start, start + 3) });
                    lex_into(hint, start + 3, out)?;
                    let end = span.end as usize;
                    out.push(Token { kind: TokenKind::HintEnd, span: Span::new(end - 2, end) });
                }
            }
            Raw::Whitespace(_) | Raw::Char('\u{feff}') => {}
            Raw::ShiftRight => {
                let middle = start + 1;
                out.push(Token { kind: TokenKind::Symbol(">"), span: Span::new(start, middle) });
                out.push(Token { kind: TokenKind::Symbol(">"), span: Span::new(middle, span.end as usize) });
            }
            Raw::Number(_, true) => {
                return Err(ParseError::new("a number cannot end in L", span)
                    .with_help("drop the L; CAST(x AS BIGINT) makes a BIGINT"));
            }
            Raw::Number(digits, false) => {
                number_end = Some(span.end as usize);
                out.push(Token { kind: TokenKind::Number(digits), span });
            }
            Raw::DoubleQuotedString(inner) => {
                return Err(ParseError::new("double quotes have no meaning in this dialect", span)
                    .with_help(format!("write a string as '{inner}', a name as `{inner}`")));
            }
            other => out.push(Token { kind: kind_of(other), span }),
        }
    }
    result.map_err(|error| failure(text, base, &error, cursor))
}

fn kind_of(token: Raw) -> TokenKind {
    let symbol = match token {
        Raw::Word(word) => {
            return if word.quote_style.is_some() {
                TokenKind::Quoted(word.value)
            } else {
                TokenKind::Word(word.value)
            };
        }
        Raw::SingleQuotedString(s)
        | Raw::NationalStringLiteral(s)
        | Raw::EscapedStringLiteral(s)
        | Raw::UnicodeStringLiteral(s) => return TokenKind::String(s),
        Raw::HexStringLiteral(s) => return TokenKind::Hex(s),
        Raw::LParen => "(",
        Raw::RParen => ")",
        Raw::LBracket => "[",
        Raw::RBracket => "]",
        Raw::Comma => ",",
        Raw::SemiColon => ";",
        Raw::Period => ".",
        Raw::Plus => "+",
        Raw::Minus => "-",
        Raw::Mul => "*",
        Raw::Div => "/",
        Raw::Mod => "%",
        Raw::StringConcat => "||",
        Raw::Eq => "=",
        Raw::DoubleEq => "==",
        Raw::Neq => "<>",
        Raw::Lt => "<",
        Raw::LtEq => "<=",
        Raw::Gt => ">",
        Raw::GtEq => ">=",
        Raw::RArrow => "=>",
        Raw::Overlap => "&&",
        other => return TokenKind::Other(other.to_string()),
    };
    TokenKind::Symbol(symbol)
}

/// The tokenizer's error in our words. What cannot be read begins where the last token ended.
fn failure(text: &str, base: usize, error: &TokenizerError, mut cursor: Cursor<'_>) -> ParseError {
    let start = cursor.offset();
    let rest = text.get(start - base..).unwrap_or("");
    let open = |what: &str, mark: &str| {
        ParseError::new(format!("{what} is not closed"), Span::new(start, start + 1))
            .with_help(format!("add the closing {mark}"))
    };
    if rest.starts_with("/*") {
        open("this comment", "*/")
    } else if rest.starts_with('`') {
        open("this quoted name", "`")
    } else if rest.starts_with('.') {
        ParseError::new("this name begins with an underscore", Span::new(start, start + 1))
            .with_help("write it in backticks: x.`_name`")
    } else if error.message.starts_with("Unterminated") && !rest.contains('\\') {
        open("this string", "' (a quote within a string is doubled: 'it''s')")
    } else {
        cursor.advance_to(error.location);
        ParseError::new(format!("this string cannot be read: {}", error.message), Span::new(start, start + 1))
            .with_help("in E'…' a backslash begins an escape, in U&'…' a code point of four digits")
    }
}

/// Follows the tokenizer's lines and columns through the text.
struct Cursor<'a> {
    rest: std::str::Chars<'a>,
    base: usize,
    length: usize,
    line: u64,
    column: u64,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str, base: usize) -> Self {
        Self { rest: text.chars(), base, length: text.len(), line: 1, column: 1 }
    }

    fn offset(&self) -> usize {
        self.base + self.length - self.rest.as_str().len()
    }

    fn advance_to(&mut self, location: Location) {
        while (self.line, self.column) < (location.line, location.column) {
            match self.rest.next() {
                Some('\n') => {
                    self.line += 1;
                    self.column = 1;
                }
                Some(_) => self.column += 1,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        lex(text, 0).unwrap().into_iter().map(|t| t.kind).collect()
    }

    #[test]
    fn spans_are_bytes_of_the_text() {
        let text = "SELECT 'é''x' -- c\r\n, `a``b`, E'\\n', 1.5e3\n/* x */ MAP<INT,ARRAY<INT>>";
        let tokens = lex(text, 0).unwrap();
        let texts: Vec<&str> = tokens.iter().map(|t| t.span.text(text)).collect();
        let all = ["SELECT", "'é''x'", ",", "`a``b`", ",", "E'\\n'", ",", "1.5e3", "MAP", "<", "INT", ",", "ARRAY"];
        assert_eq!(texts[..13], all);
        assert_eq!(texts[13..], ["<", "INT", ">", ">", ""]);
        assert_eq!(tokens[1].kind, TokenKind::String("é'x".into()));
        assert_eq!(tokens[3].kind, TokenKind::Quoted("a`b".into()));
    }

    #[test]
    fn hints_are_tokens_between_marks() {
        let hint = kinds("t /*+ OPTIONS('a'='b') */");
        assert_eq!(hint[1], TokenKind::HintBegin);
        assert_eq!(hint[2], TokenKind::Word("OPTIONS".into()));
        assert_eq!(hint[hint.len() - 2], TokenKind::HintEnd);
    }

    #[test]
    fn errors_say_what_is_open() {
        for (text, message, at) in [
            ("SELECT 'abc", "this string is not closed", 7),
            ("SELECT `abc", "this quoted name is not closed", 7),
            ("SELECT 1 /* abc", "this comment is not closed", 9),
            ("SELECT \"a\"", "double quotes have no meaning in this dialect", 7),
            ("SELECT 2nd", "a number is directly followed by a letter", 7),
        ] {
            let error = lex(text, 0).unwrap_err();
            assert_eq!((error.message.as_str(), error.span.start), (message, at));
        }
    }

    #[test]
    fn a_text_beyond_the_limit_is_refused() {
        let error = lex(&" ".repeat(STATEMENT_BYTES_MAX + 1), 0).unwrap_err();
        assert!(error.message.contains("the limit is 1048576"));
    }
}
