//! Every mistake is shown where it is, with what to do.

use tidemill_sql_parser::{ParseError, parse_script, parse_statement};

fn error(text: &str) -> ParseError {
    match parse_statement(text) {
        Err(error) => error,
        Ok(tree) => panic!("{text} parses: {tree}"),
    }
}

#[test]
fn the_whole_message() {
    let text = "SELECT a, FROM t";
    assert_eq!(
        error(text).render(text),
        "SQL parse failed at line 1, column 11: expected an expression, found the keyword FROM\n \
         --> 1:11 (line 1, column 11)\n  |\n1 | SELECT a, FROM t\n  |           ^^^^\n  \
         = help: remove the comma before FROM, or write an expression between them"
    );
    let text = "SELEC 1";
    assert_eq!(
        error(text).render(text),
        "SQL parse failed at line 1, column 1: no statement begins with 'SELEC'\n --> 1:1 (line 1, column 1)\n  |\n1 | SELEC 1\n  | ^^^^^\n  = help: did you mean SELECT?"
    );
}

/// (text, what the span covers, a part of the message, a part of the help)
const CASES: &[(&str, &str, &str, &str)] = &[
    ("SELECT * FRM t", "FRM", "found 'FRM'", "did you mean FROM?"),
    ("SELECT a FORM t", "FORM", "the statement ends before 't'", "did you mean FROM instead of FORM?"),
    ("SELECT * FROM t WHER a = 1", "WHER", "before 'a'", "did you mean WHERE instead of WHER?"),
    ("SELECT a FROM t GROUP YB a", "YB", "expected BY", "did you mean BY?"),
    ("SELECT a FROM t ODER BY a", "ODER", "the statement ends before", "did you mean ORDER instead of ODER?"),
    ("INSRT INTO t SELECT 1", "INSRT", "no statement begins with", "INSERT"),
    ("INSERT t SELECT 1", "t", "expected INTO or OVERWRITE", ""),
    ("CREATE TABEL t (a INT)", "TABEL", "expected TABLE, VIEW or TEMPORARY", "did you mean TABLE?"),
    ("CREATE TABLE t (a STRNG)", "STRNG", "there is no type STRNG", "did you mean STRING?"),
    ("CREATE TABLE t (a TEXT)", "TEXT", "there is no type TEXT", "text is STRING"),
    ("CREATE TABLE t (order INT)", "order", "found the keyword ORDER", "backticks: `order`"),
    ("CREATE TABLE t (a INT) WITH (connector = 'x')", "connector", "an option's key in single quotes", ""),
    ("CREATE TABLE t (a INT) WITH ('a' = 'x', 'a' = 'y')", "'a'", "given twice", ""),
    ("CREATE TABLE t (a INT, PRIMARY KEY (a))", "PRIMARY KEY (a)", "NOT ENFORCED", "PRIMARY KEY (…) NOT ENFORCED"),
    (
        "CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED, PRIMARY KEY (a) NOT ENFORCED)",
        "PRIMARY KEY (a) NOT ENFORCED",
        "one PRIMARY KEY only",
        "",
    ),
    ("CREATE TABLE t AS SELECT 1", "AS", "not supported yet", "INSERT INTO"),
    ("SELECT \"a\" FROM t", "\"a\"", "double quotes", "'a', a name as `a`"),
    ("SELECT 'abc", "'", "this string is not closed", "closing"),
    ("SELECT a == b FROM t", "==", "not an operator", "use ="),
    ("SELECT a && b FROM t", "&&", "not an operator", "use AND"),
    ("SELECT (1 + 2 FROM t", "FROM", "expected ')'", ""),
    ("SELECT a FROM (SELECT 1", "", "expected ')', found the end of the statement", ""),
    ("SELECT", "", "expected an expression, found the end of the statement", ""),
    ("SELECT CASE WHEN a THEN 1 FROM t", "FROM", "expected WHEN, ELSE or END", ""),
    ("SELECT f(a b) FROM t", "b", "expected ',' or ')'", ""),
    ("SELECT CAST(a, INT) FROM t", ",", "expected AS", ""),
    ("SELECT * FROM a JOIN b", "", "expected ON or USING", "CROSS JOIN"),
    ("SELECT * FROM t MATCH_RECOGNIZE (PATTERN (a))", "MATCH_RECOGNIZE", "not supported yet", ""),
    ("SELECT 1 SELECT 2", "SELECT", "expected the end of the statement", "wrong place"),
    ("SELECT a FROM t WHERE a = 1 WHERE b = 2", "WHERE", "expected the end of the statement", "twice"),
    ("SELECT 1; SELECT 2", "SELECT", "a second statement", "one statement at a time"),
    ("SELECT INTERVAL '1' HUOR", "HUOR", "expected YEAR", "did you mean HOUR?"),
    ("SELECT INTERVAL '1' MONTH TO DAY", "DAY", "cannot follow", ""),
    ("SELECT EXTRACT(FOO FROM a) FROM t", "FOO", "expected a unit of time", ""),
    ("SELECT MAP['a'] FROM t", "MAP['a']", "a value for every key", ""),
    ("SELECT X'abc'", "X'abc'", "even number", ""),
    ("SELECT ? FROM t", "?", "expected an expression", "parameters"),
    ("SELECT a.b.c.d.e(1) FROM t", "a.b.c.d.e", "at most three parts", ""),
    ("SELECT * FROM a.b.c.d", "a.b.c.d", "at most three parts", "backticks"),
    ("SELECT a FROM t /*+ */", "/*+ */", "hint is empty", ""),
    ("SELECT 1 /*+ X(a) */ + 2", "/*+", "the end of the statement", ""),
    ("ALTER TABLE t RENAME TO u", "ALTER", "ALTER is not supported yet", ""),
    ("SHOW TABELS", "TABELS", "expected TABLES", "did you mean TABLES?"),
    ("EXECUTE STATEMENT SET BEGIN END", "EXECUTE STATEMENT SET BEGIN END", "empty", "at least one INSERT"),
    ("EXECUTE STATEMENT SET BEGIN SELECT 1; END", "SELECT", "expected INSERT or END", "INSERT statements only"),
    ("EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1 END", "END", "expected the end", "ends with ';'"),
    ("EXPLAIN CHANGELOG_MOD SELECT 1", "CHANGELOG_MOD", "expected a query", "CHANGELOG_MODE"),
    ("EXPLAIN SET 'a' = 'b'", "SET", "expected a query", ""),
    ("SET a b", "b", "expected '='", "SET 'key' = 'value'"),
    ("SET 'a' = 'b' c", "c", "expected the end", ""),
    ("SET 'a =", "'", "not closed", ""),
    ("SELECT EXISTS (1)", "(1)", "EXISTS takes a query", ""),
    ("SELECT a = ANY (1, 2) FROM t", "a = ANY (1, 2)", "take a query", "IN (a, b)"),
    ("SELECT a FROM t LIMIT", "", "expected an expression", ""),
    ("SELECT 2nd FROM t", "2nd", "directly followed by a letter", "`2nd`"),
    ("WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a", "RECURSIVE", "not supported yet", ""),
];

#[test]
fn each_kind_of_mistake() {
    for (text, place, message, help) in CASES {
        let error = error(text);
        let shown = error.render(text);
        assert_eq!(error.span.text(text), *place, "{shown}");
        assert!(error.message.contains(message), "{shown}");
        assert!(error.help.as_deref().unwrap_or("").contains(help), "{shown}");
    }
}

#[test]
fn a_scripts_error_names_the_scripts_line() {
    let script = "SET 'a' = 'b';\n-- comment;\nSELECT 1;\n\n  SELECT a,\n    b c d\n  FROM t;";
    let error = parse_script(script).unwrap_err();
    assert!(error.render(script).contains("line 6, column 9"), "{}", error.render(script));
}

#[test]
fn what_was_expected_is_listed() {
    let error = error("CREATE TABLE t (a INT) WITH");
    assert_eq!(error.expected, ["'('"]);
    assert_eq!(error.to_string(), "SQL parse failed: expected '(', found the end of the statement");
}
