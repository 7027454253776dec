use crate::harness::{array, boolean, call, date, dec, double, int, null, string, timestamp, type_of};
use tidemill_expr::SqlType;

#[test]
fn operands_meet_in_their_common_type() {
    assert_eq!(call("=", &[int(1), dec("1.00")]), "TRUE");
    assert_eq!(call("<", &[string("10"), int(9)]), "FALSE");
    assert_eq!(call("=", &[date("2013-01-01"), timestamp("2013-01-01 00:00:00")]), "TRUE");
    assert_eq!(call("=", &[date("2013-01-01"), string("2013-01-01")]), "TRUE");
    assert!(call("=", &[boolean(true), int(1)]).contains("add a CAST"));
    assert_eq!(type_of("=", &[int(1), int(1)]), "BOOLEAN");
}

#[test]
fn null_is_unknown_but_not_distinct_from_null() {
    assert_eq!(call("=", &[null(SqlType::INT), int(1)]), "null");
    assert_eq!(call("IS NOT DISTINCT FROM", &[null(SqlType::INT), null(SqlType::INT)]), "TRUE");
    assert_eq!(call("IS DISTINCT FROM", &[null(SqlType::INT), int(1)]), "TRUE");
    assert_eq!(call("IS NULL", &[null(SqlType::INT)]), "TRUE");
    assert_eq!(call("IS NOT TRUE", &[null(SqlType::BOOLEAN)]), "TRUE");
    assert_eq!(call("NOT", &[null(SqlType::BOOLEAN)]), "null");
    assert_eq!(call("IS FALSE", &[boolean(false)]), "TRUE");
}

#[test]
fn zeros_are_one_and_nan_compares_with_nothing() {
    let nan = || double(f64::NAN);
    assert_eq!(call("=", &[double(-0.0), double(0.0)]), "TRUE");
    assert_eq!(call("<", &[double(-0.0), double(0.0)]), "FALSE");
    for test in ["=", "<", "<=", ">", ">="] {
        assert_eq!(call(test, &[nan(), nan()]), "FALSE", "{test}");
        assert_eq!(call(test, &[nan(), double(1.0)]), "FALSE", "{test}");
        assert_eq!(call(test, &[double(1.0), nan()]), "FALSE", "{test}");
    }
    assert_eq!(call("<>", &[nan(), nan()]), "TRUE");
    assert_eq!(call("<>", &[nan(), null(SqlType::DOUBLE)]), "null");
    assert_eq!(call("IN", &[nan(), nan(), double(1.0)]), "FALSE");
    let many: Vec<_> = [f64::NAN, f64::NAN, 1.0, 2.0, 3.0, 4.0, 5.0].map(double).to_vec();
    assert_eq!(call("IN", &many), "FALSE");
    assert_eq!(call("NULLIF", &[nan(), nan()]), "NaN");
    // As keys, NaN are one.
    assert_eq!(call("IS NOT DISTINCT FROM", &[nan(), double(-f64::NAN)]), "TRUE");
    assert_eq!(call("GREATEST", &[nan(), double(f64::INFINITY)]), "NaN");
}

#[test]
fn in_is_three_valued_with_few_and_many_candidates() {
    let few = [int(1), int(2), int(1)];
    assert_eq!(call("IN", &few), "TRUE");
    let many: Vec<_> = [9, 1, 2, 3, 4, 5, 6].map(int).to_vec();
    assert_eq!(call("IN", &many), "FALSE");
    let with_null: Vec<_> = many.iter().cloned().chain([null(SqlType::INT)]).collect();
    assert_eq!(call("IN", &with_null), "null");
    let found: Vec<_> = with_null[1..].iter().cloned().rev().chain([int(3)]).rev().collect();
    assert_eq!(call("IN", &found), "TRUE");
    assert_eq!(call("IN", &[null(SqlType::INT), int(1)]), "null");
}

#[test]
fn conditional_functions() {
    assert_eq!(call("NULLIF", &[int(5), int(5)]), "null");
    assert_eq!(call("NULLIF", &[int(5), int(0)]), "5");
    // Compared in the common type, of the first one's type.
    assert_eq!(call("NULLIF", &[int(1), dec("1.25")]), "1");
    assert_eq!(call("NULLIF", &[int(1), dec("1.00")]), "null");
    assert_eq!(type_of("NULLIF", &[int(1), dec("1.25")]), "INT");
    assert_eq!(call("NULLIF", &[int(1), string("1")]), "null");
    assert!(call("NULLIF", &[int(1), string("x")]).contains("x"));
    assert_eq!(call("GREATEST", &[int(1), double(2.5), int(2)]), "2.5");
    assert_eq!(call("LEAST", &[string("b"), string("a")]), "a");
    assert_eq!(call("GREATEST", &[int(1), null(SqlType::INT)]), "null");
    assert_eq!(call("COALESCE", &[null(SqlType::INT), int(3), int(4)]), "3");
    assert_eq!(call("IFNULL", &[null(SqlType::INT), int(5)]), "5");
    assert_eq!(call("IF", &[boolean(false), string("a"), string("b")]), "b");
    assert_eq!(call("IF", &[null(SqlType::BOOLEAN), int(1), int(2)]), "2");
}

#[test]
fn arrays_compare_for_equality_only() {
    assert_eq!(call("=", &[array(&[int(1)]), array(&[int(1)])]), "TRUE");
    assert!(call("<", &[array(&[int(1)]), array(&[int(1)])]).contains("have no order"));
}
