use arrow::array::{ArrayRef, BooleanArray};
use std::collections::BTreeMap;
use tidemill_core::{Result, RowKind};
use tidemill_expr::{
    Accumulator, AggregateInput, AggregateStore, Expr, Extra, PartialStates, RecordsMut, Scalar, SqlType, TimeZone,
    TypeKind, arrays::scalars_to_array,
};

use crate::harness::{Typed, dec, double, int, null, registry, show, string, timestamp};

/// A store in plain maps.
#[derive(Default)]
struct Store {
    bytes: Vec<Vec<u8>>,
    values: BTreeMap<(u32, Vec<u8>), i64>,
}

impl AggregateStore for Store {
    fn bytes(&self, reference: u64) -> &[u8] {
        &self.bytes[reference as usize - 1]
    }

    fn put_bytes(&mut self, _old: u64, bytes: &[u8]) -> u64 {
        self.bytes.push(bytes.to_vec());
        self.bytes.len() as u64
    }

    fn add_value(&mut self, record: u32, value: &[u8], delta: i64) -> Result<i64> {
        let count = self.values.entry((record, value.to_vec())).or_default();
        *count += delta;
        let count = *count;
        if count == 0 {
            self.values.remove(&(record, value.to_vec()));
        }
        Ok(count)
    }

    fn edge_value(&self, record: u32, last: bool, value: &mut Vec<u8>) -> Result<bool> {
        let mut all = self.values.range((record, Vec::new())..(record + 1, Vec::new()));
        let found = if last { all.next_back() } else { all.next() };
        if let Some(((_, bytes), _)) = found {
            value.extend_from_slice(bytes);
        }
        Ok(found.is_some())
    }

    fn for_each_value(&self, record: u32, visit: &mut dyn FnMut(&[u8], i64) -> bool) -> Result<()> {
        for ((_, value), count) in self.values.range((record, Vec::new())..(record + 1, Vec::new())) {
            if !visit(value, *count) {
                break;
            }
        }
        Ok(())
    }
}

/// Two records of a call's words behind one word that is not its own.
struct Groups {
    accumulator: Box<dyn Accumulator>,
    types: Vec<SqlType>,
    ty: SqlType,
    words: Vec<u64>,
    store: Store,
}

const RECORDS: usize = 4;

impl Groups {
    fn new(name: &str, types: &[SqlType], retracting: bool) -> Groups {
        let args = types.iter().enumerate().map(|(i, ty)| (Expr::Column(i), ty.clone())).collect();
        let call = registry().aggregate_call(name, args).unwrap();
        let accumulator =
            registry().aggregate(&call.function).unwrap().bind(&call.arg_types, &call.ty, retracting).unwrap();
        let words = 1 + accumulator.words();
        let words = vec![0; RECORDS * words];
        Groups { accumulator, types: call.arg_types, ty: call.ty, words, store: Store::default() }
    }

    fn add(&mut self, rows: &[(u32, RowKind, Vec<Typed>)], filter: Option<BooleanArray>) {
        let args: Vec<ArrayRef> = self
            .types
            .iter()
            .enumerate()
            .map(|(i, ty)| {
                let values: Vec<Scalar> = rows.iter().map(|(_, _, args)| args[i].0.clone()).collect();
                scalars_to_array(&values, ty).unwrap()
            })
            .collect();
        let places: Vec<u32> = rows.iter().map(|(record, _, _)| *record).collect();
        let kinds: Vec<RowKind> = rows.iter().map(|(_, kind, _)| *kind).collect();
        let kinds = kinds.iter().any(|kind| *kind != RowKind::Insert).then_some(kinds);
        let words = 1 + self.accumulator.words();
        let mut records = RecordsMut::new(&mut self.words, words, 0);
        let input = AggregateInput {
            records: &places,
            first: 0,
            args: &args,
            filter: filter.as_ref(),
            kinds: kinds.as_deref(),
        };
        self.accumulator.update(&mut records, 1, &input, &mut self.store).unwrap();
    }

    fn results(&mut self) -> Vec<String> {
        let words = 1 + self.accumulator.words();
        let records = RecordsMut::new(&mut self.words, words, 0);
        let rows: Vec<u32> = (0..RECORDS as u32).collect();
        let array = self.accumulator.emit(&records, 1, &rows, &self.store).unwrap();
        assert_eq!(array.data_type(), &self.ty.arrow_type());
        rows.iter().map(|row| show(&array, &self.ty, *row as usize, TimeZone::UTC)).collect()
    }
}

fn insert(group: u32, arg: Typed) -> (u32, RowKind, Vec<Typed>) {
    (group, RowKind::Insert, vec![arg])
}

fn delete(group: u32, arg: Typed) -> (u32, RowKind, Vec<Typed>) {
    (group, RowKind::Delete, vec![arg])
}

/// The results of groups 0 and 1 after some rows.
fn after(name: &str, ty: SqlType, rows: &[(u32, RowKind, Vec<Typed>)]) -> (String, String) {
    let retracting = rows.iter().any(|(_, kind, _)| !kind.is_accumulate());
    let mut groups = Groups::new(name, &[ty], retracting);
    // Row by row and all at once must agree.
    let mut single = Groups::new(name, &groups.types, retracting);
    groups.add(rows, None);
    rows.iter().for_each(|row| single.add(std::slice::from_ref(row), None));
    let results = groups.results();
    assert_eq!(results, single.results());
    (results[0].clone(), results[1].clone())
}

fn pair(left: &str, right: &str) -> (String, String) {
    (left.to_owned(), right.to_owned())
}

#[test]
fn the_average_of_integers_is_truncated() {
    let rows =
        [insert(0, int(1)), insert(0, int(2)), insert(1, int(-1)), insert(1, int(-2)), insert(0, null(SqlType::INT))];
    assert_eq!(after("AVG", SqlType::INT, &rows), pair("1", "-1"));
    assert_eq!(after("SUM", SqlType::INT, &rows), pair("3", "-3"));
    assert_eq!(after("COUNT", SqlType::INT, &rows), pair("2", "2"));
    assert_eq!(after("MAX", SqlType::INT, &rows), pair("2", "-1"));
    assert_eq!(after("MIN", SqlType::INT, &rows), pair("1", "-2"));
}

#[test]
fn nothing_sums_to_null_and_counts_to_zero() {
    let rows = [insert(0, null(SqlType::INT))];
    assert_eq!(after("SUM", SqlType::INT, &rows), pair("null", "null"));
    assert_eq!(after("SUM0", SqlType::INT, &rows), pair("0", "0"));
    assert_eq!(after("AVG", SqlType::INT, &rows), pair("null", "null"));
    assert_eq!(after("COUNT", SqlType::INT, &rows), pair("0", "0"));
    assert_eq!(after("MAX", SqlType::STRING, &[insert(0, null(SqlType::STRING))]), pair("null", "null"));
}

#[test]
fn decimals_sum_exactly_and_average_with_six_digits() {
    let ty = SqlType::decimal(3, 2);
    let rows = [insert(0, dec("1.00")), insert(0, dec("1.01")), insert(0, dec("1.00")), insert(1, dec("-0.05"))];
    assert_eq!(after("SUM", ty.clone(), &rows), pair("3.01", "-0.05"));
    assert_eq!(after("AVG", ty.clone(), &rows), pair("1.003333", "-0.050000"));
    assert_eq!(after("MIN", ty.clone(), &rows), pair("1.00", "-0.05"));
    assert_eq!(Groups::new("SUM", std::slice::from_ref(&ty), false).ty, SqlType::decimal(38, 2));
    assert_eq!(Groups::new("AVG", &[ty], false).ty, SqlType::decimal(38, 6));
    assert_eq!(Groups::new("COUNT", &[], false).ty, SqlType::BIGINT.not_null());
}

#[test]
fn a_decimal_sum_that_leaves_38_digits_is_null() {
    let most = (Scalar::Decimal { value: 10i128.pow(38) - 1, scale: 0 }, SqlType::decimal(38, 0));
    let rows: Vec<_> = (0..5).map(|_| insert(0, most.clone())).collect();
    assert_eq!(after("SUM", most.1.clone(), &rows).0, "null");
    assert_eq!(after("AVG", most.1.clone(), &rows).0, "null");
}

#[test]
fn integer_sums_wrap_in_their_own_type() {
    let rows = [insert(0, int(i64::from(i32::MAX))), insert(0, int(1))];
    assert_eq!(after("SUM", SqlType::INT, &rows).0, "-2147483648");
    assert_eq!(after("AVG", SqlType::INT, &rows).0, "1073741824");
}

#[test]
fn rows_are_taken_back() {
    let rows = [
        insert(0, int(5)),
        insert(0, int(7)),
        insert(0, int(5)),
        delete(0, int(7)),
        insert(1, int(1)),
        delete(1, int(1)),
    ];
    assert_eq!(after("SUM", SqlType::INT, &rows), pair("10", "null"));
    assert_eq!(after("COUNT", SqlType::INT, &rows), pair("2", "0"));
    assert_eq!(after("MAX", SqlType::INT, &rows), pair("5", "null"));
    assert_eq!(after("MIN", SqlType::INT, &rows), pair("5", "null"));
    assert_eq!(after("LAST_VALUE", SqlType::INT, &rows), pair("5", "null"));
    let doubles = [insert(0, double(0.1)), insert(0, double(0.2)), delete(0, double(0.1)), delete(0, double(0.2))];
    assert_eq!(after("SUM", SqlType::DOUBLE, &doubles).0, "null");
}

#[test]
fn minimum_and_maximum_of_other_types() {
    let doubles =
        [insert(0, double(-0.5)), insert(0, double(f64::NAN)), insert(0, double(3.0)), insert(1, double(-7.25))];
    assert_eq!(after("MIN", SqlType::DOUBLE, &doubles), pair("-0.5", "-7.25"));
    assert_eq!(after("MAX", SqlType::DOUBLE, &doubles), pair("NaN", "-7.25"));
    let texts = [insert(0, string("b")), insert(1, string("")), insert(0, string("abc"))];
    assert_eq!(after("MIN", SqlType::STRING, &texts), pair("abc", ""));
    assert_eq!(after("MAX", SqlType::STRING, &texts), pair("b", ""));
    let back = [insert(0, string("b")), insert(0, string("c")), delete(0, string("c")), insert(1, string("x"))];
    assert_eq!(after("MAX", SqlType::STRING, &back), pair("b", "x"));
    let times = [insert(0, timestamp("2013-01-02 00:00:00")), insert(0, timestamp("1969-01-01 00:00:00"))];
    assert_eq!(after("MIN", SqlType::timestamp(3), &times).0, "1969-01-01 00:00:00.000");
    let kept_back = [insert(0, double(-2.0)), insert(0, double(-3.0)), delete(0, double(-3.0))];
    assert_eq!(after("MIN", SqlType::DOUBLE, &kept_back).0, "-2.0");
}

#[test]
fn first_and_last_follow_arrival() {
    let rows =
        [insert(0, null(SqlType::INT)), insert(0, int(3)), insert(0, int(9)), insert(0, int(4)), insert(1, int(1))];
    assert_eq!(after("FIRST_VALUE", SqlType::INT, &rows), pair("3", "1"));
    assert_eq!(after("LAST_VALUE", SqlType::INT, &rows), pair("4", "1"));
    let texts = [insert(0, string("x")), insert(0, string("y")), insert(0, string("x")), delete(0, string("x"))];
    assert_eq!(after("FIRST_VALUE", SqlType::STRING, &texts).0, "y");
    assert_eq!(after("LAST_VALUE", SqlType::STRING, &texts).0, "x");
    assert_eq!(after("LISTAGG", SqlType::STRING, &texts).0, "y,x");
    assert_eq!(after("LISTAGG", SqlType::STRING, &texts[..3]).0, "x,y,x");
}

#[test]
fn variance_and_deviation() {
    let rows: Vec<_> = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].into_iter().map(|x| insert(0, double(x))).collect();
    assert_eq!(after("STDDEV_POP", SqlType::DOUBLE, &rows).0, "2.0");
    assert_eq!(after("VAR_POP", SqlType::DOUBLE, &rows).0, "4.0");
    assert_eq!(after("VAR_SAMP", SqlType::DOUBLE, &[insert(0, double(1.0))]).0, "null");
}

#[test]
fn a_filter_chooses_rows() {
    let mut groups = Groups::new("SUM", &[SqlType::INT], false);
    let filter = BooleanArray::from(vec![Some(true), Some(false), None]);
    groups.add(&[insert(0, int(1)), insert(0, int(10)), insert(0, int(100))], Some(filter));
    assert_eq!(groups.results()[0], "1");
}

#[test]
fn states_merge_as_if_all_rows_had_come_to_one() {
    let tiny = TypeKind::TinyInt.nullable();
    let cases = [
        ("COUNT", SqlType::INT, vec![int(1), int(2), int(3)]),
        ("SUM", SqlType::INT, vec![int(1), int(2), int(3)]),
        ("AVG", SqlType::INT, vec![int(1), int(2), int(4)]),
        ("MIN", SqlType::DOUBLE, vec![double(1.5), double(-2.0), double(0.0)]),
        ("MAX", SqlType::decimal(3, 2), vec![dec("1.50"), dec("-2.00"), dec("2.50")]),
        ("SUM", SqlType::decimal(3, 2), vec![dec("1.50"), dec("-2.00"), dec("2.50")]),
        (
            "MAX",
            SqlType::BOOLEAN,
            vec![(Scalar::Boolean(false), SqlType::BOOLEAN), (Scalar::Boolean(true), SqlType::BOOLEAN)],
        ),
        ("SUM", tiny.clone(), vec![(Scalar::Int(100), tiny.clone()), (Scalar::Int(100), tiny)]),
        ("STDDEV_SAMP", SqlType::DOUBLE, vec![double(1.0), double(2.0), double(4.0)]),
    ];
    for (name, ty, values) in cases {
        let whole: Vec<_> = values.iter().map(|value| insert(0, value.clone())).collect();
        let expected = after(name, ty.clone(), &whole).0;
        let mut groups = Groups::new(name, &[ty], false);
        assert!(groups.accumulator.mergeable() && groups.accumulator.extra() == Extra::None);
        let apart: Vec<_> =
            values.iter().enumerate().map(|(i, value)| insert(1 + i as u32 % 2, value.clone())).collect();
        groups.add(&apart, None);
        let words = 1 + groups.accumulator.words();
        let states: Vec<u64> = groups.words[words..3 * words].to_vec();
        let mut records = RecordsMut::new(&mut groups.words, words, 0);
        let partial = PartialStates { words: &states, stride: words, offset: 1 };
        groups.accumulator.merge(&mut records, 1, &[0, 0], &partial).unwrap();
        assert_eq!(groups.results()[0], expected, "{name}");
    }
}
