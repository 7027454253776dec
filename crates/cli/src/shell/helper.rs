//! What the line editor knows of SQL: when a statement is complete, and which words may come next.

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper, Result};
use tidemill_sql_parser::{is_complete, keywords};

/// First words of statements and other words that are typed often and are not reserved.
const MORE_KEYWORDS: &[&str] = &[
    "BATCH",
    "BEGIN",
    "CLEAR",
    "COUNT",
    "CUMULATE",
    "DESCRIBE",
    "DESCRIPTOR",
    "DROP",
    "EXECUTE",
    "EXISTS",
    "EXIT",
    "EXPLAIN",
    "FILTER",
    "FUNCTIONS",
    "HELP",
    "HOP",
    "IF",
    "INTERVAL",
    "KEY",
    "OVERWRITE",
    "PARTITIONED",
    "PRIMARY",
    "QUIT",
    "RESET",
    "ROW",
    "SESSION",
    "SET",
    "SHOW",
    "STATEMENT",
    "TABLES",
    "TEMPORARY",
    "TUMBLE",
    "VIEW",
    "VIEWS",
    "WATERMARK",
];

/// Completes words and says when input is complete.
#[derive(Debug, Default)]
pub struct SqlHelper {
    /// Tables, views and their columns.
    pub names: Vec<String>,
}

impl Completer for SqlHelper {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _cx: &Context<'_>) -> Result<(usize, Vec<String>)> {
        let start = word_start(&line[..at]);
        Ok((start, completions(&line[start..at], &self.names)))
    }
}

impl Validator for SqlHelper {
    fn validate(&self, cx: &mut ValidationContext<'_>) -> Result<ValidationResult> {
        let complete = is_complete(cx.input());
        Ok(if complete { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for SqlHelper {
    type Hint = String;
}

impl Highlighter for SqlHelper {}

impl Helper for SqlHelper {}

/// Where the word before the cursor begins.
fn word_start(before: &str) -> usize {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    before.char_indices().rev().take_while(|(_, c)| is_part(*c)).last().map_or(before.len(), |(at, _)| at)
}

/// Names that begin like the word, then keywords in the case in which it was begun.
fn completions(word: &str, names: &[String]) -> Vec<String> {
    if word.is_empty() {
        return names.to_vec();
    }
    let begins = |name: &str| name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let mut found: Vec<String> = names.iter().filter(|name| begins(name)).cloned().collect();
    let is_lower = word.chars().all(|c| !c.is_uppercase());
    let mut keywords: Vec<&str> =
        keywords::reserved_words().iter().chain(MORE_KEYWORDS).copied().filter(|keyword| begins(keyword)).collect();
    keywords.sort_unstable();
    keywords.dedup();
    found.extend(keywords.into_iter().map(|word| if is_lower { word.to_lowercase() } else { word.to_string() }));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_before_keywords() {
        let names = ["origin".to_string(), "orders".to_string(), "flights".to_string()];
        assert_eq!(completions("or", &names), ["origin", "orders", "or", "order"]);
        assert_eq!(completions("SEL", &names), ["SELECT"]);
        assert_eq!(completions("tumb", &names), ["tumble"]);
        assert_eq!(completions("", &names), names);
    }

    #[test]
    fn the_word_before_the_cursor() {
        assert_eq!(word_start("SELECT ori"), 7);
        assert_eq!(word_start("t.col"), 2);
        assert_eq!(word_start("f("), 2);
        assert_eq!(word_start("größe"), 0);
    }
}
