//! What is wrong with a text.

use crate::diagnostic;
use crate::span::Span;

/// A text that is not a statement of the dialect.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("SQL parse failed: {message}")]
pub struct ParseError {
    /// What is wrong, as a phrase.
    pub message: String,
    /// Where, in the text that was parsed.
    pub span: Span,
    /// What could have stood there: keywords in capitals, anything else as a phrase. Empty if that is not the problem.
    pub expected: Vec<String>,
    /// What to do, if that is known.
    pub help: Option<String>,
}

impl ParseError {
    /// An error at a place.
    pub fn new(message: impl Into<String>, span: Span) -> Self {
        Self { message: message.into(), span, expected: Vec::new(), help: None }
    }

    /// The same error with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The error for a user: line and column, the line of `text`, a caret, the advice. `text` is what was parsed (the
    /// whole script, for a statement of a script).
    pub fn render(&self, text: &str) -> String {
        let position = self.span.position(text);
        let message =
            format!("SQL parse failed at line {}, column {}: {}", position.line, position.column, self.message);
        diagnostic::render(text, self.span, &message, self.help.as_deref())
    }
}
