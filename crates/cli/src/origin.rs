//! The text that a job comes from: what goes wrong while it runs is shown where it stands.

use tidemill_core::Failure;
use tidemill_planner::ExpressionPlaces;
use tidemill_sql_parser::diagnostic;

/// The text of a job's statement, and where its expressions stand in it.
pub struct Origin<'a> {
    /// The text that the statement was parsed from.
    pub text: &'a str,
    /// Where its expressions stand.
    pub places: ExpressionPlaces,
}

impl Origin<'_> {
    /// What to say of a job that has failed.
    pub fn failed(&self, job: &str, failure: &Failure) -> String {
        let message = format!("the job '{job}' failed: {failure}");
        match failure.expression().and_then(|expression| self.places.of(expression)) {
            Some(span) => diagnostic::render(self.text, span, &message, None),
            None => message,
        }
    }
}
