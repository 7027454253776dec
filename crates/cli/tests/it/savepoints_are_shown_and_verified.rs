//! `tidemill savepoint show|verify`.

use nix::sys::signal::Signal;

use crate::support::Folder;

fn with_savepoint() -> Folder {
    let folder = Folder::new();
    let sql = "CREATE TABLE s (k INT, v INT) WITH ('connector' = 'datagen', 'rows-per-second' = '500'); \
               CREATE TABLE p (k INT, n BIGINT) WITH ('connector' = 'print'); \
               INSERT INTO p SELECT k, COUNT(*) FROM s GROUP BY k";
    let mut running = folder.start(&["sql", "-p", "2", "-e", sql, "--stop-with-savepoint", "sp"]);
    running.line();
    running.signal(Signal::SIGINT);
    running.finish().code(0);
    folder
}

#[test]
fn a_whole_one() {
    let folder = with_savepoint();
    let shown = folder.run(&["savepoint", "show", "sp"]).code(0).out;
    assert!(shown.contains("default_catalog.default_database.p") && shown.contains(".parquet"), "{shown}");
    assert!(folder.run(&["savepoint", "verify", "sp"]).code(0).out.starts_with("whole"));
}

#[test]
fn a_damaged_one_and_none() {
    let folder = with_savepoint();
    let files =
        std::fs::read_dir(folder.path("sp")).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
    let files: Vec<std::path::PathBuf> = files.unwrap_or_default();
    let table = files.iter().find(|path| path.extension().is_some_and(|extension| extension == "parquet"));
    let table =
        table.map(|path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default()).unwrap_or_default();
    let mut bytes = std::fs::read(folder.path("sp").join(table)).unwrap_or_default();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    folder.write(&format!("sp/{table}"), bytes);
    let run = folder.run(&["savepoint", "verify", "sp"]).code(1);
    assert!(run.out.contains(table), "{}", run.out);
    folder.run(&["savepoint", "show", "nowhere"]).code(1).says(&["nowhere"]);
}
