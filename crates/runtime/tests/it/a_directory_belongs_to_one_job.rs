use std::sync::Arc;

use tidemill_core::storage::Storage;
use tidemill_runtime::{JobEnd, SystemEnv, local};

use crate::support::{Ledger, all_rows, registry, spec};

#[test]
fn another_job_and_changed_statements_are_refused_and_fresh_starts_over() {
    let folder = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = tidemill_checkpoint::open(&folder.path().to_string_lossy()).unwrap();
    let run = |name: &str, fingerprint: &str, fresh: bool| {
        let ledger = Ledger::default();
        let mut spec = spec(2, "1 s");
        (spec.name, spec.fingerprint, spec.fresh) = (name.to_string(), fingerprint.to_string(), fresh);
        let handle =
            local::start(spec, registry(&ledger, None), Arc::clone(&storage), Arc::new(SystemEnv::new())).unwrap();
        (handle.wait().end, ledger.rows())
    };
    let code = |end: &JobEnd| match end {
        JobEnd::Failed(failure) => failure.code(),
        _ => "",
    };
    assert!(matches!(run("numbers", "1", false).0, JobEnd::Finished));
    assert_eq!(code(&run("others", "1", false).0), "job.other");
    assert_eq!(code(&run("numbers", "2", false).0), "job.changed");
    let (end, rows) = run("others", "2", true);
    assert!(matches!(end, JobEnd::Finished), "{end:?}");
    assert_eq!(rows, all_rows());
}
