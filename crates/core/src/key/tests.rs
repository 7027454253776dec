use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;

use super::*;
use crate::Batch;

fn keys_of(columns: Vec<ArrayRef>) -> Keys {
    let types: Vec<DataType> = columns.iter().map(|column| column.data_type().clone()).collect();
    let rows = columns[0].len();
    let encoder = KeyEncoder::new((0..columns.len()).collect(), &types).unwrap();
    let mut keys = Keys::new();
    encoder.encode(&Batch::new(columns, rows), &mut keys).unwrap();
    keys
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn vectors(columns: Vec<ArrayRef>) -> Vec<(String, String)> {
    let keys = keys_of(columns);
    let mut scratch = Vec::new();
    (0..keys.len()).map(|row| (hex(keys.bytes(row, &mut scratch)), format!("{:016x}", keys.hash(row)))).collect()
}

/// The committed vectors: type, value, bytes, hash. They may be added to, never changed.
#[test]
fn keys_are_those_of_the_vectors() {
    let nested: ArrayRef = {
        let fields = vec![
            (
                Arc::new(Field::new("a", DataType::Int32, true)),
                Arc::new(Int32Array::from(vec![Some(1), None])) as ArrayRef,
            ),
            (Arc::new(Field::new("b", DataType::Utf8View, true)), Arc::new(StringViewArray::from(vec!["x", "y"])) as _),
        ];
        Arc::new(StructArray::from(fields))
    };
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int16Type, _, _>(vec![
        Some(vec![Some(1), None]),
        Some(vec![]),
        None,
    ]));
    let cases: Vec<(&str, Vec<ArrayRef>)> = vec![
        ("BOOLEAN", vec![Arc::new(BooleanArray::from(vec![Some(false), Some(true), None]))]),
        ("TINYINT", vec![Arc::new(Int8Array::from(vec![-128, -1, 0, 127]))]),
        ("SMALLINT", vec![Arc::new(Int16Array::from(vec![-2, 300]))]),
        ("INT", vec![Arc::new(Int32Array::from(vec![Some(i32::MIN), Some(-1), Some(0), Some(42), None]))]),
        ("BIGINT", vec![Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(-1), Some(0), Some(42), None]))]),
        ("UBIGINT", vec![Arc::new(UInt64Array::from(vec![0, 42, u64::MAX]))]),
        ("FLOAT", vec![Arc::new(Float32Array::from(vec![-1.5, -0.0, 0.0, 1.5, f32::NAN, -f32::NAN]))]),
        ("DOUBLE", vec![Arc::new(Float64Array::from(vec![f64::NEG_INFINITY, -0.0, 0.0, 2.5, f64::NAN]))]),
        ("DATE", vec![Arc::new(Date32Array::from(vec![-1, 20_000]))]),
        ("TIME", vec![Arc::new(Time32MillisecondArray::from(vec![86_399_999]))]),
        ("TIMESTAMP(3)", vec![Arc::new(TimestampMillisecondArray::from(vec![-1, 1_700_000_000_000]))]),
        (
            "DECIMAL",
            vec![Arc::new(
                Decimal128Array::from(vec![Some(-1), Some(0), Some(12_345), None])
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            )],
        ),
        (
            "STRING",
            vec![Arc::new(StringViewArray::from(vec![Some(""), Some("a"), Some("a\0b"), Some("Zürich"), None]))],
        ),
        ("BYTES", vec![Arc::new(BinaryArray::from(vec![&[0u8, 0][..], &[255]]))]),
        (
            "INT, STRING",
            vec![Arc::new(Int32Array::from(vec![7, 8])), Arc::new(StringViewArray::from(vec![Some("seven"), None]))],
        ),
        ("ROW<INT, STRING>", vec![nested]),
        ("ARRAY<SMALLINT>", vec![list]),
    ];
    let mut seen = String::new();
    for (name, columns) in cases {
        for (bytes, hash) in vectors(columns) {
            seen += &format!("{name}\t{bytes}\t{hash}\n");
        }
    }
    assert_eq!(seen, include_str!("vectors.tsv"), "\n{seen}");
}

#[test]
fn decoding_gives_the_columns_back() {
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![Some(-5), None, Some(7)])),
        Arc::new(StringViewArray::from(vec![Some("a\0"), Some(""), None])),
        Arc::new(TimestampMicrosecondArray::from(vec![1, 2, 3]).with_timezone("UTC")),
        Arc::new(Decimal128Array::from(vec![Some(-1), None, Some(1)]).with_precision_and_scale(20, 3).unwrap()),
        list,
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        Arc::new(Float64Array::from(vec![Some(-1.5), Some(f64::INFINITY), None])),
    ];
    let check = |columns: Vec<ArrayRef>| {
        let types: Vec<DataType> = columns.iter().map(|column| column.data_type().clone()).collect();
        let keys = keys_of(columns.clone());
        let mut decoder = KeyDecoder::new(&types).unwrap();
        (0..keys.len()).for_each(|row| decoder.push(keys.key(row)).unwrap());
        for (decoded, column) in decoder.finish().unwrap().iter().zip(&columns) {
            assert_eq!(decoded, column);
        }
    };
    check(columns.clone());
    columns.into_iter().for_each(|column| check(vec![column]));
}

#[test]
fn hashes_of_the_fixed_form_are_those_of_the_bytes() {
    let keys = keys_of(vec![Arc::new(Int64Array::from(vec![Some(1), None, Some(i64::MAX)]))]);
    let mut scratch = Vec::new();
    for row in 0..keys.len() {
        assert_eq!(hash::of_bytes(keys.bytes(row, &mut scratch)), keys.hash(row));
        assert_eq!(keys.key(row).hash(), keys.hash(row));
    }
    let mut again = Keys::new();
    let layout = KeyLayout::Fixed { width: 8 };
    let bytes: Vec<Vec<u8>> = (0..3).map(|row| keys.bytes(row, &mut scratch).to_vec()).collect();
    assert!(again.from_bytes(layout, bytes.iter().map(Vec::as_slice)));
    assert_eq!(again.hashes(), keys.hashes());
    assert_eq!(
        (0..3).map(|row| again.key(row)).collect::<Vec<_>>(),
        (0..3).map(|row| keys.key(row)).collect::<Vec<_>>()
    );
}

#[test]
fn byte_order_is_value_order() {
    let numbers: ArrayRef =
        Arc::new(Float64Array::from(vec![f64::NEG_INFINITY, -2.0, -1e-300, 0.0, 1e-300, 3.0, f64::NAN]));
    let strings: ArrayRef = Arc::new(StringArray::from(vec!["", "\0", "\0a", "a", "a\0", "a\0b", "a\u{1}", "b"]));
    for column in [numbers, strings] {
        let sorted = vectors(vec![Arc::clone(&column), Arc::clone(&column)]);
        assert!(sorted.windows(2).all(|pair| pair[0].0 < pair[1].0), "{sorted:?}");
    }
}

#[test]
fn descending_and_nulls_last_sort_so() {
    let column: ArrayRef = Arc::new(Int32Array::from(vec![Some(3), Some(1), Some(-1), None]));
    let order = SortOrder { descending: true, nulls_last: true };
    let encoder = KeyEncoder::sorted(vec![0], &[DataType::Int32], vec![order]).unwrap();
    let mut keys = Keys::new();
    encoder.encode(&Batch::new(vec![column], 4), &mut keys).unwrap();
    let mut scratch = Vec::new();
    let bytes: Vec<Vec<u8>> = (0..4).map(|row| keys.bytes(row, &mut scratch).to_vec()).collect();
    assert!(bytes.is_sorted(), "{bytes:?}");
}

#[test]
fn hashes_that_come_with_a_batch_are_used() {
    let batch = Batch::new(vec![Arc::new(Int64Array::from(vec![1, 2, 3]))], 3)
        .with_hashes(Arc::from([0usize]), Arc::from([10u64, 20, 30]))
        .slice(1, 2);
    let mut keys = Keys::new();
    KeyEncoder::new(vec![0], &[DataType::Int64]).unwrap().encode(&batch, &mut keys).unwrap();
    assert_eq!(keys.hashes(), &[20, 30]);
}

#[test]
fn a_key_without_columns_is_one_key() {
    let mut keys = Keys::new();
    KeyEncoder::new(vec![], &[]).unwrap().encode(&Batch::new(vec![], 2), &mut keys).unwrap();
    assert_eq!(keys.key(0), KeyRef::Bytes(&[]));
    assert_eq!(keys.hash(0), keys.hash(1));
}

#[test]
fn damaged_bytes_are_refused() {
    for bytes in [&[2u8][..], &[1, 0], &[1, b'a'], &[1, b'a', 0, 7], &[0, 0], &[1, 0xc3, 0, 0]] {
        let mut decoder = KeyDecoder::new(&[DataType::Utf8View]).unwrap();
        let outcome = decoder.push(KeyRef::Bytes(bytes)).and_then(|()| decoder.finish());
        assert!(outcome.is_err(), "{bytes:?}");
    }
}
