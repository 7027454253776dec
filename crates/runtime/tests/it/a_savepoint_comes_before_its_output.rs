use std::sync::Arc;
use std::time::Duration;

use tidemill_checkpoint::{MemoryStorage, open_existing, read_savepoint};
use tidemill_core::storage::Storage;
use tidemill_runtime::{JobEnd, JobOutcome, JobSpec, Stop, SystemEnv, local};

use crate::support::{Ledger, all_rows, registry, spec};

/// The job without a directory, with no checkpoint but that of its stop or end.
fn volatile() -> JobSpec {
    JobSpec { is_kept: false, ..spec(2, "0 s") }
}

/// Runs the job until it has written rows, and stops it with a savepoint under `url`.
fn stopped(ledger: &Ledger, url: &str) -> JobOutcome {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let mut handle =
        local::start(volatile(), registry(ledger, Some(30_000)), storage, Arc::new(SystemEnv::new())).unwrap();
    while handle.status().counters.rows_out == 0 {
        assert!(handle.wait_for(Duration::from_millis(1)).is_none(), "it has ended by itself");
    }
    handle.stop(Stop::WithSavepoint(url.to_string()));
    handle.wait()
}

/// Goes on from the savepoint to the end.
fn finish(ledger: Ledger, url: &str) {
    let spec = JobSpec { from_savepoint: Some(url.to_string()), ..volatile() };
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let outcome = local::start(spec, registry(&ledger, None), storage, Arc::new(SystemEnv::new())).unwrap().wait();
    assert!(matches!(outcome.end, JobEnd::Finished), "{:?}", outcome.end);
    assert_eq!(ledger.rows(), all_rows());
}

#[test]
fn output_that_could_not_be_committed_is_committed_from_the_savepoint() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    let closed = Ledger { is_closed: true, start: "first-", ..Ledger::default() };
    let JobEnd::Failed(failure) = stopped(&closed, url).end else { panic!("it cannot commit") };
    assert_eq!(failure.code(), "ledger.closed");
    assert!(failure.message().contains("the savepoint file://") && failure.message().contains("is complete"));
    assert!(closed.rows().is_empty());
    finish(Ledger { is_closed: false, start: "second-", ..closed }, url);
}

#[test]
fn a_savepoint_whose_output_is_committed_holds_none() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    let ledger = Ledger { start: "first-", ..Ledger::default() };
    let outcome = stopped(&ledger, url);
    assert!(matches!(outcome.end, JobEnd::Savepoint(_)), "{:?}", outcome.end);
    assert!(!ledger.rows().is_empty());
    let savepoint = read_savepoint(open_existing(url).unwrap().as_ref()).unwrap();
    assert!(savepoint.content.committables().is_empty());
    finish(Ledger { start: "second-", ..ledger }, url);
}

#[test]
fn where_the_savepoint_cannot_be_written_nothing_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in the way"), "x").unwrap();
    let ledger = Ledger::default();
    let JobEnd::Failed(failure) = stopped(&ledger, folder.path().to_str().unwrap()).end else {
        panic!("it cannot save")
    };
    assert_eq!(failure.code(), "savepoint.not-empty");
    assert!(ledger.rows().is_empty());
}
