//! Jobs of every released format go on: `tests/fixtures/formats/<n>` at the root of the repository, see the README there.
//!
//! Each is restored at parallelisms that differ from the one that wrote it; together with what had been written before, its
//! output must be that of a run that was never interrupted.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::Folder;

/// Parallelisms at which jobs are restored.
const PARALLELISMS: [&str; 2] = ["1", "3"];

fn formats() -> Vec<PathBuf> {
    // From the package's folder, where cargo runs tests.
    let entries = std::fs::read_dir("../../tests/fixtures/formats").unwrap().map(|entry| entry.unwrap().path());
    let mut formats: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    formats.sort();
    assert!(!formats.is_empty());
    formats
}

/// What must be the same however the job was interrupted: the committed lines, and of the report what does not depend on how
/// changes were put together.
fn result(folder: &Folder) -> (Vec<String>, Vec<Value>) {
    let job = &folder.report()["jobs"][0];
    assert_eq!(job["state"], "FINISHED");
    let same = ["rows_in", "late_rows_dropped", "result_hash"].map(|key| job[key].clone());
    (folder.committed("output"), same.to_vec())
}

/// The job of a format in a folder of its own, with what `state` (`checkpoint` or `savepoint`) had written, run to its end.
fn run(format: &Path, state: Option<&str>, more: &[&str]) -> Folder {
    let folder = Folder::new();
    for entry in std::fs::read_dir(format).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), folder.path(entry.file_name().to_str().unwrap())).unwrap();
        }
    }
    if let Some(state) = state {
        copy(&format.join(state), &folder.path(state));
        copy(&format.join(format!("{state}-output")), &folder.path("output"));
    }
    folder.run(&[&["sql", "-f", "job.sql", "--report", "report"], more].concat()).code(0);
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn checkpoints() {
    for format in formats() {
        let whole = result(&run(&format, None, &["-p", "2"]));
        for parallelism in PARALLELISMS {
            let folder = run(&format, Some("checkpoint"), &["--checkpoint-dir", "checkpoint", "-p", parallelism]);
            assert!(folder.report()["jobs"][0]["restored_from"].as_str().unwrap().contains("/chk-2/"));
            assert_eq!(result(&folder), whole, "{format:?} at parallelism {parallelism}");
        }
    }
}

#[test]
fn savepoints() {
    for format in formats() {
        let whole = result(&run(&format, None, &["-p", "2"]));
        for parallelism in PARALLELISMS {
            let folder = run(&format, Some("savepoint"), &["--from-savepoint", "savepoint", "-p", parallelism]);
            assert!(folder.report()["jobs"][0]["restored_from"].as_str().unwrap().contains("/savepoint"));
            assert_eq!(result(&folder), whole, "{format:?} at parallelism {parallelism}");
        }
    }
}
