use std::collections::VecDeque;
use std::fs;
use std::sync::{Arc, Mutex};

use tidemill_core::{Batch, Now};
use tidemill_dataflow::channel::Wake;
use tidemill_dataflow::{Offload, Poll, Pool, Reader, ReaderContext, SourcePlan, TableSpec};
use tidemill_expr::{Scalar, SqlType};

use crate::support::{batch, files, open, plan, process, read_batches, sink, texts};

const COLUMNS: [(&str, SqlType); 2] = [("a", SqlType::INT), ("b", SqlType::STRING)];
const ROWS: usize = 60_000;

/// Does work when it is told to.
#[derive(Default)]
struct Later(Mutex<VecDeque<Box<dyn FnOnce() + Send>>>);

impl Pool for Later {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        self.0.lock().unwrap().push_back(work);
    }
}

impl Wake for Later {
    fn wake(&self) {}
}

impl Later {
    /// Does the piece that was asked for first; false where there is none.
    fn work(&self) -> bool {
        let work = self.0.lock().unwrap().pop_front();
        work.map(|work| work()).is_some()
    }

    fn reader(self: &Arc<Self>, plan: &SourcePlan) -> Box<dyn Reader> {
        let offload = Offload::new(Arc::clone(self) as _, Arc::clone(self) as _);
        let source = process().0.source(&plan.kind, &plan.config).unwrap();
        source.reader(&ReaderContext { subtask: 0, parallelism: 1, rows_max: 1000, offload }).unwrap()
    }
}

/// Two files of a format, several blocks long.
fn table(directory: &std::path::Path, format: &str) -> TableSpec {
    let table = files(&COLUMNS, directory, format, &[]);
    for generation in 1..3 {
        let text =
            |number: usize| format!("row {number} of file {generation}, made longer so that blocks end within rows");
        let rows: Vec<_> =
            (0..ROWS / 2).map(|number| vec![Scalar::Int(number as i64), Scalar::String(text(number).into())]).collect();
        let (mut writer, committer) = sink(&table, generation);
        writer.write(&batch(&table, &rows), Now::default()).unwrap();
        let prepared = writer.prepare(1).unwrap();
        committer.unwrap().commit(&prepared).unwrap();
    }
    table
}

#[test]
fn a_reader_waits_only_while_something_is_read_and_gives_the_same_rows() {
    for format in ["csv", "json", "parquet"] {
        let directory = tempfile::tempdir().unwrap();
        let table = table(directory.path(), format);
        let plan = plan(&table).unwrap();
        let types = table.schema.types();
        let expected = texts(&read_batches(&plan, 1000).unwrap(), &types);
        assert_eq!(expected.len(), ROWS);

        let pool = Arc::new(Later::default());
        let mut reader = pool.reader(&plan);
        for (handle, split) in open(&plan, 1000).unwrap().0.into_iter().enumerate() {
            reader.add_split(handle as u32, split).unwrap();
        }
        let (mut batches, mut waits): (Vec<Batch>, usize) = (Vec::new(), 0);
        loop {
            match reader.poll(1000, Now::default()).unwrap() {
                Poll::Batch(_, batch) => batches.push(batch),
                Poll::Finished(_) => {}
                Poll::Waiting => {
                    waits += 1;
                    if waits % 3 == 0 {
                        // What another reader gives from here on is what this one would have given.
                        let snapshot = reader.snapshot().unwrap();
                        pool.0.lock().unwrap().clear();
                        reader = pool.reader(&plan);
                        snapshot.into_iter().for_each(|(handle, split)| reader.add_split(handle, split).unwrap());
                    } else {
                        assert!(pool.work(), "{format}: nothing is under way, nobody would wake the slot");
                    }
                }
                Poll::Pending { .. } => break,
            }
        }
        assert!(waits >= 4, "{format}: {waits}");
        assert_eq!(texts(&batches, &types), expected, "{format}");
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_read_is_an_error_that_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let table = table(directory.path(), "csv");
    let plan = plan(&table).unwrap();
    let pool = Arc::new(Later::default());
    let mut reader = pool.reader(&plan);
    let split = open(&plan, 1000).unwrap().0.remove(0);
    reader.add_split(0, split).unwrap();
    let mut read = 0;
    let failure = loop {
        match reader.poll(1000, Now::default()) {
            Ok(Poll::Batch(_, batch)) => {
                read += batch.len();
                for entry in fs::read_dir(directory.path()).unwrap() {
                    fs::OpenOptions::new().write(true).open(entry.unwrap().path()).unwrap().set_len(600_000).unwrap();
                }
            }
            Ok(Poll::Waiting) => assert!(pool.work()),
            Ok(other) => unreachable!("{other:?} behind {read} rows"),
            Err(failure) => break failure,
        }
    };
    assert!(read > 0);
    assert_eq!(failure.code(), "filesystem.changed");
    assert!(failure.to_string().contains("it was cut"), "{failure}");
}
