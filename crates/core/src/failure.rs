//! The one type for what goes wrong. Its class decides whether a job restarts, fails, or refuses.

use std::fmt;

/// The result of anything that can fail in Tidemill.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// What a failure means for the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// The input is wrong: a malformed file, a value out of range. Restarting cannot help.
    Data,
    /// The user asked for something wrong: an option, a statement, a type.
    User,
    /// The world is in the way; trying again may help.
    Retryable,
    /// A defect or a corrupted store. Restarting cannot help.
    Fatal,
    /// Tidemill declines: doing it would lose or mix up something.
    Refused,
}

/// A failure with all that the user needs: what happened, where, and what to change.
#[derive(Clone, Debug)]
pub struct Failure(Box<Detail>);

#[derive(Clone, Debug)]
struct Detail {
    class: FailureClass,
    code: &'static str,
    message: String,
    operator: Option<String>,
    position: Option<String>,
    option: Option<String>,
    expression: Option<String>,
}

impl Failure {
    /// A failure of a class with a stable code such as `csv.malformed`.
    pub fn new(class: FailureClass, code: &'static str, message: impl Into<String>) -> Failure {
        let message = message.into();
        let (operator, position, option, expression) = (None, None, None, None);
        Failure(Box::new(Detail { class, code, message, operator, position, option, expression }))
    }

    /// Wrong input data.
    pub fn data(code: &'static str, message: impl Into<String>) -> Failure {
        Failure::new(FailureClass::Data, code, message)
    }

    /// A wrong request.
    pub fn user(code: &'static str, message: impl Into<String>) -> Failure {
        Failure::new(FailureClass::User, code, message)
    }

    /// Worth another try.
    pub fn retryable(code: &'static str, message: impl Into<String>) -> Failure {
        Failure::new(FailureClass::Retryable, code, message)
    }

    /// A defect or a corrupted store.
    pub fn fatal(code: &'static str, message: impl Into<String>) -> Failure {
        Failure::new(FailureClass::Fatal, code, message)
    }

    /// Declined to protect what is there.
    pub fn refused(code: &'static str, message: impl Into<String>) -> Failure {
        Failure::new(FailureClass::Refused, code, message)
    }

    /// Names the operator it happened in, unless one is named already.
    pub fn at_operator(mut self, operator: impl Into<String>) -> Failure {
        self.0.operator.get_or_insert(operator.into());
        self
    }

    /// Names the place in the input (file, line, column, offset), unless one is named already.
    pub fn at(mut self, position: impl Into<String>) -> Failure {
        self.0.position.get_or_insert(position.into());
        self
    }

    /// Names the option that is wrong, unless one is named already: whoever has its text can show where it stands.
    pub fn about(mut self, option: impl Into<String>) -> Failure {
        self.0.option.get_or_insert(option.into());
        self
    }

    /// Names the expression that a row has no value of, unless one is named already: whoever has its text can show where it
    /// stands.
    pub fn of_expression(mut self, expression: impl Into<String>) -> Failure {
        self.0.expression.get_or_insert(expression.into());
        self
    }

    /// The expression that a row has no value of.
    pub fn expression(&self) -> Option<&str> {
        self.0.expression.as_deref()
    }

    /// The key of the option that is wrong.
    pub fn option(&self) -> Option<&str> {
        self.0.option.as_deref()
    }

    /// What it means for the job.
    pub fn class(&self) -> FailureClass {
        self.0.class
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What happened and what to change, without operator and position.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// True where another attempt may succeed.
    pub fn is_retryable(&self) -> bool {
        self.0.class == FailureClass::Retryable
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = &self.0.position {
            write!(f, "{position}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(operator) = &self.0.operator {
            write!(f, " (in {operator})")?;
        }
        write!(f, " [{}]", self.0.code)
    }
}

impl std::error::Error for Failure {}

impl From<arrow::error::ArrowError> for Failure {
    fn from(error: arrow::error::ArrowError) -> Failure {
        Failure::fatal("arrow", error.to_string())
    }
}
