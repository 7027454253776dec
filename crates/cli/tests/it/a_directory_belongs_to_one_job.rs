//! `--checkpoint-dir`: resuming, finished jobs, changed and other jobs, `--fresh`.

use nix::sys::signal::Signal;

use crate::support::Folder;

/// Reads 1,000 rows into `out`.
fn job(sink: &str, filter: &str) -> String {
    format!(
        "CREATE TABLE s (k INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1000', 'fields.k.kind' = 'sequence', \
         'fields.k.start' = '1', 'fields.k.end' = '1000'); \
         CREATE TABLE {sink} (k INT) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'csv'); \
         INSERT INTO {sink} SELECT k FROM s{filter}"
    )
}

#[test]
fn a_finished_job_is_not_run_again() {
    let folder = Folder::new();
    let more = ["--checkpoint-dir", "ck", "--report", "report"];
    folder.sql(&job("o", ""), &more).code(0);
    let before = folder.committed("out");
    assert_eq!(before.len(), 1000);
    folder.sql(&job("o", ""), &more).code(0).says(&["finished", "--fresh"]);
    assert_eq!(folder.committed("out"), before);
    assert_eq!(folder.report()["jobs"][0]["rows_out"], 1000);
    assert_eq!(folder.report()["jobs"][0]["state"], "FINISHED");
}

#[test]
fn fresh_starts_over() {
    let folder = Folder::new();
    folder.sql(&job("o", ""), &["--checkpoint-dir", "ck"]).code(0);
    folder.sql(&job("o", ""), &["--checkpoint-dir", "ck", "--fresh"]).code(0);
    assert_eq!(folder.committed("out").len(), 2000);
}

#[test]
fn changed_statements_and_other_jobs_are_refused() {
    let folder = Folder::new();
    folder.sql(&job("o", ""), &["--checkpoint-dir", "ck"]).code(0);
    folder.sql(&job("o", " WHERE k > 5"), &["--checkpoint-dir", "ck"]).code(1).says(&["changed", "--fresh"]);
    folder.sql(&job("p", ""), &["--checkpoint-dir", "ck"]).code(1).says(&["belongs to the job", ".o'", ".p'"]);
    assert_eq!(folder.committed("out").len(), 1000);
    // What is not part of the job's meaning may change.
    let more = ["--checkpoint-dir", "ck", "-D", "parallelism.default=3", "-D", "execution.checkpointing.interval=5 s"];
    folder.run(&[&["sql", "-e", &job("o", "")], &more[..]].concat()).code(0);
}

#[test]
fn another_time_zone_is_another_meaning_and_another_timeout_is_said_to_be_ignored() {
    let folder = Folder::new();
    let sql = job("o", "").replace("'1000',", "'1000', 'rows-per-second' = '500',");
    let options = ["--checkpoint-dir", "ck", "--stop-with-savepoint", "sp"];
    let interval = ["-D", "execution.checkpointing.interval=20 ms"];
    let running = folder.start(&[&["sql", "-e", &sql], &options[..], &interval[..]].concat());
    // Output is committed once a checkpoint is complete.
    while folder.committed("out").is_empty() {
        std::thread::yield_now();
    }
    running.signal(Signal::SIGINT);
    running.finish().code(0);
    let zone = ["-D", "table.local-time-zone=Asia/Tokyo"];
    let advice = ["Asia/Tokyo", "'UTC'", "--fresh"];
    folder.sql(&sql, &[&["--checkpoint-dir", "ck"], &zone[..]].concat()).code(1).says(&advice);
    folder.sql(&sql, &[&["--from-savepoint", "sp"], &zone[..]].concat()).code(1).says(&advice);
    // What a job goes on with all the same is said.
    let idle = ["--checkpoint-dir", "ck", "-D", "scan.watermark.idle-timeout=5 s"];
    folder.sql(&sql, &idle).code(0).says(&["'scan.watermark.idle-timeout' is '5 s'", "'0 ms'", "--fresh"]);
    assert_eq!(folder.committed("out").len(), 1000);
}

#[test]
fn a_hash_of_some_of_the_rows_is_none() {
    let folder = Folder::new();
    let more = ["--checkpoint-dir", "ck", "--report", "report"];
    let hashed = [&more[..], &["-D", "tidemill.sink.result-hash=true"]].concat();
    folder.sql(&job("o", ""), &more).code(0);
    folder.sql(&job("o", ""), &hashed).code(0).says(&["no hash", "--fresh"]);
    assert_eq!(folder.report()["jobs"][0]["result_hash"], serde_json::Value::Null);
    folder.sql(&job("o", ""), &[&hashed[..], &["--fresh"]].concat()).code(0);
    let hash = folder.report()["jobs"][0]["result_hash"].clone();
    assert!(hash.is_string(), "{hash}");
    folder.sql(&job("o", ""), &hashed).code(0);
    assert_eq!(folder.report()["jobs"][0]["result_hash"], hash);
}

#[test]
fn the_directory_may_be_a_url_and_is_an_option_like_any_other() {
    let folder = Folder::new();
    let url = format!("file://{}", folder.text("ck"));
    folder.sql(&job("o", ""), &["-D", &format!("execution.checkpointing.dir={url}")]).code(0);
    folder.sql(&job("o", ""), &["--checkpoint-dir", "ck"]).code(0).says(&["finished"]);
}

#[test]
fn the_second_job_of_a_script_is_refused_before_the_first_is_run() {
    let folder = Folder::new();
    let sql = format!("{}; INSERT INTO o SELECT k FROM s", job("o", ""));
    folder.sql(&sql, &["--checkpoint-dir", "ck"]).code(1).says(&["STATEMENT SET", "^"]);
    assert!(folder.committed("out").is_empty());
    folder.sql(&sql, &[]).code(0);
    assert_eq!(folder.committed("out").len(), 2000);
}

#[test]
fn a_query_is_not_kept() {
    let folder = Folder::new();
    let sql = format!("{}; SELECT 1 AS a; SELECT 2 AS a", job("o", ""));
    let run = folder.sql(&sql, &["--checkpoint-dir", "ck"]).code(0);
    assert_eq!(folder.committed("out").len(), 1000);
    assert!(!run.err.contains("warning"), "{}", run.err);
    let run = folder.sql("SELECT 1 AS a; SELECT 2 AS a", &["--checkpoint-dir", "other"]).code(0);
    assert_eq!(run.err.matches("a SELECT keeps nothing").count(), 1, "{}", run.err);
    assert!(!folder.path("other").exists());
}

#[test]
fn a_savepoint_is_no_directory_for_checkpoints_and_checkpoints_are_no_savepoint() {
    let folder = Folder::new();
    let endless = "CREATE TABLE s (k INT) WITH ('connector' = 'datagen', 'rows-per-second' = '500'); \
                   CREATE TABLE p (k INT) WITH ('connector' = 'print'); INSERT INTO p SELECT k FROM s";
    let mut running = folder.start(&["sql", "-e", endless, "--stop-with-savepoint", "sp", "--checkpoint-dir", "ck"]);
    running.line();
    running.signal(Signal::SIGTERM);
    running.finish().code(0);

    // A process that ends at once may leave its empty folder for files in the making.
    let files = || folder.files("sp").into_iter().filter(|name| name != ".tmp").collect::<Vec<_>>();
    let before = files();
    for fresh in [&[][..], &["--fresh"]] {
        let more = [&["--checkpoint-dir", "sp"], fresh].concat();
        folder.sql(endless, &more).code(1).says(&["is a savepoint", "--from-savepoint", "another directory"]);
    }
    assert_eq!(files(), before);

    let chk = folder.files("ck").into_iter().find(|name| name.starts_with("chk-")).unwrap_or_default();
    for (url, advice) in [("ck".to_string(), "--checkpoint-dir file:"), (format!("ck/{chk}"), "the directory above")] {
        let run = folder.sql(endless, &["--from-savepoint", &url, "--checkpoint-dir", "other"]).code(1);
        run.says(&["is no savepoint", advice]);
    }
    folder.run(&["savepoint", "show", "ck"]).code(1).says(&["directory of a job's checkpoints"]);
}
