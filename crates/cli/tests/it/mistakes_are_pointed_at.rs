//! Mistakes in statements and on the command line: where they are, what to do, and the exit code.

use crate::support::{Folder, Run};

#[test]
fn a_mistake_has_line_column_and_a_caret() {
    let folder = Folder::new();
    folder.sql("SELECT a, FROM t", &[]).code(1).says(&["line 1, column 11", "^"]);
    folder.sql("SELEC 1", &[]).code(1).says(&["^", "SELECT"]);
    let sql = "SELECT 1;\nSELECT nope FROM (VALUES (1)) AS t(a)";
    folder.sql(sql, &[]).code(1).says(&["nope", "line 2, column 8", "       ^^^^"]);
}

#[test]
fn statements_before_a_mistake_are_run() {
    let run = Folder::new().sql("SELECT 1 AS a; SELEC 2; SELECT 3", &["--output", "csv"]).code(1);
    assert_eq!(run.out, "op,a\n+I,1\n");
}

#[test]
fn an_unknown_option_or_connector_lists_what_there_is() {
    let folder = Folder::new();
    let table = |options: &str| format!("CREATE TABLE t (a INT) WITH ({options}); SELECT * FROM t");
    folder.sql(&table("'connector' = 'filesystem', 'pth' = '/x', 'format' = 'csv'"), &[]).code(1).says(&["'path'"]);
    folder.sql(&table("'connector' = 'kafak'"), &[]).code(1).says(&["filesystem", "datagen", "blackhole"]);
    let format = table("'connector' = 'filesystem', 'path' = '/x', 'format' = 'cvs'");
    folder.sql(&format, &[]).code(1).says(&["csv", "json", "parquet"]);
    folder.sql("SET 'parallelism.defualt' = '3'", &[]).code(1).says(&["parallelism.default"]);
}

#[test]
fn a_wrong_option_has_the_caret_where_it_is_set() {
    let table = "CREATE TABLE t (a INT)\nWITH ('connector' = 'datagen', 'number-of-rows' = 'many');";
    let marked = ["2 | WITH ('connector' = 'datagen', 'number-of-rows' = 'many');", "line 2, column 51"];
    Folder::new().sql(&format!("{table}\nSELECT * FROM t"), &[]).code(1).says(&marked);
    for (options, marked) in [
        ("'connector' = 'filesystem', 'path' = '/x', 'format' = 'cvs'", "'cvs'"),
        ("'connector' = 'filesystem', 'path' = 's3://x', 'format' = 'csv'", "'s3://x'"),
        ("'connector' = 'filesystem', 'path' = '/x', 'format' = 'csv', 'csv.quote-character' = '||'", "'||'"),
        ("'connector' = 'datagen', 'fields.a.max' = '3000000000'", "'3000000000'"),
        ("'connector' = 'datagen', 'rows-per-second' = '0'", "'0'"),
    ] {
        let sql = format!("CREATE TABLE t (a INT) WITH ({options});\nSELECT * FROM t");
        let caret = format!("\n  | {}{}\n", " ".repeat(sql.find(marked).unwrap()), "^".repeat(marked.len()));
        Folder::new().sql(&sql, &[]).code(1).says(&[&caret]);
    }
    // The line is gone when the next statement of a pipe is run.
    Folder::new().typed(&format!("{table}\nSELECT * FROM t;\n"), &[]).code(1).says(&["3 | SELECT * FROM t"]);
}

#[test]
fn an_insert_does_not_narrow_numbers() {
    let tables = "CREATE TABLE s (i INT, b BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '1'); \
                  CREATE TABLE o (v TINYINT) WITH ('connector' = 'blackhole'); \
                  CREATE TABLE d (v DOUBLE) WITH ('connector' = 'blackhole'); ";
    for column in ["i", "b"] {
        let sql = format!("{tables} INSERT INTO o SELECT {column} FROM s");
        Folder::new().sql(&sql, &[]).code(1).says(&["'v'", "TINYINT", "CAST"]);
    }
    Folder::new().sql(&format!("{tables} INSERT INTO d SELECT b FROM s"), &[]).code(0);
    Folder::new().sql(&format!("{tables} INSERT INTO o SELECT CAST(i AS TINYINT) FROM s"), &[]).code(0);
}

#[test]
fn a_batch_job_has_no_savepoints_and_says_so() {
    let job = "CREATE TABLE s (i INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1'); \
               CREATE TABLE o (i INT) WITH ('connector' = 'blackhole'); INSERT INTO o SELECT i FROM s";
    let batch = ["-D", "execution.runtime-mode=batch"];
    for option in ["--from-savepoint", "--stop-with-savepoint"] {
        Folder::new().sql(job, &[&batch[..], &[option, "sp"]].concat()).code(1).says(&[option, "streaming"]);
    }
    Folder::new().sql(job, &[&batch[..], &["--checkpoint-dir", "ck"]].concat()).code(0).says(&["takes no checkpoints"]);
}

#[test]
fn wrong_usage_is_2() {
    let folder = Folder::new();
    for arguments in [
        &["sql", "--no-such-option"][..],
        &["sql", "-e", "SELECT 1", "-p", "0"],
        &["sql", "-e", "SELECT 1", "-f", "x.sql"],
        &["sql", "-e", "SELECT 1", "-D", "no-value"],
        &["sql", "-e", "SELECT 1", "-D", "parallelism.defualt=3"],
        &["sql", "-e", "SELECT 1", "-D", "parallelism.default=many"],
        &["sql", "-f", "no-such-file.sql"],
        &["sql", "-e", "SELECT 1", "--report", "no/such/folder/report"],
        &["sql", "-e", "SELECT 1", "--output", "xml"],
        &["no-such-command"],
        &[],
    ] {
        let run = folder.run(arguments).code(2);
        assert!(!run.err.is_empty() && run.out.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    let folder = Folder::new();
    for arguments in [&["--help"][..], &["sql", "--help"], &["savepoint", "show", "--help"], &["completions", "--help"]]
    {
        let run = folder.run(arguments).code(0);
        assert!(run.out.contains("Example"), "{}", run.out);
    }
    let version = folder.run(&["--version"]).code(0).out;
    assert!(version.starts_with(concat!("tidemill ", env!("CARGO_PKG_VERSION"), " (")), "{version}");
    assert!(folder.run(&["completions", "bash"]).code(0).out.contains("--checkpoint-dir"));
}

#[test]
fn messages_as_json_are_objects_a_line() {
    let folder = Folder::new();
    let check = |run: Run| {
        assert!(!run.err.is_empty());
        for line in run.err.lines() {
            let message: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            assert!(message["level"].is_string() && message["message"].is_string(), "{line}");
        }
    };
    check(folder.sql("SELECT nope", &["--log-format", "json"]).code(1));
    check(folder.sql("SELECT 1", &["--log-format", "json", "-D", "parallelism.defualt=3"]).code(2));
    check(folder.run(&["sql", "--log-format", "json", "--no-such-option"]).code(2).says(&["--no-such-option"]));
    check(folder.run(&["--log-format=json", "sql", "-p", "0"]).code(2));
}

#[test]
fn an_expression_without_a_value_is_shown_where_the_statement_has_it() {
    let folder = Folder::new();
    let tables = "CREATE TABLE t (a STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '3');\n\
                  CREATE VIEW v AS SELECT CAST(a AS INT) AS b FROM t;\n";
    for mode in ["streaming", "batch"] {
        let mode = format!("execution.runtime-mode={mode}");
        for (query, place) in [
            ("SELECT a,\n  CAST(a AS INT) + 1 FROM t", "line 4, column 3"),
            ("SELECT a FROM t WHERE a <> '' AND CAST(a AS INT) > 5", "line 3, column 23"),
            ("SELECT a, SUM(CAST(a AS INT)) FROM t GROUP BY a", "line 3, column 15"),
            // Of a view: where it is used.
            ("SELECT b FROM v", "line 3, column 15"),
            // Conditions of an outer query over what an inner one computes, through a union and with a constant computed.
            ("SELECT b FROM v WHERE b > 1 + 1", "line 3, column 23"),
            ("SELECT c FROM (SELECT CAST(a AS INT) AS c FROM t)\nWHERE c > 0 AND c < 9", "line 4, column 7"),
            ("SELECT b FROM (SELECT b FROM (SELECT b FROM v)) WHERE b > 0", "line 3, column 55"),
            ("SELECT c FROM (SELECT b AS c FROM v UNION ALL SELECT 1) WHERE c > 0", "line 3, column 63"),
        ] {
            let run = folder.sql(&format!("{tables}{query}"), &["-D", &mode]);
            run.code(1).says(&["cannot be cast to INT", "CAST(a AS INT)", place, "^"]);
        }
    }
}
