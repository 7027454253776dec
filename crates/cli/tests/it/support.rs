//! Runs the binary in a folder of its own.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// What a run came to.
#[derive(Debug)]
pub struct Run {
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    /// stdout.
    pub out: String,
    /// stderr.
    pub err: String,
}

impl Run {
    /// Requires an exit code; shows all there is where it is another.
    #[track_caller]
    pub fn code(self, code: i32) -> Run {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    /// Requires every one of `parts` on stderr.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Run {
        for part in parts {
            assert!(self.err.contains(part), "'{part}' is not on stderr:\n{}", self.err);
        }
        self
    }
}

/// A scratch folder, and runs of the binary in it.
pub struct Folder {
    dir: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Folder {
    /// An empty one.
    pub fn new() -> Folder {
        Folder { dir: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// The same, with more variables in the environment of what runs there.
    pub fn with(mut self, variables: impl IntoIterator<Item = (&'static str, String)>) -> Folder {
        self.environment.extend(variables);
        self
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A path in it, as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_string()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        self.text(name)
    }

    /// The binary with arguments, in this folder, away from the user's own configuration and history.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidemill"));
        command.args(arguments).current_dir(self.dir.path()).env("HOME", self.dir.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env_remove("TIDEMILL_CONF_DIR").env_remove("XDG_STATE_HOME").stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        finish(&mut self.command(arguments))
    }

    /// Runs `tidemill sql -e SQL` with more arguments.
    pub fn sql(&self, sql: &str, more: &[&str]) -> Run {
        self.run(&[&["sql", "-p", "2", "-e", sql], more].concat())
    }

    /// Runs `tidemill sql` with text on stdin.
    pub fn typed(&self, text: &str, more: &[&str]) -> Run {
        let mut command = self.command(&[&["sql", "-p", "2"], more].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        output(child.wait_with_output().unwrap())
    }

    /// Starts the binary; its stderr goes into the file `stderr` of this folder.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_command(&mut self.command(arguments))
    }

    /// Starts a command; its stderr goes into the file `stderr` of this folder.
    pub fn start_command(&self, command: &mut Command) -> Running {
        let errors = std::fs::File::create(self.path("stderr")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Running { child, out: Some(out), errors: self.path("stderr") }
    }

    /// The report `report` of this folder.
    pub fn report(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path("report")).unwrap()).unwrap()
    }

    /// The names of all files in a folder, hidden ones too.
    pub fn files(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(name)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// All lines of all committed files below a folder, sorted.
    pub fn committed(&self, name: &str) -> Vec<String> {
        let mut lines = Vec::new();
        collect(&self.path(name), &mut lines);
        lines.sort_unstable();
        lines
    }
}

/// A process that runs.
pub struct Running {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
    errors: PathBuf,
}

impl Running {
    /// Waits for the next line of its stdout.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.as_mut().unwrap().read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "stdout has ended: {}", std::fs::read_to_string(&self.errors).unwrap());
        line
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Stops reading its stdout.
    pub fn close_stdout(&mut self) {
        self.out = None;
    }

    /// Waits for its end; stdout is what was not read before.
    pub fn finish(mut self) -> Run {
        let mut out = String::new();
        if let Some(mut rest) = self.out.take() {
            rest.read_to_string(&mut out).unwrap();
        }
        let status = self.child.wait().unwrap();
        Run { code: status.code().unwrap_or(-1), out, err: std::fs::read_to_string(&self.errors).unwrap() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only where the test has failed is it still there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Run {
    output(command.output().unwrap())
}

fn output(output: std::process::Output) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn collect(folder: &Path, lines: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with(['.', '_']) {
            continue;
        }
        if path.is_dir() {
            collect(&path, lines);
        } else {
            lines.extend(std::fs::read_to_string(&path).unwrap().lines().map(str::to_string));
        }
    }
}
