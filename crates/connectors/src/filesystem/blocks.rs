//! A range of a file, block by block in order, read ahead of its use and away from the slot's thread.

use std::collections::VecDeque;
use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use tidemill_core::{Failure, Result};
use tidemill_dataflow::{Offload, Pending};

use super::io::failed;

/// Bytes read at a time.
const BLOCK_BYTES: u64 = 256 << 10;
/// Blocks that are being read, or wait to be used.
const BLOCKS_AHEAD: usize = 2;

/// What is still to be read of a file.
pub struct Blocks {
    file: Arc<File>,
    path: Arc<str>,
    offload: Offload,
    /// What has not been asked for yet.
    rest: Range<u64>,
    ahead: VecDeque<Pending<Result<Vec<u8>>>>,
}

impl Blocks {
    /// Begins to read a range of bytes.
    pub fn new(file: Arc<File>, path: &str, range: Range<u64>, offload: Offload) -> Blocks {
        let mut blocks = Blocks { file, path: path.into(), offload, rest: range, ahead: VecDeque::new() };
        blocks.read_ahead();
        blocks
    }

    /// The next block, if it is there; an empty one behind the last.
    pub fn take(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(first) = self.ahead.front() else { return Ok(Some(Vec::new())) };
        let Some(block) = first.take()? else { return Ok(None) };
        self.ahead.pop_front();
        self.read_ahead();
        block.map(Some)
    }

    fn read_ahead(&mut self) {
        while self.ahead.len() < BLOCKS_AHEAD && !self.rest.is_empty() {
            let from = self.rest.start;
            self.rest.start = self.rest.end.min(from + BLOCK_BYTES);
            let (file, path, range) = (Arc::clone(&self.file), Arc::clone(&self.path), from..self.rest.start);
            self.ahead.push_back(self.offload.start(move || read(&file, &path, range)));
        }
    }
}

/// Reads a range of bytes, all of them. Blocks.
pub fn read(file: &File, path: &str, range: Range<u64>) -> Result<Vec<u8>> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    match file.read_exact_at(&mut bytes, range.start) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            let text = format!("the file ends before byte {}, which it had when it was found: it was cut", range.end);
            Err(Failure::data("filesystem.changed", text).at(path))
        }
        Err(error) => Err(failed("read", path, &error)),
    }
}
