//! `tidemill-bench generate`: the Nexmark generator alone, all columns.

use std::hint::black_box;

use clap::Args;
use serde_json::{Value, json};
use tidemill_connectors::nexmark::{Generator, Settings};
use tidemill_core::Result;
use tidemill_core::options::Configuration;

use crate::measure;

/// Events of one call.
const EVENTS_PER_CALL: u64 = 4096;

/// Options of `generate`.
#[derive(Args)]
#[command(after_help = "Example: tidemill-bench generate --events 20000000 --json")]
pub struct Arguments {
    /// One table with a nested row per kind of event; otherwise three outputs.
    #[arg(long)]
    one_table: bool,
    /// Events.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> Result<Value> {
    let settings = Settings::from_options(&Configuration::default())?;
    let generators = match arguments.one_table {
        true => vec![Generator::table(settings)?],
        false => Vec::from(Generator::outputs(settings)?),
    };
    let (rows, cost) = measure::of_process(|| {
        let mut rows = 0;
        for first in (0..arguments.events).step_by(EVENTS_PER_CALL as usize) {
            let end = (first + EVENTS_PER_CALL).min(arguments.events);
            for generator in &generators {
                rows += black_box(generator.batch(first, end)?).len();
            }
        }
        Ok(rows)
    })?;
    let cpu_s = cost.cpu.as_secs_f64();
    Ok(json!({
        "events": rows,
        "cpu_s": cpu_s,
        "kev_per_cpu_s": arguments.events as f64 / cpu_s / 1000.0,
        "wall_s": cost.wall.as_secs_f64(),
        "rss_max_mib": cost.rss_max_mib,
    }))
}
