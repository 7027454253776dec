//! `taskmanager.memory.managed.size`: a job whose state grows beyond it says so instead of taking the machine down.

use crate::support::Folder;

const DISTINCT: &str = "CREATE TABLE s (k BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100000000', 'fields.k.kind' = 'sequence', \
                        'fields.k.start' = '1', 'fields.k.end' = '400000'); \
                        CREATE TABLE b (k BIGINT, n BIGINT) WITH ('connector' = 'blackhole'); \
                        INSERT INTO b SELECT k, COUNT(*) FROM s GROUP BY k";

#[test]
fn a_job_that_needs_more_fails_and_names_the_operator() {
    let folder = Folder::new();
    let ran = folder.sql(DISTINCT, &["-D", "taskmanager.memory.managed.size=4 mb"]);
    ran.code(1).says(&["taskmanager.memory.managed.size", "of 4 MiB", "GroupAggregate"]);
    folder.sql(DISTINCT, &["-D", "taskmanager.memory.managed.size=1 gb"]).code(0);
}
