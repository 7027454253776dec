//! Shows a place in a text to a user. Every crate that has errors with spans renders them here.

use std::fmt::Write;

use crate::span::Span;

/// Characters of a line that are shown; longer lines are cut around the place.
const WIDTH_MAX: usize = 120;

/// Characters shown before the place when a line is cut.
const LEAD: usize = 60;

/// The message, the position, the line of `text` with carets under the span, and the advice:
///
/// ```text
/// column 'nope' does not exist
///  --> 1:8 (line 1, column 8)
///   |
/// 1 | SELECT nope FROM t
///   |        ^^^^
///   = help: the columns are a, b
/// ```
///
/// A span over several lines is marked on its first. There is no line break at the end.
pub fn render(text: &str, span: Span, message: &str, help: Option<&str>) -> String {
    let position = span.position(text);
    let line = text.split('\n').nth(position.line - 1).unwrap_or("").trim_end_matches('\r');
    let column = position.column - 1;
    let marked = span.text(text).split(['\n', '\r']).next().unwrap_or("").chars().count().max(1);
    let window = Window::around(line, column, marked);
    let number = position.line.to_string();
    let gutter = " ".repeat(number.len());
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "{message}\n{gutter}--> {position} (line {}, column {})\n{gutter} |\n{number} | {}\n{gutter} | {}{}",
        position.line,
        position.column,
        window.line,
        window.indent,
        "^".repeat(window.marked)
    );
    if let Some(help) = help {
        let _ = write!(out, "\n{gutter} = help: {help}");
    }
    out
}

/// The part of a line that is shown.
struct Window {
    /// Its text; tabs are single spaces, so that the carets stand under what they mean.
    line: String,
    /// Spaces before the carets, as wide as the text above them.
    indent: String,
    /// How many carets.
    marked: usize,
}

impl Window {
    fn around(line: &str, column: usize, marked: usize) -> Self {
        let length = line.chars().count();
        let (from, cut) = if length <= WIDTH_MAX { (0, false) } else { (column.saturating_sub(LEAD), true) };
        let shown: Vec<char> = line.chars().skip(from).take(WIDTH_MAX).collect();
        let front = if from > 0 { "…" } else { "" };
        let back = if cut && from + shown.len() < length { "…" } else { "" };
        let before = column - from;
        let width: usize = shown.iter().take(before).map(|c| display_width(*c)).sum();
        let marked_width: usize = shown.iter().skip(before).take(marked).map(|c| display_width(*c)).sum();
        let body: String = shown.iter().map(|c| if c.is_control() { ' ' } else { *c }).collect();
        Self {
            line: format!("{front}{body}{back}"),
            indent: " ".repeat(width + front.chars().count()),
            marked: marked_width.max(1),
        }
    }
}

/// Terminal cells a character takes, closely enough for carets: East Asian wide ranges take two, combining marks none.
fn display_width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036F | 0x200B..=0x200D | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1FAFF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn span_of(text: &str, part: &str) -> Span {
        let start = text.find(part).unwrap();
        Span::new(start, start + part.len())
    }

    #[test]
    fn the_line_the_carets_and_the_advice() {
        let text = "SELECT a,\n\tnope FROM t";
        let shown = render(text, span_of(text, "nope"), "column 'nope' does not exist", Some("the columns are a, b"));
        assert_eq!(
            shown,
            "column 'nope' does not exist\n --> 2:2 (line 2, column 2)\n  |\n2 |  nope FROM t\n  |  ^^^^\n  = help: the columns are a, b"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("{} nope {}", "x".repeat(1_000_000), "y".repeat(1000));
        let shown = render(&text, span_of(&text, "nope"), "m", None);
        assert!(shown.len() < 500, "{}", shown.len());
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[4].chars().position(|c| c == '^').unwrap();
        let name = lines[3].chars().position(|c| c == 'n').unwrap();
        assert_eq!(caret, name);
    }

    #[test]
    fn an_empty_text_and_a_span_past_the_end() {
        assert!(render("", Span::new(0, 0), "m", None).ends_with("1 | \n  | ^"));
        assert!(render("ab", Span::new(7, 9), "m", None).ends_with("1 | ab\n  |   ^"));
    }

    #[test]
    fn wide_characters_move_the_caret() {
        let text = "SELECT '日本' nope";
        let shown = render(text, span_of(text, "nope"), "m", None);
        assert!(shown.ends_with(&format!("\n  | {}^^^^", " ".repeat(14))));
    }
}
