//! config.yaml, then -D, then SET.

use std::process::Stdio;

use crate::support::{Folder, Run, finish};

/// The header tells the mode: a streaming result has `op`.
fn header(folder: &Folder, sql: &str, more: &[&str]) -> Run {
    let arguments = [&["sql", "--output", "csv", "-e", sql], more].concat();
    finish(folder.command(&arguments).env("TIDEMILL_CONF_DIR", folder.path("conf")).stdin(Stdio::null()))
}

#[test]
fn set_beats_define_beats_the_file() {
    let folder = Folder::new();
    folder.write("conf/config.yaml", "execution:\n  runtime-mode: batch\n");
    assert_eq!(header(&folder, "SELECT 1 AS a", &[]).code(0).out, "a\n1\n");
    let define = ["-D", "execution.runtime-mode=streaming"];
    assert_eq!(header(&folder, "SELECT 1 AS a", &define).code(0).out, "op,a\n+I,1\n");
    let set = "SET 'execution.runtime-mode' = 'batch'; SELECT 1 AS a";
    assert_eq!(header(&folder, set, &define).code(0).out, "a\n1\n");
    let reset = "SET 'execution.runtime-mode' = 'batch'; RESET 'execution.runtime-mode'; SELECT 1 AS a";
    assert_eq!(header(&folder, reset, &define).code(0).out, "op,a\n+I,1\n");
}

#[test]
fn the_file_may_hold_what_others_need_but_no_wrong_value() {
    let folder = Folder::new();
    folder.write("conf/config.yaml", "jobmanager.rpc.address: localhost\n");
    header(&folder, "SELECT 1 AS a", &[]).code(0).says(&["jobmanager.rpc.address"]);
    folder.write("conf/config.yaml", "parallelism.defualt: 3\n");
    header(&folder, "SELECT 1 AS a", &[]).code(0).says(&[
        "warning",
        "'parallelism.defualt'",
        "nearest",
        "'parallelism.default'",
    ]);
    folder.write("conf/config.yaml", "parallelism.default: many\n");
    header(&folder, "SELECT 1 AS a", &[]).code(2).says(&["parallelism.default"]);
    folder.write("conf/config.yaml", "a: [1\n");
    header(&folder, "SELECT 1 AS a", &[]).code(2).says(&["config.yaml"]);
}

#[test]
fn init_runs_first() {
    let folder = Folder::new();
    let init = folder.write("init.sql", "CREATE VIEW v AS SELECT 7 AS a; SET 'execution.runtime-mode' = 'batch';");
    let run = folder.sql("SELECT a FROM v", &["--output", "csv", "-i", &init]).code(0);
    assert_eq!(run.out, "a\n7\n");
}
