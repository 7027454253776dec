//! Split, union and broadcast lists restored at another parallelism.

use tidemill_core::{KeyGroups, Routing};
use tidemill_state::*;

use crate::subject::fill;

fn list(distribution: Distribution, items: &[&str]) -> DeltaSink {
    let mut state = ListState::new("splits", distribution);
    items.iter().for_each(|item| state.push(item.as_bytes().to_vec()));
    let mut delta = DeltaSink::new();
    state.freeze(Rewrite::NONE).unwrap();
    assert!(state.gather(1, &mut delta) && delta.is_full());
    delta
}

fn restored(distribution: Distribution, sources: &[DeltaSink], parallelism: u32) -> Vec<Vec<String>> {
    let routing = Routing::contiguous(KeyGroups::for_parallelism(1), parallelism).unwrap();
    let of_subtask = |subtask| {
        let mut state = ListState::new("splits", distribution);
        let file = |source| run_file::write(source, state.descriptor()).unwrap();
        let files: Vec<_> = sources.iter().zip(0..).map(|(source, at)| (file(source), at * 64..at * 64 + 64)).collect();
        fill(&mut state, &files, &Scope::of(&routing, subtask));
        state.items().iter().map(|item| String::from_utf8(item.clone()).unwrap()).collect()
    };
    (0..parallelism).map(of_subtask).collect()
}

#[test]
fn split() {
    let sources = [list(Distribution::Split, &["a", "b", "c"]), list(Distribution::Split, &["d", "e"])];
    assert_eq!(restored(Distribution::Split, &sources, 1), [["a", "b", "c", "d", "e"]]);
    assert_eq!(restored(Distribution::Split, &sources, 2), [vec!["a", "c", "e"], vec!["b", "d"]]);
    assert_eq!(restored(Distribution::Split, &sources, 7).concat().len(), 5);
}

#[test]
fn union() {
    let sources = [list(Distribution::Union, &["a", "b"]), list(Distribution::Union, &["c"])];
    assert_eq!(restored(Distribution::Union, &sources, 3), [["a", "b", "c"]; 3]);
}

#[test]
fn broadcast() {
    let sources = [list(Distribution::Broadcast, &["a", "b"]), list(Distribution::Broadcast, &["a", "b"])];
    assert_eq!(restored(Distribution::Broadcast, &sources, 3), [["a", "b"]; 3]);
}

#[test]
fn an_unchanged_list_is_not_written_again() {
    let mut state = ListState::new("splits", Distribution::Split);
    state.set(vec![b"a".to_vec()]);
    let mut delta = DeltaSink::new();
    state.freeze(Rewrite::NONE).unwrap();
    state.gather(1, &mut delta);
    assert_eq!(delta.len(), 1);
    delta.clear();
    state.set(vec![b"a".to_vec()]);
    state.freeze(Rewrite::NONE).unwrap();
    state.gather(1, &mut delta);
    assert!(delta.is_empty() && !delta.is_full());
}
