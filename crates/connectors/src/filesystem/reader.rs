//! Reads splits of files, one after the other in the order in which they were assigned. Files are opened and read away from the
//! slot's thread, decoded on it.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;

use arrow::array::ArrayRef;
use tidemill_core::{Batch, Failure, Now, Result};
use tidemill_dataflow::{Offload, Pending, Poll, Reader, ReaderContext, Split};

use super::blocks;
use super::io::failed;
use super::layout::{Layout, ReadFormat};
use super::split::FileSplit;
use super::stream::RecordStream;
use crate::format::csv::CsvDecoder;
use crate::format::decode::{Decode, Next};
use crate::format::json::JsonDecoder;
use crate::format::parquet::{Fetch, Footer, ParquetFile, Part};

/// The reader of a subtask.
pub struct FilesReader {
    layout: Layout,
    format: ReadFormat,
    rows_max: usize,
    offload: Offload,
    splits: VecDeque<Assigned>,
}

struct Assigned {
    handle: u32,
    split: FileSplit,
    state: State,
}

enum State {
    /// Nothing is done for it yet.
    Closed,
    /// Its file is being opened.
    Opening(Pending<Result<Opened>>),
    /// It is being read; the values of columns that are not in the file.
    Reading(Source, Vec<Option<ArrayRef>>),
}

/// A file that has been opened; of Parquet with its footer.
struct Opened {
    /// The split, up to the end that the file has now.
    split: FileSplit,
    file: Arc<File>,
    footer: Option<Footer>,
}

enum Source {
    Records(Box<RecordStream>),
    Parquet(Box<ParquetFile>),
}

impl FilesReader {
    /// A reader without splits.
    pub fn new(layout: Layout, format: ReadFormat, cx: &ReaderContext) -> FilesReader {
        FilesReader {
            layout,
            format,
            rows_max: cx.rows_max.max(1),
            offload: cx.offload.clone(),
            splits: VecDeque::new(),
        }
    }

    /// Brings the first split on until it can be read, or its file is being opened.
    fn prepare(&mut self) -> Result<()> {
        let Some(front) = self.splits.front_mut() else { return Ok(()) };
        if let State::Closed = front.state {
            let (split, has_footer) = (front.split.clone(), matches!(self.format, ReadFormat::Parquet));
            front.state = State::Opening(self.offload.start(move || open(&split, has_footer)));
        }
        let State::Opening(pending) = &front.state else { return Ok(()) };
        let Some(opened) = pending.take()? else { return Ok(()) };
        let opened = opened?;
        front.split = opened.split.clone();
        let split = front.split.clone();
        let source = self.source(opened, &split)?;
        let constants = self.layout.constants(&split)?;
        if let Some(front) = self.splits.front_mut() {
            front.state = State::Reading(source, constants);
        }
        Ok(())
    }

    fn source(&self, opened: Opened, split: &FileSplit) -> Result<Source> {
        let (layout, offload) = (&self.layout, self.offload.clone());
        let (decoder, first_line): (Box<dyn Decode>, Option<Box<dyn Decode>>) = match &self.format {
            ReadFormat::Parquet => {
                let no_footer = || Failure::fatal("defect", "a Parquet file was opened without its footer");
                let footer = opened.footer.ok_or_else(no_footer)?;
                let groups = split.start as usize..usize::try_from(split.end).unwrap_or(usize::MAX);
                let fields = layout.decoded_fields();
                let part = Part { groups, skip: split.done, rows_max: self.rows_max };
                let file = ParquetFile::new(&split.path, fetch(opened.file, split), footer, &fields, part, offload)?;
                return Ok(Source::Parquet(Box::new(file)));
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
        Ok(Source::Records(Box::new(RecordStream::new(opened.file, split, decoder, first_line, offload))))
    }
}

/// Opens the file of a split, if it is still what was found, or has become what may be gone on with: Parquet of which nothing was
/// read, or lines behind those that an earlier start has read, as after someone has mended a file on which the job failed. Lines that
/// are added while a file is waiting to be read are left for the next listing: they may not be whole. Blocks.
fn open(split: &FileSplit, has_footer: bool) -> Result<Opened> {
    let file = File::open(&split.path).map_err(|error| failed("read", &split.path, &error))?;
    let size = file.metadata().map_err(|error| failed("read", &split.path, &error))?.len();
    let mut split = split.clone();
    let is_whole = split.start == 0 && (split.end == split.size || split.end == u64::MAX);
    if size > split.size && !has_footer && split.done > 0 && split.end == split.size {
        (split.size, split.end) = (size, size);
    } else if has_footer && is_whole && split.done == 0 {
        split.size = size;
    }
    if size < split.size || size > split.size && has_footer {
        let text = format!("the file has {size} bytes, but had {} when it was found: it was replaced", split.size);
        return Err(Failure::data("filesystem.changed", text).at(split.path.clone()));
    }
    let footer = if has_footer { Some(Footer::load(&split.path, &file)?) } else { None };
    Ok(Opened { split, file: Arc::new(file), footer })
}

/// Reads ranges of a split's file.
fn fetch(file: Arc<File>, split: &FileSplit) -> Fetch {
    let path = split.path.clone();
    Arc::new(move |range| Ok(blocks::read(&file, &path, range.clone())?.into()))
}

impl Reader for FilesReader {
    fn add_split(&mut self, handle: u32, split: Split) -> Result<()> {
        let split = FileSplit::decode_split(&split)?;
        self.splits.push_back(Assigned { handle, split, state: State::Closed });
        Ok(())
    }

    fn poll(&mut self, rows_max: usize, _now: Now) -> Result<Poll> {
        self.prepare()?;
        let Some(Assigned { handle, split, state }) = self.splits.front_mut() else {
            return Ok(Poll::Pending { wake_at_ns: None });
        };
        let State::Reading(source, constants) = state else { return Ok(Poll::Waiting) };
        let next = match source {
            Source::Records(stream) => {
                let next = stream.next(rows_max.max(1))?;
                split.done = stream.at() - split.start;
                next
            }
            Source::Parquet(file) => {
                let next = file.next(rows_max.max(1))?;
                split.done += if let Next::Rows(_, rows) = &next { *rows as u64 } else { 0 };
                next
            }
        };
        match next {
            Next::Rows(columns, rows) => {
                let columns = self.layout.assemble(&columns, constants, rows)?;
                Ok(Poll::Batch(*handle, Batch::new(columns, rows)))
            }
            Next::Waiting => Ok(Poll::Waiting),
            Next::End => {
                let handle = *handle;
                self.splits.pop_front();
                Ok(Poll::Finished(handle))
            }
        }
    }

    fn snapshot(&mut self) -> Result<Vec<(u32, Split)>> {
        Ok(self.splits.iter().map(|assigned| (assigned.handle, assigned.split.encode_split())).collect())
    }
}
