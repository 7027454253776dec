//! What a start of a job goes on from: a checkpoint, a savepoint or nothing.

use std::sync::Arc;

use tidemill_checkpoint::manifest::CheckpointContent;
use tidemill_core::Result;
use tidemill_core::storage::Storage;
use tidemill_dataflow::JobGraph;

use crate::fixed;
use crate::key_groups::Stored;

/// What a start goes on from.
pub(crate) struct Base {
    pub(crate) content: Option<CheckpointContent>,
    /// The plan that the content is of.
    pub(crate) plan: Option<JobGraph>,
    /// Where the content's files are.
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) url: Option<String>,
    pub(crate) is_savepoint: bool,
}

impl Base {
    /// The beginning.
    pub(crate) fn nothing(storage: &Arc<dyn Storage>) -> Base {
        Base { content: None, plan: None, storage: Arc::clone(storage), url: None, is_savepoint: false }
    }

    /// A checkpoint or a savepoint.
    pub(crate) fn of(
        content: CheckpointContent,
        storage: Arc<dyn Storage>,
        url: String,
        is_savepoint: bool,
    ) -> Result<Base> {
        let plan = fixed::plan_of(Some(&content))?;
        Ok(Base { content: Some(content), plan, storage, url: Some(url), is_savepoint })
    }

    pub(crate) fn savepoint_content(&self) -> Option<&CheckpointContent> {
        self.content.as_ref().filter(|_| self.is_savepoint)
    }

    /// The key groups that the job has had so far.
    pub(crate) fn key_groups(&self) -> Option<Stored> {
        let count = self.content.as_ref().map(|content| content.header.key_groups).filter(|count| *count > 0)?;
        Some(Stored { count, url: self.url.clone().unwrap_or_default(), is_savepoint: self.is_savepoint })
    }
}
