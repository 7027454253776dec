//! How fast windows aggregate: COUNT and SUM by key over 10 s windows, rows made before the clock starts, one thread.
//!
//! `cargo run --release --example window_agg_speed -- [KEYS] [ROWS] [OUT_OF_ORDER_MS] [ROWS_PER_MS]`. A loop that does the same
//! without windows or state runs alternately; both say nanoseconds a row, the best of five.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, Int64Array, TimestampMillisecondArray};
use prost::Message;
use tidemill_core::{Batch, TimeBounds};
use tidemill_expr::SqlType;
use tidemill_operators::config::{
    AggregateCall, OutputColumn, OutputKind, TimeSource, WINDOW_AGGREGATE, WindowAggregateConfig, WindowKind,
    WindowSpec, encode_types,
};
use tidemill_operators::harness::Harness;

const BATCH: usize = 4096;
const BATCHES: usize = 1024;

fn mix(number: u64) -> u64 {
    let wide = u128::from(number ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    wide as u64 ^ (wide >> 64) as u64
}

fn batches(keys: u64, out_of_order_ms: u64, rows_per_ms: u64, from: u64) -> Vec<Batch> {
    let one = |batch: u64| {
        let rows = batch * BATCH as u64..(batch + 1) * BATCH as u64;
        let time = |row: u64| {
            let back = if out_of_order_ms == 0 { 0 } else { mix(row ^ 7) % out_of_order_ms };
            (row / rows_per_ms) as i64 - back as i64
        };
        let key = Int64Array::from_iter_values(rows.clone().map(|row| (((mix(row) >> 32) * keys) >> 32) as i64));
        let times = TimestampMillisecondArray::from_iter_values(rows.clone().map(time));
        let value = Int64Array::from_iter_values(rows.map(|row| (mix(row) & 0xffff) as i64));
        let (min, max) = (*times.values().iter().min().unwrap(), *times.values().iter().max().unwrap());
        Batch::new(vec![Arc::new(key), Arc::new(times), Arc::new(value)], BATCH).with_time(Some(TimeBounds {
            column: 1,
            min,
            max,
        }))
    };
    (from..from + BATCHES as u64).map(one).collect()
}

#[derive(Clone, Copy)]
struct Slot {
    key: u64,
    used: u64,
    count: i64,
    sum: i64,
}

fn control(table: &mut [Slot], batch: &Batch) {
    let (keys, values) = (batch.column(0), batch.column(2));
    let keys = keys.as_any().downcast_ref::<Int64Array>().unwrap().values();
    let values = values.as_any().downcast_ref::<Int64Array>().unwrap().values();
    let mask = table.len() - 1;
    for (key, value) in keys.iter().zip(values) {
        let mut at = mix(*key as u64) as usize & mask;
        loop {
            let slot = &mut table[at];
            if slot.used == 0 {
                *slot = Slot { key: *key as u64, used: 1, count: 1, sum: *value };
                break;
            }
            if slot.key == *key as u64 {
                slot.count += 1;
                slot.sum += value;
                break;
            }
            at = (at + 1) & mask;
        }
    }
}

/// Seconds that this thread has run.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().and_then(|word| word.parse::<f64>().ok()).unwrap() * 1e-9
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|word| word.parse::<u64>().ok());
    let keys = arguments.next().unwrap_or(100_000);
    let rows = arguments.next().unwrap_or(20_000_000);
    let out_of_order_ms = arguments.next().unwrap_or(0);
    let rows_per_ms = arguments.next().unwrap_or(10_000);
    let config = WindowAggregateConfig {
        input_types: encode_types(&[SqlType::BIGINT, SqlType::timestamp(3), SqlType::BIGINT]),
        keys: vec![0],
        aggregates: vec![AggregateCall::new("COUNT", &[]), AggregateCall::new("SUM", &[2])],
        window: Some(WindowSpec { kind: WindowKind::Tumble as i32, size_ms: 10_000, step_ms: 0, offset_ms: 0 }),
        time: Some(TimeSource { column: 1, ..TimeSource::default() }),
        outputs: vec![
            OutputColumn::new(OutputKind::Key, 0),
            OutputColumn::new(OutputKind::Aggregate, 0),
            OutputColumn::new(OutputKind::Aggregate, 1),
            OutputColumn::new(OutputKind::WindowEnd, 0),
        ],
        ..WindowAggregateConfig::default()
    };
    let mut registry = tidemill_dataflow::Registry::default();
    tidemill_operators::register(&mut registry, &Arc::new(tidemill_functions::registry()));
    let (mut best, mut best_control) = (f64::MAX, f64::MAX);
    for _ in 0..5 {
        let operator = registry.operator(WINDOW_AGGREGATE, &config.encode_to_vec()).unwrap();
        let mut harness = Harness::open(operator).unwrap();
        harness.set_rows_max(4096);
        let mut table = vec![Slot { key: 0, used: 0, count: 0, sum: 0 }; (keys * 2).next_power_of_two() as usize];
        let (mut done, mut spent, mut spent_control, mut emitted, mut longest) = (0, 0.0, 0.0, 0, 0.0f64);
        while done < rows {
            let input = batches(keys, out_of_order_ms, rows_per_ms, done / BATCH as u64);
            let start = cpu_seconds();
            for batch in &input {
                let call = Instant::now();
                harness.batch(0, batch).unwrap();
                longest = longest.max(call.elapsed().as_secs_f64());
            }
            let watermark = input.last().and_then(Batch::time).unwrap().max - 20_000;
            harness.watermark(watermark).unwrap();
            spent += cpu_seconds() - start;
            emitted += harness.output().iter().map(Batch::len).sum::<usize>();
            let start = cpu_seconds();
            input.iter().for_each(|batch| control(&mut table, batch));
            spent_control += cpu_seconds() - start;
            done += (BATCH * BATCHES) as u64;
        }
        best = best.min(spent / done as f64 * 1e9);
        best_control = best_control.min(spent_control / done as f64 * 1e9);
        println!("longest call {:.2} ms, {emitted} rows emitted", longest * 1e3);
    }
    println!("{keys} keys: {best:.2} ns a row, control {best_control:.2} ns, ratio {:.2}", best_control / best);
}
