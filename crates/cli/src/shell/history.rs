//! Where the shell keeps what was typed.

use std::ffi::OsString;
use std::path::PathBuf;

/// The history file, its folder made; none where there is no home directory or the folder cannot be made.
pub fn path() -> Option<PathBuf> {
    let folder = folder(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME"))?;
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}

/// The folder of the shell's state, by the XDG base directory specification.
fn folder(state_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let is_set = |path: &PathBuf| path.is_absolute();
    let state = state_home.map(PathBuf::from).filter(is_set);
    let state = state.or_else(|| Some(home.map(PathBuf::from).filter(is_set)?.join(".local/state")));
    state.map(|state| state.join("tidemill"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_follows_the_environment() {
        let some = |path: &str| Some(OsString::from(path));
        assert_eq!(folder(some("/state"), some("/home/a")), Some(PathBuf::from("/state/tidemill")));
        assert_eq!(folder(None, some("/home/a")), Some(PathBuf::from("/home/a/.local/state/tidemill")));
        assert_eq!(folder(some("relative"), some("/home/a")), Some(PathBuf::from("/home/a/.local/state/tidemill")));
        assert_eq!(folder(some(""), None), None);
    }
}
