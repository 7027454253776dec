use crate::harness::{array, call, int, null, string, type_of};
use tidemill_expr::{Scalar, SqlType};

fn map() -> crate::harness::Typed {
    let entries = vec![(Scalar::string("a"), Scalar::Int(1)), (Scalar::string("b"), Scalar::Null)];
    (Scalar::Map(entries), SqlType::map(SqlType::STRING, SqlType::INT))
}

#[test]
fn arrays_and_maps_are_made_of_values() {
    assert_eq!(call("ARRAY", &[int(1), null(SqlType::INT), int(3)]), "[1, NULL, 3]");
    assert_eq!(call("MAP", &[string("a"), int(1), string("b"), int(2)]), "{a=1, b=2}");
    assert_eq!(call("ROW", &[int(1), string("x")]), "(1, x)");
    assert_eq!(type_of("ARRAY", &[int(1)]), "ARRAY<INT> NOT NULL");
    assert_eq!(type_of("ROW", &[int(1)]), "ROW<`EXPR$0` INT> NOT NULL");
}

#[test]
fn items_are_found_by_place_and_key() {
    let numbers = array(&[int(10), int(20)]);
    assert_eq!(call("ITEM", &[numbers.clone(), int(2)]), "20");
    assert_eq!(call("ITEM", &[numbers.clone(), int(3)]), "null");
    assert!(call("ITEM", &[numbers.clone(), int(0)]).contains("count from 1"));
    assert_eq!(call("ITEM", &[map(), string("a")]), "1");
    assert_eq!(call("ITEM", &[map(), string("z")]), "null");
    assert_eq!(call("CARDINALITY", &[numbers]), "2");
    assert_eq!(call("CARDINALITY", &[map()]), "2");
    assert_eq!(call("ELEMENT", &[array(&[int(7)])]), "7");
    assert!(call("ELEMENT", &[array(&[int(7), int(8)])]).contains("one element"));
    assert_eq!(call("MAP_KEYS", &[map()]), "[a, b]");
    assert_eq!(call("MAP_VALUES", &[map()]), "[1, NULL]");
}

#[test]
fn arrays_are_searched_joined_and_sorted() {
    let numbers = array(&[int(3), int(1), null(SqlType::INT), int(3)]);
    assert_eq!(call("ARRAY_CONTAINS", &[numbers.clone(), int(1)]), "TRUE");
    assert_eq!(call("ARRAY_POSITION", &[numbers.clone(), int(3)]), "1");
    assert_eq!(call("ARRAY_DISTINCT", &[numbers.clone()]), "[3, 1, NULL]");
    assert_eq!(call("ARRAY_REMOVE", &[numbers.clone(), int(3)]), "[1, NULL]");
    assert_eq!(call("ARRAY_SORT", &[numbers.clone()]), "[NULL, 1, 3, 3]");
    assert_eq!(call("ARRAY_MAX", &[numbers.clone()]), "3");
    assert_eq!(call("ARRAY_APPEND", &[array(&[int(1)]), int(2)]), "[1, 2]");
    assert_eq!(call("ARRAY_CONCAT", &[array(&[int(1)]), array(&[int(1)])]), "[1, 1]");
    assert_eq!(call("ARRAY_UNION", &[array(&[int(1)]), array(&[int(1), int(2)])]), "[1, 2]");
    assert_eq!(call("ARRAY_SLICE", &[array(&[int(1), int(2), int(3)]), int(-2), int(-1)]), "[2, 3]");
    assert_eq!(call("ARRAY_JOIN", &[array(&[string("a"), string("b")]), string("-")]), "a-b");
    assert_eq!(call("ARRAY_REVERSE", &[array(&[int(1), int(2)])]), "[2, 1]");
}
