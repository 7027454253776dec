//! Checkpoints and savepoints of every released format are restored forever.
//!
//! `tests/fixtures/formats/<N>/checkpoint` is a job's directory and `…/<N>/savepoint` a savepoint, both made by a whole job. A
//! change of format adds a folder; what is there is never edited.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidemill_checkpoint::{DecisionLog, FileStorage, JobDirectory, ResolveOptions, read_savepoint, resolve, savepoint};

fn formats() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats");
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut formats: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    formats.sort();
    formats
}

#[test]
fn checkpoints() {
    for path in formats().into_iter().map(|format| format.join("checkpoint")).filter(|path| path.exists()) {
        let directory = JobDirectory::new(Arc::new(FileStorage::open_existing(&path).unwrap()));
        assert!(directory.identity().unwrap().is_some(), "{path:?}");
        let log = DecisionLog::open(&directory, 1).unwrap();
        let resolution = resolve(&directory, log.history(), &ResolveOptions::default()).unwrap();
        assert!(resolution.restore.is_some() && resolution.passed_over.is_empty(), "{path:?}");
    }
}

#[test]
fn savepoints() {
    for path in formats().into_iter().map(|format| format.join("savepoint")).filter(|path| path.exists()) {
        let store = FileStorage::open_existing(&path).unwrap();
        assert!(read_savepoint(&store).unwrap().content.subtasks().count() > 0, "{path:?}");
        let report = savepoint::verify(&store).unwrap();
        assert!(report.problems.is_empty(), "{path:?}: {:?}", report.problems);
    }
}
