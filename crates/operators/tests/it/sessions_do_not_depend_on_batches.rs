//! The same rows behind a source, in batches of one row and of many: sessions are those of single rows, each of which moves the
//! watermark. Many rows are exactly the gap behind a row of their key, where it depends on the row between whether the session is
//! still open.

use prost::Message;
use tidemill_core::{Element, EventTime};
use tidemill_dataflow::{WatermarkSpec, Watermarks};
use tidemill_expr::{EvalContext, SqlType};
use tidemill_operators::config::*;
use tidemill_operators::harness::text::Row;
use tidemill_operators::harness::{Harness, batch_of, rows_of, scatter};

use crate::sessions_join_rows_across_gaps::{config, expected};
use crate::support::*;
use crate::windows_hold_the_rows_of_their_time::output_types;

const GAP: i64 = 5;

/// Rows of a split, in the order in which they are read.
type Run = (u32, Vec<Row>);

/// How times go on from row to row.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// Milliseconds from a row to the next; one of these.
    steps: &'static [i64],
    disorder: i64,
    delay_ms: i64,
    splits: u32,
}

const SHAPES: [Shape; 6] = [
    // Strictly ascending: nothing is ever behind the watermark.
    Shape { steps: &[1], disorder: 0, delay_ms: 0, splits: 1 },
    Shape { steps: &[1, 1, 2, 3, GAP - 1, GAP, GAP + 1], disorder: 0, delay_ms: 0, splits: 1 },
    Shape { steps: &[0, 0, 1, 1, 2, GAP], disorder: 0, delay_ms: 0, splits: 1 },
    Shape { steps: &[0, 1, 2], disorder: 3, delay_ms: 0, splits: 1 },
    Shape { steps: &[0, 1, 2, GAP], disorder: 6, delay_ms: 4, splits: 1 },
    Shape { steps: &[0, 1, 2, GAP], disorder: 2, delay_ms: 1, splits: 2 },
];

fn runs(random: &mut Random, shape: Shape) -> Vec<Run> {
    let mut now = vec![0; shape.splits as usize];
    let run = |number: u32| {
        let split = number % shape.splits;
        let mut row = || {
            let now = &mut now[split as usize];
            *now += shape.steps[random.below(shape.steps.len() as u64) as usize];
            let behind = random.between(0, shape.disorder + 1);
            random.row(3, *now - behind)
        };
        (split, (0..40).map(|_| row()).collect())
    };
    (0..20).map(run).collect()
}

/// What a source hands out for batches of so many rows.
fn read(runs: &[Run], shape: Shape, wants_rows: bool, batch_rows: usize) -> Vec<Element> {
    let spec = WatermarkSpec { column: TIME as u32, delay_ms: shape.delay_ms, ..WatermarkSpec::default() };
    let mut watermarks = Watermarks::new(&spec, wants_rows, |_, _| unreachable!("a delay is no program")).unwrap();
    (0..shape.splits).for_each(|split| watermarks.open(split, EventTime::MIN));
    let mut elements = Vec::new();
    for (split, rows) in runs {
        for chunk in rows.chunks(batch_rows) {
            let batch = batch_of(&input_types(), chunk).unwrap();
            watermarks.assign(*split, batch, &EvalContext::utc(), &mut elements).unwrap();
        }
    }
    elements
}

/// The sessions of what a source hands out to several instances, and how many rows were late. Halfway they are restored.
fn sessions(elements: &[Element], config: &[u8], instances: u32, output: &[SqlType]) -> (Vec<String>, u64) {
    let open = || operator(SESSION_AGGREGATE, config).unwrap();
    let mut all: Vec<Harness> = (0..instances).map(|i| Harness::restore(open(), i, instances, &[]).unwrap()).collect();
    let (mut rows, mut late) = (Vec::new(), 0);
    let mut collect = |all: &mut Vec<Harness>| {
        for instance in all {
            rows.extend(instance.output().iter().flat_map(|batch| rows_of(output, batch)));
            late += instance.counters().late_rows_dropped;
        }
    };
    for (number, element) in elements.iter().enumerate() {
        if number == elements.len() / 2 {
            let snapshots: Vec<_> = all.iter_mut().map(|instance| instance.checkpoint(false).unwrap()).collect();
            collect(&mut all);
            all = (0..instances).map(|i| Harness::restore(open(), i, instances, &snapshots).unwrap()).collect();
        }
        match element {
            Element::Batch(batch) => {
                for (instance, part) in all.iter_mut().zip(scatter(batch, &[KEY], instances).unwrap()) {
                    instance.batch(0, &part).unwrap();
                }
            }
            Element::Watermark(watermark) => {
                all.iter_mut().for_each(|instance| instance.watermark(watermark.0).unwrap());
            }
            other => unreachable!("a source of rows gives no {other:?}"),
        }
    }
    all.iter_mut().for_each(|instance| instance.end().unwrap());
    collect(&mut all);
    assert_eq!(all.iter_mut().map(Harness::state_rows).sum::<usize>(), 0);
    (sorted(&rows), late)
}

/// Each row in a batch of its own, with the watermark that follows from it, by the definition of it.
fn single_rows(runs: &[Run], shape: Shape) -> Vec<Step> {
    let mut latest = vec![i64::MIN; shape.splits as usize];
    let mut steps = Vec::new();
    for (split, rows) in runs {
        for row in rows {
            let latest_of_split = &mut latest[*split as usize];
            *latest_of_split = (*latest_of_split).max(time_of(row) - shape.delay_ms);
            steps.push(Step::Rows(vec![row.clone()]));
            let watermark = latest.iter().min().copied().unwrap_or(i64::MIN);
            if watermark > i64::MIN {
                steps.push(Step::Watermark(watermark));
            }
        }
    }
    steps
}

#[test]
fn batches_of_any_size_give_the_sessions_of_single_rows() {
    let (calls, types, mergeable) = calls();
    for (seed, shape) in (1..).zip(SHAPES) {
        println!("seed {seed}, gap {GAP}, {shape:?}");
        let runs = runs(&mut Random(seed), shape);
        for calls in [&calls[..mergeable], &calls[..]] {
            let output = output_types(&types[..calls.len()]);
            let config = config(calls, GAP, false).encode_to_vec();
            let wants_rows = operator(SESSION_AGGREGATE, &config).unwrap().wants_row_watermarks();
            let (rows, late) = expected(GAP, calls, &single_rows(&runs, shape));
            assert!(rows.len() > 20);
            for (batch_rows, instances) in [(1, 1), (7, 1), (1024, 1), (1, 3), (7, 3), (1024, 3)] {
                let elements = read(&runs, shape, wants_rows, batch_rows);
                let found = sessions(&elements, &config, instances, &output);
                let what = format!("seed {seed}, batches of {batch_rows}, {instances} instances");
                assert_same(&found.0, &rows, &what);
                assert_eq!(found.1, late, "{what}");
            }
        }
    }
}

#[test]
fn a_row_at_the_end_of_a_session_joins_it_unless_a_row_between_has_closed_it() {
    let types = input_types();
    let calls = [AggregateCall::new("COUNT", &[])];
    let config = config(&calls, 10, false).encode_to_vec();
    let count = |times: &[(i64, i64)]| {
        let text: Vec<String> = times.iter().map(|(key, time)| format!("{key} @{time} 1 'a' true")).collect();
        let rows = tidemill_operators::harness::text::parse_rows(&types, &text.join("\n")).unwrap();
        let shape = Shape { steps: &[], disorder: 0, delay_ms: 0, splits: 1 };
        let elements = read(&[(0, rows)], shape, true, 1024);
        assert_eq!(elements.len(), 2, "a batch and a watermark");
        sessions(&elements, &config, 1, &output_types(&[SqlType::BIGINT])).0
    };
    assert_eq!(count(&[(1, 0), (2, 8), (1, 10)]), ["+I 1 2 @0 @20 @19", "+I 2 1 @8 @18 @17"]);
    assert_eq!(
        count(&[(1, 0), (2, 9), (1, 10), (1, 12)]),
        ["+I 1 1 @0 @10 @9", "+I 1 2 @10 @22 @21", "+I 2 1 @9 @19 @18"]
    );
}
