//! `tidemill-bench spike`: what design decisions rest on, measured again on the code as it is. The records are in
//! `docs/decisions`. Every measurement is one JSON object a line; figures are CPU time of a thread unless they say `wall`.

mod gather;
mod generator;
mod plan;
mod resume;
mod run_file;
mod table;
mod window;

use std::time::Duration;

use clap::Subcommand;
use serde_json::Value;
use tidemill_core::Result;

/// Takes a measurement as soon as it is made.
pub type Print<'a> = &'a mut dyn FnMut(Value);

/// What is measured.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Spike {
    /// Taking changed rows out of a table, beside columns; what checkpoints cost at full speed.
    #[command(after_help = "Example: tidemill-bench spike gather")]
    Gather,
    /// Count and sum by key: the table beside a hand-written loop and hashbrown; the longest pause while it grows.
    #[command(after_help = "Example: tidemill-bench spike table")]
    Table,
    /// Writing, opening, point reads and scans of a run file.
    #[command(after_help = "Example: tidemill-bench spike run-file")]
    RunFile,
    /// From SQL text to a job graph.
    #[command(after_help = "Example: tidemill-bench spike plan")]
    Plan,
    /// Three chained operators whose calls can stop in the middle, beside ones that cannot.
    #[command(after_help = "Example: tidemill-bench spike resume")]
    Resume,
    /// Nexmark events a second; the random function beside another.
    #[command(after_help = "Example: tidemill-bench spike generator")]
    Generator,
    /// The window aggregation as a job, beside the control loop, and its parts.
    #[command(after_help = "Example: tidemill-bench spike window")]
    Window,
}

/// Runs one.
pub fn run(spike: Spike, print: Print<'_>) -> Result<()> {
    match spike {
        Spike::Gather => gather::run(print),
        Spike::Table => with_touched_memory(|| table::run(print)),
        Spike::RunFile => run_file::run(print),
        Spike::Plan => plan::run(print),
        Spike::Resume => resume::run(print),
        Spike::Generator => generator::run(print),
        Spike::Window => window::run(print),
    }
}

/// Does some work while another thread touches the memory that tables are going to need.
fn with_touched_memory<T>(work: impl FnOnce() -> T) -> T {
    #[allow(clippy::disallowed_methods, reason = "a benchmark is the edge")]
    std::thread::scope(|scope| {
        scope.spawn(tidemill_state::touch_fresh_memory);
        let result = work();
        tidemill_state::stop_touching();
        result
    })
}

/// Nanoseconds for each of some things.
fn ns_each(cpu: Duration, count: u64) -> f64 {
    cpu.as_nanos() as f64 / count.max(1) as f64
}

fn ms(cpu: Duration) -> f64 {
    cpu.as_secs_f64() * 1e3
}

/// A number whose bits all depend on those of another.
fn mix(number: u64) -> u64 {
    let wide = u128::from(number ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    (wide as u64) ^ (wide >> 64) as u64
}
