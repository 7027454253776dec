//! Random queries give the same bag of rows, names and types from the interpreter, from streaming jobs and from DataFusion,
//! there once from the plan as bound and once after our rules. With `TIDEMILL_QUERIES=5000` set there are more of them.

use std::collections::BTreeMap;

use tidemill_batch::Lowering;
use tidemill_naive::{Error, Oracle};

use crate::engine::{Answer, Engine, Mode, shown_naive_type};
use crate::generator::Generator;
use crate::random::Random;
use crate::world::tables;

const SEEDS: [u64; 3] = [20_130_101, 77_001, 4_711];
/// Queries of each seed.
const QUERIES: usize = 250;
const VIEW: &str = "CREATE VIEW v1 AS SELECT k, a, d, s, ok, ts FROM t1 WHERE b > 0 OR b IS NULL";

fn world(seed: u64) -> (Oracle, Engine) {
    let (mut oracle, mut rows, mut script) = (Oracle::default(), BTreeMap::new(), Vec::new());
    for table in tables(seed) {
        let ddl =
            format!("CREATE TABLE {} ({}{}) WITH ('connector' = 'memory')", table.name, table.columns, table.tail);
        oracle.execute(&ddl).unwrap();
        oracle.add_rows(table.name, table.rows.clone()).unwrap();
        script.push(ddl);
        rows.insert(table.name.to_string(), table.rows);
    }
    oracle.execute(VIEW).unwrap();
    script.push(VIEW.to_string());
    (oracle, Engine::new(rows, script))
}

fn naive(oracle: &Oracle, query: &str) -> Answer {
    match oracle.ask(query) {
        Ok(answer) => {
            let columns = answer.columns.iter().map(|(name, ty)| (name.clone(), shown_naive_type(ty))).collect();
            Answer::Rows(columns, answer.bag())
        }
        Err(Error::Value(what)) => Answer::Value(what),
        Err(other) => Answer::Refused(other.to_string()),
    }
}

/// Whether both say the same; which error it is does not matter.
fn agree(a: &Answer, b: &Answer) -> bool {
    match (a, b) {
        (Answer::Rows(..), Answer::Rows(..)) => a == b,
        (Answer::Value(_), Answer::Value(_)) => true,
        _ => false,
    }
}

fn difference(mode: Mode, expected: &Answer, got: &Answer) -> String {
    match (expected, got) {
        (Answer::Rows(columns, rows), Answer::Rows(got_columns, got_rows)) => {
            let only = |a: &[String], b: &[String]| {
                let rows: Vec<&String> = a.iter().filter(|row| !b.contains(row)).take(3).collect();
                format!("{rows:?}")
            };
            let types =
                if columns == got_columns { String::new() } else { format!("\n  {columns:?}\n  {got_columns:?}") };
            format!(
                "{mode:?}: {} rows expected, {} given{types}\n  only expected: {}\n  only given: {}",
                rows.len(),
                got_rows.len(),
                only(rows, got_rows),
                only(got_rows, rows)
            )
        }
        (expected, got) => {
            let short = |answer: &Answer| format!("{answer:?}").chars().take(400).collect::<String>();
            format!("{mode:?}:\n  expected: {}\n  given: {}", short(expected), short(got))
        }
    }
}

#[test]
fn random_queries_have_one_answer() {
    let queries = std::env::var("TIDEMILL_QUERIES").map_or(QUERIES, |text| text.parse().unwrap());
    for seed in SEEDS {
        println!("seed {seed}, {queries} queries");
        let (oracle, engine) = world(seed);
        let mut generator = Generator { random: Random(seed) };
        let mut failures = Vec::new();
        let mut answered = 0;
        for number in 0..queries {
            let query = generator.query();
            let expected = naive(&oracle, &query.text);
            answered += usize::from(matches!(expected, Answer::Rows(..)));
            for mode in modes(number, query.batch_only) {
                let got = engine.ask(&query.text, mode);
                if !agree(&expected, &got) {
                    failures.push(format!("#{number} {}\n{}", query.text, difference(mode, &expected, &got)));
                }
            }
        }
        assert!(failures.is_empty(), "seed {seed}: {} differences\n{}", failures.len(), failures.join("\n\n"));
        assert!(
            answered * 10 > queries * 8,
            "seed {seed}: only {answered} of {queries} queries have rows for an answer"
        );
    }
}

/// How a query is run: on DataFusion from both plans, and as a job, each time with other figures.
fn modes(number: usize, batch_only: bool) -> Vec<Mode> {
    let parallelism = [1, 2, 3, 7][number % 4];
    let rows_max = [1, 7, 4096][number % 3];
    let batch = |lowering| Mode::Batch { lowering, parallelism: 1 + parallelism % 3, rows_max };
    let mut modes = vec![batch(Lowering::Optimized), batch(Lowering::Bound)];
    if !batch_only {
        modes.push(Mode::Streaming { parallelism, rows_max, two_phases: number % 8 < 4 });
    }
    modes
}
