use std::sync::Arc;

use tidemill_connectors::connectors;
use tidemill_dataflow::JobGraph;
use tidemill_planner::Session;
use tidemill_runtime::{JobSpec, local};

#[test]
fn what_is_set_arrives() {
    let mut session = Session::new(connectors(), Arc::new(tidemill_functions::registry()));
    session.execute_sql("SET 'execution.checkpointing.timeout' = '5 s'").unwrap();
    session.execute_sql("SET 'restart-strategy.fixed-delay.attempts' = '7'").unwrap();
    let spec = JobSpec {
        name: "job".to_string(),
        fingerprint: "job".to_string(),
        graph: JobGraph::default(),
        parallelism: 1,
        options: session.config().clone(),
        fresh: false,
        from_savepoint: None,
        is_kept: false,
    };
    let config = local::coordinator_config(&spec).unwrap();
    assert_eq!((config.timeout_ns, config.restarts_max, config.interval_ns), (5_000_000_000, 7, None));
}
