//! A manifest may hold what only a later version can go on from; this one must not leave it out.

use std::sync::Arc;

use tidemill_checkpoint::manifest::{ChannelElements, EnumeratorState, SplitState};
use tidemill_checkpoint::{
    CheckpointContent, JobDirectory, MemoryStorage, read_checkpoint, read_savepoint, write_checkpoint, write_savepoint,
};

use crate::mini_job::content;

/// A content for each place that is filled, with the words of the message.
fn filled() -> Vec<(CheckpointContent, &'static str)> {
    let plain = || content(1, 1, Vec::new(), Vec::new());
    let mut in_flight = plain();
    in_flight.workers[0].subtasks[0].in_flight.push(ChannelElements { elements: vec![vec![1]], ..Default::default() });
    let mut mutation = plain();
    mutation.header.mutation = vec![1];
    let mut unassigned = plain();
    let splits = vec![SplitState { id: "7".into(), ..SplitState::default() }];
    unassigned.header.enumerators.push(EnumeratorState { unassigned: splits, ..EnumeratorState::default() });
    vec![(in_flight, "in flight"), (mutation, "change of the job"), (unassigned, "no reader had")]
}

#[test]
fn in_a_checkpoint() {
    for (content, words) in filled() {
        let directory = JobDirectory::new(Arc::new(MemoryStorage::new()));
        let root = write_checkpoint(&directory, &content).unwrap();
        let refused = read_checkpoint(directory.storage().as_ref(), &root).unwrap_err();
        assert_eq!(refused.code(), "checkpoint.format");
        assert!(refused.message().contains(words) && refused.message().contains("newer"), "{refused}");
    }
}

#[test]
fn in_a_savepoint() {
    for (content, words) in filled() {
        let store = MemoryStorage::new();
        write_savepoint(&store, "later", content, Vec::new()).unwrap().publish(&store).unwrap();
        let refused = read_savepoint(&store).unwrap_err();
        assert_eq!(refused.code(), "checkpoint.format");
        assert!(refused.message().contains(words), "{refused}");
    }
}
