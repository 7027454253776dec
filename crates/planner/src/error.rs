//! The one error of planning: what is wrong, where in the text, and what to do about it.

use std::fmt;

use tidemill_core::{Failure, FailureClass};
use tidemill_sql_parser::{ParseError, Span, diagnostic};

use crate::catalog::{TableDef, TextNumber};

/// The result of planning.
pub type PlanResult<T> = Result<T, PlanError>;

/// Why a statement was refused.
#[derive(Clone, Debug)]
pub struct PlanError(Box<Detail>);

#[derive(Clone, Debug)]
struct Detail {
    failure: Failure,
    span: Option<Span>,
    help: Option<String>,
    rendered: Option<String>,
    /// A better place, if the text with this number is the one at hand.
    better: Option<(TextNumber, Span)>,
}

impl PlanError {
    /// A mistake of the user at a place of the statement's text. `code` is stable, such as `sql.column`.
    pub fn new(code: &'static str, span: Span, message: impl Into<String>) -> PlanError {
        PlanError(Box::new(Detail {
            failure: Failure::user(code, message),
            span: Some(span),
            help: None,
            rendered: None,
            better: None,
        }))
    }

    /// Something that Flink can do and Tidemill cannot do yet, at a place of the statement's text.
    pub fn unsupported(span: Span, message: impl Into<String>) -> PlanError {
        PlanError::new("sql.unsupported", span, message)
    }

    /// A defect of the planner itself.
    pub fn defect(message: impl Into<String>) -> PlanError {
        Failure::fatal("plan.defect", message).into()
    }

    /// What is wrong with a table that is used at a place: shown at the option that is to blame where that can be seen.
    pub fn of_table(failure: Failure, table: &TableDef, span: Span) -> PlanError {
        let better = table.option_places.of(&failure);
        PlanError(Box::new(Detail { failure, span: Some(span), help: None, rendered: None, better }))
    }

    /// The error where the statement is of a text: a better place in that text becomes its place.
    pub(crate) fn in_text(mut self, text: TextNumber) -> PlanError {
        if let Some((_, span)) = self.0.better.filter(|(better, _)| *better == text) {
            self.0.span = Some(span);
        }
        self
    }

    /// Says what to do about it.
    pub fn help(mut self, help: impl Into<String>) -> PlanError {
        self.0.help = Some(help.into());
        self
    }

    /// Says where it is, unless that is known already.
    pub fn at(mut self, span: Span) -> PlanError {
        self.0.span.get_or_insert(span);
        self
    }

    /// Moves the error to another text: what was wrong inside `owner` (a view, say) is shown where it is used.
    pub fn within(self, owner: &str, span: Span) -> PlanError {
        let failure = &self.0.failure;
        let failure = Failure::new(failure.class(), failure.code(), format!("{owner}: {}", failure.message()));
        PlanError(Box::new(Detail { failure, span: Some(span), help: self.0.help, rendered: None, better: None }))
    }

    /// Where it is in the text.
    pub fn span(&self) -> Option<Span> {
        self.0.span
    }

    /// What is wrong, in a sentence, without the place.
    pub fn message(&self) -> &str {
        self.0.failure.message()
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.0.failure.code()
    }

    /// What it means for the job.
    pub fn class(&self) -> FailureClass {
        self.0.failure.class()
    }

    /// The message with line, column, a caret and the advice. `text` is the one the statement was parsed from.
    pub fn render(&self, text: &str) -> String {
        match (&self.0.rendered, self.0.span) {
            (Some(rendered), _) => rendered.clone(),
            (None, Some(span)) => diagnostic::render(text, span, self.message(), self.advice()),
            (None, None) => match self.advice() {
                Some(help) => format!("{}\n = help: {help}", self.0.failure),
                None => self.0.failure.to_string(),
            },
        }
    }

    /// A parser's error as one of ours; it keeps the parser's own way of showing itself.
    pub fn parse(error: &ParseError, text: &str) -> PlanError {
        let rendered = error.render(text);
        let message = rendered.lines().next().unwrap_or("SQL parse failed").to_string();
        PlanError(Box::new(Detail {
            failure: Failure::user("sql.parse", message),
            span: None,
            help: None,
            rendered: Some(rendered),
            better: None,
        }))
    }
}

impl From<Failure> for PlanError {
    fn from(failure: Failure) -> PlanError {
        PlanError(Box::new(Detail { failure, span: None, help: None, rendered: None, better: None }))
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Failure {
        error.0.failure
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.failure)?;
        match &self.0.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PlanError {}

/// The names nearest to `wanted`, at most three, then all of them up to `names_max`: the advice for an unknown name.
pub fn neighbours<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>, what: &str) -> String {
    const NAMES_MAX: usize = 40;
    let mut names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() {
        return format!("there are no {what}");
    }
    let lower = wanted.to_lowercase();
    let distance = |name: &str| tidemill_core::options::edit_distance(&lower, &name.to_lowercase());
    let near_max = 1 + wanted.chars().count() / 3;
    let mut near: Vec<&str> = names.iter().copied().filter(|name| distance(name) <= near_max).collect();
    near.sort_by_key(|name| (distance(name), *name));
    near.truncate(3);
    let more = names.len().saturating_sub(NAMES_MAX);
    names.truncate(NAMES_MAX);
    let mut all = names.join(", ");
    if more > 0 {
        all.push_str(&format!(" and {more} more"));
    }
    if near.is_empty() {
        format!("the {what} are {all}")
    } else {
        format!("did you mean {}? The {what} are {all}", near.join(" or "))
    }
}
