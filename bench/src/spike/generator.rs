//! Decisions 006 and 007: the Nexmark generator in the shapes that queries ask for, and its random function beside splitmix64.

use std::hint::black_box;

use serde_json::json;
use tidemill_connectors::nexmark::{Generator, Kind, Kinds, Settings};
use tidemill_connectors::random::random;
use tidemill_core::Result;

use super::{Print, ns_each};
use crate::measure;

const EVENTS: u64 = 20_000_000;
const EVENTS_PER_CALL: u64 = 4096;
const NUMBERS: u64 = 100_000_000;

pub(super) fn run(print: Print<'_>) -> Result<()> {
    let settings = Settings::default();
    let two_columns = Generator::new(settings.clone(), Kinds::only(Kind::Bid), &[vec![3, 0], vec![3, 2]])?;
    let shapes = [
        ("three outputs", Vec::from(Generator::outputs(settings.clone())?)),
        ("one table", vec![Generator::table(settings)?]),
        ("two columns of bids", vec![two_columns]),
    ];
    for (what, generators) in shapes {
        let (result, cpu) = measure::of_thread(|| -> Result<()> {
            for first in (0..EVENTS).step_by(EVENTS_PER_CALL as usize) {
                for generator in &generators {
                    black_box(generator.batch(first, (first + EVENTS_PER_CALL).min(EVENTS))?);
                }
            }
            Ok(())
        })?;
        result?;
        print(json!({
            "spike": "generator", "what": what, "ns_an_event": ns_each(cpu, EVENTS),
            "kev_per_cpu_s": EVENTS as f64 / cpu.as_secs_f64() / 1000.0,
        }));
    }
    let mut block = [0u64; 1024];
    let (_, wyrand) = measure::of_thread(|| fill(&mut block, |counter| random(7, counter)))?;
    let (_, splitmix) = measure::of_thread(|| fill(&mut block, |counter| splitmix(7, counter)))?;
    for (what, cpu) in [("wyrand", wyrand), ("splitmix64", splitmix)] {
        print(json!({ "spike": "generator", "what": what, "ns_a_number": ns_each(cpu, NUMBERS) }));
    }
    Ok(())
}

/// Makes [`NUMBERS`] numbers, as the generator does: a block of consecutive counters at a time.
fn fill(block: &mut [u64; 1024], number: impl Fn(u64) -> u64) {
    for first in (0..NUMBERS).step_by(block.len()) {
        for (place, counter) in block.iter_mut().zip(first..) {
            *place = number(counter);
        }
        black_box(&block);
    }
}

/// Number `counter` of splitmix64 (Steele, Lea, Flood 2014).
fn splitmix(seed: u64, counter: u64) -> u64 {
    let state = seed.wrapping_add(counter.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ state >> 31
}
