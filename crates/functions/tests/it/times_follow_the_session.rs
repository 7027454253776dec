use crate::harness::{bigint, call, call_in, date, double, int, moment, string, timestamp, type_of};
use tidemill_expr::{Scalar, SqlType, TypeKind};

const BERLIN: &str = "Europe/Berlin";

fn unit(word: &str) -> crate::harness::Typed {
    string(word)
}

#[test]
fn parts_of_a_time() {
    let time = timestamp("2021-01-03 23:04:05.678");
    let parts = [
        ("YEAR", "2021"),
        ("QUARTER", "1"),
        ("MONTH", "1"),
        ("WEEK", "53"),
        ("DAY", "3"),
        ("DOW", "1"),
        ("ISODOW", "7"),
        ("DOY", "3"),
        ("HOUR", "23"),
        ("MINUTE", "4"),
        ("SECOND", "5"),
        ("MILLISECOND", "678"),
        ("CENTURY", "21"),
        ("DECADE", "202"),
        ("MILLENNIUM", "3"),
        ("EPOCH", "1609715045"),
    ];
    for (name, expected) in parts {
        assert_eq!(call("EXTRACT", &[unit(name), time.clone()]), expected, "{name}");
    }
    assert_eq!(call("HOUR", &[moment("2013-07-01 23:00:00")]), "23");
    assert_eq!(call_in(BERLIN, "HOUR", &[moment("2013-07-01 23:00:00")]), "1");
    assert_eq!(call("DAYOFWEEK", &[date("2013-01-01")]), "3");
    assert_eq!(type_of("HOUR", &[time]), "BIGINT");
}

#[test]
fn before_the_epoch_parts_are_still_positive() {
    let early = timestamp("1969-12-31 23:59:58.500");
    assert_eq!(call("SECOND", std::slice::from_ref(&early)), "58");
    assert_eq!(call("HOUR", std::slice::from_ref(&early)), "23");
    assert_eq!(call("FLOOR", &[early, unit("MINUTE")]), "1969-12-31 23:59:00.000");
}

#[test]
fn times_are_rounded_to_units() {
    let time = timestamp("2013-05-17 14:31:10.123");
    assert_eq!(call("FLOOR", &[time.clone(), unit("HOUR")]), "2013-05-17 14:00:00.000");
    assert_eq!(call("CEIL", &[time.clone(), unit("DAY")]), "2013-05-18 00:00:00.000");
    assert_eq!(call("FLOOR", &[time.clone(), unit("QUARTER")]), "2013-04-01 00:00:00.000");
    assert_eq!(call("CEIL", &[time.clone(), unit("MONTH")]), "2013-06-01 00:00:00.000");
    assert_eq!(call("FLOOR", &[time, unit("WEEK")]), "2013-05-12 00:00:00.000");
    let instant = moment("2013-07-01 23:30:00");
    assert_eq!(call_in(BERLIN, "FLOOR", &[instant, unit("DAY")]), "2013-07-02 00:00:00.000");
}

#[test]
fn times_are_written_by_patterns() {
    let time = timestamp("2013-01-01 14:05:05.067");
    assert_eq!(call("DATE_FORMAT", &[time.clone(), string("yyyy-MM-dd")]), "2013-01-01");
    assert_eq!(call("DATE_FORMAT", &[time, string("HH:mm")]), "14:05");
    assert_eq!(call_in(BERLIN, "DATE_FORMAT", &[moment("2013-07-01 23:00:00"), string("dd HH")]), "02 01");
    assert_eq!(call("DATE_FORMAT", &[string("2013-01-01 10:00:00"), string("HH")]), "10");
    assert_eq!(call_in("Asia/Shanghai", "FROM_UNIXTIME", &[bigint(44)]), "1970-01-01 08:00:44");
    assert!(call("DATE_FORMAT", &[timestamp("2013-01-01"), string("foo")]).contains("the letter f"));
}

#[test]
fn times_are_read_or_null() {
    assert_eq!(call("TO_TIMESTAMP", &[string("2013-01-01 05:00:00.123")]), "2013-01-01 05:00:00.123");
    assert_eq!(call("TO_TIMESTAMP", &[string("01.02.2013"), string("dd.MM.yyyy")]), "2013-02-01 00:00:00.000");
    assert_eq!(call("TO_TIMESTAMP", &[string("soon")]), "null");
    assert_eq!(call("TO_DATE", &[string("2013-02-30")]), "null");
    assert_eq!(call("TO_TIMESTAMP_LTZ", &[bigint(100), int(0)]), "1970-01-01 00:01:40.000");
    assert_eq!(call_in(BERLIN, "TO_TIMESTAMP_LTZ", &[bigint(100), int(3)]), "1970-01-01 01:00:00.100");
    assert_eq!(call("TO_TIMESTAMP_LTZ", &[double(1.5), int(0)]), "1970-01-01 00:00:01.500");
    // Text is UTC with and without a pattern.
    let noon = string("2013-01-01 12:00:00");
    assert_eq!(call_in(BERLIN, "TO_TIMESTAMP_LTZ", std::slice::from_ref(&noon)), "2013-01-01 13:00:00.000");
    let patterned = [noon, string("yyyy-MM-dd HH:mm:ss")];
    assert_eq!(call_in(BERLIN, "TO_TIMESTAMP_LTZ", &patterned), "2013-01-01 13:00:00.000");
    assert!(call("TO_TIMESTAMP_LTZ", &[bigint(1), int(6)]).contains("not 6"));
    let null_precision = [bigint(1), crate::harness::null(SqlType::INT)];
    assert_eq!(call("TO_TIMESTAMP_LTZ", &null_precision), "null");
    assert_eq!(type_of("TO_TIMESTAMP", &[string("x")]), "TIMESTAMP(3)");
    assert_eq!(call_in(BERLIN, "UNIX_TIMESTAMP", &[string("1970-01-01 01:00:44")]), "44");
    assert_eq!(call("UNIX_TIMESTAMP", &[string("x")]), i64::MIN.to_string());
    let shifted = [string("1970-01-01 00:00:00"), string("UTC"), string("America/Los_Angeles")];
    assert_eq!(call("CONVERT_TZ", &shifted), "1969-12-31 16:00:00");
}

#[test]
fn the_present_is_the_contexts() {
    assert_eq!(call("CURRENT_TIMESTAMP", &[]), "2013-01-01 05:00:00.123");
    assert_eq!(call_in(BERLIN, "LOCALTIMESTAMP", &[]), "2013-01-01 06:00:00.123");
    assert_eq!(call_in("-08:00", "CURRENT_DATE", &[]), "2012-12-31");
    assert_eq!(call("LOCALTIME", &[]), "05:00:00");
    assert_eq!(call("UNIX_TIMESTAMP", &[]), "1357016400");
    assert_eq!(call("PROCTIME", &[]), "2013-01-01 05:00:00.123");
    assert_eq!(type_of("NOW", &[]), "TIMESTAMP_LTZ(3) NOT NULL");
}

#[test]
fn what_leaves_the_range_of_nanoseconds_is_an_error() {
    let late = (Scalar::Timestamp { millis: 9_223_372_036_854, nanos: 0 }, SqlType::timestamp(9));
    let hour = (Scalar::Millis(3_600_000), TypeKind::IntervalDayTime.not_null());
    let month = (Scalar::Months(1), TypeKind::IntervalYearMonth.not_null());
    for moved in [
        call("+", &[late.clone(), hour.clone()]),
        call("+", &[late.clone(), month]),
        call("TIMESTAMPADD", &[unit("HOUR"), int(1), late.clone()]),
        call("TIMESTAMPADD", &[unit("YEAR"), int(100_000), late.clone()]),
        call("TIMESTAMPADD", &[unit("NANOSECOND"), bigint(i64::MAX), late.clone()]),
    ] {
        assert!(moved.contains("from 1677 to 2262"), "{moved}");
    }
    assert_eq!(call("-", &[late, hour]), "2262-04-11 22:47:16.854000000");
}

#[test]
fn times_move_and_differ_by_units() {
    let time = timestamp("2003-01-31 10:00:00");
    assert_eq!(call("TIMESTAMPADD", &[unit("MONTH"), int(1), time.clone()]), "2003-02-28 10:00:00.000");
    assert_eq!(call("TIMESTAMPADD", &[unit("DAY"), int(-31), date("2003-01-31")]), "2002-12-31");
    assert_eq!(call("TIMESTAMPADD", &[unit("HOUR"), int(1), date("2003-01-31")]), "2003-01-31 01:00:00.000");
    let later = timestamp("2003-03-01 09:00:00");
    assert_eq!(call("TIMESTAMPDIFF", &[unit("MONTH"), time.clone(), later.clone()]), "1");
    assert_eq!(call("TIMESTAMPDIFF", &[unit("DAY"), time.clone(), later.clone()]), "28");
    assert_eq!(call("TIMESTAMPDIFF", &[unit("HOUR"), later, time]), "-695");
    let months = [unit("MONTH"), date("2020-02-29"), date("2020-01-31")];
    assert_eq!(call("TIMESTAMPDIFF", &months), "-1");
    let years = [unit("YEAR"), date("2021-02-28"), date("2020-02-29")];
    assert_eq!(call("TIMESTAMPDIFF", &years), "-1");
}
