//! Finding files: one, those below a directory, those that match a pattern.

use std::path::{Component, Path, PathBuf};

use tidemill_core::{Failure, Result};

use super::io::failed;
use super::names::is_hidden;
use super::options::PATH;

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
    Err(Failure::user("filesystem.scheme", text).about(PATH.key))
}

/// All files of a table's path, sorted. Left out are, but for what the path itself names: hidden files and directories (`.…`,
/// `_…`), files called `mark` (by which a sink says that it is done), and what is neither file nor directory. A pattern that
/// matches nothing is a mistake unless more files `may_come`.
pub fn list(path: &Path, mark: &str, may_come: bool) -> Result<Vec<Found>> {
    let mut files = Vec::new();
    let text = path.to_string_lossy();
    if path.exists() || !text.contains(['*', '?', '[']) {
        let metadata = std::fs::metadata(path).map_err(|error| failed("read", path, &error))?;
        if !metadata.is_dir() && !metadata.is_file() {
            let text = format!("cannot read {}: it is neither a file nor a directory", path.display());
            return Err(Failure::user("filesystem.kind", text));
        }
        add(path, mark, &mut files)?;
    } else {
        let matches = glob::glob(&text).map_err(|error| {
            Failure::user("filesystem.pattern", format!("path '{text}' is not a valid pattern: {error}"))
        })?;
        let mut is_matched = false;
        for found in matches {
            let found = found.map_err(|error| failed("list", error.path(), error.error()))?;
            if !is_left_out(&found, path, mark) {
                is_matched = true;
                add(&found, mark, &mut files)?;
            }
        }
        if !is_matched && !may_come {
            let braces = if text.contains('{') { "; braces mean themselves" } else { "" };
            let text = format!("no file matches the pattern {text}{braces}");
            return Err(Failure::data("filesystem.missing", text));
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// True if a part of a path that a pattern has found is not to be seen, and the pattern does not name it.
fn is_left_out(found: &Path, pattern: &Path, mark: &str) -> bool {
    let is_named = |part: Component<'_>| pattern.components().any(|other| other == part);
    let is_unseen = |name: &str| is_hidden(name) || name == mark;
    found.components().any(|part| match part {
        Component::Normal(name) => is_unseen(&name.to_string_lossy()) && !is_named(part),
        _ => false,
    })
}

fn add(path: &Path, mark: &str, files: &mut Vec<Found>) -> Result<()> {
    let metadata = std::fs::metadata(path).map_err(|error| failed("read", path, &error))?;
    if !metadata.is_dir() {
        if !metadata.is_file() {
            return Ok(());
        }
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let modified_ms = modified.map_or(0, |since| since.as_millis() as i64);
        files.push(Found { path: path.to_path_buf(), size: metadata.len(), modified_ms });
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(|error| failed("list", path, &error))? {
        let entry = entry.map_err(|error| failed("list", path, &error))?;
        let name = entry.file_name();
        if !is_hidden(&name.to_string_lossy()) && name != mark {
            add(&entry.path(), mark, files)?;
        }
    }
    Ok(())
}
