//! Instances see inputs become idle at different moments, so their watermarks may differ in a checkpoint. Whoever goes on from it
//! has keys of several of them.

use std::collections::BTreeMap;

use prost::Message;
use tidemill_core::RowKind;
use tidemill_expr::Scalar;
use tidemill_operators::config::*;
use tidemill_operators::harness::text::Row;
use tidemill_operators::harness::{Harness, batch_of, rows_of, scatter};

use crate::support::*;
use crate::windows_hold_the_rows_of_their_time::{config, output_types, windows_of};

/// A job whose instances have watermarks of their own, beside what must come out of it.
struct Job {
    spec: WindowSpec,
    calls: Vec<AggregateCall>,
    config: Vec<u8>,
    instances: Vec<Harness>,
    watermarks: Vec<i64>,
    expected: BTreeMap<(i64, i64, String), Vec<Row>>,
    late: u64,
    found: Vec<Row>,
    found_late: u64,
}

impl Job {
    fn start(spec: WindowSpec, calls: &[AggregateCall], parallelism: u32) -> Job {
        let config = config(spec, calls, false).encode_to_vec();
        let open = |subtask| {
            Harness::restore(operator(WINDOW_AGGREGATE, &config).unwrap(), subtask, parallelism, &[]).unwrap()
        };
        Job {
            spec,
            calls: calls.to_vec(),
            instances: (0..parallelism).map(open).collect(),
            config,
            watermarks: vec![i64::MIN; parallelism as usize],
            expected: BTreeMap::new(),
            late: 0,
            found: Vec::new(),
            found_late: 0,
        }
    }

    fn rows(&mut self, rows: &[Row]) {
        for row in rows {
            let batch = batch_of(&input_types(), std::slice::from_ref(row)).unwrap();
            let parts = scatter(&batch, &[KEY], self.instances.len() as u32).unwrap();
            let owner = parts.iter().position(|part| !part.is_empty()).unwrap();
            self.instances[owner].batch(0, &batch).unwrap();
            let watermark = self.watermarks[owner];
            let windows = windows_of(&self.spec, time_of(row)).into_iter();
            let open: Vec<(i64, i64)> = windows.filter(|(_, end)| end - 1 > watermark).collect();
            self.late += u64::from(open.is_empty());
            for (start, end) in open {
                self.expected.entry((start, end, row.1[KEY].to_string())).or_default().push(row.clone());
            }
        }
    }

    fn watermark(&mut self, instance: usize, watermark: i64) {
        self.watermarks[instance] = self.watermarks[instance].max(watermark);
        self.instances[instance].watermark(self.watermarks[instance]).unwrap();
    }

    /// Stops with a checkpoint and goes on at another parallelism: everyone is where the first was.
    fn rescale(&mut self, parallelism: u32) {
        let snapshots: Vec<_> = self.instances.iter_mut().map(|instance| instance.checkpoint(false).unwrap()).collect();
        self.collect();
        let restore = |subtask| {
            let operator = operator(WINDOW_AGGREGATE, &self.config).unwrap();
            Harness::restore(operator, subtask, parallelism, &snapshots).unwrap()
        };
        self.instances = (0..parallelism).map(restore).collect();
        let highest = self.watermarks.iter().copied().max().unwrap_or(i64::MIN);
        self.watermarks = vec![highest; parallelism as usize];
    }

    fn collect(&mut self) {
        let (_, types, mergeable) = calls();
        let output = output_types(&types[..mergeable]);
        for instance in &mut self.instances {
            self.found.extend(instance.output().iter().flat_map(|batch| rows_of(&output, batch)));
            self.found_late += instance.counters().late_rows_dropped;
        }
    }

    fn end(mut self, what: &str) {
        self.instances.iter_mut().for_each(|instance| instance.end().unwrap());
        self.collect();
        let expected = self.expected.iter().map(|((start, end, _), rows)| {
            let mut values = vec![rows[0].1[KEY].clone()];
            values.extend(aggregate(&self.calls, rows));
            values.extend([*start, *end, end - 1].map(Scalar::timestamp_ms));
            (RowKind::Insert, values)
        });
        assert_same(&sorted(&self.found), &sorted(&expected.collect::<Vec<Row>>()), what);
        assert_eq!(self.found_late, self.late, "{what}: late rows");
    }
}

#[test]
fn a_window_fires_once_for_every_key_though_instances_were_apart() {
    let (calls, _, mergeable) = calls();
    let spec = |kind: WindowKind, size_ms, step_ms| WindowSpec { kind: kind as i32, size_ms, step_ms, offset_ms: 0 };
    let specs = [
        spec(WindowKind::Tumble, 20, 0),
        spec(WindowKind::Hop, 60, 10),
        spec(WindowKind::Hop, 40, 5),
        spec(WindowKind::Cumulate, 80, 10),
    ];
    let mut uneven = 0;
    for seed in 0..48u64 {
        let spec = specs[seed as usize % specs.len()];
        let mut random = Random(700 + seed);
        let steps = stream(&mut random, 300, 8, 60, 12);
        let mut job = Job::start(spec, &calls[..mergeable], 2 + random.below(2) as u32);
        let half = steps.len() / 2;
        for (number, step) in steps.iter().enumerate() {
            match step {
                Step::Rows(rows) => job.rows(rows),
                Step::Watermark(watermark) => {
                    for instance in 0..job.instances.len() {
                        // Some are behind the others, by some windows.
                        let behind = if number < half { random.between(0, 70) } else { 0 };
                        job.watermark(instance, watermark - behind);
                    }
                }
                Step::Rescale(_) => {}
            }
            if number == half || number == half + half / 2 {
                uneven += usize::from(job.watermarks.iter().any(|watermark| *watermark != job.watermarks[0]));
                job.rescale(1 + random.below(3) as u32);
            }
        }
        job.end(&format!("seed {seed}, {spec:?}"));
    }
    assert!(uneven > 12, "instances were apart in {uneven} cases: the test shows little");
}
