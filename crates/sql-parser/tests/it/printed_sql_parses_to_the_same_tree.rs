//! Parse, print, parse: the same tree but for the spans, and the same text again.

use tidemill_sql_parser::ast::{Expr, Statement};
use tidemill_sql_parser::{ParseError, parse_expression, parse_statement, parse_type};

/// The tree without its spans. A view's text as written is not part of what the tree says.
fn bare(tree: &impl std::fmt::Debug) -> String {
    let text = format!("{tree:?}");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('@') {
        let after = &rest[at + 1..];
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let tail = after[digits..].strip_prefix("..");
        out.push_str(&rest[..at]);
        rest = match tail {
            Some(tail) if digits > 0 => tail.trim_start_matches(|c: char| c.is_ascii_digit()),
            _ => after,
        };
    }
    out.push_str(rest);
    match out.find("query_text: ") {
        Some(at) => out[..at].to_string(),
        None => out,
    }
}

fn parse(text: &str) -> Statement {
    parse_statement(text).unwrap_or_else(|e| panic!("{}", e.render(text)))
}

#[test]
fn every_statement_of_the_corpus() {
    assert!(super::corpus::STATEMENTS.len() >= 150, "{}", super::corpus::STATEMENTS.len());
    for text in super::corpus::STATEMENTS {
        let tree = parse(text);
        let printed = tree.to_string();
        let again = parse(&printed);
        assert_eq!(bare(&tree), bare(&again), "\n{text}\n{printed}");
        assert_eq!(printed, again.to_string(), "\n{text}");
    }
}

#[test]
fn spans_cover_what_they_name() {
    for text in super::corpus::STATEMENTS {
        let tree = parse(text);
        let own = tree.span.text(text);
        assert!(!own.is_empty() && !own.ends_with(';'), "{text}");
        assert_eq!(bare(&parse(own)), bare(&tree), "{text}");
    }
}

#[test]
fn canonical_text() {
    let expr = |text: &str| parse_expression(text).map(|e: Expr| e.to_string());
    let cases: &[(&str, &str)] = &[
        ("((a))", "a"),
        ("a+b*c", "a + b * c"),
        ("(a+b)*c", "(a + b) * c"),
        ("a-(b-c)", "a - (b - c)"),
        ("(a and b) or c", "a AND b OR c"),
        ("a and (b or c)", "a AND (b OR c)"),
        ("not (a and b)", "NOT (a AND b)"),
        ("(not a) and b", "NOT a AND b"),
        ("- (- 1)", "- -1"),
        ("(a, b)", "ROW(a, b)"),
        ("substring(a from 2 for 3)", "substring(a, 2, 3)"),
        ("position('x' in a)", "position('x', a)"),
        ("trim(a)", "TRIM(a)"),
        ("interval '10' minutes", "INTERVAL '10' MINUTE"),
        ("cast(a as int array)", "CAST(a AS ARRAY<INT>)"),
        ("`a`.`order`.`b c`", "a.`order`.`b c`"),
        ("current_timestamp", "current_timestamp"),
        ("a like 'x' escape '!'", "a LIKE 'x' ESCAPE '!'"),
        ("left(a, 1)", "left(a, 1)"),
    ];
    for (text, canonical) in cases {
        assert_eq!(expr(text), Ok::<_, ParseError>(canonical.to_string()));
    }
    let row = parse_type("row(a int, b timestamp(3) with local time zone not null)").unwrap();
    assert_eq!(row.to_string(), "ROW<a INT, b TIMESTAMP_LTZ(3) NOT NULL>");
}

#[test]
fn a_table_prints_on_lines() {
    let table = parse(
        "create table t (a int not null, ts timestamp(3), watermark for ts as ts, primary key (a) not enforced) partitioned by (a) with ('connector'='print', 'x'='y')",
    );
    assert_eq!(
        table.to_string(),
        "CREATE TABLE t (\n  a INT NOT NULL,\n  ts TIMESTAMP(3),\n  WATERMARK FOR ts AS ts,\n  PRIMARY KEY (a) NOT ENFORCED\n)\nPARTITIONED BY (a)\nWITH (\n  'connector' = 'print',\n  'x' = 'y'\n)"
    );
}
