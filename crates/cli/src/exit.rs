//! How the process ends.

use std::process::ExitCode;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything is done, or the job was stopped with a complete savepoint.
    Done,
    /// A statement or a job failed.
    Failed,
    /// The command line, the configuration file or a file named on the command line is wrong.
    Usage,
    /// Stopped by Ctrl-C, SIGTERM, SIGQUIT or SIGHUP.
    Interrupted,
}

impl Exit {
    /// The number that the system sees.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
