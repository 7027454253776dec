//! Checkpoints and savepoints of every released format are restored forever.
//!
//! `tests/fixtures/formats/<N>` at the root of the repository holds a job's directory (`checkpoint`) and a savepoint, both made
//! by a whole job: see the README there. A change of format adds a folder; what is there is never edited. That whole jobs go on
//! from them is tested in `crates/cli`.

use std::path::PathBuf;
use std::sync::Arc;

use tidemill_checkpoint::{DecisionLog, FileStorage, JobDirectory, ResolveOptions, read_savepoint, resolve, savepoint};

fn formats() -> Vec<PathBuf> {
    // From the package's folder, where cargo runs tests.
    let entries = std::fs::read_dir("../../tests/fixtures/formats").unwrap().map(|entry| entry.unwrap().path());
    let mut formats: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    formats.sort();
    assert!(!formats.is_empty());
    formats
}

#[test]
fn checkpoints() {
    for path in formats().into_iter().map(|format| format.join("checkpoint")) {
        let directory = JobDirectory::new(Arc::new(FileStorage::open_existing(&path).unwrap()));
        assert!(directory.identity().unwrap().is_some(), "{path:?}");
        let log = DecisionLog::open(&directory, 1).unwrap();
        let resolution = resolve(&directory, log.history(), &ResolveOptions::default()).unwrap();
        assert!(resolution.restore.is_some() && resolution.passed_over.is_empty(), "{path:?}");
    }
}

#[test]
fn savepoints() {
    for path in formats().into_iter().map(|format| format.join("savepoint")) {
        let store = FileStorage::open_existing(&path).unwrap();
        assert!(read_savepoint(&store).unwrap().content.subtasks().count() > 0, "{path:?}");
        let report = savepoint::verify(&store).unwrap();
        assert!(report.problems.is_empty(), "{path:?}: {:?}", report.problems);
    }
}
