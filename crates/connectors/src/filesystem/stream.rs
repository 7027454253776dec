//! Reading a range of a file of records: blocks come in, are decoded, and what is left of a record is kept.

use std::fs::File;
use std::io::{BufReader, Read};
use std::sync::Arc;

use tidemill_core::{Failure, Result};
use tidemill_dataflow::Offload;

use super::blocks::Blocks;
use super::split::FileSplit;
use crate::format::decode::{Decode, Decoded, Next, Problem};

/// Bytes read at a time to count lines.
const COUNTED_BYTES: usize = 256 << 10;
/// A record that is longer than this is taken for a mistake.
const RECORD_BYTES_MAX: usize = 64 << 20;

/// An open range of a file.
pub struct RecordStream {
    blocks: Blocks,
    path: String,
    decoder: Box<dyn Decode>,
    /// Decodes, and so leaves out, the first record; none where that is done or not wanted.
    first_line: Option<Box<dyn Decode>>,
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
    pub fn new(
        file: Arc<File>,
        split: &FileSplit,
        decoder: Box<dyn Decode>,
        first_line: Option<Box<dyn Decode>>,
        offload: Offload,
    ) -> RecordStream {
        let at = split.start + split.done;
        RecordStream {
            blocks: Blocks::new(file, &split.path, at..split.end, offload),
            path: split.path.clone(),
            decoder,
            first_line: first_line.filter(|_| at == 0),
            buffer: Vec::new(),
            begin: 0,
            at,
            end: split.end,
        }
    }

    /// Where the next record begins in the file.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// At most `rows_max` further rows: those that are there.
    pub fn next(&mut self, rows_max: usize) -> Result<Next> {
        if self.first_line.is_some() {
            if !self.decode(1)?.1 {
                return Ok(Next::Waiting);
            }
            self.first_line = None;
        }
        match self.decode(rows_max)? {
            (0, true) => Ok(Next::End),
            (0, false) => Ok(Next::Waiting),
            (rows, _) => Ok(Next::Rows(self.decoder.finish()?, rows)),
        }
    }

    /// Decodes up to `rows_max` rows; false if it stopped because bytes are on their way.
    fn decode(&mut self, rows_max: usize) -> Result<(usize, bool)> {
        let mut rows = 0;
        while rows < rows_max {
            let last = self.at + (self.buffer.len() - self.begin) as u64 == self.end;
            let data = &self.buffer[self.begin..];
            let decoder = self.first_line.as_mut().unwrap_or(&mut self.decoder);
            let decoded: Decoded = match decoder.decode(data, last, rows_max - rows) {
                Ok(decoded) => decoded,
                Err(problem) => return Err(self.failure(problem)),
            };
            rows += decoded.rows;
            self.begin += decoded.bytes;
            self.at += decoded.bytes as u64;
            if last && (decoded.bytes == 0 || self.at == self.end) {
                break;
            }
            if rows < rows_max && !last && !self.fill()? {
                return Ok((rows, false));
            }
        }
        Ok((rows, true))
    }

    /// Adds the next block to the buffer; false if it is not there yet.
    fn fill(&mut self) -> Result<bool> {
        if self.buffer.len() - self.begin > RECORD_BYTES_MAX {
            if let Some(bytes) = self.decoder.skip(&self.buffer[self.begin..]) {
                self.begin += bytes;
                self.at += bytes as u64;
                return Ok(true);
            }
            let text =
                format!("a record is longer than {} MiB; is a quote or a line end missing?", RECORD_BYTES_MAX >> 20);
            let line = self.line(self.at);
            return Err(Failure::data("filesystem.record", text).at(format!("{}, line {line}", self.path)));
        }
        let Some(block) = self.blocks.take()? else { return Ok(false) };
        self.buffer.drain(..self.begin);
        self.begin = 0;
        if self.buffer.is_empty() {
            self.buffer = block;
        } else {
            self.buffer.extend_from_slice(&block);
        }
        Ok(true)
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
        let mut block = vec![0; COUNTED_BYTES];
        let mut lines = 1;
        while let Ok(read @ 1..) = reader.read(&mut block) {
            lines += block[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        lines
    }
}
