//! Where a piece of SQL stands in the text it was parsed from.

use std::fmt;

/// A range of bytes of the parsed text: `start` inclusive, `end` exclusive.
///
/// Spans are only meaningful together with the text they were made from; [`crate::diagnostic::render`] shows one to a
/// user. A statement of a script has spans in the *script*, so that errors name the script's lines.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A place in a text as people count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters (not bytes), from 1.
    pub column: usize,
}

impl Span {
    /// A span of the bytes `start..end`. Offsets past `u32::MAX` are clamped; texts that long are refused earlier.
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end) }
    }

    /// The smallest span that covers both.
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The bytes of `text` under this span; empty if the span does not fit the text.
    pub fn text(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }

    /// Line and column of the first byte.
    pub fn position(self, text: &str) -> Position {
        let mut at = (self.start as usize).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Position {
            line: before.bytes().filter(|b| *b == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}..{}", self.start, self.end)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_lines_from_one() {
        let text = "SELECT 'é',\n  x";
        let x = text.find('x').map_or(0, |i| i);
        assert_eq!(Span::new(x, x + 1).position(text), Position { line: 2, column: 3 });
        assert_eq!(Span::new(0, 6).position(text), Position { line: 1, column: 1 });
        let comma = text.find(',').map_or(0, |i| i);
        assert_eq!(Span::new(comma, comma + 1).position(text), Position { line: 1, column: 11 });
    }

    #[test]
    fn a_span_beyond_the_text_is_its_end() {
        assert_eq!(Span::new(99, 100).position("ab"), Position { line: 1, column: 3 });
        assert_eq!(Span::new(99, 100).text("ab"), "");
    }
}
