//! The command line as clap reads it. Every command shows an example with `--help`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Version and build, for `--version`.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TIDEMILL_BUILD_ID"), ")");

/// A stream processing engine: SQL over endless and finished data, exactly once.
#[derive(Debug, Parser)]
#[command(
    name = "tidemill",
    version = VERSION,
    arg_required_else_help = true,
    after_help = "Examples:\n  tidemill sql -e \"SELECT 1\"\n  tidemill sql -f job.sql --checkpoint-dir checkpoints\n  \
                  tidemill savepoint show savepoints/friday\n\nExit code: 0 done, 1 a statement or a job failed, 2 wrong usage, \
                  130 stopped by Ctrl-C, SIGTERM, SIGQUIT or SIGHUP."
)]
pub struct Cli {
    /// How messages on stderr are written.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs SQL: a file, a text, or what is typed into the shell.
    Sql(Box<SqlArgs>),
    /// Looks into savepoints.
    #[command(
        subcommand,
        arg_required_else_help = true,
        after_help = "Example:\n  tidemill savepoint verify s3://bucket/savepoints/friday"
    )]
    Savepoint(SavepointCommand),
    /// Writes a completion script for a shell to stdout.
    #[command(
        after_help = "Example:\n  tidemill completions bash > ~/.local/share/bash-completion/completions/tidemill"
    )]
    Completions {
        /// The shell it is for.
        shell: Shell,
    },
}

/// Options of `tidemill sql`.
#[derive(Args, Clone, Debug, Default)]
#[command(
    after_help = "Examples:\n  tidemill sql -e \"SELECT 1\" --output csv\n  tidemill sql -f job.sql -p 4 --checkpoint-dir \
                  checkpoints --report report.json\n  tidemill sql -i tables.sql -D execution.runtime-mode=batch\n\nOptions \
                  come from config.yaml in $TIDEMILL_CONF_DIR, then from -D and the options here, then from SET: the later wins."
)]
pub struct SqlArgs {
    /// Runs the statements of a file and waits for their jobs.
    #[arg(short, long, value_name = "FILE", conflicts_with = "execute")]
    pub file: Option<PathBuf>,
    /// Runs these statements and waits for their jobs.
    #[arg(short, long, value_name = "SQL", allow_hyphen_values = true)]
    pub execute: Option<String>,
    /// Runs the statements of a file first: tables, views, SET.
    #[arg(short, long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// Sets an option of the session, as SET does; may be given more than once.
    #[arg(short = 'D', value_name = "KEY=VALUE", value_parser = key_value)]
    pub define: Vec<(String, String)>,
    /// Parallel instances of each stage of a job; by default one for each processor.
    #[arg(short, long, value_name = "N")]
    pub parallelism: Option<NonZeroU32>,
    /// How results are written to stdout.
    #[arg(long, value_enum, default_value_t = OutputFormat::Table, value_name = "FORMAT")]
    pub output: OutputFormat,
    /// The folder of the job's checkpoints, a path or a URL: run again with it, the job goes on.
    #[arg(long, value_name = "URL")]
    pub checkpoint_dir: Option<String>,
    /// Goes on from a savepoint, a path or a URL.
    #[arg(long, value_name = "URL")]
    pub from_savepoint: Option<String>,
    /// Ctrl-C, SIGTERM, SIGQUIT or SIGHUP stops the job with a savepoint here, a path or a URL; must be empty.
    #[arg(long, value_name = "URL")]
    pub stop_with_savepoint: Option<String>,
    /// Starts over in a checkpoint folder that holds the job already.
    #[arg(long)]
    pub fresh: bool,
    /// Writes figures of the jobs into a file when the process ends, as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Commands on savepoints.
#[derive(Debug, Subcommand)]
pub enum SavepointCommand {
    /// Shows which job a savepoint is of and its tables.
    #[command(after_help = "Example:\n  tidemill savepoint show savepoints/friday")]
    Show {
        /// The savepoint, a path or a URL.
        url: String,
    },
    /// Reads every byte of a savepoint and says whether it is whole.
    #[command(after_help = "Example:\n  tidemill savepoint verify savepoints/friday && echo whole")]
    Verify {
        /// The savepoint, a path or a URL.
        url: String,
    },
}

/// How messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A table with borders.
    #[default]
    Table,
    /// An object a line.
    Json,
    /// A header and a line for each row.
    Csv,
}

/// Reads `KEY=VALUE`; the value may contain `=`.
fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, such as execution.runtime-mode=batch")?;
    match key.trim() {
        "" => Err("the key is missing: expected KEY=VALUE".to_string()),
        key => Ok((key.to_string(), value.trim().to_string())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_help_has_an_example() {
        fn check(command: &clap::Command) {
            if command.get_name() != "help" {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example"), "{} has no example", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn a_value_may_contain_an_equals_sign() {
        assert_eq!(key_value("a.b=c=d").unwrap(), ("a.b".to_string(), "c=d".to_string()));
        assert!(key_value("a.b").is_err() && key_value("=x").is_err());
    }
}
