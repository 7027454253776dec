//! Writes hidden files, one per partition and roll, and closes them at every checkpoint.
//!
//! Invariant: what `prepare` returns names files that are on the disk with all their bytes, name included.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use parquet::errors::ParquetError;
use prost::Message;
use tidemill_core::{Batch, CheckpointId, Failure, Now, Progress, Result, RowKind};
use tidemill_dataflow::Writer;
use tidemill_expr::Field;

use super::io::{failed, holders, sync_directory};
use super::names::WriterName;
use super::partition;
use super::sink::{Target, WriteFormat};
use crate::format::csv::CsvEncoder;
use crate::format::encode::EncodeLines;
use crate::format::json::JsonEncoder;
use crate::format::parquet::ParquetWriter;
use crate::text::write::{TextColumn, TimeStyle};

/// More files than this are not open at a time; the one that was written to longest ago is closed.
const OPEN_FILES_MAX: usize = 100;
/// So many directories are remembered.
const KNOWN_DIRECTORIES_MAX: usize = 1_000;
/// Lines are written to the file in portions of this size.
const BUFFER_BYTES: usize = 64 << 10;

/// What the committer needs: the files of a checkpoint, relative to the table's path.
#[derive(Clone, PartialEq, Message)]
pub struct Prepared {
    /// The files.
    #[prost(message, repeated, tag = "1")]
    pub files: Vec<PreparedFile>,
}

/// A closed file.
#[derive(Clone, PartialEq, Message)]
pub struct PreparedFile {
    /// The directory of its partition; empty for a table without partitions.
    #[prost(string, tag = "1")]
    pub directory: String,
    /// The name it has now.
    #[prost(string, tag = "2")]
    pub hidden: String,
    /// The name it is to get.
    #[prost(string, tag = "3")]
    pub name: String,
}

/// The writer of a subtask.
pub struct FilesWriter {
    target: Arc<Target>,
    name: WriterName,
    files: u64,
    batches: u64,
    open: BTreeMap<String, OpenFile>,
    closed: Vec<PreparedFile>,
    /// Directories whose new entries are not durable yet.
    unsynced: BTreeSet<PathBuf>,
    /// Directories that were there: others may have been killed before their entries were durable.
    unsettled: BTreeSet<PathBuf>,
    /// Directories that this writer knows.
    known: BTreeSet<PathBuf>,
}

struct OpenFile {
    prepared: PreparedFile,
    path: PathBuf,
    content: Content,
    last_batch: u64,
}

enum Content {
    Lines { file: File, encoder: Box<dyn EncodeLines>, names: Vec<String>, buffer: Vec<u8>, bytes: u64 },
    Parquet(Box<ParquetWriter>),
}

impl FilesWriter {
    pub(super) fn new(target: Arc<Target>, name: WriterName) -> FilesWriter {
        FilesWriter {
            target,
            name,
            files: 0,
            batches: 0,
            open: BTreeMap::new(),
            closed: Vec::new(),
            unsynced: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            known: BTreeSet::new(),
        }
    }

    /// The rows of each partition: directory and row numbers, none for all rows.
    fn partitions(&self, batch: &Batch) -> Vec<(String, Option<Vec<u32>>)> {
        if self.target.partition.is_empty() {
            return vec![(String::new(), None)];
        }
        let arrays: Vec<ArrayRef> = self.target.partition.iter().map(|(at, _)| batch.column(*at)).collect();
        let columns: Vec<(&str, TextColumn<'_>)> = self
            .target
            .partition
            .iter()
            .zip(&arrays)
            .map(|((_, field), array)| (field.name.as_str(), TextColumn::new(array, &field.ty)))
            .collect();
        let mut rows: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let (mut directory, mut value) = (String::new(), Vec::new());
        for row in 0..batch.len() {
            directory.clear();
            for (name, column) in &columns {
                value.clear();
                let text = match column.is_null(row) {
                    true => None,
                    false => {
                        column.write(row, TimeStyle::Sql, &mut value);
                        std::str::from_utf8(&value).ok()
                    }
                };
                partition::directory(name, text, &self.target.default_partition, &mut directory);
            }
            match rows.get_mut(&directory) {
                Some(rows) => rows.push(row as u32),
                None => {
                    rows.insert(directory.clone(), vec![row as u32]);
                }
            }
        }
        let all = |rows: &Vec<u32>| rows.len() == batch.len();
        rows.into_iter().map(|(directory, rows)| (directory, if all(&rows) { None } else { Some(rows) })).collect()
    }

    fn open(&mut self, directory: &str) -> Result<()> {
        if self.open.contains_key(directory) {
            return Ok(());
        }
        if self.open.len() >= OPEN_FILES_MAX {
            let oldest =
                self.open.iter().min_by_key(|(_, file)| file.last_batch).map(|(directory, _)| directory.clone());
            if let Some(oldest) = oldest {
                self.close(&oldest)?;
            }
        }
        let parent = self.target.path.join(directory);
        self.create_directory(&parent)?;
        let (hidden, name) = self.name.file(self.files, self.target.extension);
        self.files += 1;
        let path = parent.join(&hidden);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|error| failed("create", &path, &error))?;
        let fields: Vec<&Field> = self.target.in_file.iter().map(|(_, field)| field).collect();
        let encoder: Box<dyn EncodeLines> = match &self.target.format {
            WriteFormat::Parquet(options) => {
                let writer =
                    ParquetWriter::new(file, &fields, options).map_err(|error| parquet_failed(&path, error))?;
                let content = Content::Parquet(Box::new(writer));
                self.opened(directory, hidden, name, path, content);
                return Ok(());
            }
            WriteFormat::Csv(options) => Box::new(CsvEncoder::new(options.clone())),
            WriteFormat::Json(options) => Box::new(JsonEncoder::new(options.clone())),
        };
        let names = fields.iter().map(|field| field.name.clone()).collect();
        let content = Content::Lines { file, encoder, names, buffer: Vec::with_capacity(BUFFER_BYTES), bytes: 0 };
        self.opened(directory, hidden, name, path, content);
        Ok(())
    }

    /// Makes a directory and those above it; new names become durable with the next checkpoint.
    fn create_directory(&mut self, path: &Path) -> Result<()> {
        let missing = path.ancestors().take_while(|directory| !directory.as_os_str().is_empty() && !directory.exists());
        let above = missing.filter_map(|directory| directory.parent().map(Path::to_path_buf));
        self.unsynced.extend(above.filter(|directory| !directory.as_os_str().is_empty()));
        self.unsynced.insert(path.to_path_buf());
        if self.known.len() >= KNOWN_DIRECTORIES_MAX {
            self.known.clear();
        }
        if self.known.insert(path.to_path_buf()) {
            self.unsettled.extend(holders(path, &self.target.path).map(Path::to_path_buf));
        }
        std::fs::create_dir_all(path).map_err(|error| failed("create", path, &error))
    }

    fn opened(&mut self, directory: &str, hidden: String, name: String, path: PathBuf, content: Content) {
        let prepared = PreparedFile { directory: directory.to_string(), hidden, name };
        self.open.insert(directory.to_string(), OpenFile { prepared, path, content, last_batch: self.batches });
    }

    fn close(&mut self, directory: &str) -> Result<()> {
        let Some(open) = self.open.remove(directory) else { return Ok(()) };
        let path = open.path;
        let file = match open.content {
            Content::Lines { mut file, buffer, .. } => {
                file.write_all(&buffer).map_err(|error| failed("write", &path, &error))?;
                file
            }
            Content::Parquet(writer) => writer.finish().map_err(|error| parquet_failed(&path, error))?,
        };
        file.sync_all().map_err(|error| failed("write", &path, &error))?;
        self.closed.push(open.prepared);
        Ok(())
    }

    fn check_insert_only(&self, batch: &Batch) -> Result<()> {
        if batch.kinds().is_some_and(|kinds| kinds.iter().any(|kind| *kind != RowKind::Insert)) {
            let text = format!(
                "table {}: connector 'filesystem' takes new rows only, no updates or deletions",
                self.target.table
            );
            return Err(Failure::user("filesystem.changes", text));
        }
        Ok(())
    }
}

impl Writer for FilesWriter {
    fn write(&mut self, batch: &Batch, _now: Now) -> Result<Progress> {
        self.check_insert_only(batch)?;
        if batch.is_empty() {
            return Ok(Progress::Done);
        }
        self.batches += 1;
        for (directory, rows) in self.partitions(batch) {
            self.open(&directory)?;
            let count = rows.as_ref().map_or(batch.len(), Vec::len);
            let rows = rows.map(UInt32Array::from);
            let arrays: Result<Vec<ArrayRef>> = self
                .target
                .in_file
                .iter()
                .map(|(at, _)| match &rows {
                    None => Ok(batch.column(*at)),
                    Some(rows) => Ok(arrow::compute::take(&batch.column(*at), rows, None)?),
                })
                .collect();
            let Some(open) = self.open.get_mut(&directory) else { continue };
            open.last_batch = self.batches;
            if open.write(arrays?, &self.target.in_file, count)? >= self.target.roll_bytes {
                self.close(&directory)?;
            }
        }
        Ok(Progress::Done)
    }

    fn prepare(&mut self, _checkpoint: CheckpointId) -> Result<Vec<Vec<u8>>> {
        self.finish()?;
        if self.closed.is_empty() {
            return Ok(Vec::new());
        }
        while let Some(directory) = self.unsynced.pop_last() {
            sync_directory(&directory)?;
        }
        while let Some(directory) = self.unsettled.pop_last() {
            // One that this user cannot open was made by somebody else.
            let _ = sync_directory(&directory);
        }
        let files = std::mem::take(&mut self.closed);
        Ok(vec![Prepared { files }.encode_to_vec()])
    }

    fn finish(&mut self) -> Result<()> {
        while let Some(directory) = self.open.keys().next().cloned() {
            self.close(&directory)?;
        }
        Ok(())
    }
}

impl OpenFile {
    /// Writes rows; returns the bytes of the file so far.
    fn write(&mut self, arrays: Vec<ArrayRef>, fields: &[(usize, Field)], rows: usize) -> Result<u64> {
        match &mut self.content {
            Content::Lines { file, encoder, names, buffer, bytes } => {
                let before = buffer.len();
                let columns: Vec<TextColumn<'_>> =
                    arrays.iter().zip(fields).map(|(array, (_, field))| TextColumn::new(array, &field.ty)).collect();
                encoder.encode(&columns, names, rows, buffer);
                *bytes += (buffer.len() - before) as u64;
                if buffer.len() >= BUFFER_BYTES {
                    file.write_all(buffer).map_err(|error| failed("write", &self.path, &error))?;
                    buffer.clear();
                }
                Ok(*bytes)
            }
            Content::Parquet(writer) => {
                writer.write(arrays, rows).map_err(|error| parquet_failed(&self.path, error))?;
                Ok(writer.bytes())
            }
        }
    }
}

fn parquet_failed(path: &Path, error: ParquetError) -> Failure {
    if let ParquetError::External(inner) = &error
        && let Some(error) = inner.downcast_ref::<std::io::Error>()
    {
        return failed("write", path, error);
    }
    Failure::retryable("filesystem.io", format!("cannot write {}: {error}", path.display()))
}
