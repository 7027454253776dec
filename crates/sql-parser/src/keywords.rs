//! Which words are names and which are not, and which word was probably meant.
//!
//! Fewer words are reserved than in Flink: only those that would make a statement ambiguous. What Flink reads as a
//! keyword is read so here as well; a name that Flink wants in backticks may stand there in backticks or without.

/// Words that are never names unless in backticks. Sorted.
const RESERVED: &[&str] = &[
    "ALL",
    "AND",
    "ANY",
    "AS",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CREATE",
    "CROSS",
    "CUBE",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXISTS",
    "FALSE",
    "FETCH",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "GROUPING",
    "HAVING",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "MATCH_RECOGNIZE",
    "NATURAL",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "OVERLAPS",
    "PARTITION",
    "QUALIFY",
    "RIGHT",
    "ROLLUP",
    "SELECT",
    "SIMILAR",
    "SOME",
    "SYMMETRIC",
    "TABLE",
    "TABLESAMPLE",
    "THEN",
    "TRUE",
    "UNION",
    "UNKNOWN",
    "UNNEST",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

/// Words that are names, but begin something else before a quote, a bracket or a parenthesis. Sorted. They are printed
/// in backticks.
const SPECIAL: &[&str] =
    &["ARRAY", "DATE", "DEFAULT", "DESCRIPTOR", "INTERVAL", "MAP", "MULTISET", "ROW", "TIME", "TIMESTAMP"];

/// Reserved words that are functions before a parenthesis. Sorted.
const CALLABLE: &[&str] =
    &["CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "GROUPING", "LEFT", "LOCALTIME", "LOCALTIMESTAMP", "RIGHT"];

/// Functions that stand without parentheses. Sorted.
const WITHOUT_PARENTHESES: &[&str] =
    &["CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"];

/// The first words of statements.
pub(crate) const STATEMENTS: &[&str] = &[
    "SELECT", "WITH", "VALUES", "INSERT", "CREATE", "DROP", "EXECUTE", "BEGIN", "SET", "RESET", "SHOW", "DESCRIBE",
    "DESC", "EXPLAIN", "USE", "QUIT", "EXIT", "HELP", "CLEAR",
];

fn contains(sorted: &[&str], word: &str) -> bool {
    sorted.binary_search_by(|probe| probe.bytes().cmp(word.bytes().map(|b| b.to_ascii_uppercase()))).is_ok()
}

/// Whether a word cannot be a name unless it stands in backticks; case does not matter.
pub fn is_reserved(word: &str) -> bool {
    contains(RESERVED, word)
}

/// Every reserved word, in capitals, sorted: for completion and highlighting.
pub fn reserved_words() -> &'static [&'static str] {
    RESERVED
}

pub(crate) fn is_special(word: &str) -> bool {
    contains(SPECIAL, word)
}

pub(crate) fn is_callable(word: &str) -> bool {
    contains(CALLABLE, word)
}

pub(crate) fn is_without_parentheses(word: &str) -> bool {
    contains(WITHOUT_PARENTHESES, word)
}

/// The candidate that `word` was probably meant to be, if one is near: at most one slip in a word of up to four letters,
/// two in longer ones; a slip is a letter too many, too few, wrong, or two swapped. Case does not matter.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).map(|c| c.to_ascii_uppercase()).collect();
    let allowed = match word.len() {
        0 | 1 => return None,
        2..=4 => 1,
        _ => 2,
    };
    candidates
        .into_iter()
        .map(|c| (distance(&word, &c.chars().map(|c| c.to_ascii_uppercase()).collect::<Vec<_>>()), c))
        .filter(|(d, _)| *d <= allowed)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// Edit distance in which swapping two neighbours counts as one (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        for list in [RESERVED, SPECIAL, CALLABLE, WITHOUT_PARENTHESES] {
            assert!(list.is_sorted());
        }
        assert!(is_reserved("select") && is_reserved("With") && !is_reserved("user"));
    }

    #[test]
    fn the_nearest_word() {
        assert_eq!(nearest("SELEC", STATEMENTS.iter().copied()), Some("SELECT"));
        assert_eq!(nearest("slect", STATEMENTS.iter().copied()), Some("SELECT"));
        assert_eq!(nearest("FORM", ["WHERE", "FROM"]), Some("FROM"));
        assert_eq!(nearest("grace", ["WHERE", "FROM"]), None);
        assert_eq!(nearest("", ["WHERE"]), None);
    }
}
