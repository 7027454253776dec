//! Every function is called with the extremes of every type, by chance. What comes out is tested elsewhere: here nothing may
//! panic, which the overflow checks of the test profile make of arithmetic that leaves its type.

use crate::harness::{Typed, call_in, registry};
use tidemill_expr::{Scalar, SqlType, TypeKind};

/// Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ x >> 31) % n as u64) as usize
    }

    fn of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    fn value(&mut self) -> Typed {
        const TEXTS: [&str; 14] = [
            "",
            "a",
            "äöü",
            "%",
            "HOUR",
            "YEAR",
            "MONTH",
            "WEEK",
            "yyyy-MM-dd",
            "9999-12-31 23:59:59.999999999",
            "UTC",
            "1e400",
            "-9223372036854775808",
            "MILLENNIUM",
        ];
        let longs = [0, 1, -1, i64::MAX, i64::MIN, 1 << 40, -7];
        let ints = longs.map(|long| i64::from(long.clamp(i32::MIN.into(), i32::MAX.into()) as i32));
        match self.below(13) {
            0 | 1 => (Scalar::string(self.of(&TEXTS)), SqlType::STRING),
            2 => (Scalar::Int(self.of(&ints)), SqlType::INT),
            3 => (Scalar::Int(self.of(&longs)), SqlType::BIGINT),
            4 => (Scalar::Int(self.of(&[0, 1, -128, 127])), TypeKind::TinyInt.nullable()),
            5 => {
                let double = self.of(&[0.0, -0.0, 1.5, f64::MAX, f64::MIN, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
                (Scalar::Double(double), SqlType::DOUBLE)
            }
            6 => {
                let scale = self.of(&[0, 5, 38]);
                let value = self.of(&[0, 1, -1, 10i128.pow(38) - 1, 1 - 10i128.pow(38)]);
                (Scalar::Decimal { value, scale }, SqlType::decimal(38, scale))
            }
            7 => (Scalar::Date(self.of(&[0, -719_162, i32::MAX, i32::MIN])), SqlType::DATE),
            8 => (Scalar::Time(self.of(&[0, 86_399_999])), TypeKind::Time(3).nullable()),
            9 => {
                let kind = self.of(&[TypeKind::Timestamp(3), TypeKind::TimestampLtz(3)]);
                (Scalar::Timestamp { millis: self.of(&longs), nanos: 0 }, kind.nullable())
            }
            10 => {
                let millis = self.of(&[0, 9_223_372_036_854, -9_223_372_036_854]);
                let kind = self.of(&[TypeKind::Timestamp(9), TypeKind::TimestampLtz(6)]);
                (Scalar::Timestamp { millis, nanos: 0 }, kind.nullable())
            }
            11 => (Scalar::Millis(self.of(&longs)), TypeKind::IntervalDayTime.nullable()),
            _ => (Scalar::Months(self.of(&[0, 1, i32::MAX, i32::MIN])), TypeKind::IntervalYearMonth.nullable()),
        }
    }
}

#[test]
fn every_function_with_extreme_values() {
    let names = registry().function_names();
    let mut random = Random(8);
    let mut failed: Vec<String> = Vec::new();
    for name in &names {
        // Long texts are asked for in numbers, and random numbers differ from row to row.
        if ["repeat", "lpad", "rpad", "rand", "rand_integer", "uuid"].contains(&name.as_str()) {
            continue;
        }
        for _ in 0..300 {
            let args: Vec<Typed> = (0..random.below(4)).map(|_| random.value()).collect();
            let zone = random.of(&["UTC", "Europe/Berlin", "-18:00"]);
            let called = std::panic::catch_unwind(|| call_in(zone, name, &args));
            if called.is_err() {
                failed.push(format!("{name} {args:?}"));
                break;
            }
        }
    }
    for unit in ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "SECOND", "NANOSECOND"] {
        for name in ["TIMESTAMPADD", "TIMESTAMPDIFF", "EXTRACT", "FLOOR", "CEIL"] {
            for _ in 0..200 {
                let mut args: Vec<Typed> =
                    (0..if name.starts_with('T') { 2 } else { 1 }).map(|_| random.value()).collect();
                let place = if name == "FLOOR" || name == "CEIL" { 1 } else { 0 };
                args.insert(place, (Scalar::string(unit), SqlType::STRING));
                let called = std::panic::catch_unwind(|| call_in("Europe/Berlin", name, &args));
                if called.is_err() {
                    failed.push(format!("{name} {args:?}"));
                    break;
                }
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
