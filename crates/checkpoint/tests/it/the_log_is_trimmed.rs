use std::sync::Arc;

use tidemill_checkpoint::manifest::StoredKind;
use tidemill_checkpoint::{AppendError, Decision, DecisionLog, JobDirectory, MemoryStorage, ObjectRef};
use tidemill_core::storage::Storage;

fn complete(log: &mut DecisionLog, checkpoint: u64) {
    let root = ObjectRef { path: JobDirectory::root(1, checkpoint), len: 1, checksum: vec![0; 16] };
    log.append(Decision::checkpoint_completed(checkpoint, root, StoredKind::Checkpoint, 1)).unwrap();
    log.append(Decision::committed(checkpoint)).unwrap();
}

#[test]
fn a_long_log_keeps_milestones_and_what_is_needed_and_still_fences() {
    let store = MemoryStorage::new();
    let directory = JobDirectory::new(Arc::new(store.clone()));
    let mut log = DecisionLog::open(&directory, 1).unwrap();
    log.start_generation(3, 0, "").unwrap();
    let mut zombie = None;
    for checkpoint in 1..=2_000 {
        complete(&mut log, checkpoint);
        let oldest = log.history().oldest_retained(2).unwrap().checkpoint;
        log.trim(oldest).unwrap();
        if checkpoint == 250 {
            zombie = Some(DecisionLog::open(&directory, 7).unwrap());
        }
    }
    assert_eq!(log.next(), 4_001);
    assert!(store.list("decisions/").unwrap().len() <= 1_010);
    assert!(store.list(&JobDirectory::decision(0)).unwrap().len() == 1, "milestones stay");

    let again = DecisionLog::open(&directory, 2).unwrap();
    assert_eq!(again.next(), log.next());
    let ids: Vec<u64> = again.history().checkpoints.keys().copied().collect();
    assert!(ids.ends_with(&[1_999, 2_000]) && ids.len() <= 3, "{ids:?}");
    assert_eq!((again.history().generation, again.history().checkpoint_max), (1, 2_000));

    let mut zombie = zombie.unwrap();
    assert!(store.get(&JobDirectory::decision(zombie.next())).is_err(), "its next entry has been deleted");
    let refused = zombie.start_generation(3, 250, "");
    assert!(matches!(refused, Err(AppendError::Fenced { number: 1_000, .. })), "{refused:?}");
    assert_eq!(DecisionLog::open(&directory, 3).unwrap().next(), log.next());
}
