//! Point reads and scans of run files of every shape.

use tidemill_core::{KeyGroups, hash};
use tidemill_state::run_file::{RunReader, write};
use tidemill_state::*;

fn descriptor() -> TableDescriptor {
    TableDescriptor::keyed("t", Vec::new(), vec![ValueField::new(4, "bytes", ValueKind::Bytes)])
}

fn key(number: u64) -> Vec<u8> {
    let mut key = vec![1];
    key.extend(number.to_be_bytes());
    key
}

fn value(number: u64, len: usize) -> Vec<u8> {
    (0..len as u64).map(|at| (number + at) as u8).collect()
}

/// Entries 0, 2, 4 … with values; those divisible by ten are tombstones.
fn delta(entries: u64, value_len: impl Fn(u64) -> usize) -> DeltaSink {
    let mut delta = DeltaSink::new();
    delta.describe(Rewrite::NONE, Some(-5));
    for number in (0..entries).map(|number| number * 2) {
        let (key, value) = (key(number), value(number, value_len(number)));
        let value = (!number.is_multiple_of(10)).then_some(&value[..]);
        delta.push(Entry { hash: hash::of_bytes(&key), key: &key, order: &number.to_le_bytes()[..2], value });
    }
    delta
}

fn check(entries: u64, value_len: impl Fn(u64) -> usize) {
    let reader = RunReader::open(write(&delta(entries, &value_len), &descriptor()).unwrap()).unwrap();
    reader.verify().unwrap();
    reader.check_fields(&descriptor()).unwrap();
    assert_eq!((reader.len(), reader.order_floor(), reader.is_full()), (entries, Some(-5), false));
    let step = (entries / 2000).max(1);
    for number in (0..entries * 2).step_by(step as usize) {
        let key = key(number);
        let found = reader.get(hash::of_bytes(&key), &key, &number.to_le_bytes()[..2]).unwrap();
        let expected =
            number.is_multiple_of(2).then(|| (!number.is_multiple_of(10)).then(|| value(number, value_len(number))));
        assert_eq!(found, expected, "{number}");
        assert_eq!(reader.get(hash::of_bytes(&key), &key, b"").unwrap(), None);
    }
    let groups = KeyGroups::new(8).unwrap();
    let mut seen = Vec::new();
    for group in 0..8 {
        let mut last = None;
        reader
            .scan(groups.hashes(group..group + 1).unwrap(), |entries| {
                for entry in entries {
                    assert_eq!((entry.hash, groups.of(entry.hash)), (hash::of_bytes(entry.key), group));
                    let place = (entry.hash >> 48, entry.key.to_vec(), entry.order.to_vec());
                    assert!(last.as_ref().is_none_or(|last| *last < place));
                    last = Some(place);
                    seen.push(u64::from_be_bytes(entry.key[1..].try_into().unwrap()));
                }
                Ok(())
            })
            .unwrap();
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq((0..entries).map(|number| number * 2)));
}

#[test]
fn of_any_size() {
    for entries in [0, 1, 2, 30, 500, 100_000] {
        check(entries, |_| 20);
    }
}

#[test]
fn with_values_larger_than_a_unit() {
    check(200, |number| (number as usize % 7) * 3000);
}

#[test]
fn with_many_rows_of_one_key() {
    let mut delta = DeltaSink::new();
    let key = key(77);
    for order in 0..5000u32 {
        let order = order.to_be_bytes();
        delta.push(Entry { hash: hash::of_bytes(&key), key: &key, order: &order, value: Some(&order) });
    }
    let reader = RunReader::open(write(&delta, &descriptor()).unwrap()).unwrap();
    for order in (0..5000u32).step_by(37) {
        let order = order.to_be_bytes();
        assert_eq!(reader.get(hash::of_bytes(&key), &key, &order).unwrap(), Some(Some(order.to_vec())));
    }
    assert_eq!(reader.get(hash::of_bytes(&key), &key, &5000u32.to_be_bytes()).unwrap(), None);
}

#[test]
fn another_schema_is_refused() {
    let reader = RunReader::open(write(&delta(3, |_| 2), &descriptor()).unwrap()).unwrap();
    let mut other = descriptor();
    other.fields[0].id = 5;
    assert_eq!(reader.check_fields(&other).unwrap_err().code(), "state.damaged");
}

/// The checksum covers every byte: if this fails, the format has changed and needs a new number.
#[test]
fn the_bytes_are_those_of_format_1() {
    let file = write(&delta(300, |number| number as usize % 50), &descriptor()).unwrap();
    let reader = RunReader::open(&file[..]).unwrap();
    assert_eq!(format!("{} bytes, {:016x}", file.len(), reader.checksum()), "16384 bytes, 188fa0355135929a");
}
