use std::sync::Arc;
use std::time::Duration;

use tidemill_checkpoint::MemoryStorage;
use tidemill_core::Failure;
use tidemill_core::storage::{Storage, StorageError};
use tidemill_runtime::job_io::JobIo;
use tidemill_runtime::{JobEnd, SystemEnv, local};

use crate::support::{Ledger, all_rows, registry, spec};

#[test]
fn another_job_and_changed_statements_are_refused_and_fresh_starts_over() {
    let folder = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = tidemill_checkpoint::open(&folder.path().to_string_lossy()).unwrap();
    let run = |name: &str, fingerprint: &str, fresh: bool| {
        let ledger = Ledger::default();
        let mut spec = spec(2, "1 s");
        (spec.name, spec.fingerprint, spec.fresh) = (name.to_string(), fingerprint.to_string(), fresh);
        let handle =
            local::start(spec, registry(&ledger, None), Arc::clone(&storage), Arc::new(SystemEnv::new())).unwrap();
        (handle.wait().end, ledger.rows())
    };
    let code = |end: &JobEnd| match end {
        JobEnd::Failed(failure) => failure.code(),
        _ => "",
    };
    assert!(matches!(run("numbers", "1", false).0, JobEnd::Finished));
    assert_eq!(code(&run("others", "1", false).0), "job.other");
    assert_eq!(code(&run("numbers", "2", false).0), "job.changed");
    let (end, rows) = run("others", "2", true);
    assert!(matches!(end, JobEnd::Finished), "{end:?}");
    assert_eq!(rows, all_rows());
}

#[test]
fn who_runs_a_job_that_is_started_over_is_deposed() {
    let folder = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = tidemill_checkpoint::open(&folder.path().to_string_lossy()).unwrap();
    let start = |ledger: &Ledger, rows_per_second, fresh| {
        let mut spec = spec(2, "2 ms");
        spec.fresh = fresh;
        let registry = registry(ledger, rows_per_second);
        local::start(spec, registry, Arc::clone(&storage), Arc::new(SystemEnv::new())).unwrap()
    };
    let (old, new) = (Ledger::default(), Ledger::default());
    let mut running = start(&old, Some(50_000), false);
    while running.status().checkpoint < 2 {
        assert!(running.wait_for(Duration::from_millis(1)).is_none(), "it ended too early");
    }
    let end = start(&new, None, true).wait().end;
    assert!(matches!(end, JobEnd::Finished), "{end:?}");
    assert_eq!(new.rows(), all_rows());
    match running.wait().end {
        JobEnd::Failed(failure) => assert_eq!(failure.code(), "job.deposed"),
        other => unreachable!("{other:?}"),
    }
    // Once more, undisturbed: it has finished.
    assert!(matches!(start(&Ledger::default(), None, false).wait().end, JobEnd::AlreadyFinished));
}

#[test]
fn who_is_deposed_says_so_and_does_not_take_the_job_back() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let new = || {
        let registry = registry(&Ledger::default(), None);
        JobIo::new(spec(2, "1 s"), registry, Arc::clone(&storage), Arc::new(SystemEnv::new()), None)
    };
    let missing = || Failure::from(StorageError::NotFound("a file".to_string()));
    let (mut first, mut second) = (new(), new());
    assert_eq!(first.open().unwrap().generation, 1);
    assert_eq!(first.open().unwrap().generation, 2, "a failure that may pass has it open the job anew");
    assert_eq!(first.explain(missing()).code(), "storage.not-found");
    assert_eq!(second.open().unwrap().generation, 3);
    assert_eq!(first.explain(missing()).code(), "job.deposed");
    assert_eq!(first.open().unwrap_err().code(), "job.deposed");
    assert_eq!(second.open().unwrap().generation, 4);
}

#[test]
fn nothing_is_given_up_for_a_savepoint_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = tidemill_checkpoint::open(&folder.path().to_string_lossy()).unwrap();
    let start = |savepoint: Option<&str>| {
        let mut spec = spec(1, "1 s");
        (spec.fresh, spec.from_savepoint) = (savepoint.is_some(), savepoint.map(str::to_string));
        let registry = registry(&Ledger::default(), None);
        local::start(spec, registry, Arc::clone(&storage), Arc::new(SystemEnv::new())).unwrap().wait().end
    };
    assert!(matches!(start(None), JobEnd::Finished));
    assert!(matches!(start(Some("/nowhere/savepoint")), JobEnd::Failed(_)));
    assert!(matches!(start(None), JobEnd::AlreadyFinished), "its state is still there");
}

#[test]
fn a_directory_with_somebody_elses_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("job"), "mine").unwrap();
    let storage: Arc<dyn Storage> = tidemill_checkpoint::open(&folder.path().to_string_lossy()).unwrap();
    let mut spec = spec(1, "1 s");
    spec.fresh = true;
    let registry = registry(&Ledger::default(), None);
    match local::start(spec, registry, storage, Arc::new(SystemEnv::new())).unwrap().wait().end {
        JobEnd::Failed(failure) => assert_eq!(failure.code(), "job.foreign"),
        other => unreachable!("{other:?}"),
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("job")).unwrap(), "mine");
}
