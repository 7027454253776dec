//! Decision 002: rows by key in our own table, beside the hand-written loop and hashbrown. Rows are those of `window-agg`.

use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type};
use serde_json::json;
use tidemill_core::{Batch, KeyEncoder, Keys, Now, Result, hash};
use tidemill_dataflow::{Offload, Poll, ReaderContext, Source, Split};
use tidemill_state::{BLOCK_ROWS, GroupTable, KeyedTable, TableDescriptor, ValueField, ValueKind};

use super::{Print, ms};
use crate::rows::{BATCH, Rows};
use crate::{control, measure};

const ROWS: u64 = 20_000_000;
const INSERTS: u64 = 10_000_000;

pub(super) fn run(print: Print<'_>) -> Result<()> {
    for (key_bytes, keys) in
        [8, 24].into_iter().flat_map(|bytes| [1_000, 100_000, 1_000_000, 10_000_000].map(|keys| (bytes, keys)))
    {
        let rows = Rows { rows: ROWS, keys, key_bytes, insert: false, rows_per_ms: 10_000, out_of_order_ms: 0 };
        let mut table = KeyedTable::new(descriptor(key_bytes), &[0, 0]);
        let before = control::kev_per_cpu_s(&rows, ROWS)?;
        let (own, _) = with_batches(rows, |batch, keys| aggregate(&mut table, batch, keys))?;
        let after = control::kev_per_cpu_s(&rows, ROWS)?;
        let (loop_kev, own_kev) = (before.max(after), kev(ROWS, own));
        let mut figures = json!({
            "spike": "table", "key_bytes": key_bytes, "keys": keys, "own_kev_per_cpu_s": own_kev,
            "control_kev_per_cpu_s": loop_kev, "ratio": own_kev / loop_kev, "long_probes": table.long_probes(),
        });
        if key_bytes == 8 {
            figures["hashbrown_kev_per_cpu_s"] = json!(kev(ROWS, hashbrown(rows)?.0));
        }
        print(figures);
    }
    let rows =
        Rows { rows: INSERTS, keys: INSERTS, key_bytes: 8, insert: true, rows_per_ms: 10_000, out_of_order_ms: 0 };
    let mut table = KeyedTable::new(descriptor(8), &[0, 0]);
    let (own, own_max) = with_batches(rows, |batch, keys| aggregate(&mut table, batch, keys))?;
    let (map, map_max) = hashbrown(rows)?;
    print(json!({
        "spike": "table", "what": "every key once", "keys": INSERTS, "own_kev_per_cpu_s": kev(INSERTS, own),
        "own_call_max_ms": ms(own_max), "hashbrown_kev_per_cpu_s": kev(INSERTS, map), "hashbrown_call_max_ms": ms(map_max),
    }));
    Ok(())
}

fn kev(rows: u64, cpu: Duration) -> f64 {
    rows as f64 / cpu.as_secs_f64() / 1000.0
}

fn descriptor(key_bytes: usize) -> TableDescriptor {
    let key = if key_bytes > 8 { DataType::Utf8View } else { DataType::Int64 };
    let fields = vec![ValueField::new(0, "count", ValueKind::Int64), ValueField::new(1, "sum", ValueKind::Int64)];
    TableDescriptor::keyed("groups", vec![key], fields)
}

/// Hands all batches to `take`: CPU time of the whole, generation included, and of the longest call of `take`.
fn with_batches(rows: Rows, mut take: impl FnMut(&Batch, &Keys) -> Result<()>) -> Result<(Duration, Duration)> {
    let offload = Offload::inline();
    let mut reader = rows.reader(&ReaderContext { subtask: 0, parallelism: 1, rows_max: BATCH, offload })?;
    reader.add_split(0, Split { id: "rows".to_string(), payload: 0u64.to_le_bytes().to_vec() })?;
    let encoder = KeyEncoder::new(vec![0], &descriptor(rows.key_bytes).key_types)?;
    let (mut keys, mut longest) = (Keys::new(), Duration::ZERO);
    let (result, cpu) = measure::of_thread(|| -> Result<()> {
        while let Poll::Batch(_, batch) = reader.poll(BATCH, Now::default())? {
            let (result, call) =
                measure::of_thread(|| encoder.encode(&batch, &mut keys).and_then(|()| take(&batch, &keys)))?;
            result?;
            longest = longest.max(call);
        }
        Ok(())
    })?;
    result.map(|()| (cpu, longest))
}

fn aggregate(groups: &mut GroupTable, batch: &Batch, keys: &Keys) -> Result<()> {
    let column = batch.column(2);
    let values = column.as_primitive::<Int64Type>().values();
    let mut rows = Vec::with_capacity(BLOCK_ROWS);
    for start in (0..keys.len()).step_by(BLOCK_ROWS) {
        let end = keys.len().min(start + BLOCK_ROWS);
        rows.clear();
        groups.upsert(keys, start..end, &mut rows)?;
        let part = &values[start..end];
        groups.update(&rows).for_each_words(0, &rows, |at, [count, sum]| {
            *count += 1;
            *sum = sum.wrapping_add(part[at] as u64);
        });
    }
    Ok(())
}

/// The typed hash as a hasher.
#[derive(Default)]
struct Typed(u64);

impl Hasher for Typed {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash::of_bytes(bytes);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = hash::of_u64(number);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The same with the standard library's map, which is hashbrown's, and the same hash.
#[allow(clippy::disallowed_types, reason = "it is what is compared with, and its hasher has no seed")]
fn hashbrown(rows: Rows) -> Result<(Duration, Duration)> {
    let mut map: std::collections::HashMap<u64, [u64; 2], BuildHasherDefault<Typed>> = Default::default();
    with_batches(rows, |batch, _| {
        let (key, value) = (batch.column(0), batch.column(2));
        for (key, value) in
            key.as_primitive::<Int64Type>().values().iter().zip(value.as_primitive::<Int64Type>().values())
        {
            let [count, sum] = map.entry(*key as u64).or_default();
            *count += 1;
            *sum = sum.wrapping_add(*value as u64);
        }
        Ok(())
    })
}
