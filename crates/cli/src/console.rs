//! stderr: messages, and the progress line that stands below them on a terminal.
//!
//! Invariant: whoever writes to the terminal takes the progress line away first; the next tick draws it again.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, SecondsFormat};
use tidemill_core::Env;
use tidemill_runtime::SystemEnv;

use crate::args::LogFormat;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What happened.
    Info,
    /// Something may not be as wanted.
    Warn,
    /// Something failed.
    Error,
}

/// Writes to stderr.
pub struct Console {
    format: LogFormat,
    is_terminal: bool,
    progress_shown: Mutex<bool>,
    clock: SystemEnv,
}

impl Console {
    /// The process's stderr.
    pub fn new(format: LogFormat) -> Console {
        let is_terminal = std::io::stderr().is_terminal();
        Console { format, is_terminal, progress_shown: Mutex::new(false), clock: SystemEnv::new() }
    }

    /// True where a progress line can be shown: stderr is a terminal and is written for people.
    pub fn shows_progress(&self) -> bool {
        self.is_terminal && self.format == LogFormat::Text
    }

    /// Says what happened.
    pub fn info(&self, text: &str) {
        self.message(Level::Info, text);
    }

    /// Warns.
    pub fn warn(&self, text: &str) {
        self.message(Level::Warn, text);
    }

    /// Says what failed.
    pub fn error(&self, text: &str) {
        self.message(Level::Error, text);
    }

    /// Writes a message; nobody is left to be told where stderr is closed.
    fn message(&self, level: Level, text: &str) {
        let text = match self.format {
            LogFormat::Text => plain(level, text),
            LogFormat::Json => json(level, text, self.clock.now().wall_ms),
        };
        let mut shown = self.lock();
        let _ = writeln!(std::io::stderr(), "{}{text}", take_away(&mut shown));
    }

    /// Draws the progress line anew.
    pub fn progress(&self, text: &str) {
        if self.shows_progress() {
            let mut shown = self.lock();
            *shown = true;
            let mut stderr = std::io::stderr();
            let _ = write!(stderr, "\r\x1b[2K{text}");
            let _ = stderr.flush();
        }
    }

    /// Takes the progress line away, before results are written to the same terminal and at the end.
    pub fn clear_progress(&self) {
        let mut shown = self.lock();
        if *shown {
            let _ = write!(std::io::stderr(), "{}", take_away(&mut shown));
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.progress_shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What removes the progress line from a terminal, if it is there.
fn take_away(shown: &mut bool) -> &'static str {
    if std::mem::take(shown) { "\r\x1b[2K" } else { "" }
}

fn plain(level: Level, text: &str) -> String {
    match level {
        Level::Info => text.to_string(),
        Level::Warn => format!("warning: {text}"),
        Level::Error => format!("error: {text}"),
    }
}

fn json(level: Level, text: &str, wall_ms: i64) -> String {
    let level = match level {
        Level::Info => "INFO",
        Level::Warn => "WARN",
        Level::Error => "ERROR",
    };
    let time = DateTime::from_timestamp_millis(wall_ms).unwrap_or_default();
    let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
    serde_json::json!({ "time": time, "level": level, "message": text }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_as_json_is_one_line() {
        let line = json(Level::Error, "no\nsuch \"table\"", 1_357_016_400_000);
        assert_eq!(line, r#"{"time":"2013-01-01T05:00:00.000Z","level":"ERROR","message":"no\nsuch \"table\""}"#);
    }

    #[test]
    fn the_progress_line_is_taken_away_once() {
        let mut shown = true;
        assert_eq!(take_away(&mut shown), "\r\x1b[2K");
        assert_eq!(take_away(&mut shown), "");
    }
}
