//! Owns the command line: options, configuration file, running a script, results on stdout, the shell, the report.
//! Does not own what a statement means (`planner`), how a job runs (`runtime`, `batch`), or what is stored (`checkpoint`).
//!
//! Invariants: only results go to stdout, everything else to stderr. The exit code is 0 (done), 1 (a statement or a job
//! failed), 2 (usage) or 130 (stopped by Ctrl-C, SIGTERM, SIGQUIT or SIGHUP).

mod args;
mod batch;
mod collect;
mod config;
mod console;
mod decisions;
mod exit;
mod jobs;
mod one_job;
mod origin;
mod output;
mod printer;
mod progress;
mod report;
mod savepoint;
mod script;
mod shell;
mod signals;
mod sql;
mod stdout;
mod usage;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, ValueEnum};

use args::{Cli, Command, LogFormat};
use console::Console;
use exit::Exit;
use signals::Signals;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // First of all: from here on a signal ends the process as it should.
    let signals = Signals::install();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if !error.use_stderr() {
                error.exit();
            }
            report_nothing();
            return misused(&error).into();
        }
    };
    let console = Console::new(cli.log_format);
    let exit = match (cli.command, signals) {
        (Command::Sql(arguments), signals) => sql::run(*arguments, console, signals),
        (_, Err(failure)) => {
            console.error(&failure.to_string());
            Exit::Failed
        }
        (_, Ok(signals)) if !signals.may_end(|| std::process::exit(i32::from(Exit::Interrupted.code()))) => {
            Exit::Interrupted
        }
        (Command::Savepoint(command), _) => savepoint::run(&command, &console),
        (Command::Completions { shell }, _) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tidemill", &mut script);
            match std::io::stdout().write_all(&script).and_then(|()| std::io::stdout().flush()) {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    console.error(&format!("cannot write to standard output: {error}"));
                    Exit::Failed
                }
                // A reader that goes away has what it wanted.
                _ => Exit::Done,
            }
        }
    };
    exit.into()
}

/// Says what is wrong with the command line.
fn misused(error: &clap::Error) -> Exit {
    let format = given("--log-format").and_then(|format| LogFormat::from_str(format.to_str()?, true).ok());
    match format.unwrap_or_default() {
        // Where nobody reads stderr there is nobody to tell.
        LogFormat::Text => _ = error.print(),
        LogFormat::Json => {
            let text = error.to_string();
            Console::new(LogFormat::Json).error(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
        }
    }
    Exit::Usage
}

/// The value of an option on a command line that is wrong elsewhere.
fn given(option: &str) -> Option<OsString> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let after = arguments.windows(2).find(|pair| pair[0] == option).map(|pair| pair[1].clone());
    let within = |one: &OsString| one.to_str()?.strip_prefix(option)?.strip_prefix('=').map(OsString::from);
    after.or_else(|| arguments.iter().find_map(within))
}

/// A wrong command line has no jobs, but may ask for a report of them.
fn report_nothing() {
    if let Some(path) = given("--report") {
        // What is wrong with the command line matters more than what is wrong with the report.
        let _ = report::Reporter::new(Some(path.into())).and_then(|reporter| reporter.write());
    }
}
