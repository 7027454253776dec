//! `--report`.

use serde_json::{Value, json};

use crate::support::Folder;

const JOB: &str = "CREATE TABLE s (k INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1000'); \
                   CREATE TABLE b (k INT) WITH ('connector' = 'blackhole'); INSERT INTO b SELECT k FROM s";

#[test]
fn a_finished_job_with_its_counts() {
    let folder = Folder::new();
    folder.sql(JOB, &["--report", "report"]).code(0);
    let report = folder.report();
    let job = &report["jobs"][0];
    assert_eq!((&job["state"], &job["rows_in"], &job["rows_out"]), (&json!("FINISHED"), &json!(1000), &json!(1000)));
    assert_eq!((&job["result_hash"], &job["restored_from"]), (&Value::Null, &Value::Null));
    assert!(job["name"].as_str().is_some_and(|name| name.ends_with('b')), "{report}");
    for figure in ["wall_ms", "rss_max_bytes", "anon_max_bytes", "cpu_ms", "late_rows_dropped", "checkpoints_completed"]
    {
        assert!(job[figure].is_u64(), "{figure}: {report}");
    }
}

#[test]
fn the_hash_is_there_where_it_is_asked_for_and_the_same_in_both_modes() {
    let rows = "(VALUES (1, 'a'), (2, 'b'), (2, 'c'), (3, CAST(NULL AS STRING))) AS t(a, b)";
    let sql = format!(
        "CREATE TABLE o (a INT, b STRING) WITH ('connector' = 'blackhole'); INSERT INTO o SELECT a, b FROM {rows}"
    );
    let hash = |mode: &str| {
        let folder = Folder::new();
        folder.sql(&sql, &["-D", "tidemill.sink.result-hash=true", "-D", mode, "--report", "report"]).code(0);
        folder.report()["jobs"][0]["result_hash"].as_str().unwrap_or_default().to_string()
    };
    let streaming = hash("execution.runtime-mode=streaming");
    assert_eq!(streaming.len(), 32, "{streaming}");
    assert_eq!(streaming, hash("execution.runtime-mode=batch"));
}

#[test]
fn rows_of_values_are_read_in_both_modes() {
    let sql = "CREATE TABLE o (a INT) WITH ('connector' = 'blackhole'); \
               INSERT INTO o SELECT a FROM (VALUES (1), (2), (3)) AS t(a) WHERE a > CHAR_LENGTH(UUID()) - 35";
    for mode in ["streaming", "batch"] {
        let folder = Folder::new();
        folder.sql(sql, &["--report", "report", "-D", &format!("execution.runtime-mode={mode}")]).code(0);
        let report = folder.report();
        assert_eq!((&report["jobs"][0]["rows_in"], &report["jobs"][0]["rows_out"]), (&json!(3), &json!(2)), "{mode}");
    }
}

#[test]
fn there_is_a_report_whatever_goes_wrong() {
    let folder = Folder::new();
    folder.sql("SELEC 1", &["--report", "report"]).code(1);
    assert_eq!(folder.report(), json!({ "jobs": [] }));
    folder.run(&["sql", "-p", "0", "--report", "report"]).code(2);
    assert_eq!(folder.report(), json!({ "jobs": [] }));
    let bad = folder.write("bad.csv", "1\nx\n");
    let sql = format!(
        "CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = '{bad}', 'format' = 'csv'); \
                       CREATE TABLE b (a INT) WITH ('connector' = 'blackhole'); INSERT INTO b SELECT a FROM t"
    );
    for mode in ["streaming", "batch"] {
        folder.sql(&sql, &["--report", "report", "-D", &format!("execution.runtime-mode={mode}")]).code(1);
        assert_eq!(folder.report()["jobs"][0]["state"], "FAILED", "{mode}");
    }
}

#[test]
fn every_job_of_a_script_is_in_it() {
    let folder = Folder::new();
    let sql = format!("{JOB}; SET 'pipeline.name' = 'again'; INSERT INTO b SELECT k FROM s");
    folder.sql(&sql, &["--report", "report"]).code(0);
    let report = folder.report();
    assert_eq!(report["jobs"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["jobs"][1]["name"], "again");
}
