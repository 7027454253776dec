use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tidemill_checkpoint::manifest::{Blob, RunFormat};
use tidemill_checkpoint::{
    CheckpointContent, MemoryStorage, SavepointTable, StateEntry, TableColumns, encode_descriptor, read_savepoint,
    read_table, savepoint, write_savepoint,
};
use tidemill_core::storage::Storage;
use tidemill_state::{TableDescriptor, ValueField, ValueKind};

use crate::mini_job::{content, operator};

fn descriptor() -> TableDescriptor {
    let count = ValueField::new(1, "count", ValueKind::Int64);
    TableDescriptor::keyed("count", vec![DataType::Utf8View], vec![count])
}

fn entries(rows: u64) -> Vec<StateEntry> {
    let entry = |row: u64| {
        let mut key = vec![1];
        key.extend_from_slice(format!("key-{row}").as_bytes());
        key.extend_from_slice(&[0, 0]);
        let hash = tidemill_core::hash::of_bytes(&key);
        StateEntry { hash, key, order: Vec::new(), value: row.to_le_bytes().to_vec() }
    };
    (0..rows).map(entry).collect()
}

fn checkpoint() -> CheckpointContent {
    let mut content = content(2, 7, Vec::new(), vec![b"prepared=1".to_vec()]);
    let snapshot = &mut content.workers[0].subtasks[0].operators[0];
    snapshot.tables[0].descriptor = encode_descriptor(&descriptor());
    snapshot.blobs.push(Blob { name: "position".into(), state: vec![1, 2, 3] });
    content
}

fn table(entries: Vec<StateEntry>) -> SavepointTable<'static> {
    SavepointTable {
        operator: operator(),
        subtask: None,
        table: "count".into(),
        columns: TableColumns::of(&descriptor()),
        entries: Box::new(entries.into_iter().map(Ok)),
    }
}

fn written(rows: u64) -> MemoryStorage {
    let store = MemoryStorage::new();
    savepoint::ensure_empty(&store).unwrap();
    let prepared = write_savepoint(&store, "count", checkpoint(), vec![table(entries(rows))]).unwrap();
    assert_eq!(read_savepoint(&store).unwrap_err().code(), "savepoint.none", "not before it is published");
    prepared.publish(&store).unwrap();
    prepared.publish(&store).unwrap();
    store
}

#[test]
fn what_goes_in_comes_out() {
    let store = written(20_000);
    let read = read_savepoint(&store).unwrap();
    assert_eq!(read.job_name, "count");
    let (_, snapshot) = read.content.operator(operator())[0];
    assert_eq!(snapshot.blobs[0].state, [1, 2, 3]);
    assert_eq!(snapshot.committables, [b"prepared=1"], "its output is not committed yet");
    let run = &snapshot.tables[0].runs[0];
    assert_eq!((run.rows, run.format), (20_000, i32::from(RunFormat::Parquet)));
    let mut found = Vec::new();
    read_table(&store, run, &mut |entry| {
        found.push(entry);
        Ok(())
    })
    .unwrap();
    assert_eq!(found, entries(20_000));
    assert!(savepoint::ensure_empty(&store).is_err());
}

#[test]
fn once_its_output_is_committed_it_holds_none() {
    let store = MemoryStorage::new();
    let prepared = write_savepoint(&store, "count", checkpoint(), vec![table(entries(3))]).unwrap();
    prepared.publish(&store).unwrap();
    let before = read_savepoint(&store).unwrap().content;
    prepared.settle(&store).unwrap();
    let after = read_savepoint(&store).unwrap().content;
    assert!(!before.committables().is_empty() && after.committables().is_empty());
    assert!(before.runs().eq(after.runs()));
}

#[test]
fn any_reader_of_parquet_sees_typed_columns() {
    let store = written(10);
    let path = store.list("").unwrap().into_iter().find(|path| path.ends_with(".parquet")).unwrap();
    let file = bytes::Bytes::from(store.get(&path).unwrap());
    let batch = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().next().unwrap().unwrap();
    assert_eq!(batch.column_by_name("key").unwrap().as_string_view().value(3), "key-3");
    assert_eq!(batch.column_by_name("count").unwrap().as_primitive::<Int64Type>().value(3), 3);
}

#[test]
fn show_lists_tables_and_verify_finds_damage() {
    let store = written(10);
    let tables = savepoint::show(&read_savepoint(&store).unwrap());
    assert_eq!((tables.len(), tables[0].rows, tables[0].table.as_str()), (1, 10, "count"));
    let report = savepoint::verify(&store).unwrap();
    assert_eq!((report.files, report.rows, report.problems.len()), (2, 10, 0));
    for path in store.list("").unwrap() {
        let good = store.get(&path).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            store.put(&path, &bad).unwrap();
            assert!(
                savepoint::verify(&store).map_or(true, |report| !report.problems.is_empty()),
                "bit {bit} of {path}"
            );
        }
        store.put(&path, &good).unwrap();
    }
}
