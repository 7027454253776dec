//! Why there is no answer.

use std::fmt;

/// What a query can end in besides rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Beyond this crate: choose another query, or teach it.
    Unsupported(String),
    /// The query means nothing: a name that is not there, types that do not fit.
    Mistake(String),
    /// An aggregate function where none can stand; within this crate it says that a SELECT without GROUP BY groups.
    Aggregate(String),
    /// A value that was asked for has none: division by zero, a text that is no number.
    Value(String),
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unsupported(what) => write!(f, "the naive interpreter does not know {what}: leave it out"),
            Error::Mistake(what) => write!(f, "{what}: correct the query"),
            Error::Aggregate(name) => write!(f, "{name} cannot stand here: move it to SELECT or HAVING"),
            Error::Value(what) => write!(f, "{what}: guard the expression with CASE or WHERE"),
        }
    }
}

impl std::error::Error for Error {}
