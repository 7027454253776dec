//! Owns Flink's SQL dialect: text to a syntax tree with spans, statement by statement, and the tree back to text.
//! Does not own names, types or meaning (`planner`), nor running a script (`cli`).
//!
//! ```
//! use tidemill_sql_parser::{parse_statement, ast::StatementKind};
//!
//! let statement = parse_statement("SELECT origin, COUNT(*) FROM flights GROUP BY origin")?;
//! assert!(matches!(statement.kind, StatementKind::Query(_)));
//! assert_eq!(statement.to_string(), "SELECT origin, COUNT(*) FROM flights GROUP BY origin");
//!
//! let text = "SELECT a, FROM t";
//! let error = parse_statement(text).unwrap_err();
//! assert!(error.render(text).starts_with("SQL parse failed at line 1, column 11: "));
//! # Ok::<(), tidemill_sql_parser::ParseError>(())
//! ```

pub mod ast;
pub mod diagnostic;
mod error;
pub mod keywords;
mod lexer;
pub mod limits;
mod parser;
mod print;
mod script;
mod span;
mod split;

pub use error::ParseError;
pub use print::quote_ident;
pub use script::{
    ParsedStatement, parse_expression, parse_part, parse_query, parse_script, parse_statement, parse_type,
};
pub use span::{Position, Span};
pub use split::{StatementText, is_complete, split_statements};
