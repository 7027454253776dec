//! Failures of the file system, with the path and what to do.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::path::Path;

use tidemill_core::{Failure, Result};

/// The failure of `action` ("read", "write", …) on `path`.
pub fn failed(action: &str, path: impl AsRef<Path>, error: &Error) -> Failure {
    let path = path.as_ref().display();
    match error.kind() {
        ErrorKind::NotFound => {
            let text = format!("cannot {action} {path}: it does not exist (any longer)");
            Failure::data("filesystem.missing", text)
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            let text = format!("cannot {action} {path}: the disk is full; free some space and start the job again");
            Failure::retryable("filesystem.full", text)
        }
        ErrorKind::FileTooLarge => {
            let text = format!(
                "cannot {action} {path}: it would be larger than this process may write, or than the file system allows; raise \
                 the limit (ulimit -f), or set 'sink.rolling-policy.file-size' to less"
            );
            Failure::user("filesystem.too-large", text)
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Failure::user("filesystem.denied", format!("cannot {action} {path}: {error}"))
        }
        ErrorKind::InvalidFilename => {
            let text = format!(
                "cannot {action} {path}: a name in it is longer than the file system allows; a value of a PARTITIONED BY column \
                 is the name of a directory"
            );
            Failure::data("filesystem.name", text)
        }
        ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            Failure::user("filesystem.kind", format!("cannot {action} {path}: {error}"))
        }
        _ => Failure::retryable("filesystem.io", format!("cannot {action} {path}: {error}")),
    }
}

/// The directories whose entries lead from the place of a table to one of its directories, `path`: that of the table's own
/// first. Whoever made them may have been killed before they were durable.
pub fn holders<'a>(path: &'a Path, table: &'a Path) -> impl Iterator<Item = &'a Path> {
    let holders = path.ancestors().skip(1).take_while(move |holder| holder.starts_with(table));
    table.parent().filter(|parent| !parent.as_os_str().is_empty()).into_iter().chain(holders)
}

/// Makes a directory with all that is missing above it, names included.
pub fn create_directory(path: &Path) -> Result<()> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists()).collect();
    std::fs::create_dir_all(path).map_err(|error| failed("create", path, &error))?;
    missing.iter().filter_map(|made| made.parent()).try_for_each(|holder| match holder.as_os_str().is_empty() {
        true => sync_directory(Path::new(".")),
        false => sync_directory(holder),
    })
}

/// Makes names in a directory durable.
pub fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(|error| failed("sync", path, &error))
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_holders_of_a_partition_are_those_from_the_tables_own_on() {
        let of = |path: &str, table: &str| {
            let (path, table) = (Path::new(path), Path::new(table));
            holders(path, table).map(|holder| holder.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(of("/data/t/d=1/h=2", "/data/t"), ["/data", "/data/t/d=1", "/data/t"]);
        assert_eq!(of("/data/t", "/data/t"), ["/data"]);
        assert_eq!(of("t/d=1", "t"), ["t"]);
    }

    #[test]
    fn a_directory_is_made_with_those_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c");
        for _ in 0..2 {
            create_directory(&path).unwrap();
            assert!(path.is_dir());
        }
        std::fs::write(path.join("file"), "").unwrap();
        assert!(create_directory(&path.join("file/d")).is_err());
    }

    #[test]
    fn a_full_disk_says_so_and_may_be_tried_again() {
        // /dev/full is a file on a disk that is always full.
        let mut file = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let failure = failed("write", "/out/a.csv", &file.write_all(b"x").unwrap_err());
        assert!(failure.is_retryable());
        assert!(
            failure.to_string().starts_with("cannot write /out/a.csv: the disk is full; free some space"),
            "{failure}"
        );
    }
}
