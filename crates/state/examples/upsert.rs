//! Rows a second of count and sum by key: this crate's table beside a loop that does nothing else.
//!
//! `cargo run --release -p tidemill-state --example upsert [ROWS [PART]]`. Both generate the same rows, alternately, three rounds
//! each, best of them: key uniform, 4,096 rows a batch. The table goes the whole way: columns, keys, hashes, index, dirty
//! bits; the loop is one array of 32-byte slots with inline keys, and prefetch.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Int64Array, StringViewBuilder, UInt64Array};
use arrow::datatypes::{DataType, Int64Type};
use tidemill_core::{Batch, KeyEncoder, Keys};
use tidemill_state::{
    BLOCK_ROWS, Buckets, DeltaSink, Filling, GroupTable, Home, HomeRun, HomeTable, KeyedTable, Rewrite, Scope,
    SlicedTable, StateTable, TableDescriptor, ValueField, ValueKind, run_file,
};

const BATCH: usize = 4096;

/// Processor time of this thread, which other processes do not disturb as much.
#[derive(Clone, Copy)]
struct Cpu(Duration);

impl Cpu {
    fn now() -> Cpu {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        #[allow(unsafe_code)]
        // SAFETY: the call writes one timespec.
        unsafe {
            libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time)
        };
        Cpu(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }

    fn elapsed(self) -> Duration {
        Cpu::now().0 - self.0
    }
}

fn mix(x: u64) -> u64 {
    let wide = u128::from(x ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93u128;
    wide as u64 ^ (wide >> 64) as u64
}

fn generate(row: u64, keys: u64, key: &mut [u64], value: &mut [i64]) {
    for (at, (key, value)) in key.iter_mut().zip(value).enumerate() {
        let random = mix(row + at as u64);
        *key = ((random >> 32) * keys) >> 32;
        *value = (random & 0xffff) as i64;
    }
}

fn report(name: &str, keys: u64, rows: u64, start: Cpu) -> f64 {
    let seconds = start.elapsed().as_secs_f64();
    let rate = rows as f64 / seconds / 1e6;
    println!("{name:>24} {keys:>9} keys {rate:>7.1} M rows/s {:>6.2} ns/row", 1e3 / rate);
    rate
}

#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Slot {
    key: u64,
    used: u64,
    count: i64,
    sum: i64,
}

fn control(keys: u64, rows: u64) -> i64 {
    let size = (keys * 2).next_power_of_two().max(1024) as usize;
    let mut table = vec![Slot { key: 0, used: 0, count: 0, sum: 0 }; size];
    let (mut key, mut value) = (vec![0u64; BATCH], vec![0i64; BATCH]);
    let mut home = vec![0; BATCH];
    let start = Cpu::now();
    let mut row = 0;
    while row < rows {
        generate(row, keys, &mut key, &mut value);
        for part in (0..BATCH).step_by(512) {
            for at in part..part + 512 {
                home[at] = mix(key[at]) as usize & (size - 1);
                #[cfg(target_arch = "x86_64")]
                #[allow(unsafe_code)]
                // SAFETY: a prefetch may name any address.
                unsafe {
                    std::arch::x86_64::_mm_prefetch::<3>((&raw const table[home[at]]).cast());
                }
            }
            for at in part..part + 512 {
                let mut place = home[at];
                loop {
                    let slot = &mut table[place];
                    if slot.used == 0 {
                        *slot = Slot { key: key[at], used: 1, count: 1, sum: value[at] };
                        break;
                    }
                    if slot.key == key[at] {
                        slot.count += 1;
                        slot.sum += value[at];
                        break;
                    }
                    place = (place + 1) & (size - 1);
                }
            }
        }
        row += BATCH as u64;
    }
    report("control", keys, row, start);
    table.iter().map(|slot| slot.sum).sum()
}

fn descriptor(key: DataType) -> TableDescriptor {
    let fields = vec![ValueField::new(1, "count", ValueKind::Int64), ValueField::new(2, "sum", ValueKind::Int64)];
    TableDescriptor::keyed("groups", vec![key], fields)
}

fn aggregate(groups: &mut GroupTable, keys: &Keys, values: &[i64], rows: &mut Vec<u32>) {
    let mut start = 0;
    while start < keys.len() {
        let end = keys.len().min(start + BLOCK_ROWS);
        rows.clear();
        groups.upsert(keys, start..end, rows).unwrap();
        let part = &values[start..end];
        groups.update(rows).for_each_words(0, rows, |at, [count, sum]| {
            *count += 1;
            *sum = sum.wrapping_add(part[at] as u64);
        });
        start = end;
    }
}

fn table(keys: u64, rows: u64, sliced: bool, frozen_every: u64) -> i64 {
    let mut sliced_table = SlicedTable::new(descriptor(DataType::UInt64), &[0, 0]);
    let mut keyed = KeyedTable::new(descriptor(DataType::UInt64), &[0, 0]);
    let encoder = KeyEncoder::new(vec![0], &[DataType::UInt64]).unwrap();
    let (mut encoded, mut numbers) = (Keys::new(), Vec::new());
    let mut delta = DeltaSink::new();
    let start = Cpu::now();
    let (mut row, mut taken) = (0, 0);
    while row < rows {
        let (mut key, mut value) = (vec![0u64; BATCH], vec![0i64; BATCH]);
        generate(row, keys, &mut key, &mut value);
        let columns: Vec<ArrayRef> = vec![Arc::new(UInt64Array::from(key)), Arc::new(Int64Array::from(value))];
        let batch = Batch::new(columns, BATCH);
        encoder.encode(&batch, &mut encoded).unwrap();
        let column = batch.column(1);
        let values = column.as_primitive::<Int64Type>().values();
        let groups = if sliced { sliced_table.slice_mut(1000).unwrap() } else { &mut *keyed };
        aggregate(groups, &encoded, values, &mut numbers);
        row += BATCH as u64;
        if frozen_every > 0 && row % frozen_every < BATCH as u64 && !keyed.is_gathering() {
            taken += delta.len();
            delta.clear();
            keyed.freeze(Rewrite::NONE).unwrap();
        }
        if frozen_every > 0 && keyed.is_gathering() {
            StateTable::gather(&mut keyed, 1000, &mut delta);
        }
    }
    let name = match (sliced, frozen_every) {
        (true, _) => "sliced",
        (false, 0) => "keyed",
        _ => "keyed, frozen",
    };
    report(name, keys, row, start);
    if frozen_every > 0 {
        println!("{:>24} {taken} rows in deltas", "");
    }
    let groups: &GroupTable = if sliced { sliced_table.slice(1000).unwrap() } else { &keyed };
    let (mut sum, mut at) = (0, 0);
    while let Some(row) = groups.next_row(at) {
        sum += groups.values(row)[1] as i64;
        at = row + 1;
    }
    sum
}

fn parts(keys: u64, rows: u64) {
    let encoder = KeyEncoder::new(vec![0], &[DataType::UInt64]).unwrap();
    let mut encoded = Keys::new();
    let start = Cpu::now();
    let mut row = 0;
    while row < rows {
        let (mut key, mut value) = (vec![0u64; BATCH], vec![0i64; BATCH]);
        generate(row, keys, &mut key, &mut value);
        std::hint::black_box((&key, &value));
        row += BATCH as u64;
    }
    report("generate alone", keys, row, start);
    let (mut key, mut value) = (vec![0u64; BATCH], vec![0i64; BATCH]);
    generate(0, keys, &mut key, &mut value);
    let batch = Batch::new(vec![Arc::new(UInt64Array::from(key))], BATCH);
    let start = Cpu::now();
    for _ in 0..rows / BATCH as u64 {
        encoder.encode(&batch, &mut encoded).unwrap();
        std::hint::black_box(&encoded);
    }
    report("keys and hashes alone", keys, rows, start);
}

/// The loop for keys of 24 bytes, which stand in the slots; the same batches as [`strings`], over and over.
fn control_24(keys: u64, rows: u64) {
    #[derive(Clone, Copy)]
    #[repr(C, align(64))]
    struct Slot {
        key: [u64; 3],
        count: i64,
        sum: i64,
    }
    let size = (keys * 2).next_power_of_two().max(1024) as usize;
    let mut table = vec![Slot { key: [0; 3], count: 0, sum: 0 }; size];
    let batches: Vec<(Vec<[u64; 3]>, Vec<i64>)> = (0..64)
        .map(|number| {
            let (mut key, mut value) = (vec![0u64; BATCH], vec![0i64; BATCH]);
            generate(number * BATCH as u64, keys, &mut key, &mut value);
            let words = |key: &u64| {
                let text = format!("customer-{key:015}");
                let word = |at: usize| u64::from_le_bytes(text.as_bytes()[at * 8..at * 8 + 8].try_into().unwrap());
                [word(0), word(1), word(2)]
            };
            (key.iter().map(words).collect(), value)
        })
        .collect();
    let mut home = vec![0; 512];
    let start = Cpu::now();
    let mut row = 0;
    while row < rows {
        for (keys, values) in &batches {
            for (keys, values) in keys.chunks(512).zip(values.chunks(512)) {
                for (home, key) in home.iter_mut().zip(keys) {
                    *home = mix(mix(key[0] ^ key[1].rotate_left(20)) ^ key[2]) as usize & (size - 1);
                    #[cfg(target_arch = "x86_64")]
                    #[allow(unsafe_code)]
                    // SAFETY: a prefetch may name any address.
                    unsafe {
                        std::arch::x86_64::_mm_prefetch::<3>((&raw const table[*home]).cast());
                    }
                }
                for ((home, key), value) in home.iter().zip(keys).zip(values) {
                    let mut place = *home;
                    while table[place].count > 0 && table[place].key != *key {
                        place = (place + 1) & (size - 1);
                    }
                    let slot = &mut table[place];
                    *slot = Slot { key: *key, count: slot.count + 1, sum: slot.sum + value };
                }
            }
            row += BATCH as u64;
        }
    }
    report("control, 24 bytes", keys, row, start);
}

/// One row in a hundred of 20 million, changed at random, gathered in slices; and written and read as a run file.
fn gather() {
    let keys = 20_000_000u64;
    let mut keyed = KeyedTable::new(descriptor(DataType::UInt64), &[0, 0]);
    let encoder = KeyEncoder::new(vec![0], &[DataType::UInt64]).unwrap();
    let (mut encoded, mut numbers, mut delta) = (Keys::new(), Vec::new(), DeltaSink::new());
    for first in (0..keys).step_by(BATCH) {
        let key: ArrayRef = Arc::new(UInt64Array::from_iter_values(first..first + BATCH as u64));
        encoder.encode(&Batch::new(vec![key], BATCH), &mut encoded).unwrap();
        aggregate(&mut keyed, &encoded, &[1; BATCH], &mut numbers);
    }
    for round in 0..4 {
        if round > 0 {
            let rows: Vec<u32> = (0..keys / 100).map(|at| (mix(at + round * keys) % keys) as u32).collect();
            keyed.update(&rows).for_each(&rows, |_, values| values[0] += 1);
        }
        delta.clear();
        let start = Cpu::now();
        StateTable::freeze(&mut keyed, Rewrite::NONE).unwrap();
        let (frozen, mut longest) = (start.elapsed(), Duration::ZERO);
        loop {
            let slice = Cpu::now();
            let done = StateTable::gather(&mut keyed, 1000, &mut delta);
            longest = longest.max(slice.elapsed());
            if done {
                break;
            }
        }
        let rows = delta.len();
        println!(
            "{:>24} {rows} of {keys} rows: freeze {frozen:?}, all {:?}, longest slice {longest:?}",
            "gather",
            start.elapsed()
        );
    }
    let start = Cpu::now();
    let file = run_file::write(&delta, keyed.descriptor()).unwrap();
    println!("{:>24} {} entries, {} bytes: written in {:?}", "run file", delta.len(), file.len(), start.elapsed());
    let start = Cpu::now();
    let reader = run_file::RunReader::open(&file[..]).unwrap();
    println!("{:>24} opened in {:?}", "", start.elapsed());
    let start = Cpu::now();
    let found = (0..100_000).filter(|number| {
        let entry = delta.entry(number % delta.len());
        reader.get(entry.hash, entry.key, entry.order).unwrap().is_some()
    });
    println!("{:>24} {} point reads in {:?}", "", found.count(), start.elapsed());
    fill(&mut keyed);
}

/// A table's rows out of its run file: all, piece by piece, and those that a batch needs first.
fn fill(keyed: &mut KeyedTable) {
    let mut delta = DeltaSink::new();
    StateTable::freeze(keyed, Rewrite::ALL).unwrap();
    while !StateTable::gather(keyed, 1 << 20, &mut delta) {}
    let descriptor = keyed.descriptor().clone();
    let source = Box::new(run_file::write(&delta, &descriptor).unwrap());
    let scope = Scope::all();
    let run = HomeRun { source, groups: 0..scope.key_groups.count(), is_base: true, order_floor: None };
    let table = HomeTable::open(&descriptor.name, descriptor.distribution, scope.key_groups, vec![run]).unwrap();
    let home = Home::new(vec![table]);
    let mut restored = KeyedTable::new(descriptor, &[0, 0]);
    let mut filling = Filling::new(scope);
    let (mut read, mut applied, mut longest, mut pieces) = (Duration::ZERO, Duration::ZERO, Duration::ZERO, 0);
    let mut wanted = Buckets::none();
    (0..BATCH as u64).for_each(|at| wanted.insert((mix(at) >> 48) as u16));
    let mut next = Some((wanted, u64::MAX));
    while !filling.is_filled() {
        let (wanted, pages) = next.take().unwrap_or_else(|| (filling.unread(), 128));
        let start = Cpu::now();
        let rows = Arc::new(home.read(&wanted, pages, false).unwrap());
        let first = start.elapsed();
        read += first;
        filling.arrive(rows);
        let start = Cpu::now();
        while filling.backlog() > 0 {
            let slice = Cpu::now();
            filling.apply(&mut [&mut restored as &mut dyn StateTable], 1024).unwrap();
            longest = longest.max(slice.elapsed());
        }
        applied += start.elapsed();
        if pieces == 0 {
            let rows = restored.len();
            println!("{:>24} {rows} rows for a batch: read in {first:?}, in the table in {applied:?}", "fill");
        }
        pieces += 1;
    }
    println!(
        "{:>24} {} rows in {pieces} pieces: read in {read:?}, in the table in {applied:?}, longest slice {longest:?}",
        "",
        restored.len()
    );
}

fn strings(keys: u64, rows: u64) {
    let mut keyed = KeyedTable::new(descriptor(DataType::Utf8View), &[0, 0]);
    let encoder = KeyEncoder::new(vec![0], &[DataType::Utf8View]).unwrap();
    let (mut encoded, mut numbers) = (Keys::new(), Vec::new());
    let batches: Vec<Batch> = (0..64)
        .map(|number| {
            let (mut key, mut value) = (vec![0u64; BATCH], vec![0i64; BATCH]);
            generate(number * BATCH as u64, keys, &mut key, &mut value);
            let mut names = StringViewBuilder::new();
            key.iter().for_each(|key| names.append_value(format!("customer-{key:015}")));
            Batch::new(vec![Arc::new(names.finish()), Arc::new(Int64Array::from(value))], BATCH)
        })
        .collect();
    let start = Cpu::now();
    let mut row = 0;
    while row < rows {
        for batch in &batches {
            encoder.encode(batch, &mut encoded).unwrap();
            let column = batch.column(1);
            aggregate(&mut keyed, &encoded, column.as_primitive::<Int64Type>().values(), &mut numbers);
            row += BATCH as u64;
        }
    }
    report("24-byte strings", keys, row, start);
}

fn insert(keys: u64) {
    let mut keyed = KeyedTable::new(descriptor(DataType::UInt64), &[0, 0]);
    let encoder = KeyEncoder::new(vec![0], &[DataType::UInt64]).unwrap();
    let (mut encoded, mut numbers) = (Keys::new(), Vec::new());
    let mut longest = (Duration::ZERO, 0);
    let start = Cpu::now();
    for first in (0..keys).step_by(BATCH) {
        let call = Cpu::now();
        let key: ArrayRef = Arc::new(UInt64Array::from_iter_values(first..first + BATCH as u64));
        encoder.encode(&Batch::new(vec![key], BATCH), &mut encoded).unwrap();
        aggregate(&mut keyed, &encoded, &[1; BATCH], &mut numbers);
        longest = longest.max((call.elapsed(), first));
    }
    report("insert", keys, keys, start);
    let per_key = StateTable::memory(&keyed) as u64 / keys;
    println!(
        "{:>24} longest call {:?} at {}, {per_key} bytes a key, {} long probes",
        "",
        longest.0,
        longest.1,
        keyed.long_probes()
    );
}

fn main() {
    std::thread::scope(|scope| {
        scope.spawn(tidemill_state::touch_fresh_memory);
        run();
        tidemill_state::stop_touching();
    });
}

fn run() {
    let mut arguments = std::env::args().skip(1);
    let rows = arguments.next().map_or(30_000_000, |rows| rows.parse().unwrap());
    let what = arguments.next();
    let is_asked = |name: &str| what.as_deref().is_none_or(|what| what == name);
    if is_asked("parts") {
        parts(100_000, rows);
    }
    for keys in [1_000, 100_000, 1_000_000, 10_000_000].into_iter().filter(|keys| is_asked(&keys.to_string())) {
        for _ in 0..3 {
            assert_eq!(control(keys, rows), table(keys, rows, false, 0));
        }
        table(keys, rows, true, 0);
        table(keys, rows, false, rows / 8);
    }
    if is_asked("strings") {
        [1_000, 100_000, 1_000_000].iter().for_each(|keys| {
            control_24(*keys, rows / 2);
            strings(*keys, rows / 2);
        });
    }
    if is_asked("gather") {
        gather();
    }
    if is_asked("insert") {
        (0..3).for_each(|_| insert(20_000_000));
    }
}
