//! Writing and reading the tree of a manifest.
//!
//! Every object is checksummed in itself and in what refers to it: the parts in the root, the root in the decision log and in
//! the next root, runs in the parts. Objects are created, never replaced; writing the same again is fine.

use prost::Message;
use tidemill_core::storage::Storage;
use tidemill_core::{CheckpointId, Failure, Result};

use crate::envelope::{ObjectKind, checksum, create_same, seal, unseal};
use crate::job_directory::JobDirectory;
use crate::manifest::{CheckpointContent, Header, ObjectRef, RunRef, WorkerPart};
use crate::reserved::check_empty;

#[derive(Clone, PartialEq, Message)]
struct Root {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    #[prost(message, repeated, tag = "2")]
    parts: Vec<ObjectRef>,
    #[prost(message, optional, tag = "3")]
    previous: Option<ObjectRef>,
}

/// Writes all of a checkpoint's manifest; the reference goes into the decision log.
pub fn write_checkpoint(directory: &JobDirectory, content: &CheckpointContent) -> Result<ObjectRef> {
    let header = &content.header;
    let parts: Result<Vec<ObjectRef>> =
        content.workers.iter().map(|part| write_part(directory, header.generation, header.checkpoint, part)).collect();
    write_root(directory, header, &parts?, content.previous.as_ref())
}

/// Writes one worker's part of a manifest.
pub fn write_part(
    directory: &JobDirectory,
    generation: u64,
    checkpoint: CheckpointId,
    part: &WorkerPart,
) -> Result<ObjectRef> {
    write_object(directory, JobDirectory::part(generation, checkpoint, part.worker), ObjectKind::ManifestPart, part)
}

/// Writes a manifest's root, after its parts. `previous` is the root that the job was restored from or completed before.
pub fn write_root(
    directory: &JobDirectory,
    header: &Header,
    parts: &[ObjectRef],
    previous: Option<&ObjectRef>,
) -> Result<ObjectRef> {
    let path = JobDirectory::root(header.generation, header.checkpoint);
    let root = Root { header: Some(header.clone()), parts: parts.to_vec(), previous: previous.cloned() };
    write_object(directory, path, ObjectKind::ManifestRoot, &root)
}

/// Reads and verifies all of a manifest (not the runs it names: see [`verify_run`]).
pub fn read_checkpoint(storage: &dyn Storage, root: &ObjectRef) -> Result<CheckpointContent> {
    read_tree(storage, root).map(|(content, _)| content)
}

/// The same, with the paths of the manifest's own objects, root first.
pub(crate) fn read_tree(storage: &dyn Storage, root: &ObjectRef) -> Result<(CheckpointContent, Vec<String>)> {
    let Root { header, parts, previous } = read_object(storage, root, ObjectKind::ManifestRoot)?;
    let header = header.ok_or_else(|| corrupt(storage, &root.path, "has no header"))?;
    let workers: Result<Vec<WorkerPart>> =
        parts.iter().map(|part| read_object(storage, part, ObjectKind::ManifestPart)).collect();
    let paths = std::iter::once(root).chain(&parts).map(|object| object.path.clone()).collect();
    let content = CheckpointContent { header, workers: workers?, previous };
    check_empty(&content, &storage.url(&root.path))?;
    Ok((content, paths))
}

/// Reads a run and compares its checksum. The answer is its bytes.
pub fn verify_run(storage: &dyn Storage, run: &RunRef) -> Result<Vec<u8>> {
    let bytes = storage.get_range(&run.path, run.offset, run.len)?;
    if checksum(&bytes) != run.checksum {
        return Err(corrupt(storage, &run.path, "its checksum does not match the manifest"));
    }
    Ok(bytes)
}

fn write_object(directory: &JobDirectory, path: String, kind: ObjectKind, message: &impl Message) -> Result<ObjectRef> {
    let bytes = seal(kind, message);
    create_same(directory.storage().as_ref(), &path, &bytes)?;
    Ok(ObjectRef { path, len: bytes.len() as u64, checksum: checksum(&bytes) })
}

fn read_object<M: Message + Default>(storage: &dyn Storage, object: &ObjectRef, kind: ObjectKind) -> Result<M> {
    let bytes = storage.get(&object.path)?;
    if bytes.len() as u64 != object.len || checksum(&bytes) != object.checksum {
        return Err(corrupt(storage, &object.path, "its checksum does not match what refers to it"));
    }
    unseal(kind, &bytes, &storage.url(&object.path))
}

fn corrupt(storage: &dyn Storage, path: &str, what: &str) -> Failure {
    Failure::fatal("checkpoint.corrupt", format!("{}: {what}; the file is damaged", storage.url(path)))
}
