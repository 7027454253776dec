//! Owns the benchmarks: whole jobs measured in CPU seconds, beside control loops in the same process.
//! Does not own: anything that is measured.

mod control;
mod generate;
mod job;
mod measure;
mod nexmark;
mod rows;
mod spike;
mod timed;
mod window_agg;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::Value;

#[cfg(not(feature = "system-allocator"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Version and build, for `--version`.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TIDEMILL_BUILD_ID"), ")");

/// Measures Tidemill. Figures are per CPU second; compare them only within one run.
#[derive(Parser)]
#[command(
    name = "tidemill-bench",
    version = VERSION,
    after_help = "Example: tidemill-bench nexmark --query q5 --events 5000000 --json"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One query of the Nexmark benchmark into a blackhole.
    Nexmark(nexmark::Arguments),
    /// Windowed count and sum per key, beside a hand-written loop.
    WindowAgg(window_agg::Arguments),
    /// The Nexmark generator alone.
    Generate(generate::Arguments),
    /// What design decisions rest on, a JSON object for each measurement.
    #[command(subcommand, after_help = "Example: tidemill-bench spike table")]
    Spike(spike::Spike),
}

fn main() -> ExitCode {
    let (result, json) = match Arguments::parse().command {
        Command::Nexmark(arguments) => (nexmark::run(&arguments), arguments.json),
        Command::WindowAgg(arguments) => (window_agg::run(&arguments), arguments.json),
        Command::Generate(arguments) => (generate::run(&arguments), arguments.json),
        Command::Spike(spike) => (spike::run(spike, &mut |figures| println!("{figures}")).map(|()| Value::Null), false),
    };
    match result {
        Ok(figures) if json => println!("{figures}"),
        Ok(figures) => {
            for (name, value) in figures.as_object().into_iter().flatten() {
                println!("{name}: {value}");
            }
        }
        Err(failure) => {
            eprintln!("{failure}");
            return ExitCode::from(1);
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn nothing_to_measure_is_refused() {
        let lines = [
            "nexmark --query q0 --events 0",
            "nexmark --query q0 --events 1 -p 0",
            "window-agg --keys 0 --rows 1",
            "window-agg --keys 1 --rows 0",
            "window-agg --keys 1 --rows 1 --rows-per-ms 0",
            "generate --events 0",
        ];
        for line in lines {
            let words = ["tidemill-bench"].into_iter().chain(line.split(' '));
            let refused = Arguments::try_parse_from(words).map(|_| ()).map_err(|error| error.kind());
            assert_eq!(refused, Err(ErrorKind::ValueValidation), "{line}");
        }
    }
}
