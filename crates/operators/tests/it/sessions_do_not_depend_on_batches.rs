//! The same rows behind a source, in batches of one row and of many: sessions are those of single rows, each of which moves the
//! watermark. Many rows are exactly the gap behind a row of their key.

use prost::Message;
use tidemill_expr::SqlType;
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

/// What a source hands out for batches of so many rows: it cuts them before rows that the watermark has passed, and nowhere else.
fn read(runs: &[Run], shape: Shape, batch_rows: usize) -> Vec<Step> {
    let mut latest = vec![i64::MIN; shape.splits as usize];
    let (mut steps, mut emitted) = (Vec::new(), i64::MIN);
    for (split, rows) in runs {
        for chunk in rows.chunks(batch_rows) {
            let mut part: Vec<Row> = Vec::new();
            for row in chunk {
                let watermark = latest.iter().min().copied().unwrap_or(i64::MIN);
                if time_of(row) <= watermark && watermark > emitted {
                    steps.extend([Step::Rows(std::mem::take(&mut part)), Step::Watermark(watermark)]);
                    emitted = watermark;
                }
                let latest = &mut latest[*split as usize];
                *latest = (*latest).max(time_of(row) - shape.delay_ms);
                part.push(row.clone());
            }
            let watermark = latest.iter().min().copied().unwrap_or(i64::MIN);
            steps.push(Step::Rows(part));
            if watermark > emitted {
                steps.push(Step::Watermark(watermark));
                emitted = watermark;
            }
        }
    }
    steps
}

/// The sessions of what a source hands out to several instances, and how many rows were late. Halfway they are restored.
fn sessions(steps: &[Step], config: &[u8], instances: u32, output: &[SqlType]) -> (Vec<String>, u64) {
    let open = || operator(SESSION_AGGREGATE, config).unwrap();
    let mut all: Vec<Harness> = (0..instances).map(|i| Harness::restore(open(), i, instances, &[]).unwrap()).collect();
    let (mut rows, mut late) = (Vec::new(), 0);
    let mut collect = |all: &mut Vec<Harness>| {
        for instance in all {
            rows.extend(instance.output().iter().flat_map(|batch| rows_of(output, batch)));
            late += instance.counters().late_rows_dropped;
        }
    };
    for (number, step) in steps.iter().enumerate() {
        if number == steps.len() / 2 {
            let snapshots: Vec<_> = all.iter_mut().map(|instance| instance.checkpoint(false).unwrap()).collect();
            collect(&mut all);
            all = (0..instances).map(|i| Harness::restore(open(), i, instances, &snapshots).unwrap()).collect();
        }
        match step {
            Step::Rows(rows) => {
                let batch = batch_of(&input_types(), rows).unwrap();
                for (instance, part) in all.iter_mut().zip(scatter(&batch, &[KEY], instances).unwrap()) {
                    instance.batch(0, &part).unwrap();
                }
            }
            Step::Watermark(watermark) => {
                all.iter_mut().for_each(|instance| instance.watermark(*watermark).unwrap());
            }
            Step::Rescale(_) => {}
        }
    }
    all.iter_mut().for_each(|instance| instance.end().unwrap());
    collect(&mut all);
    assert_eq!(all.iter_mut().map(Harness::state_rows).sum::<usize>(), 0);
    (sorted(&rows), late)
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
            let (rows, late) = expected(GAP, calls, &read(&runs, shape, 1));
            assert!(rows.len() > 20);
            for (batch_rows, instances) in [(1, 1), (7, 1), (1024, 1), (1, 3), (7, 3), (1024, 3)] {
                let found = sessions(&read(&runs, shape, batch_rows), &config, instances, &output);
                let what = format!("seed {seed}, batches of {batch_rows}, {instances} instances");
                assert_same(&found.0, &rows, &what);
                assert_eq!(found.1, late, "{what}");
            }
        }
    }
}
