//! The places in a manifest that a later version fills: what a barrier overtook, a change of the job, splits that nobody had.
//!
//! They have had their field numbers from the first format on, so that filling them changes no layout. This version fills none
//! and cannot go on from what is in them; to leave it out would lose rows. So a manifest that fills one is refused.

use tidemill_core::{Failure, Result};

use crate::manifest::CheckpointContent;

/// Refuses (`checkpoint.format`) content with something in it that this version does not know how to go on from. `place` is
/// the manifest's URL, for the message.
pub(crate) fn check_empty(content: &CheckpointContent, place: &str) -> Result<()> {
    let filled = if content.subtasks().any(|subtask| !subtask.in_flight.is_empty()) {
        "elements in flight"
    } else if !content.header.mutation.is_empty() {
        "a change of the job"
    } else if content.header.enumerators.iter().any(|enumerator| !enumerator.unassigned.is_empty()) {
        "splits that no reader had"
    } else {
        return Ok(());
    };
    let text = format!(
        "{place} holds {filled}, which this version of Tidemill does not read: use the version that wrote it, or a newer one"
    );
    Err(Failure::refused("checkpoint.format", text))
}
