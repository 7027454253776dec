//! Random rows, a plain computation of aggregates, and jobs of several instances that are rescaled.

use std::collections::BTreeMap;

use tidemill_core::{Result, RowKind};
use tidemill_dataflow::{Operator, Registry};
use tidemill_expr::{Scalar, SqlType, TypeKind};
use tidemill_operators::config::{AggregateCall, encode_types};
use tidemill_operators::harness::text::{Row, print_rows};
use tidemill_operators::harness::{Harness, batch_of, rows_of, scatter};

/// Columns of the input: a key, a time, a number, a text, a truth value.
pub const KEY: usize = 0;
pub const TIME: usize = 1;
pub const NUMBER: usize = 2;
pub const TEXT: usize = 3;
pub const FLAG: usize = 4;

pub fn input_types() -> Vec<SqlType> {
    vec![SqlType::BIGINT, SqlType::timestamp(3), SqlType::BIGINT, SqlType::STRING, SqlType::BOOLEAN]
}

pub fn encoded_input_types() -> Vec<Vec<u8>> {
    encode_types(&input_types())
}

pub fn operator(kind: &str, config: &[u8]) -> Result<Box<dyn Operator>> {
    let mut registry = Registry::default();
    tidemill_operators::register(&mut registry, &std::sync::Arc::new(tidemill_functions::registry()));
    registry.operator(kind, config)
}

/// Random numbers that are the same in every run (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    pub fn between(&mut self, start: i64, end: i64) -> i64 {
        start + self.below((end - start) as u64) as i64
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A row at a time.
    pub fn row(&mut self, keys: u64, time: i64) -> Row {
        let maybe = |random: &mut Random, value: Scalar| if random.chance(10) { Scalar::Null } else { value };
        let key = if self.chance(3) { Scalar::Null } else { Scalar::Int(self.below(keys) as i64) };
        let number = Scalar::Int(self.between(-5, 20));
        let text = Scalar::string(["", "a", "bb", "a longer text that is not inlined", "z"][self.below(5) as usize]);
        let flag = Scalar::Boolean(self.chance(60));
        let values = vec![key, Scalar::timestamp_ms(time), maybe(self, number), maybe(self, text), maybe(self, flag)];
        (RowKind::Insert, values)
    }
}

/// What happens to a job.
#[derive(Clone, Debug)]
pub enum Step {
    Rows(Vec<Row>),
    Watermark(i64),
    /// Stop with a snapshot and go on at another parallelism.
    Rescale(u32),
}

/// Rows in random order within `disorder` ms, watermarks `delay` behind the latest row.
pub fn stream(random: &mut Random, rows: usize, keys: u64, disorder: i64, delay: i64) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut now, mut latest) = (-500, i64::MIN);
    let mut batch = Vec::new();
    for _ in 0..rows {
        now += random.between(0, 4) * if random.chance(1) { 40 } else { 1 };
        let time = now - random.between(0, disorder + 1);
        latest = latest.max(time);
        batch.push(random.row(keys, time));
        if random.chance(5) {
            steps.push(Step::Rows(std::mem::take(&mut batch)));
            steps.push(Step::Watermark(latest - delay));
        }
    }
    steps.push(Step::Rows(batch));
    steps
}

/// Some rows of the stream are taken back later, while they are not late.
pub fn with_retractions(random: &mut Random, steps: &[Step]) -> Vec<Step> {
    let mut live: Vec<Row> = Vec::new();
    let mut all = Vec::new();
    for step in steps {
        match step {
            Step::Rows(rows) => {
                let mut changed = Vec::new();
                for row in rows {
                    live.push(row.clone());
                    changed.push(row.clone());
                    if random.chance(40) && !live.is_empty() {
                        let (_, values) = live.swap_remove(random.below(live.len() as u64) as usize);
                        let kind = if random.chance(50) { RowKind::Delete } else { RowKind::UpdateBefore };
                        changed.push((kind, values));
                    }
                }
                all.push(Step::Rows(changed));
            }
            other => all.push(other.clone()),
        }
    }
    all
}

/// The ways in which the same steps are run: batch size, parallelism over time.
pub fn variations(steps: &[Step]) -> Vec<(usize, Vec<Step>)> {
    let third = steps.len() / 4;
    let mut rescaled = steps.to_vec();
    for (place, parallelism) in [(third * 3, 1), (third * 2, 3), (third, 2)] {
        rescaled.insert(place, Step::Rescale(parallelism));
    }
    let mut parallel = rescaled.clone();
    parallel.insert(0, Step::Rescale(3));
    vec![(1024, steps.to_vec()), (7, steps.to_vec()), (1, rescaled.clone()), (64, rescaled), (5, parallel)]
}

/// What came out of a job.
pub struct Outcome {
    pub rows: Vec<Row>,
    pub late: u64,
    pub state_rows: usize,
}

impl Outcome {
    /// One line a row, sorted.
    pub fn sorted(&self) -> Vec<String> {
        sorted(&self.rows)
    }
}

pub fn sorted(rows: &[Row]) -> Vec<String> {
    let mut lines: Vec<String> = print_rows(rows).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Runs steps on an operator kind with keyed input and ends it.
pub fn run(kind: &str, config: &[u8], key: &[usize], output: &[SqlType], batch_rows: usize, steps: &[Step]) -> Outcome {
    let types = input_types();
    let mut instances = vec![Harness::open(operator(kind, config).unwrap()).unwrap()];
    let mut outcome = Outcome { rows: Vec::new(), late: 0, state_rows: 0 };
    let mut collect = |instances: &mut Vec<Harness>| {
        for instance in instances {
            outcome.rows.extend(instance.output().iter().flat_map(|batch| rows_of(output, batch)));
        }
    };
    let mut late = 0;
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Rows(rows) => {
                for chunk in rows.chunks(batch_rows) {
                    let batch = batch_of(&types, chunk).unwrap();
                    let parts = scatter(&batch, key, instances.len() as u32).unwrap();
                    for (instance, part) in instances.iter_mut().zip(parts) {
                        instance.set_rows_max(batch_rows.max(2));
                        instance.batch(0, &part).unwrap();
                    }
                }
            }
            Step::Watermark(watermark) => {
                instances.iter_mut().for_each(|instance| instance.watermark(*watermark).unwrap())
            }
            Step::Rescale(parallelism) => {
                late += instances.iter().map(|instance| instance.counters().late_rows_dropped).sum::<u64>();
                let snapshots: Vec<_> =
                    instances.iter_mut().map(|instance| instance.checkpoint(*parallelism == 1).unwrap()).collect();
                collect(&mut instances);
                let restore = |subtask| {
                    Harness::restore(operator(kind, config).unwrap(), subtask, *parallelism, &snapshots).unwrap()
                };
                instances = (0..*parallelism).map(restore).collect();
            }
        }
        if number % 3 == 0 {
            // Checkpoints on the way change nothing.
            instances.iter_mut().for_each(|instance| drop(instance.checkpoint(false).unwrap()));
        }
    }
    instances.iter_mut().for_each(|instance| instance.end().unwrap());
    collect(&mut instances);
    outcome.late = late + instances.iter().map(|instance| instance.counters().late_rows_dropped).sum::<u64>();
    outcome.state_rows = instances.iter_mut().map(Harness::state_rows).sum();
    outcome
}

/// The calls that tests make, with their result types. The first `mergeable` ones have states that can be merged.
pub fn calls() -> (Vec<AggregateCall>, Vec<SqlType>, usize) {
    let filtered = |call: AggregateCall| AggregateCall { filter: Some(FLAG as u32), ..call };
    let distinct = |call: AggregateCall| AggregateCall { distinct: true, ..call };
    let calls = vec![
        AggregateCall::new("COUNT", &[]),
        AggregateCall::new("SUM", &[NUMBER]),
        AggregateCall::new("AVG", &[NUMBER]),
        filtered(AggregateCall::new("COUNT", &[TEXT])),
        AggregateCall::new("MIN", &[NUMBER]),
        AggregateCall::new("MAX", &[TEXT]),
        distinct(AggregateCall::new("COUNT", &[NUMBER])),
        filtered(distinct(AggregateCall::new("SUM", &[NUMBER]))),
        distinct(AggregateCall::new("COUNT", &[TEXT])),
    ];
    let types = vec![
        SqlType::BIGINT,
        SqlType::BIGINT,
        SqlType::BIGINT,
        SqlType::BIGINT,
        SqlType::BIGINT,
        SqlType::STRING,
        SqlType::BIGINT,
        SqlType::BIGINT,
        SqlType::BIGINT,
    ];
    (calls, types, 5)
}

/// The results of calls over rows, one row after the other.
pub fn aggregate(calls: &[AggregateCall], rows: &[Row]) -> Vec<Scalar> {
    calls.iter().map(|call| aggregate_one(call, rows)).collect()
}

fn aggregate_one(call: &AggregateCall, rows: &[Row]) -> Scalar {
    // How often each value is there; of COUNT(*) there is one value.
    let mut values: BTreeMap<String, (Scalar, i64)> = BTreeMap::new();
    for (kind, row) in rows {
        if call.filter.is_some_and(|filter| row[filter as usize] != Scalar::Boolean(true)) {
            continue;
        }
        let value = call.args.first().map_or(Scalar::Int(0), |column| row[*column as usize].clone());
        if !value.is_null() {
            values.entry(value.to_string()).or_insert((value, 0)).1 += kind.sign();
        }
    }
    let mut values: Vec<(Scalar, i64)> = values.into_values().filter(|(_, count)| *count > 0).collect();
    if call.distinct {
        values.iter_mut().for_each(|(_, count)| *count = 1);
    }
    let count: i64 = values.iter().map(|(_, count)| count).sum();
    let sum: i64 = values.iter().map(|(value, count)| value.as_i64().unwrap_or(0) * count).sum();
    values.sort_by(|(left, _), (right, _)| match (left, right) {
        (Scalar::Int(left), Scalar::Int(right)) => left.cmp(right),
        (left, right) => left.as_str().cmp(&right.as_str()),
    });
    let (ordered, counts): (Vec<Scalar>, Vec<i64>) = values.into_iter().unzip();
    match call.function.as_str() {
        "COUNT" => Scalar::Int(count),
        _ if count == 0 => Scalar::Null,
        "SUM" => Scalar::Int(sum),
        "AVG" => Scalar::Int(sum / count),
        "LISTAGG" => list_of(&ordered.iter().zip(counts).collect::<Vec<_>>()),
        "MIN" => ordered[0].clone(),
        "MAX" => ordered[ordered.len() - 1].clone(),
        other => panic!("{other}"),
    }
}

/// Texts that come so often, with commas between.
fn list_of(texts: &[(&Scalar, i64)]) -> Scalar {
    let all = texts.iter().flat_map(|(text, count)| (0..*count).map(|_| text.as_str().unwrap()));
    Scalar::string(all.collect::<Vec<_>>().join(","))
}

/// Sorts the texts within the lists of LISTAGG, which come in order of arrival; `first` is the column of the first call.
pub fn sort_lists(calls: &[AggregateCall], first: usize, rows: &mut [Row]) {
    for (_, values) in rows {
        for (call, value) in calls.iter().zip(&mut values[first..]) {
            if call.function == "LISTAGG" && !value.is_null() {
                let mut texts: Vec<&str> = value.as_str().unwrap().split(',').collect();
                texts.sort_unstable();
                *value = Scalar::string(texts.join(","));
            }
        }
    }
}

/// The rows that a changelog has left, by its first `key` columns; every change must fit what was there.
pub fn materialize(rows: &[Row], key: usize) -> Vec<String> {
    let mut live: BTreeMap<String, Vec<Scalar>> = BTreeMap::new();
    for (kind, values) in rows {
        let place = print_rows(&[(RowKind::Insert, values[..key].to_vec())]);
        match kind {
            RowKind::Insert => assert_eq!(live.insert(place, values.clone()), None, "{values:?} came twice"),
            RowKind::UpdateAfter => drop(live.insert(place, values.clone())),
            RowKind::UpdateBefore => assert_eq!(live.get(&place), Some(values)),
            RowKind::Delete => assert_eq!(live.remove(&place).as_ref(), Some(values)),
        }
    }
    sorted(&live.into_values().map(|values| (RowKind::Insert, values)).collect::<Vec<Row>>())
}

pub fn time_of(row: &Row) -> i64 {
    match row.1[TIME] {
        Scalar::Timestamp { millis, .. } => millis,
        _ => panic!("a row without time"),
    }
}

pub fn timestamp_type() -> SqlType {
    TypeKind::Timestamp(3).nullable()
}

/// Fails with the lines that are in one of the two only.
pub fn assert_same(found: &[String], expected: &[String], what: &str) {
    let only = |left: &[String], right: &[String]| -> Vec<String> {
        left.iter().filter(|line| !right.contains(line)).take(10).cloned().collect()
    };
    if found != expected {
        panic!("{what}: too much {:#?}, missing {:#?}", only(found, expected), only(expected, found));
    }
}
