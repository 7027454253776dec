//! Decision 001: frozen rows are gathered from row-major records, in slices. 4 M rows of 240 bytes, one in a hundred changed.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::DataType;
use serde_json::json;
use tidemill_core::{Batch, KeyEncoder, Keys, Result};
use tidemill_state::{DeltaSink, KeyedTable, Rewrite, StateTable, TableDescriptor, ValueField, ValueKind};

use super::{Print, mix, ms, ns_each};
use crate::measure;
use crate::rows::BATCH;

const ROWS: u64 = 4_000_000;
/// With the key 30 words: 240 bytes.
const VALUES: usize = 29;
const DIRTY: u64 = ROWS / 100;
const SLICE_ROWS: usize = 1024;
/// Updates between two checkpoints at full speed, and how many checkpoints.
const UPDATES: u64 = 80_000_000;
const CHECKPOINTS: u64 = 2;

pub(super) fn run(print: Print<'_>) -> Result<()> {
    let mut table = filled()?;
    let columns: Vec<Vec<u64>> = (0..VALUES as u64).map(|at| (0..ROWS).map(|row| mix(row ^ at)).collect()).collect();
    let (mut delta, mut bytes) = (DeltaSink::new(), Vec::new());
    for (round, buffer) in (0..).zip(["new", "recycled", "new", "recycled"]) {
        let mut dirty: Vec<u32> = (0..DIRTY).map(|at| (mix(at + round * DIRTY) % ROWS) as u32).collect();
        table.update(&dirty).for_each(&dirty, |_, values| values[0] += 1);
        delta.clear();
        if buffer == "new" {
            delta = DeltaSink::new();
        }
        let (frozen, freeze) = measure::of_thread(|| table.freeze(Rewrite::NONE))?;
        frozen?;
        let (mut gather, mut slice_max) = (Duration::ZERO, Duration::ZERO);
        let mut done = false;
        while !done {
            let (finished, slice) = measure::of_thread(|| StateTable::gather(&mut table, SLICE_ROWS, &mut delta))?;
            (gather, slice_max, done) = (gather + slice, slice_max.max(slice), finished);
        }
        dirty.sort_unstable();
        dirty.dedup();
        bytes.clear();
        let (_, by_columns) = measure::of_thread(|| from_columns(&columns, &dirty, &mut bytes))?;
        black_box(&bytes);
        let rows = delta.len() as u64;
        print(json!({
            "spike": "gather", "what": "one row in a hundred", "buffer": buffer, "rows": rows,
            "freeze_us": freeze.as_secs_f64() * 1e6, "gather_ms": ms(gather), "slice_max_ms": ms(slice_max),
            "ns_a_row": ns_each(gather, rows), "columns_ns_a_row": ns_each(by_columns, rows),
        }));
    }
    let mut costs = [Duration::ZERO; 2];
    for round in 0..4 {
        costs[round % 2] += at_full_speed(&mut table, round % 2 == 1, &mut delta)?;
    }
    let [plain, checkpointed] = costs.map(|cost| ns_each(cost, 2 * UPDATES * CHECKPOINTS));
    print(json!({
        "spike": "gather", "what": "checkpoints at full speed", "updates_between": UPDATES,
        "plain_ns": plain, "checkpointed_ns": checkpointed, "cost": checkpointed / plain - 1.0,
    }));
    Ok(())
}

fn filled() -> Result<KeyedTable> {
    let fields = (0..VALUES as u32).map(|id| ValueField::new(id, format!("v{id}"), ValueKind::Int64)).collect();
    let descriptor = TableDescriptor::keyed("rows", vec![DataType::Int64], fields);
    let mut table = KeyedTable::new(descriptor, &[7; VALUES]);
    let encoder = KeyEncoder::new(vec![0], &[DataType::Int64])?;
    let (mut keys, mut rows, mut delta) = (Keys::new(), Vec::new(), DeltaSink::new());
    for first in (0..ROWS as i64).step_by(BATCH) {
        let key: ArrayRef = Arc::new(Int64Array::from_iter_values(first..(first + BATCH as i64).min(ROWS as i64)));
        encoder.encode(&Batch::new(vec![Arc::clone(&key)], key.len()), &mut keys)?;
        rows.clear();
        table.upsert(&keys, 0..key.len(), &mut rows)?;
        // The first checkpoint has taken all rows.
        table.freeze(Rewrite::NONE)?;
        while !StateTable::gather(&mut table, SLICE_ROWS, &mut delta) {}
        delta.clear();
    }
    Ok(table)
}

/// The same rows taken out of columns, encoded as a delta has them.
fn from_columns(columns: &[Vec<u64>], rows: &[u32], out: &mut Vec<u8>) {
    for row in rows {
        out.push(1);
        out.extend_from_slice(&(u64::from(*row) ^ 1 << 63).to_be_bytes());
        for column in columns {
            out.extend_from_slice(&column[*row as usize].to_le_bytes());
        }
    }
}

/// CPU time of many updates of the same hundredth of the rows, with a checkpoint after each [`UPDATES`] or without.
fn at_full_speed(table: &mut KeyedTable, checkpoints: bool, delta: &mut DeltaSink) -> Result<Duration> {
    let hot: Vec<u32> = (0..DIRTY).map(|at| (mix(at) % ROWS) as u32).collect();
    let mut done = 0;
    let (result, cpu) = measure::of_thread(|| -> Result<()> {
        for batch in 0..UPDATES * CHECKPOINTS / SLICE_ROWS as u64 {
            let first = (batch as usize * SLICE_ROWS) % (hot.len() - SLICE_ROWS);
            let rows = &hot[first..first + SLICE_ROWS];
            table.update(rows).for_each(rows, |_, values| values[1] += 1);
            done += SLICE_ROWS as u64;
            if checkpoints && table.is_gathering() {
                StateTable::gather(table, SLICE_ROWS, delta);
            } else if checkpoints && done >= UPDATES {
                done = 0;
                delta.clear();
                table.freeze(Rewrite::NONE)?;
            }
        }
        while table.is_gathering() && !StateTable::gather(table, SLICE_ROWS, delta) {}
        Ok(())
    })?;
    result.map(|()| cpu)
}
