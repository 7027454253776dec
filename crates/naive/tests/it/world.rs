//! Two small tables full of what goes wrong: NULLs, both zeros, characters of several bytes, times out of order.

use tidemill_naive::{Row, Value};

use crate::random::Random;

/// A table: its columns as DDL, and its rows.
pub struct Table {
    pub name: &'static str,
    pub columns: &'static str,
    /// What follows the columns.
    pub tail: &'static str,
    pub rows: Vec<Row>,
}

/// 2013-01-01 00:00:00 in milliseconds.
pub const BEGIN_MS: i64 = 1_356_998_400_000;

const TEXTS: [&str; 10] =
    ["a", "b", "Grün/blau/rot", "", "https://x.org/ü/77?id=9&c=é", " pad ", "A", "12", "日本/語", "a%b_c"];

pub fn tables(seed: u64) -> Vec<Table> {
    let mut random = Random(seed);
    vec![
        Table {
            name: "t1",
            columns: "k STRING, a INT, b BIGINT, d DECIMAL(8, 2), f DOUBLE, s STRING, ok BOOLEAN, ts TIMESTAMP(3), \
                      r ROW<x INT, y STRING>",
            tail: ", a2 AS a * 2, WATERMARK FOR ts AS ts - INTERVAL '2' HOUR",
            rows: (0..60).map(|_| first_row(&mut random)).collect(),
        },
        Table {
            name: "t2",
            columns: "k VARCHAR(20), a SMALLINT, b INT, d DECIMAL(12, 4), f FLOAT, s STRING, ok BOOLEAN NOT NULL, \
                      ts TIMESTAMP(3), dt DATE",
            tail: ", WATERMARK FOR ts AS ts - INTERVAL '1' HOUR",
            rows: (0..25).map(|_| second_row(&mut random)).collect(),
        },
    ]
}

fn maybe(random: &mut Random, value: Value) -> Value {
    if random.chance(12) { Value::Null } else { value }
}

fn text(random: &mut Random) -> Value {
    let text = *random.pick(&TEXTS);
    maybe(random, Value::text(text))
}

fn first_row(random: &mut Random) -> Row {
    let small = random.below(7) as i64 - 2;
    let big = *random.pick(&[0, 1, -5, 100, 20_000, 4_000_000_000, i64::MAX, i64::MIN + 1]);
    let cents = random.below(100_000) as i128 - 40_000;
    let quarter = *random.pick(&[0.0, -0.0, 0.25, -1.5, 1000.75, 4096.0]);
    let ok = random.chance(50);
    // Up to an hour behind the running maximum.
    let time = BEGIN_MS + random.below(3_600_000) as i64;
    let nested = Value::Row(vec![maybe(random, Value::Int(small * 10)), text(random)]);
    let key = *random.pick(&["a", "b", "ü", "zz"]);
    vec![
        maybe(random, Value::text(key)),
        maybe(random, Value::Int(small)),
        maybe(random, Value::Int(big)),
        maybe(random, Value::Decimal(cents, 2)),
        maybe(random, Value::Double(quarter)),
        text(random),
        maybe(random, Value::Boolean(ok)),
        Value::timestamp_ms(time),
        maybe(random, nested),
    ]
}

fn second_row(random: &mut Random) -> Row {
    let small = random.below(5) as i64;
    let other = random.below(50) as i64 - 25;
    let exact = random.below(10_000_000) as i128 - 5_000_000;
    let half = random.below(9) as f32 / 2.0;
    let ok = random.chance(30);
    let time = BEGIN_MS + random.below(1_800) as i64 * 1000;
    let day = 15_700 + random.below(400) as i64;
    let key = *random.pick(&["a", "ü", "new"]);
    vec![
        maybe(random, Value::text(key)),
        maybe(random, Value::Int(small)),
        maybe(random, Value::Int(other)),
        maybe(random, Value::Decimal(exact, 4)),
        maybe(random, Value::Float(half)),
        text(random),
        Value::Boolean(ok),
        Value::timestamp_ms(time),
        maybe(random, Value::Date(day)),
    ]
}
