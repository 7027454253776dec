//! Small queries with answers worked out by hand, from Flink's documentation.

use tidemill_naive::{Error, Oracle, Value};

fn oracle() -> Oracle {
    let mut oracle = Oracle::default();
    oracle
        .execute(
            "CREATE TABLE t (k STRING, a INT, b BIGINT, d DECIMAL(6, 2), f DOUBLE, ts TIMESTAMP(3), \
             r ROW<x INT, y STRING>, half AS a / 2) WITH ('connector' = 'values')",
        )
        .unwrap();
    let row = |k: Option<&str>, a: Option<i64>, b: i64, d: i128, f: f64, ts: i64| {
        vec![
            k.map_or(Value::Null, Value::text),
            a.map_or(Value::Null, Value::Int),
            Value::Int(b),
            Value::Decimal(d, 2),
            Value::Double(f),
            Value::timestamp_ms(ts),
            Value::Row(vec![Value::Int(b), Value::text("z")]),
        ]
    };
    let rows = vec![
        row(Some("x"), Some(1), 10, 150, 0.5, 1_000),
        row(Some("x"), Some(4), 20, -25, 1.5, 4_000),
        row(Some("y"), None, 30, 199, -0.0, 4_999),
        row(None, Some(-7), 40, 1, 0.0, 12_000),
    ];
    oracle.add_rows("t", rows).unwrap();
    oracle
}

fn value(expr: &str) -> String {
    match oracle().ask(&format!("SELECT {expr}")) {
        Ok(answer) => format!("{}: {}", answer.bag().join("; "), answer.columns[0].1),
        Err(error) => error.to_string(),
    }
}

fn bag(query: &str) -> Vec<String> {
    oracle().ask(query).map_or_else(|error| vec![error.to_string()], |answer| answer.bag())
}

#[test]
fn arithmetic_has_flinks_types() {
    for (expr, expected) in [
        ("1 + 2147483647", "-2147483648: INT"),
        ("-2147483648", "-2147483648: INT"),
        ("7 / -2", "-3: INT"),
        ("MOD(-7, 2)", "-1: INT"),
        ("MOD(CAST(-7 AS BIGINT), 2)", "-1: INT"),
        ("0.908 * CAST(1000 AS BIGINT)", "908.000: DECIMAL(24, 3)"),
        ("1.0 / 3", "0.333333333333: DECIMAL(13, 12)"),
        ("CAST(1 AS DECIMAL(38, 18)) + 0.1", "1.10000000000000000: DECIMAL(38, 17)"),
        ("1.5 + 1e0", "2.5: DOUBLE"),
        ("ROUND(-2.345, 2)", "-2.35: DECIMAL(4, 2)"),
        ("ROUND(15, -1)", "20: INT"),
        ("FLOOR(-1.5)", "-2: DECIMAL(2, 0)"),
        ("NULL + 1", "NULL: INT"),
    ] {
        assert_eq!(value(expr), expected, "{expr}");
    }
    assert!(matches!(oracle().ask("SELECT 1 / 0"), Err(Error::Value(_))));
}

#[test]
fn texts_and_times_follow_the_documentation() {
    for (expr, expected) in [
        ("CHAR_LENGTH('äöü')", "3: INT"),
        ("SPLIT_INDEX('a/b', '/', 0)", "'a': STRING"),
        ("REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 2)", "'bar': STRING"),
        ("TRIM(LEADING 'x' FROM 'xxaxx')", "'axx': STRING"),
        ("POSITION('b' IN 'abc')", "2: INT"),
        ("COALESCE(NULL, 'a', 'bc')", "'a': VARCHAR(2)"),
        ("GREATEST(1, NULL)", "NULL: INT"),
        ("'a_c' LIKE 'ax_c' ESCAPE 'x'", "true: BOOLEAN"),
        ("NULL NOT IN (1, 2)", "NULL: BOOLEAN"),
        ("1 NOT IN (2, NULL)", "NULL: BOOLEAN"),
        ("NULL IS NOT DISTINCT FROM NULL", "true: BOOLEAN"),
        ("CAST(TIMESTAMP '2013-01-01 12:00:00.5' AS STRING)", "'2013-01-01 12:00:00.5': STRING"),
        ("TIMESTAMP '2013-01-31 00:00:00' + INTERVAL '1' MONTH", "2013-02-28 00:00:00.000: TIMESTAMP(0)"),
        ("DATE_FORMAT(TIMESTAMP '2013-01-02 03:04:05', 'yyyy-MM-dd HH')", "'2013-01-02 03': STRING"),
        ("EXTRACT(DOW FROM DATE '2013-01-06')", "1: BIGINT"),
        ("TO_TIMESTAMP('2013-13-01')", "NULL: TIMESTAMP(3)"),
        ("ARRAY[1, 2][3]", "NULL: INT"),
        ("MAP['a', 1]['a']", "1: INT"),
    ] {
        assert_eq!(value(expr), expected, "{expr}");
    }
}

#[test]
fn errors_fail_only_what_demands_them() {
    assert_eq!(bag("SELECT a FROM t WHERE 10 / (a - 1) > 1 AND a <> 1"), ["4"]);
    assert_eq!(bag("SELECT a FROM (SELECT a, 1 / 0 AS e FROM t) WHERE a = 1"), ["1"]);
    assert_eq!(bag("SELECT CASE WHEN a = 1 THEN 0 ELSE 1 / (a - 1) END FROM t WHERE a IS NOT NULL"), ["0", "0", "0"]);
    assert!(bag("SELECT 1 / (a - 1) FROM t")[0].starts_with("division by zero"));
}

#[test]
fn groups_know_their_keys_and_count_no_nulls() {
    let query = "SELECT k, COUNT(*), COUNT(a), SUM(b), AVG(a), MIN(d), MAX(f), COUNT(DISTINCT f) FILTER (WHERE b > 10) \
                 FROM t GROUP BY k";
    assert_eq!(
        bag(query),
        ["'x', 2, 2, 30, 2, -0.25, 1.5, 1", "'y', 1, 0, 30, NULL, 1.99, 0.0, 1", "NULL, 1, 1, 40, -7, 0.01, 0.0, 1"]
    );
    assert_eq!(bag("SELECT UPPER(k) || '!', SUM(b) + 1 FROM t GROUP BY UPPER(k) HAVING COUNT(*) > 1"), ["'X!', 31"]);
    assert_eq!(bag("SELECT COUNT(*), SUM(a) FROM t WHERE FALSE"), ["0, NULL"]);
    assert_eq!(bag("SELECT COUNT(DISTINCT f), COUNT(DISTINCT k) FROM t"), ["3, 2"]);
    assert!(bag("SELECT a FROM t GROUP BY k")[0].contains("neither"));
}

#[test]
fn windows_hold_the_rows_of_their_time() {
    let query = "SELECT window_start, window_end, COUNT(*) \
                 FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) \
                 GROUP BY window_start, window_end";
    assert_eq!(
        bag(query),
        [
            "1969-12-31 23:59:55.000, 1970-01-01 00:00:05.000, 3",
            "1970-01-01 00:00:00.000, 1970-01-01 00:00:10.000, 3",
            "1970-01-01 00:00:05.000, 1970-01-01 00:00:15.000, 1",
            "1970-01-01 00:00:10.000, 1970-01-01 00:00:20.000, 1",
        ]
    );
    let query = "SELECT k, window_start, window_end, window_time, SUM(b) \
                 FROM TABLE(SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), INTERVAL '2' SECOND)) \
                 GROUP BY k, window_start, window_end, window_time";
    assert_eq!(bag(query).len(), 4);
}

#[test]
fn queries_nest_and_combine() {
    assert_eq!(
        bag("WITH c(p, q) AS (SELECT k, a FROM t WHERE a > 0) SELECT DISTINCT p FROM c UNION ALL SELECT 'z'"),
        ["'x'", "'z'"]
    );
    assert_eq!(bag("SELECT r.x, t.half FROM t WHERE r.x > 30 UNION SELECT 40, -3"), ["40, -3"]);
    let ordered = oracle().ask("SELECT a AS n FROM t ORDER BY n DESC, b LIMIT 3").unwrap();
    assert_eq!(ordered.to_string(), "n INT\n4\n1\n-7\n");
    assert_eq!(bag("SELECT * FROM (VALUES (1, 'a'), (2, NULL)) AS v(n, s) WHERE s IS NULL"), ["2, NULL"]);
    assert_eq!(
        bag("SELECT l.k, r.b FROM t AS l LEFT JOIN (SELECT * FROM t WHERE b > 15) AS r ON l.k = r.k"),
        ["'x', 20", "'x', 20", "'y', 30", "NULL, NULL"]
    );
}

#[test]
fn inserts_cast_to_the_sink() {
    let mut oracle = oracle();
    oracle.execute("CREATE TABLE s (p BIGINT, q DECIMAL(4, 1), o STRING) WITH ('connector' = 'values')").unwrap();
    let answer = oracle.ask("INSERT INTO s (q, p) SELECT d, a FROM t WHERE k = 'x'").unwrap();
    assert_eq!(answer.bag(), ["1, 1.5, NULL", "4, -0.3, NULL"]);
}
