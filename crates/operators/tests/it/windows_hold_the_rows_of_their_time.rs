use std::collections::BTreeMap;

use prost::Message;
use tidemill_core::RowKind;
use tidemill_expr::{Scalar, SqlType};
use tidemill_operators::config::*;
use tidemill_operators::harness::Harness;
use tidemill_operators::harness::text::Row;

use crate::support::*;

fn outputs(aggregates: usize) -> Vec<OutputColumn> {
    let mut columns = vec![OutputColumn::new(OutputKind::Key, 0)];
    columns.extend((0..aggregates).map(|index| OutputColumn::new(OutputKind::Aggregate, index)));
    columns.extend(
        [OutputKind::WindowStart, OutputKind::WindowEnd, OutputKind::WindowTime].map(|kind| OutputColumn::new(kind, 0)),
    );
    columns
}

pub fn config(window: WindowSpec, calls: &[AggregateCall], retracting: bool) -> WindowAggregateConfig {
    WindowAggregateConfig {
        input_types: encoded_input_types(),
        keys: vec![KEY as u32],
        aggregates: calls.to_vec(),
        window: Some(window),
        time: Some(TimeSource { column: TIME as u32, ..TimeSource::default() }),
        outputs: outputs(calls.len()),
        input_retracts: retracting,
        ..WindowAggregateConfig::default()
    }
}

pub fn output_types(results: &[SqlType]) -> Vec<SqlType> {
    let mut types = vec![SqlType::BIGINT];
    types.extend_from_slice(results);
    types.extend([timestamp_type(), timestamp_type(), timestamp_type()]);
    types
}

pub fn windows_of(spec: &WindowSpec, time: i64) -> Vec<(i64, i64)> {
    let floor = |time: i64, period: i64| time - (time - spec.offset_ms).rem_euclid(period);
    match WindowKind::try_from(spec.kind).unwrap() {
        WindowKind::Tumble => vec![(floor(time, spec.size_ms), floor(time, spec.size_ms) + spec.size_ms)],
        WindowKind::Hop => {
            let last = floor(time, spec.step_ms);
            (0..spec.size_ms / spec.step_ms)
                .map(|i| last - i * spec.step_ms)
                .map(|start| (start, start + spec.size_ms))
                .collect()
        }
        WindowKind::Cumulate => {
            let start = floor(time, spec.size_ms);
            (1..=spec.size_ms / spec.step_ms)
                .map(|i| (start, start + i * spec.step_ms))
                .filter(|(_, end)| time < *end)
                .collect()
        }
    }
}

/// Rows of windows, sorted, and how many rows were late.
pub fn expected(spec: &WindowSpec, calls: &[AggregateCall], steps: &[Step], retracting: bool) -> (Vec<String>, u64) {
    let mut windows: BTreeMap<(i64, i64, String), Vec<Row>> = BTreeMap::new();
    let mut keys = BTreeMap::new();
    let (mut watermark, mut late) = (i64::MIN, 0);
    for step in steps {
        match step {
            Step::Watermark(now) => watermark = watermark.max(*now),
            Step::Rescale(_) => {}
            Step::Rows(rows) => {
                for row in rows {
                    let open: Vec<(i64, i64)> =
                        windows_of(spec, time_of(row)).into_iter().filter(|(_, end)| end - 1 > watermark).collect();
                    late += u64::from(open.is_empty());
                    let key = row.1[KEY].to_string();
                    keys.insert(key.clone(), row.1[KEY].clone());
                    open.into_iter().for_each(|(start, end)| {
                        windows.entry((start, end, key.clone())).or_default().push(row.clone());
                    });
                }
            }
        }
    }
    let mut result: Vec<Row> = Vec::new();
    for ((start, end, key), rows) in windows {
        if retracting && rows.iter().map(|(kind, _)| kind.sign()).sum::<i64>() <= 0 {
            continue;
        }
        let mut values = vec![keys[&key].clone()];
        values.extend(aggregate(calls, &rows));
        values.extend([start, end, end - 1].map(Scalar::timestamp_ms));
        result.push((RowKind::Insert, values));
    }
    (sorted(&result), late)
}

fn specs() -> Vec<WindowSpec> {
    let spec =
        |kind: WindowKind, size_ms, step_ms, offset_ms| WindowSpec { kind: kind as i32, size_ms, step_ms, offset_ms };
    vec![
        spec(WindowKind::Tumble, 20, 0, 0),
        spec(WindowKind::Tumble, 15, 0, -4),
        spec(WindowKind::Hop, 30, 10, 0),
        spec(WindowKind::Hop, 40, 5, 3),
        spec(WindowKind::Cumulate, 60, 15, 0),
    ]
}

fn check(spec: WindowSpec, calls: &[AggregateCall], types: &[SqlType], steps: &[Step], retracting: bool) {
    let (rows, late) = expected(&spec, calls, steps, retracting);
    assert!(rows.len() > 20 && late > 0, "{} rows, {late} late: the case shows nothing", rows.len());
    let config = config(spec, calls, retracting).encode_to_vec();
    for (batch_rows, steps) in variations(steps) {
        let outcome = run(WINDOW_AGGREGATE, &config, &[KEY], &output_types(types), batch_rows, &steps);
        assert_same(&outcome.sorted(), &rows, &format!("{spec:?}, batches of {batch_rows}"));
        assert_eq!(outcome.late, late);
        assert_eq!(outcome.state_rows, 0, "state is left at the end");
    }
}

#[test]
fn windows_agree_with_single_rows_where_slices_are_shared() {
    let (calls, types, mergeable) = calls();
    for (seed, spec) in specs().into_iter().enumerate() {
        let steps = stream(&mut Random(seed as u64), 400, 6, 90, 12);
        check(spec, &calls[..mergeable], &types[..mergeable], &steps, false);
    }
}

#[test]
fn windows_agree_with_single_rows_where_states_cannot_be_merged() {
    let (calls, types, _) = calls();
    for (seed, spec) in specs().into_iter().enumerate() {
        let steps = stream(&mut Random(100 + seed as u64), 300, 4, 90, 12);
        check(spec, &calls, &types, &steps, false);
    }
}

#[test]
fn rows_may_be_taken_back_before_their_window_closes() {
    let (calls, types, _) = calls();
    for (seed, spec) in specs().into_iter().enumerate() {
        let mut random = Random(200 + seed as u64);
        let steps = stream(&mut random, 250, 3, 5, 30);
        let mut steps = with_retractions(&mut random, &steps);
        // A late row, so that the case is not without one.
        steps.push(Step::Watermark(100_000));
        steps.push(Step::Rows(vec![random.row(3, 0)]));
        // A row that comes back late changes nothing, so only rows of open windows are taken back here.
        let steps = only_open_retractions(&spec, steps);
        check(spec, &calls, &types, &steps, true);
    }
}

fn only_open_retractions(spec: &WindowSpec, steps: Vec<Step>) -> Vec<Step> {
    let mut watermark = i64::MIN;
    let mut kept = Vec::new();
    for step in steps {
        kept.push(match step {
            Step::Rows(rows) => Step::Rows(
                rows.into_iter()
                    .filter(|row| {
                        row.0 == RowKind::Insert
                            || windows_of(spec, time_of(row)).iter().all(|(_, end)| end - 1 > watermark)
                    })
                    .collect(),
            ),
            Step::Watermark(now) => {
                watermark = watermark.max(now);
                Step::Watermark(now)
            }
            other => other,
        });
    }
    kept
}

fn one(spec: WindowSpec) -> Harness {
    let config = config(spec, &[AggregateCall::new("COUNT", &[])], false).encode_to_vec();
    Harness::open(operator(WINDOW_AGGREGATE, &config).unwrap()).unwrap()
}

#[test]
fn a_window_fires_at_its_last_millisecond_and_later_rows_are_late() {
    let mut harness = one(specs()[0]);
    let (input, output) = (input_types(), output_types(&[SqlType::BIGINT]));
    harness.rows(&input, "1 @0 1 'a' true\n1 @19 1 'a' true\n2 @20 1 'a' true").unwrap();
    harness.watermark(18).unwrap();
    assert_eq!(harness.output_text(&output), "");
    harness.watermark(19).unwrap();
    assert_eq!(harness.output_text(&output), "+I 1 2 @0 @20 @19\n");
    harness.rows(&input, "1 @19 1 'a' true\n1 @20 1 'a' true").unwrap();
    assert_eq!(harness.counters().late_rows_dropped, 1);
    harness.end().unwrap();
    assert_eq!(harness.output_text(&output), "+I 2 1 @20 @40 @39\n+I 1 1 @20 @40 @39\n");
}

#[test]
fn a_row_without_time_is_an_error_that_says_what_to_do() {
    let failure = one(specs()[0]).rows(&input_types(), "1 NULL 1 'a' true").unwrap_err();
    assert!(failure.to_string().contains("event time of a row is NULL"), "{failure}");
    assert_eq!(failure.class(), tidemill_core::FailureClass::Data);
}

#[test]
fn processing_time_windows_follow_the_clock_and_survive_a_restore() {
    let mut config = config(specs()[0], &[AggregateCall::new("COUNT", &[])], false);
    config.time =
        Some(TimeSource { processing_time: true, time_zone: "GMT+01:00".to_string(), ..TimeSource::default() });
    let config = config.encode_to_vec();
    let (input, output) = (input_types(), output_types(&[SqlType::BIGINT]));
    let mut harness = Harness::open(operator(WINDOW_AGGREGATE, &config).unwrap()).unwrap();
    harness.wall_clock(1_000_003).unwrap();
    harness.rows(&input, "1 @0 1 'a' true\n1 @0 1 'a' true").unwrap();
    harness.wall_clock(1_000_019).unwrap();
    assert_eq!(harness.output_text(&output), "");
    harness.wall_clock(1_000_020).unwrap();
    assert_eq!(harness.output_text(&output), "+I 1 2 @4600000 @4600020 @1000019\n");
    harness.rows(&input, "1 @0 1 'a' true").unwrap();
    let snapshot = harness.checkpoint(false).unwrap();
    let mut harness = Harness::restore(operator(WINDOW_AGGREGATE, &config).unwrap(), 0, 1, &[snapshot]).unwrap();
    harness.wall_clock(2_000_000).unwrap();
    assert_eq!(harness.output_text(&output), "+I 1 1 @4600020 @4600040 @1000039\n");
    harness.rows(&input, "2 @0 1 'a' true").unwrap();
    harness.end().unwrap();
    assert_eq!(harness.output_text(&output), "+I 2 1 @5600000 @5600020 @2000019\n");
}

#[test]
fn windows_that_came_with_the_rows_are_aggregated_again() {
    let input = vec![SqlType::BIGINT, timestamp_type(), timestamp_type()];
    let base = WindowAggregateConfig {
        input_types: encode_types(&input),
        keys: vec![0],
        aggregates: vec![AggregateCall::new("COUNT", &[])],
        attached: Some(AttachedWindow { start: 1, end: 2 }),
        outputs: outputs(1),
        ..WindowAggregateConfig::default()
    };
    // Without a spec the start is part of the key.
    for window in [None, Some(WindowSpec { kind: WindowKind::Hop as i32, size_ms: 20, step_ms: 10, offset_ms: 0 })] {
        let config = WindowAggregateConfig { window, ..base.clone() }.encode_to_vec();
        let mut harness = Harness::open(operator(WINDOW_AGGREGATE, &config).unwrap()).unwrap();
        harness.rows(&input, "1 @0 @20\n2 @0 @20\n1 @10 @30\n1 @0 @20").unwrap();
        harness.watermark(19).unwrap();
        let output = output_types(&[SqlType::BIGINT]);
        assert_eq!(harness.output_text(&output), "+I 1 2 @0 @20 @19\n+I 2 1 @0 @20 @19\n");
        harness.end().unwrap();
        assert_eq!(harness.output_text(&output), "+I 1 1 @10 @30 @29\n");
    }
}

#[test]
fn windows_over_local_time_close_when_the_clock_says_so() {
    let hour = 3_600_000;
    let spec = WindowSpec { kind: WindowKind::Tumble as i32, size_ms: hour, step_ms: 0, offset_ms: 0 };
    let mut config = config(spec, &[AggregateCall::new("COUNT", &[])], false);
    config.time =
        Some(TimeSource { column: TIME as u32, time_zone: "Europe/Berlin".to_string(), ..TimeSource::default() });
    let mut harness = Harness::open(operator(WINDOW_AGGREGATE, &config.encode_to_vec()).unwrap()).unwrap();
    // 2023-10-29: 02:00 to 03:00 happens twice, from 00:00 UTC and from 01:00 UTC.
    let first = 1_698_537_600_000i64;
    let rows = format!("1 @{first} 1 'a' true\n1 @{} 1 'a' true", first + hour);
    harness.rows(&input_types(), &rows).unwrap();
    harness.watermark(first + hour).unwrap();
    let output = output_types(&[SqlType::BIGINT]);
    assert_eq!(harness.output_text(&output), "");
    harness.watermark(first + 2 * hour - 1).unwrap();
    let local = first + 2 * hour;
    let time = first + hour - 1;
    assert_eq!(harness.output_text(&output), format!("+I 1 2 @{local} @{} @{time}\n", local + hour));
}

#[test]
fn windows_at_the_end_of_the_range_fire_once() {
    let (input, output) = (input_types(), output_types(&[SqlType::BIGINT]));
    let late = 9_223_372_036_854_770_000i64;
    for kind in [WindowKind::Tumble, WindowKind::Hop, WindowKind::Cumulate] {
        let spec = WindowSpec { kind: kind as i32, size_ms: 3 * 3_600_000, step_ms: 3_600_000, offset_ms: 0 };
        let mut harness = one(spec);
        for time in [late, i64::MAX, late - 3_600_000] {
            harness.rows(&input, &format!("1 @{time} 1 'a' true")).unwrap();
        }
        harness.end().unwrap();
        let text = harness.output_text(&output);
        let last = text.lines().filter(|line| line.contains(&format!("@{} ", i64::MAX))).count();
        assert_eq!(last, 1, "{text}");
        assert_eq!(harness.state_rows(), 0);
    }
}
