//! Reads splits of files, one after the other in the order in which they were assigned.

use std::collections::VecDeque;
use std::fs::File;

use arrow::array::ArrayRef;
use tidemill_core::{Batch, Failure, Now, Result};
use tidemill_dataflow::{Poll, Reader, Split};

use super::io::failed;
use super::layout::{Layout, ReadFormat};
use super::split::FileSplit;
use super::stream::RecordStream;
use crate::format::csv::CsvDecoder;
use crate::format::decode::Decode;
use crate::format::json::JsonDecoder;
use crate::format::parquet::ParquetFile;

/// The reader of a subtask.
pub struct FilesReader {
    layout: Layout,
    format: ReadFormat,
    rows_max: usize,
    splits: VecDeque<Assigned>,
}

struct Assigned {
    handle: u32,
    split: FileSplit,
    open: Option<Open>,
}

struct Open {
    source: OpenFile,
    constants: Vec<Option<ArrayRef>>,
}

enum OpenFile {
    Records(RecordStream),
    Parquet(Box<ParquetFile>),
}

impl FilesReader {
    /// A reader without splits.
    pub fn new(layout: Layout, format: ReadFormat, rows_max: usize) -> FilesReader {
        FilesReader { layout, format, rows_max, splits: VecDeque::new() }
    }

    fn open(&self, split: &FileSplit) -> Result<Open> {
        let file = File::open(&split.path).map_err(|error| failed("read", &split.path, &error))?;
        let size = file.metadata().map_err(|error| failed("read", &split.path, &error))?.len();
        let grown = size > split.size && matches!(self.format, ReadFormat::Parquet);
        if size < split.size || grown {
            let text = format!("the file has {size} bytes, but had {} when it was found: it was replaced", split.size);
            return Err(Failure::data("filesystem.changed", text).at(split.path.clone()));
        }
        let layout = &self.layout;
        let (decoder, first_line): (Box<dyn Decode>, Option<Box<dyn Decode>>) = match &self.format {
            ReadFormat::Parquet => {
                let groups = split.start as usize..usize::try_from(split.end).unwrap_or(usize::MAX);
                let fields = layout.decoded_fields();
                let file = ParquetFile::open(&split.path, file, &fields, groups, split.done, self.rows_max)?;
                return self.with_constants(OpenFile::Parquet(Box::new(file)), split);
            }
            ReadFormat::Csv(options) => {
                let decoder = CsvDecoder::new(options.clone(), &layout.in_file, &layout.decoded);
                let first_line: Option<Box<dyn Decode>> = match options.ignore_first_line {
                    true => Some(Box::new(CsvDecoder::skipping(options))),
                    false => None,
                };
                (Box::new(decoder), first_line)
            }
            ReadFormat::Json(options) => (Box::new(JsonDecoder::new(options.clone(), &layout.decoded_fields())), None),
        };
        self.with_constants(OpenFile::Records(RecordStream::open(file, split, decoder, first_line)?), split)
    }

    fn with_constants(&self, source: OpenFile, split: &FileSplit) -> Result<Open> {
        Ok(Open { source, constants: self.layout.constants(split)? })
    }
}

impl Reader for FilesReader {
    fn add_split(&mut self, handle: u32, split: Split) -> Result<()> {
        let split = FileSplit::decode_split(&split)?;
        self.splits.push_back(Assigned { handle, split, open: None });
        Ok(())
    }

    fn poll(&mut self, rows_max: usize, _now: Now) -> Result<Poll> {
        let Some(front) = self.splits.front() else { return Ok(Poll::Pending { wake_at_ns: None }) };
        let newly_opened = match &front.open {
            Some(_) => None,
            None => Some(self.open(&front.split)?),
        };
        let Some(front) = self.splits.front_mut() else { return Ok(Poll::Pending { wake_at_ns: None }) };
        if newly_opened.is_some() {
            front.open = newly_opened;
        }
        let handle = front.handle;
        let Some(open) = &mut front.open else { return Ok(Poll::Pending { wake_at_ns: None }) };
        let next = match &mut open.source {
            OpenFile::Records(stream) => {
                let next = stream.next(rows_max.max(1))?;
                front.split.done = stream.at() - front.split.start;
                next
            }
            OpenFile::Parquet(file) => {
                let next = file.next(rows_max.max(1))?;
                front.split.done += next.as_ref().map_or(0, |(_, rows)| *rows as u64);
                next
            }
        };
        match next {
            Some((columns, rows)) => {
                let columns = self.layout.assemble(&columns, &open.constants, rows)?;
                Ok(Poll::Batch(handle, Batch::new(columns, rows)))
            }
            None => {
                self.splits.pop_front();
                Ok(Poll::Finished(handle))
            }
        }
    }

    fn snapshot(&mut self) -> Result<Vec<(u32, Split)>> {
        Ok(self.splits.iter().map(|assigned| (assigned.handle, assigned.split.encode_split())).collect())
    }
}
