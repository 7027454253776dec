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
