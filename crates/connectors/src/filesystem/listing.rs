//! Finding files: one, those below a directory, those that match a pattern.

use std::path::{Path, PathBuf};

use tidemill_core::{Failure, Result};

use super::io::failed;
use super::names::is_hidden;

/// A file of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Its path, as the table's path leads to it.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When it was last changed, in milliseconds since the epoch.
    pub modified_ms: i64,
}

/// The path that an option means: without `file://`; other schemes are refused.
pub fn local_path(text: &str) -> Result<PathBuf> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(PathBuf::from(text.strip_prefix("file:").unwrap_or(text)));
    };
    if scheme == "file" && rest.starts_with('/') {
        return Ok(PathBuf::from(rest));
    }
    let text = format!("path '{text}' is not local; connector 'filesystem' reads and writes local paths and file:///…");
    Err(Failure::user("filesystem.scheme", text))
}

/// All files of a table's path, sorted. Hidden ones (`.…`, `_…`) are left out below directories.
pub fn list(path: &Path) -> Result<Vec<Found>> {
    let mut files = Vec::new();
    let text = path.to_string_lossy();
    if path.exists() || !text.contains(['*', '?', '[']) {
        add(path, &mut files)?;
    } else {
        let matches = glob::glob(&text).map_err(|error| {
            Failure::user("filesystem.pattern", format!("path '{text}' is not a valid pattern: {error}"))
        })?;
        for found in matches {
            let found = found.map_err(|error| failed("list", error.path(), error.error()))?;
            let hidden = found.file_name().is_some_and(|name| is_hidden(&name.to_string_lossy()));
            if !hidden {
                add(&found, &mut files)?;
            }
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn add(path: &Path, files: &mut Vec<Found>) -> Result<()> {
    let metadata = std::fs::metadata(path).map_err(|error| failed("read", path, &error))?;
    if !metadata.is_dir() {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let modified_ms = modified.map_or(0, |since| since.as_millis() as i64);
        files.push(Found { path: path.to_path_buf(), size: metadata.len(), modified_ms });
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(|error| failed("list", path, &error))? {
        let entry = entry.map_err(|error| failed("list", path, &error))?;
        if !is_hidden(&entry.file_name().to_string_lossy()) {
            add(&entry.path(), files)?;
        }
    }
    Ok(())
}
