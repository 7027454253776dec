//! A session in batch mode with real connectors, and a world without surprises.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tidemill_batch::{BatchContext, BatchRows, Lowering, execute_bound, execute_optimized};
use tidemill_connectors::Outside;
use tidemill_core::{Env, Failure, Now, Result};
use tidemill_dataflow::Registry;
use tidemill_expr::Scalar;
use tidemill_planner::{Outcome, PlannedJob, PlannedQuery, Session};

/// A clock that goes a millisecond a look, and numbers in order.
struct Steady(AtomicU64);

impl Env for Steady {
    fn now(&self) -> Now {
        let step = self.0.fetch_add(1, Ordering::Relaxed);
        Now { monotonic_ns: step * 1_000_000, wall_ms: 1_700_000_000_000 + step as i64 }
    }

    fn random_u64(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// A session, what it runs in, and what its `print` sinks have written.
pub struct World {
    pub session: Session,
    pub cx: BatchContext,
    pub printed: Arc<Mutex<Vec<u8>>>,
    /// A directory that goes with the world.
    pub folder: tempfile::TempDir,
}

struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A fresh world in batch mode.
pub fn world() -> World {
    let connectors = tidemill_connectors::connectors();
    let functions = Arc::new(tidemill_functions::registry());
    let printed = Arc::new(Mutex::new(Vec::new()));
    let outside = Outside {
        stdout: Arc::new(Mutex::new(Shared(Arc::clone(&printed)))),
        stderr: Arc::new(Mutex::new(std::io::sink())),
        stdout_is_terminal: false,
        process: 7,
    };
    let mut components = Registry::default();
    tidemill_connectors::register(&mut components, &outside);
    let mut session = Session::new(connectors.clone(), Arc::clone(&functions));
    session.configure("execution.runtime-mode", "batch").unwrap();
    let cx = BatchContext {
        functions,
        connectors,
        components,
        env: Arc::new(Steady(AtomicU64::new(1))),
        time_zone: "UTC".to_string(),
        parallelism: 1,
        rows_max: 4096,
        canceled: Arc::new(AtomicBool::new(false)),
        counters: Arc::default(),
    };
    World { session, cx, printed, folder: tempfile::tempdir().unwrap() }
}

impl World {
    /// A world after a script; `{dir}` stands for its folder.
    pub fn after(script: &str) -> World {
        let mut world = world();
        world.run(script);
        world
    }

    /// Writes a file into the folder.
    pub fn file(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Executes every statement of a script; the last outcome.
    pub fn run(&mut self, script: &str) -> Outcome {
        let script = script.replace("{dir}", &self.folder.path().display().to_string());
        let statements =
            tidemill_sql_parser::parse_script(&script).unwrap_or_else(|error| panic!("{}", error.render(&script)));
        let mut last = Outcome::Done;
        for parsed in statements {
            last = self.session.execute(&parsed.statement).unwrap_or_else(|error| panic!("{}", error.render(&script)));
        }
        last
    }

    pub fn query(&mut self, sql: &str) -> PlannedQuery {
        match self.run(sql) {
            Outcome::Query(query) => *query,
            other => panic!("{sql} gave {other:?}"),
        }
    }

    pub fn job(&mut self, sql: &str) -> PlannedJob {
        match self.run(sql) {
            Outcome::Job(job) => *job,
            other => panic!("{sql} gave {other:?}"),
        }
    }

    /// The rows of a query in the order in which they come, from one plan.
    pub fn try_rows(&self, query: &PlannedQuery, lowering: Lowering) -> Result<Vec<String>> {
        let rows = match lowering {
            Lowering::Optimized => execute_optimized(query, &self.cx),
            Lowering::Bound => execute_bound(query, &self.cx),
        };
        texts(rows?)
    }

    /// The rows of a query, sorted as text; the same from either plan, at several parallelisms and batch sizes.
    pub fn rows(&mut self, sql: &str) -> Vec<String> {
        let query = self.query(sql);
        let mut answers = Vec::new();
        for (parallelism, rows_max) in [(1, 4096), (3, 2)] {
            (self.cx.parallelism, self.cx.rows_max) = (parallelism, rows_max);
            for lowering in [Lowering::Optimized, Lowering::Bound] {
                let rows = self.try_rows(&query, lowering);
                let mut rows = rows.unwrap_or_else(|failure| panic!("{sql}, {lowering:?}, {parallelism}: {failure}"));
                rows.sort_unstable();
                answers.push((lowering, parallelism, rows));
            }
        }
        let (_, _, first) = answers.swap_remove(0);
        for (lowering, parallelism, rows) in answers {
            assert_eq!(rows, first, "{sql}: {lowering:?} at parallelism {parallelism} differs");
        }
        first
    }

    /// The failure of a query, the same from either plan.
    pub fn failure(&mut self, sql: &str) -> Failure {
        let query = self.query(sql);
        let failure = self.try_rows(&query, Lowering::Optimized).expect_err(sql);
        let bound = self.try_rows(&query, Lowering::Bound).expect_err(sql);
        assert_eq!(failure.code(), bound.code());
        failure
    }
}

/// A file of the repository. Cargo runs tests in their package's folder; a path that was compiled in would be that of
/// whichever clone last built into a shared target folder.
pub fn repository(path: &str) -> std::path::PathBuf {
    let path = std::path::absolute(std::path::Path::new("../..").join(path)).unwrap();
    assert!(path.exists(), "{} is missing: it is part of the repository; run tests with cargo", path.display());
    path
}

/// Rows as `a|b|c`.
pub fn texts(rows: BatchRows) -> Result<Vec<String>> {
    let types = rows.schema().types();
    let mut texts = Vec::new();
    for batch in rows {
        let batch = batch?;
        for row in 0..batch.len() {
            let cell = |(column, ty)| match Scalar::at(&batch.column(column), ty, row) {
                Scalar::Null => "NULL".to_string(),
                Scalar::String(text) => text.to_string(),
                other => other.to_string(),
            };
            texts.push(types.iter().enumerate().map(cell).collect::<Vec<String>>().join("|"));
        }
    }
    Ok(texts)
}
