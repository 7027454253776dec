//! The source: finds files, once or again and again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use prost::Message;
use tidemill_core::{Failure, Result};
use tidemill_dataflow::{Discovery, Enumerator, ReadRequest, Reader, ReaderContext, Source, TableSpec};

use super::layout::{Layout, ReadFormat};
use super::listing::{list, local_path};
use super::options::{MONITOR_INTERVAL, PATH, SUCCESS_FILE};
use super::reader::FilesReader;
use super::split::{SPLIT_BYTES, cut};
use crate::options::{ROWS_PER_SECOND, rows_per_second};
use crate::table::{self, top_level, unsupported};

/// Reads the files of a table.
#[derive(Clone, Debug)]
pub struct FilesystemSource {
    path: PathBuf,
    mark: String,
    format: ReadFormat,
    layout: Layout,
    monitor_ms: Option<u64>,
    rows_per_second: Option<u64>,
}

impl FilesystemSource {
    /// The source of a stored config.
    pub fn decode(config: &[u8]) -> Result<FilesystemSource> {
        let (table, request) = table::decode(config)?;
        FilesystemSource::new(&table, &request)
    }

    pub(super) fn new(table: &TableSpec, request: &ReadRequest) -> Result<FilesystemSource> {
        let path = table.options.text(&PATH).ok_or_else(|| unsupported(table, "the option 'path' is missing"))?;
        let monitor = table.options.duration(&MONITOR_INTERVAL)?;
        if monitor.is_some_and(|interval| interval.is_zero()) {
            let text = format!(
                "option '{}' is 0, but must be above 0; without it the files are listed once",
                MONITOR_INTERVAL.key
            );
            return Err(MONITOR_INTERVAL.refuse(text));
        }
        Ok(FilesystemSource {
            path: local_path(path)?,
            mark: table.options.text(&SUCCESS_FILE).unwrap_or("_SUCCESS").to_string(),
            format: ReadFormat::new(table)?,
            layout: Layout::new(table, &top_level(request)?)?,
            monitor_ms: monitor.map(|interval| (interval.as_millis() as u64).max(1)),
            rows_per_second: rows_per_second(&table.options, &ROWS_PER_SECOND)?,
        })
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.monitor_ms.is_none()
    }
}

impl Source for FilesystemSource {
    fn enumerator(&self) -> Result<Box<dyn Enumerator>> {
        Ok(Box::new(FilesEnumerator { source: self.clone(), seen: BTreeSet::new(), listed: false }))
    }

    fn reader(&self, cx: &ReaderContext) -> Result<Box<dyn Reader>> {
        Ok(Box::new(FilesReader::new(self.layout.clone(), self.format.clone(), cx)))
    }

    fn rows_per_second(&self) -> Option<u64> {
        self.rows_per_second
    }
}

/// What an enumerator has reported.
#[derive(Clone, PartialEq, Message)]
struct Seen {
    #[prost(bool, tag = "1")]
    listed: bool,
    /// Only of a source that watches: a bounded one lists once.
    #[prost(string, repeated, tag = "2")]
    paths: Vec<String>,
}

struct FilesEnumerator {
    source: FilesystemSource,
    seen: BTreeSet<String>,
    listed: bool,
}

impl Enumerator for FilesEnumerator {
    fn discover(&mut self) -> Result<Discovery> {
        let watches = self.source.monitor_ms.is_some();
        if self.listed && !watches {
            return Ok(Discovery::default());
        }
        let mut splits = Vec::new();
        for found in list(&self.source.path, &self.source.mark, watches)? {
            if watches && !self.seen.insert(found.path.to_string_lossy().into_owned()) {
                continue;
            }
            let pieces = cut(&found, &self.source.format, SPLIT_BYTES)?;
            splits.extend(pieces.iter().map(|piece| piece.encode_split()));
        }
        self.listed = true;
        Ok(Discovery { splits, again_in_ms: self.source.monitor_ms })
    }

    fn snapshot(&self) -> Vec<u8> {
        Seen { listed: self.listed, paths: self.seen.iter().cloned().collect() }.encode_to_vec()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let seen = Seen::decode(state).map_err(|error| {
            Failure::fatal("source.state", format!("the list of files read so far cannot be read: {error}"))
        })?;
        (self.listed, self.seen) = (seen.listed, seen.paths.into_iter().collect());
        Ok(())
    }
}
