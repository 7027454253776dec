use prost::Message;
use tidemill_expr::SqlType;
use tidemill_operators::config::*;
use tidemill_operators::harness::{Harness, batch_of, rows_of};

use crate::grouped_aggregates_are_a_changelog_of_the_groups as groups;
use crate::support::*;
use crate::windows_hold_the_rows_of_their_time as windows;

/// Two local instances before one global one.
fn run_phases(kind: &str, local: &[u8], global: &[u8], output: &[SqlType], steps: &[Step]) -> Outcome {
    let mut locals = [0, 1].map(|_| Harness::open(operator(kind, local).unwrap()).unwrap());
    let mut last = Harness::open(operator(kind, global).unwrap()).unwrap();
    for step in steps {
        match step {
            Step::Rows(rows) => {
                for (number, chunk) in rows.chunks(9).enumerate() {
                    let first = &mut locals[number % 2];
                    first.batch(0, &batch_of(&input_types(), chunk).unwrap()).unwrap();
                    first.output().iter().for_each(|batch| last.batch(0, batch).unwrap());
                }
            }
            Step::Watermark(watermark) => last.watermark(*watermark).unwrap(),
            Step::Rescale(_) => {}
        }
    }
    last.end().unwrap();
    let rows = last.output().iter().flat_map(|batch| rows_of(output, batch)).collect();
    Outcome { rows, late: last.counters().late_rows_dropped, state_rows: last.state_rows() }
}

#[test]
fn windows_in_two_phases() {
    let (calls, types, mergeable) = calls();
    let (calls, types) = (&calls[..mergeable], &types[..mergeable]);
    for (kind, size_ms, step_ms) in
        [(WindowKind::Tumble, 20, 0), (WindowKind::Hop, 30, 10), (WindowKind::Cumulate, 30, 10)]
    {
        let spec = WindowSpec { kind: kind as i32, size_ms, step_ms, offset_ms: 0 };
        let steps = stream(&mut Random(5), 300, 6, 30, 12);
        let (rows, late) = windows::expected(&spec, calls, &steps, false);
        let [local, global] = [AggregatePhase::Local, AggregatePhase::Global].map(|phase| {
            WindowAggregateConfig { phase: phase as i32, ..windows::config(spec, calls, false) }.encode_to_vec()
        });
        let outcome = run_phases(WINDOW_AGGREGATE, &local, &global, &windows::output_types(types), &steps);
        assert_same(&outcome.sorted(), &rows, "two phases");
        assert_eq!((outcome.late, outcome.state_rows), (late, 0));
    }
}

#[test]
fn groups_in_two_phases() {
    let (calls, types, mergeable) = calls();
    for (retracting, mergeable) in [(false, mergeable), (true, mergeable - 1)] {
        let (calls, types) = (&calls[..mergeable], &types[..mergeable]);
        let mut random = Random(6);
        let mut steps = stream(&mut random, 300, 6, 30, 12);
        if retracting {
            steps = with_retractions(&mut random, &steps);
        }
        let [local, global] = [AggregatePhase::Local, AggregatePhase::Global].map(|phase| {
            let config = groups::config(&[KEY], calls, true, retracting);
            GroupAggregateConfig { phase: phase as i32, ..config }.encode_to_vec()
        });
        let output = [&[SqlType::BIGINT], types].concat();
        let outcome = run_phases(GROUP_AGGREGATE, &local, &global, &output, &steps);
        assert_same(&materialize(&outcome.rows, 1), &groups::expected(&[KEY], calls, &steps), "two phases");
    }
}
