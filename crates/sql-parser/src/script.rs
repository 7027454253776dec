//! The ways in: a script, a part of one, a statement, a query, an expression, a type.

use crate::ast::{DataType, Expr, Query, Statement};
use crate::error::ParseError;
use crate::parser::Parser;
use crate::split::{StatementText, split_statements};

/// A statement of a script with its text.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedStatement {
    /// The tree; its spans are in the script.
    pub statement: Statement,
    /// The statement as written, without `;`.
    pub text: String,
    /// Where the text begins in the script, in bytes.
    pub offset: usize,
}

/// Every statement of a script.
///
/// # Errors
/// The first mistake of the first statement that has one; its span is in the script.
pub fn parse_script(script: &str) -> Result<Vec<ParsedStatement>, ParseError> {
    split_statements(script)
        .into_iter()
        .map(|part| {
            let statement = parse_part(script, &part)?;
            Ok(ParsedStatement { statement, text: part.text.to_string(), offset: part.offset })
        })
        .collect()
}

/// One statement of a script that [`split_statements`] has cut; spans are in the script.
///
/// # Errors
/// The statement's first mistake; its span is in the script.
pub fn parse_part(script: &str, part: &StatementText<'_>) -> Result<Statement, ParseError> {
    let mut parser = Parser::new(script, part.text, part.offset)?;
    let statement = parser.statement()?;
    parser.end_of_statement(&statement)?;
    Ok(statement)
}

/// A single statement; a `;` at its end is allowed. Spans are in `text`.
///
/// # Errors
/// The first mistake, or what follows the statement.
///
/// ```
/// let statement = tidemill_sql_parser::parse_statement("select 1 as x;")?;
/// assert_eq!(statement.to_string(), "SELECT 1 AS x");
/// # Ok::<(), tidemill_sql_parser::ParseError>(())
/// ```
pub fn parse_statement(text: &str) -> Result<Statement, ParseError> {
    parse_part(text, &StatementText { text, offset: 0, terminated: false })
}

/// A query alone, as a view's text is. Spans are in `text`.
///
/// # Errors
/// The first mistake, or what follows the query.
pub fn parse_query(text: &str) -> Result<Query, ParseError> {
    let mut parser = Parser::new(text, text, 0)?;
    let query = parser.query()?;
    parser.end()?;
    Ok(query)
}

/// An expression alone, as a computed column's text is. Spans are in `text`.
///
/// # Errors
/// The first mistake, or what follows the expression.
pub fn parse_expression(text: &str) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(text, text, 0)?;
    let expr = parser.expression()?;
    parser.end()?;
    Ok(expr)
}

/// A data type alone, such as `ROW<a INT NOT NULL, b ARRAY<STRING>>`. Spans are in `text`.
///
/// # Errors
/// The first mistake, or what follows the type.
pub fn parse_type(text: &str) -> Result<DataType, ParseError> {
    let mut parser = Parser::new(text, text, 0)?;
    let data_type = parser.data_type()?;
    parser.end()?;
    Ok(data_type)
}
