use crate::support::World;
use tidemill_batch::Lowering;

fn ordered(sql: &str) -> Vec<String> {
    let mut world = World::after(
        "CREATE VIEW t AS SELECT * FROM (VALUES (2, 'b'), (CAST(NULL AS INT), 'n'), (1, 'a'), (3, 'c')) AS v(x, s)",
    );
    let query = world.query(sql);
    world.cx.parallelism = 3;
    let rows = world.try_rows(&query, Lowering::Optimized).unwrap();
    assert_eq!(rows, world.try_rows(&query, Lowering::Bound).unwrap(), "{sql}");
    rows
}

#[test]
fn null_is_smaller_than_everything() {
    assert_eq!(ordered("SELECT x FROM t ORDER BY x"), ["NULL", "1", "2", "3"]);
    assert_eq!(ordered("SELECT x FROM t ORDER BY x DESC"), ["3", "2", "1", "NULL"]);
    assert_eq!(ordered("SELECT x FROM t ORDER BY x NULLS LAST"), ["1", "2", "3", "NULL"]);
}

#[test]
fn a_limit_counts_in_the_order() {
    assert_eq!(ordered("SELECT s FROM t ORDER BY x DESC LIMIT 2"), ["c", "b"]);
    assert_eq!(ordered("SELECT s FROM t ORDER BY x OFFSET 1 ROW FETCH NEXT 2 ROWS ONLY"), ["a", "b"]);
    assert_eq!(ordered("SELECT COUNT(*) FROM (SELECT x FROM t LIMIT 3)"), ["3"]);
}

#[test]
fn a_column_that_is_not_selected_may_order() {
    assert_eq!(ordered("SELECT s FROM t WHERE x IS NOT NULL ORDER BY x * -1"), ["c", "b", "a"]);
}
