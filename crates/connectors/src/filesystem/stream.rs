//! Reading a range of a file of records: bytes are read in blocks, decoded, and what is left of a record is kept.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use arrow::array::ArrayRef;
use tidemill_core::{Failure, Result};

use super::io::failed;
use super::split::FileSplit;
use crate::format::decode::{Decode, Problem};

/// Bytes read at a time.
const BLOCK_BYTES: usize = 256 << 10;
/// A record that is longer than this is taken for a mistake.
const RECORD_BYTES_MAX: usize = 64 << 20;

/// An open range of a file.
pub struct RecordStream {
    file: File,
    path: String,
    decoder: Box<dyn Decode>,
    buffer: Vec<u8>,
    /// Where the undecoded bytes begin in `buffer`.
    begin: usize,
    /// Where `buffer[begin]` is in the file.
    at: u64,
    /// Where the range ends in the file.
    end: u64,
}

impl RecordStream {
    /// Opens a split where it goes on. `first_line` decodes, and so leaves out, the first record of the file.
    pub fn open(
        mut file: File,
        split: &FileSplit,
        decoder: Box<dyn Decode>,
        first_line: Option<Box<dyn Decode>>,
    ) -> Result<RecordStream> {
        let at = split.start + split.done;
        file.seek(SeekFrom::Start(at)).map_err(|error| failed("read", &split.path, &error))?;
        let (path, buffer) = (split.path.clone(), Vec::new());
        let mut stream = RecordStream { file, path, decoder, buffer, begin: 0, at, end: split.end };
        if let Some(skipper) = first_line.filter(|_| at == 0) {
            let decoder = std::mem::replace(&mut stream.decoder, skipper);
            stream.next(1)?;
            stream.decoder = decoder;
        }
        Ok(stream)
    }

    /// Where the next record begins in the file.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// At most `rows_max` further rows; nothing at the end.
    pub fn next(&mut self, rows_max: usize) -> Result<Option<(Vec<ArrayRef>, usize)>> {
        let mut rows = 0;
        while rows < rows_max {
            let last = self.at + (self.buffer.len() - self.begin) as u64 == self.end;
            let data = &self.buffer[self.begin..];
            let decoded = match self.decoder.decode(data, last, rows_max - rows) {
                Ok(decoded) => decoded,
                Err(problem) => return Err(self.failure(problem)),
            };
            rows += decoded.rows;
            self.begin += decoded.bytes;
            self.at += decoded.bytes as u64;
            if last && (decoded.bytes == 0 || self.at == self.end) {
                break;
            }
            if rows < rows_max && !last {
                self.fill()?;
            }
        }
        if rows == 0 {
            return Ok(None);
        }
        Ok(Some((self.decoder.finish()?, rows)))
    }

    fn fill(&mut self) -> Result<()> {
        self.buffer.drain(..self.begin);
        self.begin = 0;
        let held = self.buffer.len();
        if held > RECORD_BYTES_MAX {
            let text =
                format!("a record is longer than {} MiB; is a quote or a line end missing?", RECORD_BYTES_MAX >> 20);
            let line = self.line(self.at);
            return Err(Failure::data("filesystem.record", text).at(format!("{}, line {line}", self.path)));
        }
        let wanted = (self.end - self.at - held as u64).min(BLOCK_BYTES as u64) as usize;
        self.buffer.resize(held + wanted, 0);
        let read = self.file.read(&mut self.buffer[held..]).map_err(|error| failed("read", &self.path, &error))?;
        self.buffer.truncate(held + read);
        if read == 0 {
            let text = format!("the file ends at byte {}, but had {} when it was found: it was cut", self.at, self.end);
            return Err(Failure::data("filesystem.changed", text).at(self.path.clone()));
        }
        Ok(())
    }

    fn failure(&self, problem: Problem) -> Failure {
        let line = self.line(self.at + problem.byte as u64) + problem.lines;
        let column = problem.column.map(|(at, name)| format!(", column {at} ({name})")).unwrap_or_default();
        Failure::data(problem.code, problem.text).at(format!("{}, line {line}{column}", self.path))
    }

    /// The number, from 1, of the line that a byte of the file is in: counted only when there is something to say about it.
    fn line(&self, byte: u64) -> u64 {
        let Ok(file) = File::open(&self.path) else { return 1 };
        let mut reader = BufReader::new(file.take(byte));
        let mut block = vec![0; BLOCK_BYTES];
        let mut lines = 1;
        while let Ok(read @ 1..) = reader.read(&mut block) {
            lines += block[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        lines
    }
}
