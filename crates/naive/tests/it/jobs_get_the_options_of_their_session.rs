use std::sync::Arc;

use tidemill_connectors::connectors;
use tidemill_dataflow::JobGraph;
use tidemill_planner::{Session, session_options};
use tidemill_runtime::{JobSpec, job, local};

#[test]
fn what_a_job_knows_can_be_set_with_the_same_default() {
    for known in [
        job::CHECKPOINT_INTERVAL,
        job::CHECKPOINT_TIMEOUT,
        job::CHECKPOINT_DIR,
        job::CHECKPOINTS_RETAINED,
        job::MAX_PARALLELISM,
        job::RESTART_ATTEMPTS,
    ] {
        let option = session_options::ALL.iter().find(|option| option.key == known.key).expect(known.key);
        assert_eq!(option.kind, known.kind, "{}", known.key);
        assert!(option.default.is_none() || option.default == known.default, "{}", known.key);
    }
}

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
    };
    let config = local::coordinator_config(&spec).unwrap();
    assert_eq!((config.timeout_ns, config.restarts_max, config.interval_ns), (5_000_000_000, 7, None));
}
