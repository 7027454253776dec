use crate::support::{World, world};
use tidemill_batch::{Lowering, explain_query};

#[test]
fn a_query_without_a_table() {
    assert_eq!(world().rows("SELECT 1, 'a', CAST(NULL AS INT)"), ["1|a|NULL"]);
}

#[test]
fn unknown_is_a_truth_value() {
    let sql =
        "SELECT UNKNOWN, UNKNOWN AND FALSE, UNKNOWN OR TRUE, UNKNOWN IS UNKNOWN, TRUE IS NOT UNKNOWN, TYPEOF(UNKNOWN)";
    assert_eq!(world().rows(sql), ["NULL|false|true|true|true|BOOLEAN"]);
    assert!(world().rows("SELECT 1 WHERE UNKNOWN").is_empty());
}

#[test]
fn filters_and_projections() {
    let mut world = World::after(
        "CREATE VIEW t AS SELECT * FROM (VALUES (1, 'a', 10), (2, 'b', CAST(NULL AS INT)), (3, 'c', 30)) AS v(x, s, y)",
    );
    assert_eq!(world.rows("SELECT s, x + y FROM t WHERE x > 1"), ["b|NULL", "c|33"]);
    assert_eq!(world.rows("SELECT s FROM t WHERE y IS NULL OR x = 3"), ["b", "c"]);
    assert_eq!(world.rows("SELECT x FROM t WHERE UPPER(s) = 'A' AND x < 3"), ["1"]);
    assert_eq!(world.rows("SELECT a + 1 FROM (SELECT x * 2 AS a FROM t) WHERE a > 2 AND a < 6"), ["5"]);
    assert!(world.rows("SELECT x FROM t WHERE 1 = 2").is_empty());
}

#[test]
fn having_without_groups_is_one_group() {
    assert_eq!(world().rows("SELECT 1 FROM (VALUES (1), (2)) AS t(a) HAVING 1 = 1"), ["1"]);
    assert!(world().rows("SELECT 1 FROM (VALUES (1), (2)) AS t(a) HAVING 1 = 2").is_empty());
}

#[test]
fn nan_compares_with_nothing() {
    let values = "(VALUES (CAST('NaN' AS DOUBLE)), (CAST(2 AS DOUBLE)), (-0e0)) AS t(f)";
    assert_eq!(world().rows(&format!("SELECT f FROM {values} WHERE f > 1")), ["2.0"]);
    assert_eq!(world().rows(&format!("SELECT COUNT(*) FROM {values} WHERE f = f")), ["2"]);
    assert_eq!(world().rows(&format!("SELECT COUNT(*) FROM {values} WHERE f = 0e0")), ["1"]);
}

#[test]
fn one_column_may_be_asked_for_twice() {
    assert_eq!(world().rows("SELECT x, x, y FROM (VALUES (1, 2)) AS t(x, y)"), ["1|1|2"]);
}

#[test]
fn unions_keep_duplicates() {
    let rows = world().rows("SELECT 1 UNION ALL SELECT 1 UNION ALL SELECT CAST(NULL AS INT)");
    assert_eq!(rows, ["1", "1", "NULL"]);
}

#[test]
fn a_plan_can_be_shown() {
    let mut world = world();
    let query = world.query("SELECT x FROM (VALUES (1), (2)) AS t(x) WHERE x > 1");
    let text = explain_query(&query, Lowering::Bound, &world.cx).unwrap();
    assert!(text.contains("Values: rows=2") && text.contains("FilterExec"), "{text}");
}
