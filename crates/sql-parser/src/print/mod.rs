//! The tree as canonical SQL: keywords in capitals, names in backticks only where they need them, parentheses only where
//! operators need them. Parsing the text gives the tree again.

mod expr;
mod query;
mod statement;
mod types;

use std::fmt::{self, Display, Formatter};

use crate::ast::{Ident, ObjectName};
use crate::keywords;

/// A name as it must be written: in backticks if it is reserved or not a plain word.
///
/// ```
/// use tidemill_sql_parser::quote_ident;
/// assert_eq!(quote_ident("origin"), "origin");
/// assert_eq!(quote_ident("order"), "`order`");
/// assert_eq!(quote_ident("a b`c"), "`a b``c`");
/// ```
pub fn quote_ident(name: &str) -> String {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    if plain && !keywords::is_reserved(name) && !keywords::is_special(name) {
        name.to_string()
    } else {
        format!("`{}`", name.replace('`', "``"))
    }
}

/// A string with its quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Items with a separator between them.
fn join<T: Display>(f: &mut Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

/// `(a, b)`.
fn parenthesized<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    f.write_str("(")?;
    join(f, items, ", ")?;
    f.write_str(")")
}

impl Display for Ident {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&quote_ident(&self.value))
    }
}

impl Display for ObjectName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        join(f, &self.parts, ".")
    }
}
