use crate::support::{repository, world};
use tidemill_batch::{Lowering, execute_job};

/// All queries of which two runs are alike.
const QUERIES: &[&str] = &["q0", "q1", "q2", "q5", "q7", "q8", "q11", "q14", "q15", "q16", "q17", "q21", "q22"];

fn read(name: &str) -> String {
    std::fs::read_to_string(repository(&format!("bench/nexmark/{name}.sql"))).unwrap()
}

#[test]
fn from_either_plan_at_any_parallelism() {
    for query in QUERIES {
        let mut world = world();
        world.run("SET 'tidemill.sink.result-hash' = 'true'");
        world.run(&read("ddl").replace("'events.num' = '1000000'", "'events.num' = '20000'"));
        let job = world.job(&read(query));
        let mut reports = Vec::new();
        for (parallelism, lowering) in [(1, Lowering::Optimized), (2, Lowering::Optimized), (2, Lowering::Bound)] {
            world.cx.parallelism = parallelism;
            let report = execute_job(&job, lowering, &world.cx).unwrap_or_else(|failure| panic!("{query}: {failure}"));
            reports.push((report.counts.rows_out, report.counts.result_hash));
        }
        assert!(reports[0].0 > 0, "{query} gives no rows");
        assert_eq!(reports[0], reports[1], "{query} at parallelism 2");
        assert_eq!(reports[0], reports[2], "{query} from the bound plan");
    }
}
