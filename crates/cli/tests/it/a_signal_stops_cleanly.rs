//! Ctrl-C and SIGTERM, with and without `--stop-with-savepoint`.

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::support::{Folder, finish};

/// Numbers 1 to 6,000 into `out`, and into `print` so that a test sees it run.
fn job(pace: &str) -> String {
    format!(
        "CREATE TABLE s (k INT) WITH ('connector' = 'datagen', 'number-of-rows' = '6000', 'fields.k.kind' = 'sequence', \
         'fields.k.start' = '1', 'fields.k.end' = '6000'{pace}); \
         CREATE TABLE o (k INT) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'csv'); \
         CREATE TABLE p (k INT) WITH ('connector' = 'print'); \
         EXECUTE STATEMENT SET BEGIN INSERT INTO o SELECT k FROM s; INSERT INTO p SELECT k FROM s; END"
    )
}

const SLOW: &str = ", 'rows-per-second' = '200'";

fn numbers() -> Vec<String> {
    let mut numbers: Vec<String> = (1..=6000).map(|number| number.to_string()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn without_a_savepoint_it_is_130_and_the_job_goes_on_later() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        let folder = Folder::new();
        let options = ["--checkpoint-dir", "ck", "--report", "report"];
        let paced = job(SLOW);
        let mut running = folder.start(&[&["sql", "-p", "2", "-e", &paced], &options[..]].concat());
        running.line();
        running.signal(signal);
        running.finish().code(130);
        assert_eq!(folder.report()["jobs"][0]["state"], "CANCELED");
        folder.write("again.sql", &paced);
        let before = folder.committed("out");
        assert!(before.len() < 6000);
    }
}

#[test]
fn with_a_savepoint_it_is_0_and_the_output_is_committed() {
    let folder = Folder::new();
    let pace = ", 'rows-per-second' = '2000'";
    let mut running =
        folder.start(&["sql", "-p", "2", "-e", &job(pace), "--stop-with-savepoint", "sp", "--report", "report"]);
    running.line();
    running.signal(Signal::SIGTERM);
    running.finish().code(0).says(&["savepoint"]);
    let report = folder.report();
    let first = folder.committed("out");
    assert_eq!(report["jobs"][0]["rows_in"].as_u64(), Some(first.len() as u64), "{report}");
    assert!(!first.is_empty() && first.len() < 6000);

    let run = folder.run(&["sql", "-p", "3", "-e", &job(pace), "--from-savepoint", "sp", "--report", "report"]).code(0);
    assert_eq!(folder.committed("out"), numbers(), "{}", run.err);
    let report = folder.report();
    assert_eq!(report["jobs"][0]["rows_in"], 6000, "{report}");
    assert!(report["jobs"][0]["restored_from"].as_str().is_some_and(|url| url.contains("sp")), "{report}");
}

#[test]
fn two_signals_at_once_are_one() {
    let folder = Folder::new();
    let mut running = folder.start(&["sql", "-p", "2", "-e", &job(SLOW), "--stop-with-savepoint", "sp"]);
    running.line();
    // As `timeout` does; two of one kind may become one on their way.
    running.signal(Signal::SIGTERM);
    running.signal(Signal::SIGINT);
    running.finish().code(0).says(&["another signal gives the savepoint up", "its savepoint is"]);
    assert!(!folder.committed("out").is_empty());
}

#[test]
fn before_anything_is_run_there_is_a_report_too() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        let folder = Folder::new();
        // The script comes from stdin, and does not come.
        let mut command = folder.command(&["sql", "-f", "-", "--report", "report"]);
        let running = folder.start_command(command.stdin(Stdio::piped()));
        while !folder.path("report").exists() {
            std::thread::yield_now();
        }
        running.signal(signal);
        running.finish().code(130);
        assert_eq!(folder.report(), serde_json::json!({ "jobs": [] }));
    }
}

#[test]
fn a_file_that_may_not_become_so_large_is_an_error_like_others() {
    let folder = Folder::new();
    for batch in [&["-D", "execution.runtime-mode=batch"][..], &[]] {
        let command = folder.command(&[&["sql", "-p", "1", "-e", &job(""), "--report", "report"], batch].concat());
        let run = finish(&mut in_a_shell("ulimit -f 8", &command)).code(1).says(&["ulimit -f", "rolling-policy"]);
        assert_eq!(folder.report()["jobs"][0]["state"], "FAILED", "{}", run.err);
        assert!(folder.committed("out").is_empty());
    }
}

#[test]
fn a_savepoint_that_fails_leaves_the_output_uncommitted() {
    let folder = Folder::new();
    let mut running = folder.start(&["sql", "-p", "2", "-e", &job(SLOW), "--stop-with-savepoint", "sp"]);
    running.line();
    folder.write("sp/something", "x");
    running.signal(Signal::SIGTERM);
    running.finish().code(1).says(&["not empty"]);
    assert!(folder.files("out").is_empty(), "{:?}", folder.files("out"));
}

#[test]
fn a_savepoint_is_its_manifest_and_its_tables() {
    let folder = Folder::new();
    let mut running = folder.start(&["sql", "-p", "2", "-e", &job(SLOW), "--stop-with-savepoint", "sp"]);
    running.line();
    running.signal(Signal::SIGTERM);
    running.finish().code(0);
    assert_eq!(folder.files("sp"), ["manifest"], "the job has no tables, and nothing else is left");
}

#[test]
fn what_nobody_can_commit_is_removed() {
    let folder = Folder::new();
    let mut running = folder.start(&["sql", "-p", "2", "-e", &job(SLOW)]);
    running.line();
    running.signal(Signal::SIGTERM);
    running.finish().code(130);
    assert!(folder.files("out").is_empty(), "{:?}", folder.files("out"));
}

#[test]
fn a_savepoint_needs_an_empty_place() {
    let folder = Folder::new();
    folder.write("sp/something", "x");
    folder.sql("SELECT 1", &["--stop-with-savepoint", "sp"]).code(1).says(&["not empty"]);
}

#[test]
fn a_query_stops_too() {
    let folder = Folder::new();
    let sql = "CREATE TABLE s (a BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000'); SELECT a FROM s";
    let mut running = folder.start(&["sql", "-p", "2", "--output", "csv", "-e", sql, "--report", "report"]);
    running.line();
    running.signal(Signal::SIGINT);
    let run = running.finish().code(130);
    assert!(run.out.ends_with('\n'), "the last row is whole");
    assert_eq!(folder.report()["jobs"][0]["state"], "CANCELED");
}

#[test]
fn nothing_behind_a_stopped_statement_is_run() {
    let folder = Folder::new();
    let mut running =
        folder.start(&["sql", "-p", "1", "--output", "csv", "-e", &format!("{}; SELECT 'behind'", job(SLOW))]);
    running.line();
    running.signal(Signal::SIGTERM);
    assert!(!running.finish().code(130).out.contains("behind"));
}

#[test]
fn what_was_started_with_nohup_goes_on() {
    let folder = Folder::new();
    let command = folder.command(&["sql", "-p", "1", "-e", &job(", 'rows-per-second' = '3000'")]);
    let mut running = folder.start_command(&mut in_a_shell("trap '' HUP", &command));
    running.line();
    running.signal(Signal::SIGHUP);
    running.finish().code(0);
    assert_eq!(folder.committed("out"), numbers());
}

/// The same command, started by a shell that has done something before: `trap '' HUP` ignores SIGHUP as `nohup` does.
fn in_a_shell(before: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{before}; exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args()).current_dir(command.get_current_dir().unwrap());
    shell
}

/// Waits until a file is being written.
fn wait_for_part(folder: &Folder) -> String {
    loop {
        if let Some(part) = folder.files("out").into_iter().find(|name| name.starts_with(".part-")) {
            return part;
        }
        std::thread::yield_now();
    }
}

#[test]
fn what_a_killed_batch_job_has_left_goes_with_the_next_one() {
    let folder = Folder::new();
    let batch = ["-D", "execution.runtime-mode=batch"];
    let run = |pace: &str| folder.start(&[&["sql", "-p", "1", "-e", &job(pace)], &batch[..]].concat());
    let killed = run(SLOW);
    let left = wait_for_part(&folder);
    killed.signal(Signal::SIGKILL);
    killed.finish();
    assert!(folder.files("out").contains(&left), "it was killed too late");

    let other = run(SLOW);
    let mut writing = wait_for_part(&folder);
    while writing == left {
        writing = wait_for_part(&folder);
    }
    run("").finish().code(0);
    let files = folder.files("out");
    assert!(!files.contains(&left) && files.contains(&writing), "{files:?}");
    other.signal(Signal::SIGTERM);
    other.finish().code(130);
    let hidden: Vec<String> = folder.files("out").into_iter().filter(|name| name.starts_with('.')).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
    assert_eq!(folder.committed("out"), numbers());
}

#[test]
fn a_stopped_batch_job_has_its_counts() {
    let folder = Folder::new();
    let batch = ["-D", "execution.runtime-mode=batch", "--report", "report"];
    let running = folder.start(&[&["sql", "-p", "1", "-e", &job(SLOW)], &batch[..]].concat());
    wait_for_part(&folder);
    running.signal(Signal::SIGTERM);
    running.finish().code(130);
    let report = folder.report();
    let job = &report["jobs"][0];
    assert_eq!(job["state"], "CANCELED");
    assert!(job["rows_in"].as_u64() > Some(0) && job["rows_out"].as_u64() > Some(0), "{report}");
    assert!(folder.committed("out").is_empty());
}
