//! The layout of a job's checkpoint directory. No name is ever used twice: each carries the generation that wrote it.
//!
//! ```text
//! job                                     whose directory it is
//! fresh                                   only while the directory is being emptied
//! decisions/<K>                           entry K of the decision log
//! chk-<id>/g<generation>-root             the root of a checkpoint's manifest
//! chk-<id>/g<generation>-part-<worker>    what a worker has in it
//! state/g<generation>/c<id>-w<worker>-<n> run files, written for checkpoint <id>
//! ```

use std::fmt;
use std::sync::Arc;

use tidemill_core::CheckpointId;
use tidemill_core::storage::Storage;

/// A job's directory: a store with names for what is in it.
#[derive(Clone)]
pub struct JobDirectory {
    storage: Arc<dyn Storage>,
}

/// Who wrote a file, as its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The generation.
    pub generation: u64,
    /// The checkpoint it was written for.
    pub checkpoint: CheckpointId,
}

impl JobDirectory {
    /// The directory that is the root of a store.
    pub fn new(storage: Arc<dyn Storage>) -> JobDirectory {
        JobDirectory { storage }
    }

    /// The store.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// The directory's URL.
    pub fn url(&self) -> String {
        self.storage.url("")
    }

    /// The path of an entry of the decision log.
    pub fn decision(number: u64) -> String {
        format!("decisions/{number:020}")
    }

    /// The number of a decision, from its path.
    pub fn decision_number(path: &str) -> Option<u64> {
        path.strip_prefix("decisions/")?.parse().ok()
    }

    /// The path of a checkpoint's manifest root.
    pub fn root(generation: u64, checkpoint: CheckpointId) -> String {
        format!("chk-{checkpoint}/g{generation:010}-root")
    }

    /// The path of a worker's part of a manifest.
    pub fn part(generation: u64, checkpoint: CheckpointId, worker: u32) -> String {
        format!("chk-{checkpoint}/g{generation:010}-part-{worker:05}")
    }

    /// The path of a run file. `number` counts the worker's files for this checkpoint.
    pub fn run_file(generation: u64, checkpoint: CheckpointId, worker: u32, number: u32) -> String {
        format!("state/g{generation:010}/c{checkpoint:010}-w{worker:05}-{number:05}")
    }

    /// Who wrote the file at `path`; none for what is neither manifest nor run file.
    pub fn origin(path: &str) -> Option<Origin> {
        if let Some(rest) = path.strip_prefix("chk-") {
            let (checkpoint, rest) = rest.split_once("/g")?;
            let (generation, _) = rest.split_once('-')?;
            return Some(Origin { generation: generation.parse().ok()?, checkpoint: checkpoint.parse().ok()? });
        }
        let (generation, rest) = path.strip_prefix("state/g")?.split_once("/c")?;
        let (checkpoint, _) = rest.split_once("-w")?;
        Some(Origin { generation: generation.parse().ok()?, checkpoint: checkpoint.parse().ok()? })
    }
}

impl fmt::Debug for JobDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobDirectory({})", self.url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_who_wrote_the_file() {
        let origin = Some(Origin { generation: 3, checkpoint: 17 });
        assert_eq!(JobDirectory::origin(&JobDirectory::root(3, 17)), origin);
        assert_eq!(JobDirectory::origin(&JobDirectory::part(3, 17, 2)), origin);
        assert_eq!(JobDirectory::origin(&JobDirectory::run_file(3, 17, 2, 9)), origin);
        assert_eq!(JobDirectory::origin("job"), None);
        assert_eq!(JobDirectory::origin("state/notes.txt"), None);
        assert_eq!(JobDirectory::decision_number(&JobDirectory::decision(12)), Some(12));
    }
}
