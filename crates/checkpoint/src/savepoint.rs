//! Savepoints: a directory with Parquet files, one per operator's table, and a manifest that is written last.
//!
//! Unlike a checkpoint a savepoint belongs to the user: it is complete in itself, may be copied and moved, and is never
//! deleted by a job. What comes out of it is the same [`CheckpointContent`] as from a checkpoint; its runs are Parquet files
//! ([`read_table`](crate::savepoint_table::read_table)) that hold all rows of all subtasks.
//!
//! A savepoint is published before its output is committed and names it until then: whoever goes on from it in between commits
//! it. Once [settled](PreparedSavepoint::settle) it holds nothing to commit, and the files of its output may be moved away.

use prost::Message;
use tidemill_core::storage::{Storage, StorageError};
use tidemill_core::{Failure, OperatorId, Result, SubtaskIndex};

use crate::envelope::{ObjectKind, create_same, seal, unseal};
use crate::manifest::{CheckpointContent, Header, RunFormat, RunRef, WorkerPart};
use crate::mistaken::no_savepoint;
use crate::reserved::check_empty;
use crate::savepoint_table::{StateEntry, TableColumns, TableWriter, read_table};

/// The manifest's name; a directory without it is not (or not yet) a savepoint.
pub const MANIFEST: &str = "manifest";
/// A table with more than this goes on in another file.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// The live rows of an operator's table.
pub struct SavepointTable<'a> {
    /// The operator.
    pub operator: OperatorId,
    /// The subtask whose rows they are, for tables that are not divided by key; none: the rows of all subtasks.
    pub subtask: Option<SubtaskIndex>,
    /// The table's name, as in the content.
    pub table: String,
    /// Which typed columns the file has.
    pub columns: TableColumns,
    /// The rows, in any order.
    pub entries: Box<dyn Iterator<Item = Result<StateEntry>> + 'a>,
}

/// A savepoint whose files are written; [`publish`](PreparedSavepoint::publish) makes it one.
#[derive(Debug)]
pub struct PreparedSavepoint {
    manifest: Manifest,
}

#[derive(Clone, PartialEq, Message)]
struct Manifest {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    #[prost(message, repeated, tag = "2")]
    workers: Vec<WorkerPart>,
    #[prost(string, tag = "3")]
    job_name: String,
    #[prost(string, tag = "4")]
    version: String,
}

/// A savepoint as it was read.
#[derive(Clone, Debug)]
pub struct Savepoint {
    /// What it holds; paths are relative to its directory.
    pub content: CheckpointContent,
    /// The job it was taken from.
    pub job_name: String,
    /// The version of Tidemill that wrote it.
    pub version: String,
}

/// A table of a savepoint, for `tidemill savepoint show`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// The operator, 32 hex digits.
    pub operator: String,
    /// The table.
    pub table: String,
    /// Rows.
    pub rows: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// The files, relative to the savepoint.
    pub files: Vec<String>,
}

/// What verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files that were read and are whole, the manifest included.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows that can be restored.
    pub rows: u64,
    /// A sentence for everything that is wrong; empty for a good savepoint.
    pub problems: Vec<String>,
}

/// Refuses a directory in which there is something already.
pub fn ensure_empty(storage: &dyn Storage) -> Result<()> {
    match storage.list("")?.first() {
        None => Ok(()),
        Some(path) => {
            let text = format!(
                "{} is not empty (it holds {path}): give an empty or new directory for the savepoint",
                storage.url("")
            );
            Err(Failure::refused("savepoint.not-empty", text))
        }
    }
}

/// Writes all files of a savepoint but its manifest. The runs in `content` are replaced.
pub fn write_savepoint(
    storage: &dyn Storage,
    job_name: &str,
    mut content: CheckpointContent,
    tables: Vec<SavepointTable<'_>>,
) -> Result<PreparedSavepoint> {
    let subtasks = content.workers.iter_mut().flat_map(|part| &mut part.subtasks);
    for snapshot in subtasks.flat_map(|subtask| &mut subtask.operators) {
        snapshot.tables.iter_mut().for_each(|table| table.runs.clear());
    }
    for mut table in tables {
        let runs = write_table(storage, &content.header, &mut table)?;
        let operator = table.operator.to_string();
        let subtasks = content.workers.iter_mut().flat_map(|part| &mut part.subtasks);
        let mut tables = subtasks
            .filter(|subtask| table.subtask.is_none_or(|wanted| subtask.subtask == wanted))
            .flat_map(|subtask| &mut subtask.operators)
            .filter(|snapshot| snapshot.operator == operator)
            .flat_map(|snapshot| &mut snapshot.tables);
        let place = tables.find(|found| found.name == table.table);
        let Some(place) = place else {
            let text = format!(
                "the checkpoint has no table '{}' of operator {operator}; this is a defect of Tidemill",
                table.table
            );
            return Err(Failure::fatal("savepoint.table", text));
        };
        place.runs = runs;
    }
    let manifest = Manifest {
        header: Some(content.header),
        workers: content.workers,
        job_name: job_name.to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
    };
    Ok(PreparedSavepoint { manifest })
}

fn write_table(storage: &dyn Storage, header: &Header, table: &mut SavepointTable<'_>) -> Result<Vec<RunRef>> {
    let mut runs = Vec::new();
    let mut more = true;
    while more {
        more = false;
        let mut writer = TableWriter::new(&table.columns)?;
        for entry in table.entries.by_ref() {
            writer.push(entry?)?;
            if writer.bytes() > FILE_BYTES_MAX {
                more = true;
                break;
            }
        }
        let written = writer.finish()?;
        let path = file_name(header, table, runs.len());
        create_same(storage, &path, &written.file)?;
        runs.push(RunRef {
            last_key_group: header.key_groups.saturating_sub(1),
            rows: written.rows,
            bytes: written.bytes,
            is_base: runs.is_empty(),
            format: RunFormat::Parquet.into(),
            ..RunRef::of_bytes(path, 0, &written.file)
        });
    }
    Ok(runs)
}

/// The generation and the checkpoint are in the name, so that an attempt that died leaves no name that another one needs.
fn file_name(header: &Header, table: &SavepointTable<'_>, number: usize) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = table.table.chars().map(safe).collect();
    let subtask = table.subtask.map_or(String::new(), |subtask| format!("-s{subtask}"));
    format!("{name}-{}{subtask}-g{}-c{}-{number:05}.parquet", table.operator, header.generation, header.checkpoint)
}

impl PreparedSavepoint {
    /// Makes the directory a savepoint, by its manifest. Call it when the checkpoint is completed.
    pub fn publish(&self, storage: &dyn Storage) -> Result<()> {
        create_same(storage, MANIFEST, &seal(ObjectKind::Savepoint, &self.manifest))
    }

    /// Writes the manifest anew without its output. Call it when that is committed.
    pub fn settle(mut self, storage: &dyn Storage) -> Result<()> {
        let subtasks = self.manifest.workers.iter_mut().flat_map(|part| &mut part.subtasks);
        let mut holds_output = false;
        for snapshot in subtasks.flat_map(|subtask| &mut subtask.operators) {
            holds_output |= !snapshot.committables.is_empty();
            snapshot.committables.clear();
        }
        if holds_output {
            storage.put(MANIFEST, &seal(ObjectKind::Savepoint, &self.manifest))?;
        }
        Ok(())
    }
}

/// Reads a savepoint's manifest.
///
/// Fails with `savepoint.none` or `savepoint.checkpoints` (refused) where there is none, and `checkpoint.corrupt` where it is
/// damaged.
pub fn read_savepoint(storage: &dyn Storage) -> Result<Savepoint> {
    let bytes = storage.get(MANIFEST).map_err(|error| match error {
        StorageError::NotFound(_) => no_savepoint(storage),
        error => error.into(),
    })?;
    let url = storage.url(MANIFEST);
    let manifest: Manifest = unseal(ObjectKind::Savepoint, &bytes, &url)?;
    let Manifest { header, workers, job_name, version } = manifest;
    let missing = || Failure::fatal("checkpoint.corrupt", format!("{url}: has no header; the file is damaged"));
    let content = CheckpointContent { header: header.ok_or_else(missing)?, workers, previous: None };
    check_empty(&content, &url)?;
    Ok(Savepoint { content, job_name, version })
}

/// Reads every byte of a savepoint and says what is wrong with it.
///
/// Fails only where there is no savepoint or its manifest cannot be read.
pub fn verify(storage: &dyn Storage) -> Result<Report> {
    let savepoint = read_savepoint(storage)?;
    let manifest_bytes = storage.get(MANIFEST)?.len() as u64;
    let mut report = Report { files: 1, bytes: manifest_bytes, ..Report::default() };
    for run in savepoint.content.runs() {
        let mut rows = 0;
        let read = read_table(storage, run, &mut |_| {
            rows += 1;
            Ok(())
        });
        match read {
            Ok(()) if rows == run.rows => {
                report.files += 1;
                report.bytes += run.len;
                report.rows += rows;
            }
            Ok(()) => report.problems.push(format!(
                "{}: has {rows} rows, but the manifest says {}",
                storage.url(&run.path),
                run.rows
            )),
            Err(failure) => report.problems.push(failure.message().to_string()),
        }
    }
    Ok(report)
}

/// The tables of a savepoint, in the order of the job graph's chains.
pub fn show(savepoint: &Savepoint) -> Vec<TableRow> {
    let mut rows: Vec<TableRow> = Vec::new();
    for snapshot in savepoint.content.subtasks().flat_map(|subtask| &subtask.operators) {
        for table in &snapshot.tables {
            let known = rows.iter_mut().find(|row| row.operator == snapshot.operator && row.table == table.name);
            let row = match known {
                Some(row) => row,
                None => {
                    let (operator, name) = (snapshot.operator.clone(), table.name.clone());
                    rows.push(TableRow { operator, table: name, rows: 0, bytes: 0, files: Vec::new() });
                    let last = rows.len() - 1;
                    &mut rows[last]
                }
            };
            row.rows += table.runs.iter().map(|run| run.rows).sum::<u64>();
            row.bytes += table.runs.iter().map(|run| run.len).sum::<u64>();
            row.files.extend(table.runs.iter().map(|run| run.path.clone()));
        }
    }
    rows
}
