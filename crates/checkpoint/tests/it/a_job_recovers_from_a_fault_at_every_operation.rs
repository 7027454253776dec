use std::sync::Arc;

use tidemill_checkpoint::MemoryStorage;

use crate::faults::{FAULTS, Fault, Faulty};
use crate::mini_job::{ITEMS, Sink, run};

fn all_items() -> Vec<u64> {
    (0..ITEMS).collect()
}

#[test]
fn without_a_fault_every_item_is_written_once() {
    let (storage, sink) = (MemoryStorage::new(), Sink::default());
    run(Arc::new(storage), &sink, 1, true).unwrap();
    assert_eq!(sink.items(), all_items());
}

#[test]
fn one_fault_at_any_operation_loses_and_repeats_nothing() {
    let calm = Faulty::new(MemoryStorage::new(), 0, Fault::ErrorBefore);
    run(Arc::new(calm.clone()), &Sink::default(), 1, true).unwrap();
    let calm_files = calm.inner_files();
    for fault in FAULTS {
        for at in 1..=calm.operations() {
            let (store, sink) = (MemoryStorage::new(), Sink::default());
            let first = run(Arc::new(Faulty::new(store.clone(), at, fault)), &sink, 1, true);
            if first.is_err() {
                run(Arc::new(store.clone()), &sink, 2, true).unwrap_or_else(|e| panic!("{fault:?} at {at}: {e}"));
            }
            assert_eq!(sink.items(), all_items(), "{fault:?} at operation {at}");
            let files = Faulty::new(store, 0, fault).inner_files();
            assert!(files.len() <= calm_files.len() + 1, "{fault:?} at operation {at} leaves {files:?}");
        }
    }
}

#[test]
fn two_faults_in_a_row_lose_and_repeat_nothing() {
    for (first_at, second_at) in (1..120).step_by(3).flat_map(|a| (1..80).step_by(2).map(move |b| (a, b))) {
        let (store, sink) = (MemoryStorage::new(), Sink::default());
        let _ = run(Arc::new(Faulty::new(store.clone(), first_at, Fault::CrashAfter)), &sink, 1, true);
        let _ = run(Arc::new(Faulty::new(store.clone(), second_at, Fault::CrashBefore)), &sink, 2, true);
        run(Arc::new(store), &sink, 3, true).unwrap_or_else(|e| panic!("faults at {first_at}, {second_at}: {e}"));
        assert_eq!(sink.items(), all_items(), "faults at {first_at} and {second_at}");
    }
}

impl Faulty {
    fn inner_files(&self) -> Vec<String> {
        use tidemill_core::storage::Storage;
        let all = self.inner.list("").unwrap();
        all.into_iter().filter(|path| path.starts_with("chk-") || path.starts_with("state/")).collect()
    }
}
