//! Deep, long and random texts end in a tree or an error: never in a panic or an overflowing stack. Test threads have
//! 2 MiB of stack, like every thread of the engine.

use tidemill_sql_parser::limits::{NESTING_MAX, STATEMENT_BYTES_MAX, TREE_HEIGHT_MAX};
use tidemill_sql_parser::{is_complete, parse_script, parse_statement, split_statements};

/// (opening, innermost, closing): repeated at will.
const SHAPES: &[(&str, &str, &str)] = &[
    ("SELECT (", "1", ")"),
    ("SELECT (SELECT ", "1", ")"),
    ("SELECT * FROM (SELECT * FROM ", "t", ") AS x"),
    ("SELECT a IN (SELECT * FROM ", "t", ")"),
    ("(", "SELECT 1", ")"),
    ("SELECT NOT ", "a", ""),
    ("SELECT - ", "a", ""),
    ("SELECT f(", "a", ")"),
    ("SELECT CASE WHEN ", "a", " THEN 1 END"),
    ("SELECT a[", "1", "]"),
    ("SELECT ARRAY[", "1", "]"),
    ("SELECT EXISTS (", "SELECT 1", ")"),
    ("SELECT CAST(", "1", " AS INT)"),
    ("SELECT a BETWEEN ", "1", " AND 2"),
    ("SELECT * FROM (", "t", " CROSS JOIN u)"),
    ("WITH a AS (", "SELECT 1", ") SELECT 1"),
    ("SELECT 1 UNION (", "SELECT 1", ")"),
    ("SELECT 1 FROM t GROUP BY GROUPING SETS (", "a", ")"),
    ("SELECT SUM(a) OVER (ORDER BY ", "b", ")"),
    ("SELECT * FROM TABLE(f(TABLE (", "SELECT 1", ")))"),
];

fn repeat(shape: &(&str, &str, &str), times: usize) -> String {
    // A shape that opens with SELECT repeats what follows it, in parentheses where a query is wanted.
    let (open, inner, close) = shape;
    let again = open.strip_prefix("SELECT ").filter(|rest| !rest.contains("FROM") && !rest.ends_with("SELECT "));
    match again {
        Some(rest) => format!("SELECT {}{inner}{}", rest.repeat(times), close.repeat(times)),
        None => {
            let open = if open.starts_with("SELECT") && (open.ends_with("FROM ") || open.ends_with("SELECT ")) {
                format!("{open}(")
            } else {
                (*open).to_string()
            };
            let close =
                if open.ends_with('(') && !shape.0.ends_with('(') { format!("){close}") } else { (*close).into() };
            format!("{}{inner}{}", open.repeat(times), close.repeat(times))
        }
    }
}

#[test]
fn nesting_beyond_the_limit_is_an_error() {
    for shape in SHAPES {
        for times in [10, 40, 60, 127, 128, 1000, 20_000] {
            let text = repeat(shape, times);
            if let Ok(tree) = parse_statement(&text) {
                assert!(times < 1000, "{} × {times}", shape.0);
                // Printing, comparing and dropping walk the tree too.
                assert_eq!(tree, tree.clone());
                assert!(parse_statement(&tree.to_string()).is_ok(), "{} × {times}", shape.0);
            }
        }
        let text = repeat(shape, 10_000);
        let error = parse_statement(&text).unwrap_err();
        let expected = error.message.contains("nested more than") || error.message.contains("found");
        assert!(expected, "{}: {}", shape.0, error.message);
    }
}

#[test]
fn parentheses_up_to_the_limit_are_fine() {
    let depth = NESTING_MAX - 3;
    let text = format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(parse_statement(&text).unwrap().to_string(), "SELECT 1");
    let error = parse_statement(&format!("SELECT {}1", "(".repeat(1000))).unwrap_err();
    assert!(error.message.contains("nested more than 128 levels"), "{}", error.message);
}

#[test]
fn chains_are_limited_but_for_and_and_or() {
    let long = |separator: &str, n: usize| format!("SELECT {}", vec!["a"; n].join(separator));
    for word in [" AND ", " OR ", ", "] {
        assert!(parse_statement(&long(word, 50_000)).is_ok(), "{word}");
    }
    for operator in [" + ", " || ", " = ", " IS NULL = "] {
        assert!(parse_statement(&long(operator, TREE_HEIGHT_MAX / 2 - 5)).is_ok(), "{operator}");
        let error = parse_statement(&long(operator, 50_000)).unwrap_err();
        assert!(error.message.contains("build on each other"), "{}", error.message);
    }
    for (head, step) in [
        ("SELECT 1", " UNION ALL SELECT 1"),
        ("SELECT * FROM t", " CROSS JOIN t"),
        ("SELECT a", "[1]"),
        ("SELECT f(a)", ".b"),
        ("SELECT CAST(a AS INT", " ARRAY"),
    ] {
        let error = parse_statement(&format!("{head}{}", step.repeat(10_000))).unwrap_err();
        assert!(error.message.contains("build on each other"), "{}", error.message);
    }
}

#[test]
fn a_statement_beyond_the_limit_is_refused() {
    let text = format!("SELECT '{}'", "x".repeat(STATEMENT_BYTES_MAX));
    assert!(parse_statement(&text).unwrap_err().message.contains("the limit is"));
    let script = format!("SELECT 1; {text}; SELECT 2");
    assert_eq!(split_statements(&script).len(), 3);
}

/// A small generator with a fixed seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % n as u64).unwrap()
    }
}

#[test]
fn mangled_statements_never_panic() {
    let mut random = Random(1);
    let corpus = super::corpus::STATEMENTS;
    let spare = [
        "(", ")", "'", "`", ";", "/*", "*/", "--", ",", "SELECT", "FROM", "\\", "é", "\u{0}", "[", "E'", "/*+", ".",
        "1",
    ];
    for _ in 0..30_000 {
        let mut text: Vec<char> = corpus[random.below(corpus.len())].chars().collect();
        for _ in 0..=random.below(3) {
            let at = random.below(text.len() + 1);
            match random.below(4) {
                0 if at < text.len() => drop(text.remove(at)),
                1 => drop(text.splice(at..at, spare[random.below(spare.len())].chars()).count()),
                2 => text.truncate(at),
                _ => {
                    let other: Vec<char> = corpus[random.below(corpus.len())].chars().collect();
                    let from = random.below(other.len());
                    text.truncate(at);
                    text.extend_from_slice(&other[from..]);
                }
            }
        }
        let text: String = text.into_iter().collect();
        is_complete(&text);
        for part in split_statements(&text) {
            assert_eq!(text.get(part.offset..part.offset + part.text.len()), Some(part.text));
        }
        match parse_script(&text) {
            Ok(statements) => {
                for statement in statements {
                    let printed = statement.statement.to_string();
                    let again = parse_statement(&printed).unwrap_or_else(|e| panic!("{text}\n{}", e.render(&printed)));
                    assert_eq!(again.to_string(), printed, "{text}");
                }
            }
            Err(error) => assert!(error.render(&text).contains("SQL parse failed at line")),
        }
    }
}
