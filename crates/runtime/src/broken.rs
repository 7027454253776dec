//! What broken variants ([`Mutant`]) do in place of a job's I/O.

use std::collections::BTreeSet;

use tidemill_checkpoint::envelope::checksum;
use tidemill_checkpoint::resolver::Restore;
use tidemill_checkpoint::{DecisionLog, JobDirectory, ObjectRef, Resolution, read_checkpoint};
use tidemill_core::map::Map;
use tidemill_core::storage::StorageError;
use tidemill_core::{CheckpointId, OperatorId, Result};
use tidemill_dataflow::snapshot::{RestoredBlob, RestoredOperator};

use crate::content::TableChains;
use crate::mutants::Mutant;

/// The chains as a restore reads them.
pub(crate) fn chains_as_read(mutant: Option<Mutant>, tables: &TableChains) -> TableChains {
    let mut seen = tables.clone();
    for run in seen.chains.values_mut().flat_map(|chain| &mut chain.runs) {
        match mutant {
            Some(Mutant::IgnoreOrderFloor) => run.order_floor = None,
            Some(Mutant::BelieveBase) => run.is_base = true,
            _ => {}
        }
    }
    seen
}

/// [`Mutant::FiredForAll`]: of what instances say about windows that have fired, the latest counts for all.
pub(crate) fn fired_for_all(operators: &mut Map<OperatorId, RestoredOperator>) {
    for operator in operators.values_mut() {
        let moment = |blob: &RestoredBlob| Some(i64::from_le_bytes(*blob.state.first_chunk()?));
        let fired = operator.blobs.iter_mut().filter(|blob| blob.name == "fired");
        let mut fired: Vec<&mut RestoredBlob> = fired.collect();
        let latest = fired.iter().filter_map(|blob| moment(blob)).max().unwrap_or(i64::MIN);
        fired.iter_mut().for_each(|blob| blob.state = latest.to_le_bytes().to_vec());
    }
}

/// [`Mutant::NewestManifest`]: goes on from the manifest with the greatest number that there is.
pub(crate) fn newest_manifest(directory: &JobDirectory, resolution: &mut Resolution) -> Result<()> {
    let storage = directory.storage();
    let origin = |path: &String| JobDirectory::origin(path).map(|origin| (origin.checkpoint, origin.generation));
    let roots = storage.list("chk-")?.into_iter().filter(|path| path.ends_with("-root"));
    let (Some(path), Some(restore)) = (roots.max_by_key(origin), &mut resolution.restore) else { return Ok(()) };
    let bytes = storage.get(&path)?;
    let root = ObjectRef { path, len: bytes.len() as u64, checksum: checksum(&bytes) };
    let content = read_checkpoint(storage.as_ref(), &root)?;
    let mut completed = restore.completed.clone();
    completed.root = root;
    resolution.next_checkpoint = resolution.next_checkpoint.max(content.header.checkpoint + 1);
    *restore = Restore { completed, content, url: restore.url.clone() };
    Ok(())
}

/// [`Mutant::DeleteReferenced`]: run files that were written for earlier checkpoints go.
pub(crate) fn delete_referenced(directory: &JobDirectory, checkpoint: CheckpointId) -> Result<(), StorageError> {
    let is_earlier = |path: &String| JobDirectory::origin(path).is_some_and(|origin| origin.checkpoint < checkpoint);
    delete(directory, "state/", is_earlier)
}

/// [`Mutant::CollectTooMuch`]: all goes that the manifests of this log do not name.
pub(crate) fn collect_too_much(directory: &JobDirectory, log: &DecisionLog) -> Result<()> {
    let mut named = BTreeSet::new();
    for completed in log.history().checkpoints.values() {
        let content = read_checkpoint(directory.storage().as_ref(), &completed.root)?;
        named.extend(content.runs().map(|run| run.path.clone()));
    }
    Ok(delete(directory, "state/", |path| !named.contains(path))?)
}

fn delete(directory: &JobDirectory, prefix: &str, may_go: impl Fn(&String) -> bool) -> Result<(), StorageError> {
    let storage = directory.storage();
    storage.list(prefix)?.iter().filter(|path| may_go(path)).try_for_each(|path| storage.delete(path))
}
