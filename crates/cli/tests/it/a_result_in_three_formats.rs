//! A SELECT on stdout: table, CSV, JSON; changes and final rows; both modes.

use crate::support::Folder;

const TOTALS: &str = "SELECT k, SUM(v) AS s FROM (VALUES ('a', 1), ('b', 2), ('a', 3)) AS t(k, v) GROUP BY k";

#[test]
fn one_row_as_a_table_with_its_kind() {
    let run = Folder::new().sql("SELECT 1 AS a, 'x' AS b", &[]).code(0);
    let table = "+----+-------------+---+\n| op |           a | b |\n+----+-------------+---+\n| +I |           1 | x |\n\
                 +----+-------------+---+\n";
    assert_eq!(run.out, table);
    assert!(run.err.contains("Received a total of 1 row"), "{}", run.err);
}

#[test]
fn a_batch_result_has_no_kinds_and_widths_by_content() {
    let run = Folder::new().sql("SELECT 1 AS a, CAST(NULL AS STRING) AS b", &["-D", "execution.runtime-mode=batch"]);
    let table = "+---+--------+\n| a |      b |\n+---+--------+\n| 1 | <NULL> |\n+---+--------+\n";
    assert_eq!(run.code(0).out, table);
}

#[test]
fn changes_begin_with_their_kind() {
    // Changes of one batch are one change of each key, so every row is a batch here.
    let single = "tidemill.batch.rows-max=1";
    let run = Folder::new().run(&["sql", "-p", "1", "-D", single, "--output", "csv", "-e", TOTALS]).code(0);
    let mut lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines.remove(0), "op,k,s");
    lines.sort_unstable();
    assert_eq!(lines, ["+I,a,1", "+I,b,2", "+U,a,4", "-U,a,1"]);
}

#[test]
fn the_result_mode_table_shows_what_is_left() {
    for mode in ["-Dexecution.runtime-mode=streaming", "-Dexecution.runtime-mode=batch"] {
        let more = ["--output", "csv", mode, "-D", "sql-client.execution.result-mode=table"];
        let run = Folder::new().sql(TOTALS, &more).code(0);
        let mut lines: Vec<&str> = run.out.lines().collect();
        assert_eq!(lines.remove(0), "k,s");
        lines.sort_unstable();
        assert_eq!(lines, ["a,4", "b,2"]);
    }
}

#[test]
fn json_has_numbers_as_numbers_and_decimals_and_times_as_text() {
    let sql = "SELECT 1 AS i, CAST(1.50 AS DECIMAL(5, 2)) AS d, TIMESTAMP '2013-01-01 05:00:00.000' AS t, DATE '2013-01-01' AS day, \
               TRUE AS b, CAST(NULL AS INT) AS n, CAST(0.5 AS DOUBLE) AS f";
    let run = Folder::new().sql(sql, &["--output", "json"]).code(0);
    let want = "{\"op\":\"+I\",\"i\":1,\"d\":\"1.50\",\"t\":\"2013-01-01 05:00:00.000\",\"day\":\"2013-01-01\",\"b\":true,\"n\":null,\
                \"f\":0.5}\n";
    assert_eq!(run.out, want);
}

#[test]
fn csv_quotes_what_needs_it_and_tells_null_from_nothing() {
    let sql = "SELECT 'a,b' AS x, 'c\"d' AS y, '' AS e, CAST(NULL AS STRING) AS n";
    let run = Folder::new().sql(sql, &["--output", "csv", "-D", "execution.runtime-mode=batch"]).code(0);
    assert_eq!(run.out, "x,y,e,n\n\"a,b\",\"c\"\"d\",\"\",\n");
}

#[test]
fn answers_that_are_text_follow_the_format() {
    let folder = Folder::new();
    let sql = "CREATE TABLE t (a INT) WITH ('connector' = 'blackhole'); SHOW TABLES";
    assert_eq!(folder.sql(sql, &["--output", "csv"]).code(0).out.lines().last(), Some("t"));
    assert!(folder.sql(sql, &["--output", "json"]).code(0).out.contains(":\"t\"}"));
    assert!(folder.sql("EXPLAIN SELECT 1", &[]).code(0).out.contains("1"));
}

#[test]
fn a_text_is_one_value() {
    let folder = Folder::new();
    let table = "CREATE TABLE t (a INT) WITH ('connector' = 'blackhole');";
    for statement in ["SHOW CREATE TABLE t", "EXPLAIN INSERT INTO t SELECT 1"] {
        let answer = |format: &str| folder.sql(&format!("{table} {statement}"), &["--output", format]).code(0).out;
        let plain = answer("table");
        let plain = plain.trim_end_matches('\n');
        assert!(plain.contains('\n'), "{plain}");
        let object: serde_json::Value = serde_json::from_str(&answer("json")).unwrap();
        assert_eq!(object, serde_json::json!({ "result": plain }));
        assert_eq!(answer("csv"), format!("result\n\"{}\"\n", plain.replace('"', "\"\"")));
    }
}

#[test]
fn only_results_go_to_stdout() {
    let folder = Folder::new();
    let sql = "CREATE TABLE b (a INT) WITH ('connector' = 'blackhole'); INSERT INTO b VALUES (1), (2)";
    assert_eq!(folder.sql(sql, &[]).code(0).out, "");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let folder = Folder::new();
    let sql = "CREATE TABLE s (a BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100000'); SELECT a FROM s";
    let mut running = folder.start(&["sql", "-p", "1", "--output", "csv", "-e", sql]);
    running.line();
    running.close_stdout();
    let run = running.finish().code(0);
    assert!(!run.err.contains("error"), "{}", run.err);
}

#[test]
fn a_column_called_op_makes_way_for_the_kind() {
    let sql = "SELECT 'x' AS op, 1 AS op0";
    let run = Folder::new().sql(sql, &["--output", "json"]).code(0);
    assert_eq!(run.out, "{\"op\":\"+I\",\"op1\":\"x\",\"op0\":1}\n");
    let run = Folder::new().sql(sql, &["--output", "csv", "-D", "execution.runtime-mode=batch"]).code(0);
    assert_eq!(run.out, "op,op0\nx,1\n");
}
