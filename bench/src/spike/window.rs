//! Decision 008: the window aggregation as a whole job beside the control loop, at several numbers of keys and out of order; and what
//! making keys and hashes costs of it.

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::datatypes::DataType;
use clap::Parser;
use serde_json::{Value, json};
use tidemill_core::{Batch, KeyEncoder, Keys, Result};

use super::{Print, mix, ns_each};
use crate::measure;
use crate::rows::{BATCH, Rows};
use crate::window_agg;

const ROWS: u64 = 20_000_000;
/// Rows where there are ten million keys: each comes several times.
const ROWS_OF_MANY: u64 = 60_000_000;

/// The benchmark is asked for as on the command line.
#[derive(Parser)]
struct Asked {
    #[command(flatten)]
    arguments: window_agg::Arguments,
}

pub(super) fn run(print: Print<'_>) -> Result<()> {
    let cases: [(&str, &[&str]); 7] = [
        ("1000", &[]),
        ("100000", &[]),
        ("1000000", &[]),
        ("10000000", &[]),
        ("100000", &["--out-of-order", "20s"]),
        ("100000", &["--checkpoint-interval", "1000"]),
        ("100000", &["--key-bytes", "24"]),
    ];
    for (keys, more) in cases {
        let rows = if keys == "10000000" { ROWS_OF_MANY } else { ROWS }.to_string();
        let words = ["window-agg", "--keys", keys, "--rows", &rows].into_iter().chain(more.iter().copied());
        let figures = window_agg::run(&Asked::parse_from(words).arguments)?;
        let of = |name: &str| figures.get(name).and_then(Value::as_f64).unwrap_or_default();
        let (own, control) = (of("kev_per_cpu_s"), of("control_kev_per_cpu_s"));
        print(json!({
            "spike": "window", "keys": keys, "with": more.join(" "), "own_kev_per_cpu_s": own, "control_kev_per_cpu_s": control,
            "ratio": own / control, "call_max_ms": of("call_max_ms"),
        }));
    }
    let rows = Rows { rows: ROWS, keys: 100_000, key_bytes: 8, insert: false, rows_per_ms: 10_000, out_of_order_ms: 0 };
    let (mut keys, mut values, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (_, generate) = measure::of_thread(|| {
        for first in (0..ROWS).step_by(BATCH) {
            rows.fill(first, (first + BATCH as u64).min(ROWS), &mut keys, &mut values, &mut times);
            black_box((&keys, &values, &times));
        }
    })?;
    let column = Int64Array::from_iter_values((0..BATCH as u64).map(|row| mix(row) as i64));
    let batch = Batch::new(vec![Arc::new(column)], BATCH);
    let encoder = KeyEncoder::new(vec![0], &[DataType::Int64])?;
    let mut encoded = Keys::new();
    let (result, hash) = measure::of_thread(|| {
        (0..ROWS / BATCH as u64).try_for_each(|_| encoder.encode(black_box(&batch), &mut encoded))
    })?;
    result?;
    print(json!({
        "spike": "window", "what": "parts", "generate_ns": ns_each(generate, ROWS), "keys_and_hashes_ns": ns_each(hash, ROWS),
    }));
    Ok(())
}
