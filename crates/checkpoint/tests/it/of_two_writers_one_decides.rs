use std::sync::Arc;

use tidemill_checkpoint::{AppendError, Decision, DecisionLog, EndState, FileStorage, JobDirectory, MemoryStorage};
use tidemill_core::storage::Storage;

use crate::faults::{Fault, Faulty};

/// Real threads: the store itself is what is tried here.
#[allow(clippy::disallowed_methods)]
fn race(storage: &Arc<dyn Storage>) {
    let directory = JobDirectory::new(Arc::clone(storage));
    for round in 0..20 {
        let logs: Vec<DecisionLog> =
            (0..4).map(|writer| DecisionLog::open(&directory, round * 10 + writer + 1).unwrap()).collect();
        let outcomes: Vec<Result<u64, AppendError>> = std::thread::scope(|scope| {
            let racing: Vec<_> =
                logs.into_iter().map(|mut log| scope.spawn(move || log.start_generation(1, 0, ""))).collect();
            racing.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        let fenced = |outcome: &&Result<u64, AppendError>| matches!(outcome, Err(AppendError::Fenced { .. }));
        assert_eq!(outcomes.iter().filter(fenced).count(), 3, "{outcomes:?}");
        assert_eq!(DecisionLog::open(&directory, 99).unwrap().history().generation, round + 1);
    }
}

#[test]
fn in_memory() {
    race(&(Arc::new(MemoryStorage::new()) as Arc<dyn Storage>));
}

#[test]
fn in_files() {
    let root = tempfile::tempdir().unwrap();
    race(&(Arc::new(FileStorage::open(root.path()).unwrap()) as Arc<dyn Storage>));
}

#[test]
fn a_deposed_writer_stays_deposed() {
    let directory = JobDirectory::new(Arc::new(MemoryStorage::new()));
    let mut old = DecisionLog::open(&directory, 1).unwrap();
    old.start_generation(1, 0, "").unwrap();
    let mut new = DecisionLog::open(&directory, 2).unwrap();
    assert_eq!(new.start_generation(1, 0, "").unwrap(), 2);
    for _ in 0..2 {
        let refused = old.append(Decision::committed(1));
        assert!(matches!(refused, Err(AppendError::Fenced { number: 1, by_generation: 2 })), "{refused:?}");
    }
    let refused = old.append(Decision::ended(EndState::Finished, ""));
    assert!(matches!(refused, Err(AppendError::Fenced { .. })));
    new.append(Decision::ended(EndState::Finished, "")).unwrap();
}

#[test]
fn an_append_whose_answer_is_lost_is_found_by_its_nonce() {
    let store = MemoryStorage::new();
    let directory = JobDirectory::new(Arc::new(Faulty::new(store.clone(), 3, Fault::ErrorAfter)));
    let mut log = DecisionLog::open(&directory, 1).unwrap();
    assert_eq!(log.start_generation(1, 0, "").unwrap(), 1);
    assert_eq!(log.next(), 1);
}

#[test]
fn while_an_append_is_in_doubt_nothing_else_is_decided() {
    let store = MemoryStorage::new();
    let directory = JobDirectory::new(Arc::new(Faulty::new(store.clone(), 6, Fault::ErrorBefore)));
    let mut log = DecisionLog::open(&directory, 1).unwrap();
    log.start_generation(1, 0, "").unwrap();
    let first = log.append(Decision::committed(1));
    // Operation 6 is the look for the next milestone or the creation itself, whichever comes first; both leave it in doubt.
    let Err(AppendError::Unknown(failure)) = first else { panic!("{first:?}") };
    assert!(failure.is_retryable());
    let other = log.append(Decision::ended(EndState::Finished, ""));
    assert!(matches!(other, Err(AppendError::Unknown(_))), "{other:?}");
    assert_eq!(log.append(Decision::committed(1)).unwrap(), 1);
    assert_eq!(log.append(Decision::ended(EndState::Finished, "")).unwrap(), 2);
}
