use crate::support::World;
use std::sync::atomic::Ordering;
use tidemill_batch::{Lowering, execute_optimized};

#[test]
fn all_files_of_a_folder_are_read_at_any_parallelism() {
    let mut world =
        World::after("CREATE TABLE t (x INT) WITH ('connector' = 'filesystem', 'path' = '{dir}/in', 'format' = 'csv')");
    std::fs::create_dir(world.folder.path().join("in")).unwrap();
    for file in 0..5 {
        world.file(&format!("in/{file}.csv"), &format!("{file}\n{}\n", file + 10));
    }
    assert_eq!(world.rows("SELECT COUNT(*), SUM(x) FROM t"), ["10|70"]);
}

#[test]
fn a_generated_table_ends_with_its_last_row() {
    let mut world = World::after(
        "CREATE TABLE t (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '1000',
           'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '1000')",
    );
    assert_eq!(world.rows("SELECT COUNT(*), SUM(n) FROM t"), ["1000|500500"]);
}

#[test]
fn a_table_without_an_end_is_refused() {
    let mut world = World::after("CREATE TABLE t (n BIGINT) WITH ('connector' = 'datagen')");
    let failure = world.failure("SELECT n FROM t");
    assert_eq!(failure.code(), "batch.unbounded");
    assert!(failure.message().contains("'execution.runtime-mode' = 'streaming'"), "{failure}");
}

#[test]
fn a_broken_file_is_reported_with_its_place() {
    let mut world = World::after(
        "CREATE TABLE t (x INT) WITH ('connector' = 'filesystem', 'path' = '{dir}/t.csv', 'format' = 'csv')",
    );
    world.file("t.csv", "1\ntwo\n");
    let failure = world.failure("SELECT x + 1 FROM t");
    assert!(failure.to_string().contains("t.csv"), "{failure}");
}

#[test]
fn a_query_can_be_stopped() {
    let mut world =
        World::after("CREATE TABLE t (n BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '100000')");
    let query = world.query("SELECT n FROM t");
    world.cx.rows_max = 10;
    let mut rows = execute_optimized(&query, &world.cx).unwrap();
    rows.next().unwrap().unwrap();
    world.cx.canceled.store(true, Ordering::Relaxed);
    let failure = rows.find_map(Result::err).unwrap();
    assert_eq!(failure.code(), "batch.canceled");
    world.cx.canceled.store(false, Ordering::Relaxed);
    assert_eq!(world.try_rows(&query, Lowering::Optimized).unwrap().len(), 100_000);
}
