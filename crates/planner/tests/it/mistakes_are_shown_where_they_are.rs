use crate::support::{error, with_tables};

/// The statement, the text under the carets, a part of the message or the advice.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("SELECT nope FROM (VALUES (1)) AS t(a)", "nope", "the columns are a"),
    ("SELECT carier FROM f", "carier", "did you mean carrier"),
    ("SELECT f.nope FROM f", "nope", "table 'f' has no column"),
    ("SELECT * FROM flights", "flights", "the tables and views are a, f, out_all"),
    ("SELECT 1 FROM ff", "ff", "did you mean"),
    ("SELECT UPER(s) FROM a", "UPER", "upper"),
    ("SELECT s + 1 > TRUE FROM a", "s + 1 > TRUE", ""),
    ("SELECT x FROM a WHERE x", "x", "WHERE needs a condition"),
    ("SELECT x, COUNT(*) FROM a GROUP BY y", "x", "neither in GROUP BY"),
    ("SELECT x + 1 AS z, COUNT(*) FROM a GROUP BY z", "z", "GROUP BY x + 1"),
    ("SELECT COUNT(*) FROM a WHERE SUM(x) > 1", "SUM(x)", "cannot stand in WHERE"),
    ("SELECT SUM(COUNT(*)) FROM a", "COUNT(*)", "cannot stand in an aggregate function"),
    ("SELECT a.x, b.x, x FROM a, a AS b", "x", "ambiguous"),
    ("SELECT CASE WHEN b THEN 1 ELSE 'x' END FROM a", "CASE WHEN b THEN 1 ELSE 'x' END", "no common type"),
    ("SELECT DATE '2013-02-30'", "DATE '2013-02-30'", "no date"),
    ("SELECT x FROM a UNION ALL SELECT x, y FROM a", "UNION ALL", "as many columns"),
    ("SELECT x FROM a INTERSECT SELECT y FROM a", "INTERSECT", "not supported"),
    ("SELECT x FROM a WHERE x IN (SELECT y FROM a)", "x IN (SELECT y FROM a)", "join"),
    ("SELECT x FROM a ORDER BY x", "x", "streaming"),
    ("SELECT * FROM a JOIN f ON a.s = f.carrier", "JOIN", "batch"),
    ("SELECT x FROM a LIMIT 'x'", "'x'", "whole number"),
    ("SELECT x, COUNT(*) FROM a GROUP BY x LIMIT 3", "3", "before they are aggregated"),
    ("SELECT DATE_FORMAT(dep_time, 'yyyy-bb') FROM f", "DATE_FORMAT(dep_time, 'yyyy-bb')", "the letter b"),
    ("SELECT REGEXP_EXTRACT(s, '(', 1) FROM a", "REGEXP_EXTRACT(s, '(', 1)", "unclosed group"),
    ("SELECT s LIKE 'a!b' ESCAPE '!' FROM a", "s LIKE 'a!b' ESCAPE '!'", "must stand before"),
    ("SELECT s || 1 FROM a", "s || 1", "CAST it to STRING"),
    ("SELECT TIMESTAMP '2300-01-01 00:00:00.1234567'", "TIMESTAMP '2300-01-01 00:00:00.1234567'", "from 1677 to 2262"),
    ("SELECT GROUPING(x) FROM a GROUP BY x", "GROUPING", "not supported yet"),
    ("SELECT MD5(s) FROM a", "MD5", "not supported yet"),
    ("CREATE TABLE t (a INT, c AS (SELECT 1)) WITH ('connector' = 'print')", "(SELECT 1)", "never"),
    ("RESET 'table.local-time-zon'", "'table.local-time-zon'", "table.local-time-zone"),
    ("EXPLAIN ESTIMATED_COST SELECT x FROM a", "ESTIMATED_COST", "not supported yet"),
    ("CREATE VIEW vw AS SELECT x FROM a; SHOW CREATE TABLE vw", "vw", "SHOW CREATE VIEW"),
    ("SELECT * FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(carrier), INTERVAL '1' HOUR))", "carrier", "TIMESTAMP(3)"),
    ("SELECT * FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(nope), INTERVAL '1' HOUR))", "nope", "dep_time"),
    ("SELECT * FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(dep_time)))", "TUMBLE(TABLE f, DESCRIPTOR(dep_time))", "SIZE"),
    (
        "SELECT * FROM TABLE(HOP(TABLE f, DESCRIPTOR(dep_time), INTERVAL '7' MINUTE, INTERVAL '1' HOUR))",
        "INTERVAL '7' MINUTE",
        "multiple",
    ),
    (
        "SELECT * FROM TABLE(TUMBLE(TABLE (SELECT dep_time + INTERVAL '1' HOUR AS t FROM f), DESCRIPTOR(t), INTERVAL '1' HOUR))",
        "t",
        "no event time",
    ),
    ("SELECT TUMBLE(dep_time, INTERVAL '1' HOUR) FROM f", "TUMBLE", "windows stand in FROM"),
    ("INSERT INTO out_all SELECT carrier FROM f", "SELECT carrier FROM f", "2 go into"),
    ("INSERT INTO out_all SELECT dep_delay, 1 FROM f", "dep_delay", "CAST("),
    ("INSERT INTO out_all (k, m) SELECT carrier, 1 FROM f", "m", "no column 'm'"),
    ("INSERT INTO nowhere SELECT 1", "nowhere", "does not exist"),
    ("CREATE TABLE t (a INT, a STRING) WITH ('connector' = 'print')", "a", "two columns"),
    ("CREATE TABLE t (a INT, PRIMARY KEY (b) NOT ENFORCED) WITH ('connector' = 'print')", "b", "no column"),
    ("CREATE TABLE t (a INT, WATERMARK FOR a AS a) WITH ('connector' = 'print')", "a", "TIMESTAMP(3)"),
    ("CREATE TABLE t (a INT, c AS a + nope) WITH ('connector' = 'print')", "nope", "the columns are a"),
    ("CREATE TABLE f (a INT) WITH ('connector' = 'print')", "f", "already"),
    ("CREATE VIEW v AS SELECT nope FROM a", "nope", "columns"),
    ("DROP TABLE nope", "nope", "does not exist"),
    ("SET 'table.local-time-zon' = 'UTC'", "'table.local-time-zon'", "table.local-time-zone"),
    ("SET 'parallelism.default' = 'many'", "'many'", "whole number"),
    ("SET 'restart-strategy.fixed-delay.attempts' = '-1'", "'-1'", "at least 0"),
    ("SET 'parallelism.default' = '0'", "'0'", "'parallelism.default' is '0', but must be a number from 1 to 32768"),
    ("SET 'parallelism.default' = '32769'", "'32769'", "from 1 to 32768"),
    ("SET 'pipeline.max-parallelism' = '0'", "'0'", "a power of two from 1 to 32768"),
    ("SET 'pipeline.max-parallelism' = '65536'", "'65536'", "a power of two from 1 to 32768"),
    (
        "SET 'tidemill.batch.rows-max' = '0'",
        "'0'",
        "'tidemill.batch.rows-max' is '0', but must be a number from 1 to 1048576",
    ),
    ("SET 'tidemill.batch.rows-max' = '1048577'", "'1048577'", "from 1 to 1048576"),
    (
        "SET 'tidemill.state.rewrite-rows' = '0'",
        "'0'",
        "'tidemill.state.rewrite-rows' is '0', but must be a number of at least 1",
    ),
    ("SET 'execution.checkpointing.num-retained' = '-1'", "'-1'", "at least 1"),
    ("SET 'execution.checkpointing.interval' = '-1 s'", "'-1 s'", "a duration"),
    ("SET 'execution.checkpointing.timeout' = '0 s'", "'0 s'", "longer than 0"),
    ("SET 'execution.checkpointing.timeout' = 'soon'", "'soon'", "a duration"),
    ("CREATE TABLE t (a DECIMAL(50, 2)) WITH ('connector' = 'print')", "DECIMAL(50, 2)", "1 to 38"),
];

#[test]
fn the_carets_stand_under_the_mistake_and_the_advice_helps() {
    for (sql, under, says) in MISTAKES {
        let mut session = with_tables();
        let error = error(&mut session, sql);
        let shown = error.render(sql);
        let span = error.span().unwrap_or_else(|| panic!("no place: {sql}\n{shown}"));
        assert_eq!(span.text(sql), *under, "{sql}\n{shown}");
        assert!(shown.contains(says), "{sql} does not say '{says}':\n{shown}");
        assert!(shown.contains('^'), "{shown}");
    }
}

#[test]
fn options_list_their_neighbours_and_connectors_all() {
    let mut session = with_tables();
    let sql =
        "CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'pth' = '/x', 'format' = 'csv'); SELECT * FROM t";
    let shown = error(&mut session, sql).render(sql);
    assert!(shown.contains("'path'") && shown.contains('^'), "{shown}");
    let sql = "CREATE TABLE u (a INT) WITH ('connector' = 'kafak'); SELECT * FROM u";
    let shown = error(&mut session, sql).render(sql);
    assert!(shown.contains("filesystem") && shown.contains("nexmark"), "{shown}");
    // Also where an equality is offered to the connector.
    let sql = "CREATE TABLE w (a INT) WITH ('connector' = 'kafak'); SELECT a FROM w WHERE a = 3";
    let error = error(&mut session, sql);
    assert_eq!(error.span().map(|span| span.text(sql)), Some("'kafak'"), "{}", error.render(sql));
}

#[test]
fn an_error_within_a_view_is_shown_where_the_view_is_used() {
    let mut session = with_tables();
    let sql = "CREATE TABLE t (a INT) WITH ('connector' = 'print'); CREATE VIEW v AS SELECT a FROM t; DROP TABLE t;
               CREATE TABLE t (b INT) WITH ('connector' = 'print'); SELECT * FROM v";
    let error = error(&mut session, sql);
    assert_eq!(error.span().unwrap().text(sql), "v");
    assert!(error.message().contains("view 'v': column 'a' does not exist"), "{error}");
}

#[test]
fn views_and_types_that_are_nested_too_deep_are_refused_with_the_limit() {
    let mut session = with_tables();
    for number in 0..65 {
        let from = if number == 0 { "f".to_string() } else { format!("v{}", number - 1) };
        session.execute_sql(&format!("CREATE VIEW v{number} AS SELECT * FROM {from}")).unwrap();
    }
    let wrong = error(&mut session, "SELECT * FROM v64");
    assert_eq!(wrong.message(), "view 'v64': views can be nested at most 64 deep");
    assert_eq!(wrong.span().unwrap().text("SELECT * FROM v64"), "v64");

    let array = |levels: usize| format!("{}INT{}", "ARRAY<".repeat(levels - 1), ">".repeat(levels - 1));
    let create = |name: &str, levels| {
        let array = array(levels);
        format!("CREATE TABLE {name} (a {array}) WITH ('connector' = 'blackhole')")
    };
    session.execute_sql(&create("deep", 32)).unwrap();
    for levels in [33, 110] {
        let sql = create("deeper", levels);
        let wrong = error(&mut session, &sql);
        assert!(wrong.message().contains("types can be nested at most 32 deep"), "{wrong}");
        assert_eq!(wrong.span().unwrap().text(&sql), array(levels));
    }
    let sql = format!("SELECT CAST(NULL AS {})", array(33));
    assert!(error(&mut session, &sql).message().contains("at most 32 deep"));
}

#[test]
fn text_that_is_no_statement_shows_the_parsers_error() {
    let mut session = with_tables();
    let error = session.execute_sql("SELECT a, FROM t").unwrap_err();
    assert!(error.render("SELECT a, FROM t").contains("line 1, column 11"), "{error}");
}

#[test]
fn in_batch_mode_tables_that_cannot_be_read_are_shown_too() {
    for tail in ["SELECT * FROM u", "SELECT COUNT(*) FROM u WHERE a > 3", "INSERT INTO p SELECT a FROM u"] {
        let mut session = with_tables();
        let sql = format!(
            "SET 'execution.runtime-mode' = 'batch'; CREATE TABLE p (a INT) WITH ('connector' = 'print');
             CREATE TABLE u (a INT) WITH ('connector' = 'kafak'); {tail}"
        );
        let error = error(&mut session, &sql);
        assert_eq!(error.span().map(|span| span.text(&sql)), Some("'kafak'"), "{}", error.render(&sql));
    }
}

#[test]
fn a_wrong_option_is_shown_where_it_is_set_if_that_is_in_the_same_text() {
    for (options, used, under) in [
        ("'connector' = 'filesystem', 'pth' = '/x'", "SELECT * FROM t", "'pth'"),
        ("'connector' = 'nexmark', 'events.num' = 'many'", "SELECT * FROM t", "'many'"),
        ("'connector' = 'kafak'", "INSERT INTO t SELECT 1", "'kafak'"),
        ("'connector' = 'nexmark', 'scan.watermark.idle-timeout' = 'soon'", "SELECT * FROM t", "'soon'"),
        // Nothing that is set is wrong.
        ("'path' = '/x'", "SELECT * FROM t", "t"),
    ] {
        let create = format!("CREATE TABLE t (a INT) WITH ({options})");
        let sql = format!("{create}; {used}");
        let found = error(&mut with_tables(), &sql);
        assert_eq!(found.span().map(|span| span.text(&sql)), Some(under), "{}", found.render(&sql));
        let mut session = with_tables();
        session.execute_sql(&create).unwrap();
        let found = error(&mut session, used);
        assert_eq!(found.span().map(|span| span.text(used)), Some("t"), "{}", found.render(used));
    }
}
