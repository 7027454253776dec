use std::collections::BTreeMap;

use prost::Message;
use tidemill_core::RowKind;
use tidemill_expr::{Scalar, SqlType};
use tidemill_operators::config::*;
use tidemill_operators::harness::Harness;
use tidemill_operators::harness::text::Row;

use crate::support::*;
use crate::windows_hold_the_rows_of_their_time::output_types;

pub fn config(calls: &[AggregateCall], gap_ms: i64, retracting: bool) -> SessionAggregateConfig {
    let mut outputs = vec![OutputColumn::new(OutputKind::Key, 0)];
    outputs.extend((0..calls.len()).map(|index| OutputColumn::new(OutputKind::Aggregate, index)));
    outputs.extend(
        [OutputKind::WindowStart, OutputKind::WindowEnd, OutputKind::WindowTime].map(|kind| OutputColumn::new(kind, 0)),
    );
    SessionAggregateConfig {
        input_types: encoded_input_types(),
        keys: vec![KEY as u32],
        aggregates: calls.to_vec(),
        gap_ms,
        time: Some(TimeSource { column: TIME as u32, ..TimeSource::default() }),
        outputs,
        input_retracts: retracting,
    }
}

struct Session {
    start: i64,
    end: i64,
    rows: Vec<Row>,
}

/// Sessions of each key, joined row by row.
pub fn expected(gap: i64, calls: &[AggregateCall], steps: &[Step]) -> (Vec<String>, u64) {
    let mut open: BTreeMap<String, Vec<Session>> = BTreeMap::new();
    let mut closed: Vec<Row> = Vec::new();
    let (mut watermark, mut late) = (i64::MIN, 0);
    let close = |open: &mut BTreeMap<String, Vec<Session>>, watermark: i64, closed: &mut Vec<Row>| {
        for sessions in open.values_mut() {
            let (over, kept): (Vec<Session>, Vec<Session>) =
                std::mem::take(sessions).into_iter().partition(|session| session.end <= watermark);
            *sessions = kept;
            for session in over {
                if session.rows.iter().map(|(kind, _)| kind.sign()).sum::<i64>() <= 0 {
                    continue;
                }
                let mut values = vec![session.rows[0].1[KEY].clone()];
                values.extend(aggregate(calls, &session.rows));
                values.extend([session.start, session.end, session.end - 1].map(Scalar::timestamp_ms));
                closed.push((RowKind::Insert, values));
            }
        }
    };
    for step in steps {
        match step {
            Step::Watermark(now) => {
                watermark = watermark.max(*now);
                close(&mut open, watermark, &mut closed);
            }
            Step::Rescale(_) => {}
            Step::Rows(rows) => {
                for row in rows {
                    let sessions = open.entry(row.1[KEY].to_string()).or_default();
                    let mut joined = Session { start: time_of(row), end: time_of(row) + gap, rows: vec![row.clone()] };
                    let (touching, others): (Vec<Session>, Vec<Session>) = std::mem::take(sessions)
                        .into_iter()
                        .partition(|session| session.start <= joined.end && session.end >= joined.start);
                    *sessions = others;
                    let end = touching.iter().map(|session| session.end).fold(joined.end, i64::max);
                    if end - 1 <= watermark {
                        late += 1;
                        sessions.extend(touching);
                        continue;
                    }
                    joined.end = end;
                    for session in touching {
                        joined.start = joined.start.min(session.start);
                        joined.rows.extend(session.rows);
                    }
                    sessions.push(joined);
                }
            }
        }
    }
    close(&mut open, i64::MAX, &mut closed);
    (sorted(&closed), late)
}

#[test]
fn sessions_agree_with_single_rows() {
    let (calls, types, mergeable) = calls();
    let (calls, types) = (&calls[..mergeable], &types[..mergeable]);
    for (seed, gap, disorder, delay) in [(1, 10, 40, 20), (2, 25, 60, 60), (3, 4, 100, 30), (4, 60, 10, 5)] {
        let steps = stream(&mut Random(seed), 500, 12, disorder, delay);
        let (rows, late) = expected(gap, calls, &steps);
        assert!(rows.len() > 8);
        let config = config(calls, gap, false).encode_to_vec();
        for (batch_rows, steps) in variations(&steps) {
            let outcome = run(SESSION_AGGREGATE, &config, &[KEY], &output_types(types), batch_rows, &steps);
            assert_same(&outcome.sorted(), &rows, &format!("gap {gap}, batches of {batch_rows}"));
            assert_eq!(outcome.late, late);
            assert_eq!(outcome.state_rows, 0);
        }
    }
}

#[test]
fn a_late_row_bridges_sessions_that_are_open() {
    let calls = [AggregateCall::new("COUNT", &[])];
    let config = config(&calls, 10, false).encode_to_vec();
    let (input, output) = (input_types(), output_types(&[SqlType::BIGINT]));
    let mut harness = Harness::open(operator(SESSION_AGGREGATE, &config).unwrap()).unwrap();
    harness.rows(&input, "1 @0 1 'a' true\n1 @15 1 'a' true\n1 @40 1 'a' true").unwrap();
    harness.watermark(8).unwrap();
    // 7 .. 17 touches both of the first two sessions; the first ends with millisecond 9.
    harness.rows(&input, "1 @7 1 'a' true").unwrap();
    harness.watermark(25).unwrap();
    assert_eq!(harness.output_text(&output), "+I 1 3 @0 @25 @24\n");
    harness.rows(&input, "1 @14 1 'a' true").unwrap();
    assert_eq!(harness.counters().late_rows_dropped, 1);
    harness.end().unwrap();
    assert_eq!(harness.output_text(&output), "+I 1 1 @40 @50 @49\n");
}

#[test]
fn a_session_ends_where_no_row_can_join_it() {
    let calls = [AggregateCall::new("COUNT", &[])];
    let config = config(&calls, 10, false).encode_to_vec();
    let (input, output) = (input_types(), output_types(&[SqlType::BIGINT]));
    let mut harness = Harness::open(operator(SESSION_AGGREGATE, &config).unwrap()).unwrap();
    harness.rows(&input, "1 @0 1 'a' true\n2 @0 1 'a' true").unwrap();
    // The last millisecond of both has passed, yet a row at their end would be one of them; one within them is late.
    harness.watermark(9).unwrap();
    assert_eq!(harness.output_text(&output), "");
    assert_eq!(harness.watermark_passed_on(), 8, "a row at 9 may follow");
    harness.rows(&input, "2 @0 1 'a' true\n1 @10 1 'a' true").unwrap();
    assert_eq!(harness.counters().late_rows_dropped, 1);
    harness.watermark(10).unwrap();
    assert_eq!(harness.output_text(&output), "+I 2 1 @0 @10 @9\n");
    assert_eq!(harness.watermark_passed_on(), 9);
    harness.end().unwrap();
    assert_eq!(harness.output_text(&output), "+I 1 2 @0 @20 @19\n");
    assert_eq!(harness.watermark_passed_on(), i64::MAX);
}

#[test]
fn sessions_of_a_key_come_in_the_order_of_their_ends() {
    let calls = [AggregateCall::new("COUNT", &[])];
    let config = config(&calls, 10, false).encode_to_vec();
    let (input, output) = (input_types(), output_types(&[SqlType::BIGINT]));
    let mut harness = Harness::open(operator(SESSION_AGGREGATE, &config).unwrap()).unwrap();
    harness.set_rows_max(1);
    harness.rows(&input, "1 @10 1 'a' true").unwrap();
    harness.rows(&input, "1 @18 1 'a' true").unwrap();
    harness.rows(&input, "1 @50 1 'a' true").unwrap();
    harness.watermark(100).unwrap();
    assert_eq!(harness.output_text(&output), "+I 1 2 @10 @28 @27\n+I 1 1 @50 @60 @59\n");
}

/// All calls, also those whose states are more than words.
fn all_calls() -> (Vec<AggregateCall>, Vec<SqlType>) {
    let (mut calls, mut types, _) = calls();
    let list = AggregateCall::new("LISTAGG", &[TEXT]);
    calls.extend([
        AggregateCall { distinct: true, filter: Some(FLAG as u32), ..list.clone() },
        list,
        AggregateCall::new("MIN", &[TEXT]),
        AggregateCall { distinct: true, ..AggregateCall::new("AVG", &[NUMBER]) },
        AggregateCall { filter: Some(FLAG as u32), distinct: true, ..AggregateCall::new("COUNT", &[TEXT]) },
    ]);
    types.extend([SqlType::STRING, SqlType::STRING, SqlType::STRING, SqlType::BIGINT, SqlType::BIGINT]);
    (calls, types)
}

fn sessions_of_all_calls(gap: i64, retracting: bool, steps: &[Step]) -> u64 {
    let (calls, types) = all_calls();
    let (rows, late) = expected(gap, &calls, steps);
    assert!(rows.len() > 8);
    let config = config(&calls, gap, retracting).encode_to_vec();
    for (batch_rows, steps) in variations(steps) {
        let mut outcome = run(SESSION_AGGREGATE, &config, &[KEY], &output_types(&types), batch_rows, &steps);
        sort_lists(&calls, 1, &mut outcome.rows);
        assert_same(&outcome.sorted(), &rows, &format!("gap {gap}, batches of {batch_rows}"));
        assert_eq!(outcome.late, late);
        assert_eq!(outcome.state_rows, 0);
    }
    late
}

#[test]
fn sessions_keep_sets_and_texts_as_they_are_joined() {
    let mut late = 0;
    for (seed, gap, disorder, delay) in
        [(1, 10, 40, 20), (2, 25, 60, 60), (3, 4, 100, 30), (4, 60, 10, 5), (5, 6, 80, 50)]
    {
        late += sessions_of_all_calls(gap, false, &stream(&mut Random(seed), 500, 6, disorder, delay));
    }
    assert!(late > 0);
}

#[test]
fn sessions_take_rows_back() {
    for (seed, gap, disorder, delay) in [(11, 10, 40, 40), (12, 25, 60, 60), (13, 4, 100, 110), (14, 3, 50, 400)] {
        let mut random = Random(seed);
        let steps = stream(&mut random, 400, 6, disorder, delay);
        let steps = with_retractions(&mut random, &steps);
        sessions_of_all_calls(gap, true, &steps);
    }
}

#[test]
fn one_row_after_the_other_joins_all_sessions_of_a_key() {
    let text = |function: &str| AggregateCall::new(function, &[TEXT]);
    let distinct = |call: AggregateCall| AggregateCall { distinct: true, ..call };
    let calls = [
        AggregateCall::new("LISTAGG", &[TEXT, 5]),
        distinct(text("COUNT")),
        text("FIRST_VALUE"),
        text("LAST_VALUE"),
        text("MIN"),
        text("MAX"),
        distinct(AggregateCall::new("SUM", &[NUMBER])),
    ];
    let mut results = vec![SqlType::STRING; calls.len()];
    (results[1], results[6]) = (SqlType::BIGINT, SqlType::BIGINT);
    let (input, output) = ([input_types(), vec![SqlType::STRING]].concat(), output_types(&results));
    // The rows of an earlier session come behind those of the one that it becomes part of, before the row that joins them.
    let long = "longer than any text that a record has room for";
    let list = format!("'e; bb; bb; a; c; a; {long}; bb'");
    let expected = format!("+I 1 {list} 5 'e' 'bb' 'a' '{long}' 6 @0 @70 @69\n");
    for retracting in [false, true] {
        let config = SessionAggregateConfig { input_types: encode_types(&input), ..config(&calls, 10, retracting) };
        let config = config.encode_to_vec();
        let mut harness = Harness::open(operator(SESSION_AGGREGATE, &config).unwrap()).unwrap();
        let rows = [
            "1 @0 1 'a' true '; '",
            "1 @5 2 'longer than any text that a record has room for' true '; '",
            "1 @30 2 'bb' true '; '",
            "1 @60 3 'e' true '; '",
        ];
        harness.rows(&input, &rows.join("\n")).unwrap();
        // Nothing but what the snapshots hold is left.
        let snapshot = harness.checkpoint(false).unwrap();
        let mut harness = Harness::restore(operator(SESSION_AGGREGATE, &config).unwrap(), 0, 1, &[snapshot]).unwrap();
        harness.rows(&input, "1 @50 2 'bb' true '; '\n1 @40 1 'a' true '; '").unwrap();
        harness.rows(&input, "1 @20 3 'c' true '; '\n1 @15 2 'bb' true '; '").unwrap();
        harness.end().unwrap();
        assert_eq!(harness.output_text(&output), expected);
        assert_eq!(harness.state_rows(), 0);
    }
}

#[test]
fn a_row_in_the_last_millisecond_has_a_session() {
    let calls = [AggregateCall::new("COUNT", &[])];
    let config = config(&calls, 10, false).encode_to_vec();
    let mut harness = Harness::open(operator(SESSION_AGGREGATE, &config).unwrap()).unwrap();
    harness.rows(&input_types(), &format!("1 @{} 1 'a' true", i64::MAX)).unwrap();
    harness.end().unwrap();
    let (last, end) = (i64::MAX - 1, i64::MAX);
    assert_eq!(harness.output_text(&output_types(&[SqlType::BIGINT])), format!("+I 1 1 @{last} @{end} @{last}\n"));
}
