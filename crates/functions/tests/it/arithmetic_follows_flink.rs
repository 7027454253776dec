use crate::harness::{bigint, call, date, dec, double, int, null, string, timestamp, type_of};
use tidemill_expr::{Scalar, SqlType, TypeKind};

#[test]
fn integers_wrap_as_in_java() {
    assert_eq!(call("+", &[int(i64::from(i32::MAX)), int(1)]), "-2147483648");
    assert_eq!(call("*", &[bigint(i64::MAX), int(2)]), "-2");
    assert_eq!(call("-", &[int(5), bigint(7)]), "-2");
    assert_eq!(type_of("+", &[int(1), bigint(1)]), "BIGINT");
    assert_eq!(call("NEGATE", &[int(i64::from(i32::MIN))]), "-2147483648");
    assert_eq!(call("ABS", &[int(-3)]), "3");
}

#[test]
fn integer_division_truncates_and_by_zero_fails() {
    assert_eq!(call("/", &[int(-7), int(2)]), "-3");
    assert_eq!(call("%", &[int(-7), int(2)]), "-1");
    assert_eq!(call("MOD", &[bigint(-5_000_000_001), int(7)]), "-3");
    assert_eq!(type_of("MOD", &[bigint(5), int(7)]), "INT");
    assert_eq!(type_of("MOD", &[int(5), bigint(7)]), "BIGINT");
    assert!(call("MOD", &[bigint(1), int(0)]).starts_with("Division by zero"));
    assert_eq!(call("/", &[int(i64::from(i32::MIN)), int(-1)]), "-2147483648");
    assert!(call("/", &[int(1), int(0)]).starts_with("Division by zero"));
    assert!(call("MOD", &[int(1), int(0)]).starts_with("Division by zero"));
    assert_eq!(call("/", &[double(1.0), double(0.0)]), "Infinity");
    assert_eq!(call("/", &[null(SqlType::INT), int(0)]), "null");
}

#[test]
fn decimals_have_flinks_types_and_stay_exact() {
    let price = bigint(1000);
    assert_eq!(call("*", &[dec("0.908"), price.clone()]), "908.000");
    assert_eq!(type_of("*", &[dec("0.908"), price]), "DECIMAL(24, 3)");
    assert_eq!(type_of("+", &[dec("1.50"), dec("10.1")]), "DECIMAL(5, 2)");
    assert_eq!(call("+", &[dec("1.50"), dec("10.1")]), "11.60");
    assert_eq!(type_of("/", &[dec("1.00"), dec("3.0")]), "DECIMAL(8, 6)");
    assert_eq!(call("/", &[dec("1.00"), dec("3.0")]), "0.333333");
    assert_eq!(call("/", &[dec("-2.00"), dec("3.0")]), "-0.666667");
    assert_eq!(call("MOD", &[dec("7.50"), dec("2.0")]), "1.50");
    assert_eq!(call("MOD", &[dec("7"), int(4)]), "3");
    let wide = (Scalar::Decimal { value: 123_456_789_012_345_678, scale: 18 }, SqlType::decimal(38, 18));
    // 39 digits would be needed: one behind the point goes.
    assert_eq!(type_of("+", &[wide.clone(), wide.clone()]), "DECIMAL(38, 17)");
    assert_eq!(call("+", &[wide.clone(), wide]), "0.24691357802469136");
    assert!(call("/", &[dec("1.0"), dec("0.0")]).starts_with("Division by zero"));
}

#[test]
fn a_decimal_that_overflows_is_null() {
    let large = (Scalar::Decimal { value: 10i128.pow(37), scale: 0 }, SqlType::decimal(38, 0));
    assert_eq!(call("*", &[large.clone(), dec("100")]), "null");
    assert_eq!(type_of("*", &[large.clone(), dec("100")]), "DECIMAL(38, 0)");
    assert_eq!(call("+", &[large.clone(), large]), "20000000000000000000000000000000000000");
}

#[test]
fn a_double_wins_over_a_decimal_and_text_becomes_a_number() {
    assert_eq!(call("+", &[dec("1.5"), double(1.0)]), "2.5");
    assert_eq!(call("+", &[string("2"), int(1)]), "3");
    assert_eq!(type_of("+", &[dec("1.5"), double(1.0)]), "DOUBLE");
}

#[test]
fn rounding_is_half_up_by_decimal_digits() {
    assert_eq!(call("ROUND", &[double(2.675), int(2)]), "2.68");
    assert_eq!(call("ROUND", &[double(-0.5)]), "-1.0");
    assert_eq!(call("ROUND", &[dec("1.255"), int(2)]), "1.26");
    assert_eq!(type_of("ROUND", &[dec("1.255"), int(2)]), "DECIMAL(4, 2)");
    assert_eq!(call("ROUND", &[int(1255), int(-2)]), "1300");
    assert_eq!(call("TRUNCATE", &[dec("42.345"), int(2)]), "42.34");
    assert_eq!(call("TRUNCATE", &[double(42.324), int(-1)]), "40.0");
    assert_eq!(call("FLOOR", &[dec("-1.5")]), "-2");
    assert_eq!(call("CEIL", &[double(1.2)]), "2.0");
}

#[test]
fn intervals_move_times() {
    let hour = (Scalar::Millis(3_600_000), TypeKind::IntervalDayTime.not_null());
    let month = (Scalar::Months(1), TypeKind::IntervalYearMonth.not_null());
    assert_eq!(call("-", &[timestamp("2013-01-01 00:30:00"), hour.clone()]), "2012-12-31 23:30:00.000");
    assert_eq!(call("+", &[hour.clone(), timestamp("2013-01-01 00:30:00")]), "2013-01-01 01:30:00.000");
    assert_eq!(call("+", &[date("2013-01-31"), month]), "2013-02-28");
    assert_eq!(call("+", &[date("2013-01-31"), hour.clone()]), "2013-01-31 01:00:00.000");
    assert_eq!(call("*", &[hour.clone(), int(25)]), "+1 01:00:00.000");
    let difference = [timestamp("2013-01-02 00:00:00"), timestamp("2013-01-01 12:00:00")];
    assert_eq!(call("-", &difference), "+0 12:00:00.000");
    assert!(call("*", &[hour.clone(), hour]).contains("must be numbers"));
}

#[test]
fn mathematics() {
    assert_eq!(call("POWER", &[int(2), int(10)]), "1024.0");
    assert_eq!(call("SQRT", &[int(2)]), "1.4142135623730951");
    assert_eq!(call("LOG", &[int(2), int(8)]), "3.0");
    assert_eq!(call("SIGN", &[dec("-2.5")]), "-1.0");
    assert_eq!(call("BIN", &[int(12)]), "1100");
    assert_eq!(call("HEX", &[int(20)]), "14");
    assert_eq!(call("PI", &[]), "3.141592653589793");
}
