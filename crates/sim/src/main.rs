//! Owns the deterministic simulator: whole jobs under virtual time with faults, on the code that real processes run.
//! Does not own: any of that code; what a job means is written down once more, row by row, in [`scenario`].

mod clock;
mod directories;
mod epochs;
mod events;
mod faults;
mod fiber;
mod io;
mod oracle;
mod process;
mod random;
mod scenario;
mod sink;
mod source;
mod store;
mod sweep;
mod trace;
mod work;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tidemill_runtime::Mutant;

use crate::scenario::Scenario;
use crate::world::{Outcome, Setup, run};

/// Version and build, for `--version`.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TIDEMILL_BUILD_ID"), ")");

/// Simulates whole jobs with faults, many seeds, and compares what becomes visible with an uninterrupted run.
#[derive(Parser)]
#[command(
    name = "tidemill-sim",
    version = VERSION,
    after_help = "Example: tidemill-sim run --seeds 1000\nExit codes: 0 all held, 1 a failure was found, 2 usage."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Simulates seeds until one fails.
    #[command(after_help = "Example: tidemill-sim run --seeds 200 --mutant skip-alignment")]
    Run {
        /// How many seeds, at least one.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// The first of them.
        #[arg(long, default_value_t = 0)]
        first_seed: u64,
        /// A deliberately broken variant; see `mutants`.
        #[arg(long, value_parser = mutant)]
        mutant: Option<Mutant>,
        /// Only this kind of job; by default the seed draws one.
        #[arg(long, value_parser = scenario)]
        scenario: Option<Scenario>,
    },
    /// Lists the deliberately broken variants, one a line.
    #[command(after_help = "Example: tidemill-sim mutants")]
    Mutants,
    /// Crashes every I/O operation of a job with three checkpoints, and of its restart: before, behind, torn.
    #[command(after_help = "Example: tidemill-sim sweep")]
    Sweep,
    /// Simulates one seed and prints its trace hash.
    #[command(after_help = "Example: tidemill-sim replay 17 --mutant drop-hold")]
    Replay {
        /// The seed.
        seed: u64,
        /// A deliberately broken variant; see `mutants`.
        #[arg(long, value_parser = mutant)]
        mutant: Option<Mutant>,
        /// Only this kind of job; by default the seed draws one.
        #[arg(long, value_parser = scenario)]
        scenario: Option<Scenario>,
        /// Writes every event to stderr.
        #[arg(long)]
        trace: bool,
    },
}

fn mutant(name: &str) -> Result<Mutant, String> {
    let names: Vec<&str> = Mutant::ALL.iter().map(|(name, _)| *name).collect();
    Mutant::parse(name).ok_or_else(|| format!("there is no such mutant; there are {}", names.join(", ")))
}

fn scenario(name: &str) -> Result<Scenario, String> {
    let names: Vec<&str> = Scenario::ALL.iter().map(|(name, _)| *name).collect();
    Scenario::parse(name).ok_or_else(|| format!("there is no such scenario; there are {}", names.join(", ")))
}

fn main() -> ExitCode {
    let held = match Arguments::parse().command {
        Command::Run { seeds, first_seed, mutant, scenario } => run_seeds(first_seed, seeds, mutant, scenario),
        Command::Mutants => {
            Mutant::ALL.iter().for_each(|(name, _)| println!("{name}"));
            true
        }
        Command::Sweep => sweep::run_all(),
        Command::Replay { seed, mutant, scenario, trace } => {
            replay(Setup { seed, scenario, mutant, crashes: None, loud: trace })
        }
    };
    if held { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn run_seeds(first_seed: u64, seeds: u64, mutant: Option<Mutant>, scenario: Option<Scenario>) -> bool {
    eprintln!("seeds {first_seed} to {}", first_seed.saturating_add(seeds).saturating_sub(1));
    let (mut events, mut checkpoints) = (0, 0);
    for seed in (0..seeds).map(|number| first_seed.wrapping_add(number)) {
        let outcome = run(Setup { seed, scenario, mutant, crashes: None, loud: false });
        if let Some(problem) = &outcome.problem {
            println!("seed {seed} fails: {problem}");
            println!("replay: {}", replay_command(seed, mutant, scenario));
            return false;
        }
        events += outcome.events;
        checkpoints += outcome.checkpoints;
    }
    println!("{seeds} seeds hold: {events} events, {checkpoints} checkpoints");
    true
}

fn replay_command(seed: u64, mutant: Option<Mutant>, scenario: Option<Scenario>) -> String {
    let mut command = format!("tidemill-sim replay {seed}");
    if let Some((name, _)) = Mutant::ALL.iter().find(|(_, other)| Some(*other) == mutant) {
        command.push_str(&format!(" --mutant {name}"));
    }
    if let Some(scenario) = scenario {
        command.push_str(&format!(" --scenario {}", scenario.name()));
    }
    command
}

fn replay(setup: Setup) -> bool {
    let Outcome { problem, trace_hash, events, operations, checkpoints } = run(setup);
    println!("trace_hash {trace_hash:032x}");
    println!("events {events}, storage operations {operations}, checkpoints {checkpoints}");
    match problem {
        Some(problem) => {
            println!("fails: {problem}");
            false
        }
        None => {
            println!("holds");
            true
        }
    }
}
