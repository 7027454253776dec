//! Tables, and reading and writing them as a job would.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tidemill_connectors::{Outside, connectors, register};
use tidemill_core::options::Configuration;
use tidemill_core::{Batch, Now, OperatorId, Result};
use tidemill_dataflow::{
    Committer, Offload, Poll, ReadRequest, Reader, ReaderContext, Registry, SinkPlan, SourcePlan, Split, TableSpec,
    Writer, WriterContext,
};
use tidemill_expr::arrays::scalars_to_array;
use tidemill_expr::{Field, RowType, Scalar, SqlType};

pub const OPERATOR: OperatorId = OperatorId(0xabc);

/// A table `t`.
pub fn table(columns: &[(&str, SqlType)], options: &[(&str, &str)]) -> TableSpec {
    let schema = RowType::new(columns.iter().map(|(name, ty)| Field::new(*name, ty.clone())).collect());
    TableSpec {
        name: "t".to_string(),
        metadata: vec![None; schema.len()],
        schema,
        partition_keys: Vec::new(),
        primary_key: Vec::new(),
        options: options.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect::<Configuration>(),
        time_zone: "UTC".to_string(),
    }
}

/// A table of files.
pub fn files(columns: &[(&str, SqlType)], path: &Path, format: &str, more: &[(&str, &str)]) -> TableSpec {
    let path = path.to_string_lossy();
    let mut options = vec![("connector", "filesystem"), ("path", &*path), ("format", format)];
    options.extend_from_slice(more);
    table(columns, &options)
}

/// Everything that a process has, with what it printed.
pub fn process() -> (Registry, Arc<Mutex<Vec<u8>>>) {
    let printed = Arc::new(Mutex::new(Vec::new()));
    let outside = Outside {
        stdout: Arc::clone(&printed) as _,
        stderr: Arc::new(Mutex::new(Vec::new())),
        stdout_is_terminal: false,
        process: 0x1234,
    };
    let mut registry = Registry::default();
    register(&mut registry, &outside);
    (registry, printed)
}

/// The plan of reading all columns.
pub fn plan(table: &TableSpec) -> Result<SourcePlan> {
    let columns = (0..table.schema.len()).map(|column| vec![column]).collect();
    connectors().of(table)?.plan_source(table, &ReadRequest { columns, ..ReadRequest::default() })
}

/// The plan of writing.
pub fn sink_plan(table: &TableSpec) -> Result<SinkPlan> {
    connectors().of(table)?.plan_sink(table)
}

/// The splits and a reader for them.
pub fn open(plan: &SourcePlan, rows_max: usize) -> Result<(Vec<Split>, Box<dyn Reader>)> {
    let source = process().0.source(&plan.kind, &plan.config)?;
    let splits = source.enumerator()?.discover()?.splits;
    Ok((splits, source.reader(&ReaderContext { subtask: 0, parallelism: 1, rows_max, offload: Offload::inline() })?))
}

/// All batches, at most `rows_max` rows each; in between the reader is replaced by one that goes on from its snapshot.
pub fn read_batches(plan: &SourcePlan, rows_max: usize) -> Result<Vec<Batch>> {
    let (splits, mut reader) = open(plan, rows_max)?;
    for (handle, split) in splits.into_iter().enumerate() {
        reader.add_split(handle as u32, split)?;
    }
    let mut batches = Vec::new();
    loop {
        match reader.poll(rows_max, Now::default())? {
            Poll::Batch(_, batch) => {
                assert!(batch.len() <= rows_max && !batch.is_empty());
                batches.push(batch);
                if batches.len() % 2 == 0 {
                    let snapshot = reader.snapshot()?;
                    reader = open(plan, rows_max)?.1;
                    for (handle, split) in snapshot {
                        reader.add_split(handle, split)?;
                    }
                }
            }
            Poll::Finished(_) => {}
            Poll::Waiting => {}
            Poll::Pending { .. } => return Ok(batches),
        }
    }
}

/// All rows as text, in order.
pub fn read(table: &TableSpec) -> Result<Vec<String>> {
    let plan = plan(table)?;
    let batches = read_batches(&plan, 4096)?;
    let rows = texts(&batches, &table.schema.types());
    for rows_max in [1, 3] {
        assert_eq!(texts(&read_batches(&plan, rows_max)?, &table.schema.types()), rows, "in batches of {rows_max}");
    }
    Ok(rows)
}

/// Rows as text: `1, 'a', null`.
pub fn texts(batches: &[Batch], types: &[SqlType]) -> Vec<String> {
    let row = |batch: &Batch, row: usize| {
        let cell = |column: usize| Scalar::at(&batch.column(column), &types[column], row).to_string();
        (0..batch.width()).map(cell).collect::<Vec<_>>().join(", ")
    };
    batches.iter().flat_map(|batch| (0..batch.len()).map(move |at| row(batch, at))).collect()
}

/// A batch of literal rows.
pub fn batch(table: &TableSpec, rows: &[Vec<Scalar>]) -> Batch {
    let column = |(at, field): (usize, &Field)| {
        let values: Vec<Scalar> = rows.iter().map(|row| row[at].clone()).collect();
        scalars_to_array(&values, &field.ty).unwrap()
    };
    Batch::new(table.schema.fields.iter().enumerate().map(column).collect(), rows.len())
}

/// A writer and a committer of the table's sink in the given start of the job.
pub fn sink(table: &TableSpec, generation: u64) -> (Box<dyn Writer>, Option<Box<dyn Committer>>) {
    let plan = sink_plan(table).unwrap();
    let sink = process().0.sink(&plan.kind, &plan.config).unwrap();
    let cx = WriterContext { operator: OPERATOR, generation, subtask: 0, parallelism: 1 };
    (sink.writer(&cx).unwrap(), sink.committer(OPERATOR).unwrap())
}
