//! Whole jobs at parallelism 1 whose watermarks are right behind their rows: SESSION gives the same rows for batches of any size,
//! also over the rows of windows and of sessions, and where no row is late they are those of the batch answer.

use std::collections::BTreeMap;

use tidemill_batch::Lowering;
use tidemill_naive::{Row, Value};

use crate::engine::{Answer, Engine, Mode};
use crate::random::Random;

const DDL: &str = "CREATE TABLE t (k INT, n INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '0.00{delay}' SECOND) \
                   WITH ('connector' = 'memory')";

/// Each with a gap of 5 ms.
const QUERIES: [&str; 6] = [
    "SELECT k, window_start, window_end, COUNT(*), SUM(n) \
     FROM TABLE(SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), INTERVAL '0.005' SECOND)) \
     GROUP BY k, window_start, window_end",
    // Rows that move the watermark are not there any more where the sessions are.
    "SELECT k, window_start, window_end, COUNT(DISTINCT n) \
     FROM TABLE(SESSION(TABLE (SELECT k, n, ts FROM t WHERE k < 2) PARTITION BY k, DESCRIPTOR(ts), INTERVAL '0.005' SECOND)) \
     GROUP BY k, window_start, window_end",
    "SELECT window_start, window_end, SUM(n) \
     FROM TABLE(SESSION(TABLE (SELECT n + 1 AS n, ts FROM t WHERE k = 0), DESCRIPTOR(ts), INTERVAL '0.005' SECOND)) \
     GROUP BY window_start, window_end",
    // Rows with the time of their window, which is ahead of theirs.
    "SELECT k, window_start, window_end, SUM(n) \
     FROM TABLE(SESSION(TABLE (SELECT k, n, window_time AS t FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '0.002' SECOND))) \
     PARTITION BY k, DESCRIPTOR(t), INTERVAL '0.005' SECOND)) \
     GROUP BY k, window_start, window_end",
    // Windows follow each other at just the gap, and many of them come with one watermark.
    "SELECT k, window_start, window_end, SUM(c) \
     FROM TABLE(SESSION(TABLE (SELECT k, COUNT(*) AS c, window_time AS t \
       FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '0.005' SECOND)) GROUP BY k, window_start, window_end, window_time) \
     PARTITION BY k, DESCRIPTOR(t), INTERVAL '0.005' SECOND)) \
     GROUP BY k, window_start, window_end",
    "SELECT window_start, window_end, SUM(c), COUNT(*) \
     FROM TABLE(SESSION(TABLE (SELECT k, COUNT(*) AS c, window_time AS t \
       FROM TABLE(SESSION(TABLE t PARTITION BY k, DESCRIPTOR(ts), INTERVAL '0.003' SECOND)) \
       GROUP BY k, window_start, window_end, window_time) \
     PARTITION BY k, DESCRIPTOR(t), INTERVAL '0.002' SECOND)) \
     GROUP BY k, window_start, window_end",
];

const BATCH: Mode = Mode::Batch { lowering: Lowering::Optimized, parallelism: 1, rows_max: 1024 };

fn rows(seed: u64, steps: &[i64], disorder: i64) -> Vec<Row> {
    let mut random = Random(seed);
    let mut now = 0;
    let mut row = || {
        now += *random.pick(steps);
        let time = now - random.below(disorder as usize + 1) as i64;
        vec![Value::Int(random.below(4) as i64), Value::Int(random.below(9) as i64), Value::timestamp_ms(time)]
    };
    (0..1500).map(|_| row()).collect()
}

fn ask(queries: &[&str]) -> Vec<String> {
    let mut failures = Vec::new();
    for (seed, steps, disorder, delay) in
        [(31, &[1][..], 0, 0), (32, &[1, 2, 4, 5, 6], 0, 0), (33, &[0, 1, 2, 5], 4, 2), (34, &[0, 0, 1, 2], 1, 0)]
    {
        println!("seed {seed}, steps {steps:?}, disorder {disorder} ms, delay {delay} ms");
        let ddl = DDL.replace("{delay}", &delay.to_string());
        let engine = Engine::new(BTreeMap::from([("t".to_string(), rows(seed, steps, disorder))]), vec![ddl]);
        for query in queries {
            let answer = |rows_max| engine.ask(query, Mode::Streaming { parallelism: 1, rows_max, two_phases: false });
            let single = answer(1);
            match &single {
                Answer::Rows(_, rows) => assert!(rows.len() > 20, "{query}: {} rows", rows.len()),
                other => panic!("{query}: {other:?}"),
            }
            if disorder <= delay && engine.ask(query, BATCH) != single {
                failures.push(format!("seed {seed}, batch: {query}"));
            }
            for rows_max in [7, 1024] {
                if answer(rows_max) != single {
                    failures.push(format!("seed {seed}, batches of {rows_max}: {query}"));
                }
            }
        }
    }
    failures
}

#[test]
fn batches_of_any_size_give_the_sessions_of_single_rows() {
    assert_eq!(ask(&QUERIES), [""; 0]);
}
