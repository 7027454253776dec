//! Bad input: each a clear error that names the file and the place, and nothing is lost or half committed.

use std::process::Stdio;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

use crate::support::{Folder, finish};

/// A job from a file into the folder `out`, in a mode.
fn job(columns: &str, file: &str, format: &str, mode: &str) -> String {
    format!(
        "SET 'execution.runtime-mode' = '{mode}'; \
         CREATE TABLE t ({columns}) WITH ('connector' = 'filesystem', 'path' = '{file}', 'format' = '{format}'); \
         CREATE TABLE o ({columns}) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'csv'); \
         INSERT INTO o SELECT * FROM t"
    )
}

/// Refused in both modes, with these words, and nothing is committed.
#[track_caller]
fn refused(folder: &Folder, columns: &str, file: &str, format: &str, words: &[&str]) {
    for mode in ["streaming", "batch"] {
        folder.sql(&job(columns, file, format, mode), &[]).code(1).says(words);
        assert!(folder.committed("out").is_empty(), "{mode}: {:?}", folder.committed("out"));
    }
}

fn parquet(rows: i64) -> Vec<u8> {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("name {row}"))));
    let batch = RecordBatch::try_from_iter([("a", numbers), ("name", names)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn a_csv_line_that_is_cut_off() {
    let folder = Folder::new();
    let file = folder.write("cut.csv", "1,a\n2,b\n3");
    refused(&folder, "a INT, b STRING", &file, "csv", &["cut.csv", "3"]);
    let file = folder.write("open.csv", "1,a\n2,\"b\n");
    refused(&folder, "a INT, b STRING", &file, "csv", &["open.csv", "2"]);
}

#[test]
fn a_value_of_another_type() {
    let folder = Folder::new();
    let file = folder.write("b.csv", "1\nx\n");
    refused(&folder, "a INT", &file, "csv", &["b.csv", "2", "x"]);
    let file = folder.write("b.json", "{\"a\":1}\n{\"a\":[]}\n");
    refused(&folder, "a INT", &file, "json", &["b.json", "2"]);
    let file = folder.write("b.parquet", parquet(10));
    refused(&folder, "a INT, name STRING", &file, "parquet", &["b.parquet", "'a'"]);
}

#[test]
fn a_column_that_is_not_there() {
    let folder = Folder::new();
    let file = folder.write("one.csv", "1\n");
    refused(&folder, "a INT, b STRING", &file, "csv", &["one.csv", "1"]);
    let file = folder.write("two.parquet", parquet(10));
    refused(&folder, "a BIGINT, nam STRING", &file, "parquet", &["two.parquet", "nam"]);
}

#[test]
fn a_parquet_file_that_is_cut_short() {
    let folder = Folder::new();
    let whole = parquet(10_000);
    for length in [0, 3, 100, whole.len() / 2, whole.len() - 1] {
        let file = folder.write("cut.parquet", &whole[..length]);
        refused(&folder, "a BIGINT, name STRING", &file, "parquet", &["cut.parquet"]);
    }
}

#[test]
fn a_file_and_a_directory_that_are_not_there() {
    let folder = Folder::new();
    refused(&folder, "a INT", "/nowhere/x.csv", "csv", &["/nowhere/x.csv"]);
    refused(&folder, "a INT", "/nowhere/", "csv", &["/nowhere"]);
}

#[test]
fn a_directory_that_vanishes() {
    let folder = Folder::new();
    folder.write("in/a.csv", "1\n");
    let sql = "CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'csv', \
               'source.monitor-interval' = '50 ms'); \
               CREATE TABLE p (a INT) WITH ('connector' = 'print'); INSERT INTO p SELECT a FROM t";
    let mut running = folder.start(&["sql", "-p", "1", "-e", sql, "--checkpoint-dir", "ck"]);
    assert_eq!(running.line(), "+I[1]\n");
    std::fs::remove_dir_all(folder.path("in")).unwrap();
    running.finish().code(1).says(&["in"]);
    // Once it is back, the job goes on where it was.
    folder.write("in/a.csv", "1\n");
    folder.write("in/b.csv", "2\n");
    let mut running = folder.start(&["sql", "-p", "1", "-e", sql, "--checkpoint-dir", "ck"]);
    let mut line = running.line();
    if line == "+I[1]\n" {
        // No checkpoint was complete when the folder went.
        line = running.line();
    }
    assert_eq!(line, "+I[2]\n");
    running.signal(nix::sys::signal::Signal::SIGINT);
    running.finish().code(130);
}

/// Every write beyond 64 KiB fails, as on a full disk, for whoever runs the tests.
fn on_a_full_disk(folder: &Folder, sql: &str, more: &[&str]) -> crate::support::Run {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_tidemill")]);
    command.args(["sql", "-p", "1", "-e", sql]).args(more).current_dir(folder.path("."));
    finish(command.env("HOME", folder.path(".")).env_remove("TIDEMILL_CONF_DIR").stdin(Stdio::null()))
}

#[test]
fn a_full_disk() {
    let folder = Folder::new();
    let rows = "CREATE TABLE s (k BIGINT, v STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '50000', \
                'fields.k.kind' = 'sequence', 'fields.k.start' = '1', 'fields.k.end' = '50000', 'fields.v.length' = '40')";
    let sql = format!(
        "{rows}; CREATE TABLE o (k BIGINT, v STRING) WITH ('connector' = 'filesystem', 'path' = 'out', 'format' = 'csv'); \
         INSERT INTO o SELECT k, v FROM s"
    );
    for mode in ["execution.runtime-mode=batch", "execution.runtime-mode=streaming"] {
        on_a_full_disk(&folder, &sql, &["-D", mode]).code(1).says(&["out"]);
        assert!(folder.committed("out").is_empty());
    }
    // A checkpoint that cannot be written: nothing is committed; with room again the job goes on and loses nothing.
    let sql = format!(
        "{rows}; CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole'); \
         INSERT INTO o SELECT k, COUNT(*) FROM s GROUP BY k, v"
    );
    on_a_full_disk(&folder, &sql, &["--checkpoint-dir", "ck"]).code(1).says(&["ck"]);
    folder.sql(&sql, &["--checkpoint-dir", "ck", "--report", "report"]).code(0);
    assert_eq!(folder.report()["jobs"][0]["rows_out"], 50_000);
}

#[test]
fn a_checkpoint_directory_of_another_job() {
    let folder = Folder::new();
    let file = folder.write("a.csv", "1\n");
    let first = job("a INT", &file, "csv", "streaming");
    folder.sql(&first, &["--checkpoint-dir", "ck"]).code(0);
    let other = first.replace("TABLE o ", "TABLE other ").replace("INTO o ", "INTO other ");
    folder.sql(&other, &["--checkpoint-dir", "ck"]).code(1).says(&["belongs to the job"]);
    assert_eq!(folder.committed("out"), ["1"]);
}

#[test]
fn a_cast_cuts_text_that_is_longer_than_its_column_says() {
    let folder = Folder::new();
    let file = folder.write("wide.csv", "abcd\n");
    let sql = format!(
        "CREATE TABLE t (a VARCHAR(2)) WITH ('connector' = 'filesystem', 'path' = '{file}', 'format' = 'csv'); \
         SELECT a, CAST(a AS VARCHAR(2)) AS two, CAST(a AS VARCHAR(3)) AS three, CAST(a AS STRING) AS wide FROM t"
    );
    for (mode, want) in [("batch", "abcd,ab,abc,abcd"), ("streaming", "+I,abcd,ab,abc,abcd")] {
        let more = ["--output", "csv", "-D", &format!("execution.runtime-mode={mode}")];
        assert_eq!(folder.sql(&sql, &more).code(0).out.lines().last(), Some(want));
    }
}
