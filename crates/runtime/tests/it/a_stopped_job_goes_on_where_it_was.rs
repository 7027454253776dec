use std::sync::Arc;
use std::time::Duration;

use tidemill_checkpoint::MemoryStorage;
use tidemill_core::storage::Storage;
use tidemill_runtime::{JobEnd, Stop, SystemEnv, local};

use crate::support::{Ledger, all_rows, registry, spec};

#[test]
fn a_bounded_job_commits_every_row_once_at_any_parallelism() {
    for parallelism in [1, 2, 3, 7] {
        let ledger = Ledger::default();
        let storage = Arc::new(MemoryStorage::new());
        let spec = spec(parallelism, "5 ms");
        let outcome = local::start(spec, registry(&ledger, None), storage, Arc::new(SystemEnv::new())).unwrap().wait();
        assert!(matches!(outcome.end, JobEnd::Finished), "{:?}", outcome.end);
        assert_eq!(ledger.rows(), all_rows());
        assert_eq!(outcome.counters.rows_in, 60_000);
        assert_eq!(outcome.counters.rows_out, 60_000);
        assert!(outcome.checkpoints_completed >= 1);
    }
}

#[test]
fn stops_and_other_parallelisms_neither_lose_nor_repeat_rows() {
    let ledger = Ledger::default();
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let mut stops = 0;
    for parallelism in [2, 3, 1, 4, 2, 5] {
        let handle = local::start(
            spec(parallelism, "3 ms"),
            registry(&ledger, Some(150_000)),
            Arc::clone(&storage),
            Arc::new(SystemEnv::new()),
        );
        let mut handle = handle.unwrap();
        let before = handle.status().checkpoint;
        // Until a checkpoint of this start is complete, or the job is done.
        let outcome = loop {
            if let Some(outcome) = handle.wait_for(Duration::from_millis(1)) {
                break outcome;
            }
            if handle.status().checkpoint > before + 2 {
                handle.stop(Stop::Cancel);
                break handle.wait();
            }
        };
        match outcome.end {
            JobEnd::Canceled => stops += 1,
            JobEnd::Finished | JobEnd::AlreadyFinished => break,
            other => panic!("{other:?}"),
        }
    }
    let last = local::start(spec(2, "5 ms"), registry(&ledger, None), Arc::clone(&storage), Arc::new(SystemEnv::new()));
    let outcome = last.unwrap().wait();
    assert!(matches!(outcome.end, JobEnd::Finished | JobEnd::AlreadyFinished), "{:?}", outcome.end);
    assert!(stops >= 1);
    assert_eq!(ledger.rows(), all_rows());
    assert_eq!(outcome.counters.rows_in, 60_000);
    let again = local::start(spec(3, "5 ms"), registry(&ledger, None), storage, Arc::new(SystemEnv::new()));
    let outcome = again.unwrap().wait();
    assert!(matches!(outcome.end, JobEnd::AlreadyFinished), "{:?}", outcome.end);
    assert_eq!(outcome.counters.rows_out, 60_000);
    assert_eq!(ledger.rows(), all_rows());
}
