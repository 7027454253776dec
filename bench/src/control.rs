//! The control loop: what one core can do with the rows of `window-agg` and nothing else. It generates them and counts and
//! sums per key in an open-addressing table with inline slots; no window, no row numbers, no state to save.

use std::hint::black_box;

use tidemill_core::Result;

use crate::measure;
use crate::rows::{BATCH, Rows};

#[derive(Clone, Copy, Default)]
#[repr(C, align(32))]
struct Slot {
    key: u64,
    used: u64,
    count: i64,
    sum: i64,
}

/// Thousand rows per CPU second for the first `rows_max` rows.
pub fn kev_per_cpu_s(rows: &Rows, rows_max: u64) -> Result<f64> {
    let count = rows.rows.min(rows_max);
    let (_, cpu) = if rows.key_bytes > 8 {
        measure::of_thread(|| wide(rows, count))?
    } else {
        measure::of_thread(|| narrow(rows, count))?
    };
    Ok(count as f64 / cpu.as_secs_f64() / 1000.0)
}

fn mix(key: u64) -> u64 {
    let wide = u128::from(key ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    (wide as u64) ^ (wide >> 64) as u64
}

fn narrow(rows: &Rows, count: u64) {
    let size = (rows.keys * 2).next_power_of_two().max(1024) as usize;
    let mut table = vec![Slot::default(); size];
    let (mut keys, mut values, mut times, mut home) = (Vec::new(), Vec::new(), Vec::new(), vec![0usize; BATCH]);
    let mut row = 0;
    while row < count {
        let end = (row + BATCH as u64).min(count);
        rows.fill(row, end, &mut keys, &mut values, &mut times);
        black_box(&times);
        for (home, key) in home.iter_mut().zip(&keys) {
            *home = mix(*key as u64) as usize & (size - 1);
        }
        for ((key, value), home) in keys.iter().zip(&values).zip(&home) {
            let (key, mut at) = (*key as u64, *home);
            loop {
                let slot = &mut table[at];
                if slot.used == 0 {
                    *slot = Slot { key, used: 1, count: 1, sum: *value };
                    break;
                }
                if slot.key == key {
                    slot.count += 1;
                    slot.sum += value;
                    break;
                }
                at = (at + 1) & (size - 1);
            }
        }
        row = end;
    }
    black_box(&table);
}

#[derive(Clone, Copy, Default)]
struct WideSlot {
    key: [u8; 24],
    used: bool,
    count: i64,
    sum: i64,
}

fn wide(rows: &Rows, count: u64) {
    let size = (rows.keys * 2).next_power_of_two().max(1024) as usize;
    let mut table = vec![WideSlot::default(); size];
    let (mut keys, mut values, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let mut row = 0;
    while row < count {
        let end = (row + BATCH as u64).min(count);
        rows.fill(row, end, &mut keys, &mut values, &mut times);
        black_box(&times);
        for (number, value) in keys.iter().zip(&values) {
            let key = Rows::text(*number as u64);
            let mut at = mix(*number as u64) as usize & (size - 1);
            loop {
                let slot = &mut table[at];
                if !slot.used {
                    *slot = WideSlot { key, used: true, count: 1, sum: *value };
                    break;
                }
                if slot.key == key {
                    slot.count += 1;
                    slot.sum += value;
                    break;
                }
                at = (at + 1) & (size - 1);
            }
        }
        row = end;
    }
    black_box(&table);
}
