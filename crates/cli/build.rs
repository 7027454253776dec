//! Puts the build's id into the binary: the commit it was built from, or `unknown` where that cannot be told.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=TIDEMILL_BUILD_ID");
    let id = std::env::var("TIDEMILL_BUILD_ID").ok().or_else(commit).unwrap_or_else(|| "unknown".to_string());
    println!("cargo::rustc-env=TIDEMILL_BUILD_ID={id}");
}

/// The short hash of the commit that is checked out; without git, or outside a clone, there is none.
fn commit() -> Option<String> {
    for name in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_string();
    (!text.is_empty()).then_some(text)
}
