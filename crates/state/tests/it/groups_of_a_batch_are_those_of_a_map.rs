//! Whole batches of keys against a map, in tables that grow through every stage of the index.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, StringViewArray, UInt64Array};
use arrow::datatypes::{DataType, Int64Type};
use tidemill_core::{Batch, KeyDecoder, KeyEncoder, Keys};
use tidemill_state::*;

fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 20
}

fn count_by(keys_max: u64, rows: usize, columns: impl Fn(&[u64]) -> Vec<ArrayRef>) {
    let types: Vec<DataType> = columns(&[0]).iter().map(|column| column.data_type().clone()).collect();
    let encoder = KeyEncoder::new((0..types.len()).collect(), &types).unwrap();
    let fields = vec![ValueField::new(1, "sum", ValueKind::Int64), ValueField::new(2, "count", ValueKind::Int64)];
    let mut table = KeyedTable::new(TableDescriptor::keyed("groups", types.clone(), fields), &[0, 100]);
    let (mut keys, mut numbers, mut seed) = (Keys::new(), Vec::new(), 42);
    let mut expected: BTreeMap<Vec<u8>, (u64, u64)> = BTreeMap::new();
    for start in (0..rows).step_by(1500) {
        let values: Vec<u64> = (0..1500.min(rows - start)).map(|_| random(&mut seed) % keys_max).collect();
        let batch = Batch::new(columns(&values), values.len());
        encoder.encode(&batch, &mut keys).unwrap();
        numbers.clear();
        table.upsert(&keys, 0..values.len(), &mut numbers).unwrap();
        let (mut scratch, mut looked_up) = (Vec::new(), Vec::new());
        table.update(&numbers).for_each_words(0, &numbers, |at, [sum, count]| {
            *sum += values[at];
            *count += 1;
        });
        table.lookup(&keys, 0..values.len(), &mut looked_up);
        assert_eq!(looked_up, numbers);
        for (row, value) in values.iter().enumerate() {
            let (sum, count) = expected.entry(keys.bytes(row, &mut scratch).to_vec()).or_insert((0, 100));
            (*sum, *count) = (*sum + value, *count + 1);
        }
    }
    assert_eq!(table.len(), expected.len());
    assert!(table.long_probes() < 100, "{}", table.long_probes());

    let (mut at, mut all) = (Some(0), Vec::new());
    while let Some(from) = at {
        at = table.rows_from(from, 1000, &mut all);
    }
    let mut decoder = KeyDecoder::new(&types).unwrap();
    table.decode_keys(&all, &mut decoder).unwrap();
    let decoded = decoder.finish().unwrap();
    encoder.encode_columns(&decoded, all.len(), None, &mut keys).unwrap();
    let mut scratch = Vec::new();
    for (place, row) in all.iter().enumerate() {
        let (sum, count) = expected.remove(keys.bytes(place, &mut scratch)).unwrap();
        assert_eq!(table.values(*row), [sum, count]);
        assert_eq!(table.find(keys.key(place), keys.hash(place)), Some(*row));
        let mut key = Vec::new();
        table.append_key(*row, &mut key);
        assert_eq!(key, keys.bytes(place, &mut scratch));
    }
    assert!(expected.is_empty());
}

fn number(value: u64) -> Option<i64> {
    (!value.is_multiple_of(101)).then_some(value as i64 - 50)
}

#[test]
fn keys_of_eight_bytes() {
    for keys in [1, 5, 3000, 300_000] {
        count_by(keys, 400_000, |values| vec![Arc::new(UInt64Array::from(values.to_vec()))]);
    }
    count_by(2000, 50_000, |values| vec![Arc::new(Int64Array::from_iter(values.iter().map(|value| number(*value))))]);
}

#[test]
fn keys_of_four_bytes() {
    count_by(50_000, 100_000, |values| {
        vec![Arc::new(Int32Array::from_iter(values.iter().map(|value| number(*value).map(|value| value as i32))))]
    });
}

#[test]
fn strings_short_and_long() {
    count_by(20_000, 100_000, |values| {
        let text = |value: &u64| number(*value).map(|_| format!("{value:0width$}", width = *value as usize % 60));
        vec![Arc::new(StringViewArray::from_iter(values.iter().map(text)))]
    });
}

#[test]
fn several_columns() {
    count_by(20_000, 100_000, |values| {
        let one: ArrayRef = Arc::new(Int64Array::from_iter(values.iter().map(|value| number(*value))));
        let two: ArrayRef = Arc::new(Int32Array::from_iter_values(values.iter().map(|value| *value as i32 % 7)));
        vec![Arc::clone(&one), two, one]
    });
}

#[test]
fn no_column_is_one_group() {
    let mut table = KeyedTable::new(
        TableDescriptor::keyed("global", Vec::new(), vec![ValueField::new(1, "count", ValueKind::Int64)]),
        &[0],
    );
    let mut keys = Keys::new();
    KeyEncoder::new(Vec::new(), &[]).unwrap().encode(&Batch::new(Vec::new(), 1000), &mut keys).unwrap();
    let mut rows = Vec::new();
    table.upsert(&keys, 0..1000, &mut rows).unwrap();
    assert_eq!((table.len(), rows.iter().all(|row| *row == rows[0])), (1, true));
}

#[test]
fn a_removed_group_comes_back_with_the_values_of_the_template() {
    let encoder = KeyEncoder::new(vec![0], &[DataType::Int64]).unwrap();
    let fields = vec![ValueField::new(1, "count", ValueKind::Int64)];
    let mut table = KeyedTable::new(TableDescriptor::keyed("groups", vec![DataType::Int64], fields), &[5]);
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..600));
    assert_eq!(column.as_primitive::<Int64Type>().len(), 600);
    let (mut keys, mut rows, mut delta) = (Keys::new(), Vec::new(), DeltaSink::new());
    encoder.encode(&Batch::new(vec![column], 600), &mut keys).unwrap();
    table.upsert(&keys, 0..600, &mut rows).unwrap();
    table.update(&rows).for_each(&rows, |_, values| values[0] = 1);
    StateTable::freeze(&mut table, Rewrite::NONE).unwrap();
    while !StateTable::gather(&mut table, 100, &mut delta) {}
    rows.iter().for_each(|row| table.remove(*row));
    let mut found = Vec::new();
    table.lookup(&keys, 0..600, &mut found);
    assert!(found.iter().all(|row| *row == GroupTable::ABSENT));
    found.clear();
    table.upsert(&keys, 0..600, &mut found).unwrap();
    assert!(found.iter().all(|row| table.values(*row) == [5]));
    assert_eq!(table.len(), 600);
}
