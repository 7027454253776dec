//! How every object of ours begins and ends: magic, kind, format number; payload; checksum over all of it.
//!
//! A reader refuses a newer format with a sentence, and any flipped, missing or extra byte is found.

use prost::Message;
use tidemill_core::storage::{Storage, StorageError};
use tidemill_core::{Failure, Result};
use xxhash_rust::xxh3::xxh3_128;

const MAGIC: [u8; 4] = *b"TDML";
const HEAD_LEN: usize = 8;
const CHECKSUM_LEN: usize = 16;

/// What an object is. The numbers are stored: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ObjectKind {
    /// Whose directory it is.
    Job = 1,
    /// An entry of the decision log.
    Decision = 2,
    /// The root of a checkpoint's manifest.
    ManifestRoot = 3,
    /// What one worker has in a checkpoint.
    ManifestPart = 4,
    /// The manifest of a savepoint.
    Savepoint = 5,
}

impl ObjectKind {
    /// The newest format number that this version writes and reads.
    fn format(self) -> u16 {
        1
    }

    fn name(self) -> &'static str {
        match self {
            ObjectKind::Job => "job file",
            ObjectKind::Decision => "decision",
            ObjectKind::ManifestRoot => "checkpoint manifest",
            ObjectKind::ManifestPart => "part of a checkpoint manifest",
            ObjectKind::Savepoint => "savepoint manifest",
        }
    }

    /// What to do about a damaged one.
    fn advice(self) -> &'static str {
        match self {
            ObjectKind::Job | ObjectKind::Decision => {
                "; put it back from a copy, or begin in another directory (--checkpoint-dir), from a savepoint if there is one \
                 (--from-savepoint)"
            }
            ObjectKind::Savepoint => "; go on from another savepoint",
            // Another checkpoint is tried.
            ObjectKind::ManifestRoot | ObjectKind::ManifestPart => "",
        }
    }
}

/// The xxh3-128 of some bytes, little-endian, as it is stored in references.
pub fn checksum(bytes: &[u8]) -> Vec<u8> {
    xxh3_128(bytes).to_le_bytes().to_vec()
}

/// True if an object begins as ours do, or has nothing at all (a write that was cut off).
pub fn is_ours(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes.starts_with(&MAGIC)
}

/// True if an object says that it is of this kind; whether it is whole is another question.
pub fn is_kind(kind: ObjectKind, bytes: &[u8]) -> bool {
    bytes.strip_prefix(&MAGIC).and_then(<[u8]>::first) == Some(&(kind as u8))
}

/// A message as the bytes of an object.
pub fn seal(kind: ObjectKind, message: &impl Message) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_LEN + message.encoded_len() + CHECKSUM_LEN);
    bytes.extend_from_slice(&MAGIC);
    bytes.push(kind as u8);
    bytes.extend_from_slice(&kind.format().to_le_bytes());
    bytes.push(0);
    bytes.extend_from_slice(&message.encode_to_vec());
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum);
    bytes
}

/// The message in the bytes of an object; `place` is its URL, for messages.
///
/// Fails with `checkpoint.corrupt` for damaged bytes and `checkpoint.format` for a format this version does not know.
pub fn unseal<M: Message + Default>(kind: ObjectKind, bytes: &[u8], place: &str) -> Result<M> {
    let corrupt = |what: &str| {
        Failure::fatal("checkpoint.corrupt", format!("{place}: {what}; the file is damaged{}", kind.advice()))
    };
    if bytes.len() < HEAD_LEN + CHECKSUM_LEN {
        return Err(corrupt(&format!("has only {} bytes", bytes.len())));
    }
    let (sealed, sum) = bytes.split_at(bytes.len() - CHECKSUM_LEN);
    if checksum(sealed) != sum {
        return Err(corrupt("its checksum does not match its content"));
    }
    let (head, payload) = sealed.split_at(HEAD_LEN);
    if head[..4] != MAGIC || head[4] != kind as u8 {
        return Err(corrupt(&format!("is not a {} of Tidemill", kind.name())));
    }
    let format = u16::from_le_bytes([head[5], head[6]]);
    if format == 0 || format > kind.format() {
        let text = format!(
            "{place} is a {} of format {format}, but this version reads up to format {}: use a newer version of Tidemill",
            kind.name(),
            kind.format()
        );
        return Err(Failure::refused("checkpoint.format", text));
    }
    M::decode(payload).map_err(|error| corrupt(&error.to_string()))
}

/// Creates an object that may be there already with the same bytes: a creation that seemed to fail may have succeeded.
pub fn create_same(storage: &dyn Storage, path: &str, bytes: &[u8]) -> Result<()> {
    let Err(error) = storage.create(path, bytes) else { return Ok(()) };
    match storage.get(path) {
        Ok(found) if found == bytes => Ok(()),
        Ok(_) if matches!(error, StorageError::AlreadyExists(_)) => Err(Failure::fatal(
            "checkpoint.name-reused",
            format!("{} exists already with other content; this is a defect of Tidemill", storage.url(path)),
        )),
        _ => Err(error.into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = seal(ObjectKind::Job, &"some text".to_string());
        assert_eq!(unseal::<String>(ObjectKind::Job, &bytes, "here").unwrap(), "some text");
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unseal::<String>(ObjectKind::Job, &damaged, "here").unwrap_err().code(), "checkpoint.corrupt");
        }
        for len in 0..bytes.len() {
            assert!(unseal::<String>(ObjectKind::Job, &bytes[..len], "here").is_err());
        }
    }

    #[test]
    fn another_kind_and_a_newer_format_are_refused() {
        let bytes = seal(ObjectKind::Job, &1u64);
        assert!(unseal::<u64>(ObjectKind::Decision, &bytes, "here").is_err());
        let mut newer = bytes[..bytes.len() - CHECKSUM_LEN].to_vec();
        newer[5] = 9;
        newer.extend_from_slice(&checksum(&newer));
        assert_eq!(unseal::<u64>(ObjectKind::Job, &newer, "here").unwrap_err().code(), "checkpoint.format");
    }
}
