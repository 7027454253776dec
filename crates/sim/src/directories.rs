//! The directories of a job: one at first, and another each time it goes on from a savepoint.

use tidemill_checkpoint::decision::{Decision, Entry};
use tidemill_checkpoint::envelope::{ObjectKind, unseal};
use tidemill_core::storage::Storage;

use crate::store::Shared;

/// A directory.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// Its number.
    pub number: usize,
    /// The savepoint that its job began with.
    savepoint: Option<String>,
    /// The job is to start over once its generation is beyond this one.
    over_from: Option<u64>,
}

/// All of them; the last is the one that counts.
#[derive(Debug, Default)]
pub struct Directories {
    before: Vec<Directory>,
    current: Directory,
}

impl Directories {
    /// The one that processes start in.
    pub fn current(&self) -> &Directory {
        &self.current
    }

    /// From now on processes start in a new one, with a savepoint.
    pub fn next(&mut self, savepoint: String) {
        let number = self.current.number + 1;
        let next = Directory { number, savepoint: Some(savepoint), over_from: Some(0) };
        self.before.push(std::mem::replace(&mut self.current, next));
    }

    /// The next start is to start over.
    pub fn start_over(&mut self, store: &Shared) {
        self.current.over_from = Some(self.current.newest_generation(store));
    }

    /// The generation of a directory from which on output counts: where a job has started over, what came before does not.
    pub fn counts_from(&self, number: usize, store: &Shared) -> u64 {
        let mut all = self.before.iter().chain([&self.current]);
        let directory = all.find(|directory| directory.number == number);
        let is_over = |directory: &&Directory| directory.over_from.is_some();
        let Some(directory) = directory.filter(is_over) else { return 0 };
        directory
            .starts(store)
            .into_iter()
            .filter(|(_, restored)| *restored == 0)
            .map(|(generation, _)| generation)
            .max()
            .unwrap_or(0)
    }
}

impl Directory {
    /// Its folder of the store.
    pub fn folder(&self) -> String {
        format!("job-{}/", self.number)
    }

    /// Who may decide, as the log says.
    pub fn newest_generation(&self, store: &Shared) -> u64 {
        self.starts(store).into_iter().map(|(generation, _)| generation).max().unwrap_or(0)
    }

    /// True until a process has begun to start over.
    pub fn is_to_start_over(&self, store: &Shared) -> bool {
        self.over_from.is_some_and(|before| {
            !self.starts(store).into_iter().any(|(generation, restored)| generation > before && restored == 0)
        })
    }

    /// The savepoint that a start is given.
    pub fn begins_with(&self, store: &Shared) -> Option<String> {
        self.savepoint.clone().filter(|_| self.is_to_start_over(store))
    }

    /// The generations that the log has, with the checkpoint that each went on from.
    fn starts(&self, store: &Shared) -> Vec<(u64, u64)> {
        let objects = store.objects();
        let paths = objects.list(&format!("{}decisions/", self.folder())).unwrap_or_default();
        let entries = paths.iter().filter_map(|path| {
            let bytes = objects.get(path).ok()?;
            unseal::<Entry>(ObjectKind::Decision, &bytes, path).ok()?.decision
        });
        let start = |decision| match decision {
            Decision::GenerationStarted(started) => Some((started.generation, started.restored_from)),
            _ => None,
        };
        entries.filter_map(start).collect()
    }
}
