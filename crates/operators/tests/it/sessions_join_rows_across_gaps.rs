use std::collections::BTreeMap;

use prost::Message;
use tidemill_core::RowKind;
use tidemill_expr::{Scalar, SqlType};
use tidemill_operators::config::*;
use tidemill_operators::harness::Harness;
use tidemill_operators::harness::text::Row;

use crate::support::*;
use crate::windows_hold_the_rows_of_their_time::output_types;

fn config(calls: &[AggregateCall], gap_ms: i64, retracting: bool) -> SessionAggregateConfig {
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
fn expected(gap: i64, calls: &[AggregateCall], steps: &[Step]) -> (Vec<String>, u64) {
    let mut open: BTreeMap<String, Vec<Session>> = BTreeMap::new();
    let mut closed: Vec<Row> = Vec::new();
    let (mut watermark, mut late) = (i64::MIN, 0);
    let close = |open: &mut BTreeMap<String, Vec<Session>>, watermark: i64, closed: &mut Vec<Row>| {
        for sessions in open.values_mut() {
            let (over, kept): (Vec<Session>, Vec<Session>) =
                std::mem::take(sessions).into_iter().partition(|session| session.end - 1 <= watermark);
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
                    for session in touching {
                        joined.start = joined.start.min(session.start);
                        joined.end = joined.end.max(session.end);
                        joined.rows.extend(session.rows);
                    }
                    if joined.end - 1 <= watermark {
                        late += 1;
                    } else {
                        sessions.push(joined);
                    }
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
    harness.watermark(24).unwrap();
    assert_eq!(harness.output_text(&output), "+I 1 3 @0 @25 @24\n");
    harness.rows(&input, "1 @14 1 'a' true").unwrap();
    assert_eq!(harness.counters().late_rows_dropped, 1);
    harness.end().unwrap();
    assert_eq!(harness.output_text(&output), "+I 1 1 @40 @50 @49\n");
}

#[test]
fn an_aggregate_that_cannot_be_joined_is_refused_with_advice() {
    let distinct = AggregateCall { distinct: true, ..AggregateCall::new("COUNT", &[NUMBER]) };
    let config = config(&[distinct], 10, false).encode_to_vec();
    let failure = operator(SESSION_AGGREGATE, &config).err().unwrap();
    assert!(failure.to_string().contains("TUMBLE"), "{failure}");
}
