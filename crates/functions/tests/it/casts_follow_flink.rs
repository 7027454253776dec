use crate::harness::{
    array, bigint, boolean, cast, cast_in, context, date, dec, double, int, moment, null, registry, show, string,
    timestamp, varchar,
};
use tidemill_core::Batch;
use tidemill_expr::arrays::scalars_to_array;
use tidemill_expr::{Expr, Field, Program, RowType, Scalar, SqlType, TypeKind};

#[test]
fn numbers_narrow_as_in_java() {
    assert_eq!(cast(bigint(1 << 32 | 5), SqlType::INT), "5");
    assert_eq!(cast(double(1e20), SqlType::INT), "2147483647");
    assert_eq!(cast(double(-1.9), SqlType::INT), "-1");
    assert_eq!(cast(double(300.0), TypeKind::TinyInt.nullable()), "44");
    assert_eq!(cast(dec("-12.99"), SqlType::INT), "-12");
    assert_eq!(cast(int(7), SqlType::BOOLEAN), "TRUE");
    assert_eq!(cast(boolean(true), SqlType::DOUBLE), "1.0");
}

#[test]
fn decimals_round_half_up_and_overflow_to_null() {
    assert_eq!(cast(dec("1.255"), SqlType::decimal(5, 2)), "1.26");
    assert_eq!(cast(double(0.1), SqlType::decimal(38, 18)), "0.100000000000000000");
    assert_eq!(cast(int(12345), SqlType::decimal(3, 0)), "null");
    assert_eq!(cast(string("123456"), SqlType::decimal(5, 2)), "null");
    assert_eq!(cast(string(" 1.005 "), SqlType::decimal(5, 2)), "1.01");
}

#[test]
fn values_become_text_as_flink_shows_them() {
    assert_eq!(cast(timestamp("2013-01-01 05:00:00"), SqlType::STRING), "2013-01-01 05:00:00.000");
    assert_eq!(cast(date("2013-01-01"), SqlType::STRING), "2013-01-01");
    assert_eq!(cast(boolean(false), SqlType::STRING), "FALSE");
    assert_eq!(cast(double(1e10), SqlType::STRING), "1.0E10");
    assert_eq!(cast(double(-f64::from_bits(1)), SqlType::STRING), "-4.9E-324");
    let smallest = (Scalar::Double(f64::from(f32::from_bits(1))), TypeKind::Float.nullable());
    assert_eq!(cast(smallest, SqlType::STRING), "1.4E-45");
    assert_eq!(cast(dec("1.50"), SqlType::STRING), "1.50");
    assert_eq!(cast(int(12345), varchar(3)), "123");
    assert_eq!(cast(string("ab"), TypeKind::Char(4).nullable()), "ab  ");
    assert_eq!(cast(string("äöü"), varchar(2)), "äö");
    assert_eq!(cast(array(&[int(1), null(SqlType::INT)]), SqlType::STRING), "[1, NULL]");
}

#[test]
fn text_is_cut_that_is_longer_than_its_column_says() {
    let (registry, cx, from) = (registry(), context("UTC"), varchar(2));
    let input = RowType::new(vec![Field::new("a", from.clone())]);
    let batch = Batch::new(vec![scalars_to_array(&[Scalar::string("abcd")], &from).unwrap()], 1);
    for (to, want) in [(varchar(2), "ab"), (varchar(3), "abc"), (SqlType::STRING, "abcd")] {
        let expr = registry.written_cast(Expr::Column(0), &from, &to, false).unwrap();
        let program = Program::compile(std::slice::from_ref(&expr), &input, &registry).unwrap();
        let columns = program.columns(&batch, &cx).unwrap();
        assert_eq!(show(&columns[0], &to, 0, cx.time_zone), want, "{to}");
    }
}

#[test]
fn text_that_cannot_be_read_is_an_error_and_with_try_cast_null() {
    let wrong = cast(string("abc"), SqlType::INT);
    assert!(wrong.contains("'abc' cannot be cast to INT"), "{wrong}");
    assert!(cast(string("2147483648"), SqlType::INT).contains("cannot be cast"));
    assert_eq!(cast_in("UTC", string("abc"), SqlType::INT, true), "null");
    assert_eq!(cast(string(" 42 "), SqlType::INT), "42");
    assert_eq!(cast(string("1.9"), SqlType::INT), "1");
    assert!(cast(string(" "), SqlType::INT).contains("cannot be cast"));
    assert_eq!(cast(string("Yes"), SqlType::BOOLEAN), "TRUE");
    assert_eq!(cast(string("1e3"), SqlType::DOUBLE), "1000.0");
    assert!(cast(string("inf"), SqlType::DOUBLE).contains("cannot be cast"));
    assert!(cast(string("2013-13-01"), SqlType::DATE).contains("which looks like '2013-01-31'"));
    assert_eq!(cast(string("2013-01-31T12:30:00"), SqlType::timestamp(3)), "2013-01-31 12:30:00.000");
    assert_eq!(cast(string("12:30"), TypeKind::Time(0).nullable()), "12:30:00");
}

#[test]
fn the_session_stands_between_timestamp_and_timestamp_ltz() {
    let berlin = "Europe/Berlin";
    let summer = timestamp("2013-07-01 12:00:00");
    let instant = moment("2013-07-01 12:00:00");
    assert_eq!(cast_in(berlin, instant.clone(), SqlType::timestamp(3), false), "2013-07-01 14:00:00.000");
    assert_eq!(cast_in(berlin, instant.clone(), SqlType::STRING, false), "2013-07-01 14:00:00.000");
    assert_eq!(cast_in(berlin, summer, SqlType::timestamp_ltz(3), false), "2013-07-01 12:00:00.000");
    assert_eq!(cast_in(berlin, moment("2013-07-01 23:00:00"), SqlType::DATE, false), "2013-07-02");
    assert_eq!(cast_in(berlin, date("2013-07-01"), SqlType::timestamp_ltz(3), false), "2013-07-01 00:00:00.000");
}

#[test]
fn a_precision_cuts_and_nanoseconds_have_a_range() {
    let fine = (Scalar::Timestamp { millis: 1_999, nanos: 999_999 }, SqlType::timestamp(9));
    assert_eq!(cast(fine.clone(), SqlType::timestamp(0)), "1970-01-01 00:00:01");
    assert_eq!(cast(fine, SqlType::timestamp(6)), "1970-01-01 00:00:01.999999");
    let far = timestamp("3000-01-01 00:00:00");
    assert!(cast(far.clone(), SqlType::timestamp(9)).contains("1677 to 2262"));
    assert_eq!(cast(far, SqlType::timestamp(6)), "3000-01-01 00:00:00.000000");
    assert_eq!(cast(timestamp("2013-01-01 12:30:00.5"), SqlType::DATE), "2013-01-01");
    assert_eq!(cast(timestamp("2013-01-01 12:30:00.5"), TypeKind::Time(3).nullable()), "12:30:00.500");
}

#[test]
fn nested_values_are_cast_part_by_part() {
    let texts = array(&[string("1"), string("2")]);
    assert_eq!(cast(texts, SqlType::array(SqlType::INT)), "[1, 2]");
    assert!(cast(array(&[string("1"), string("x")]), SqlType::array(SqlType::INT)).contains("'x' cannot be cast"));
}

#[test]
fn casts_without_a_meaning_are_refused() {
    assert!(cast(date("2013-01-01"), SqlType::INT).contains("cannot be cast to INT"));
    assert!(cast(array(&[int(1)]), SqlType::INT).contains("cannot be cast to INT"));
}
