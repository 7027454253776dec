use crate::support::World;

fn numbers() -> World {
    World::after(
        "CREATE VIEW t AS SELECT * FROM (VALUES
           ('a', 1, CAST(1.5 AS DECIMAL(5, 2)), 'x'), ('a', 2, CAST(2.5 AS DECIMAL(5, 2)), 'z'),
           ('b', 7, CAST(NULL AS DECIMAL(5, 2)), 'y'), ('b', CAST(NULL AS INT), CAST(0.1 AS DECIMAL(5, 2)), 'x'),
           ('a', 2, CAST(1.0 AS DECIMAL(5, 2)), CAST(NULL AS STRING)), (CAST(NULL AS STRING), 5, CAST(1.0 AS DECIMAL(5, 2)), 'q'))
         AS v(k, n, d, s)",
    )
}

#[test]
fn an_average_of_integers_is_an_integer() {
    let rows = numbers().rows("SELECT k, COUNT(*), COUNT(n), SUM(n), AVG(n), AVG(d) FROM t GROUP BY k");
    assert_eq!(rows, ["NULL|1|1|5|5|1.000000", "a|3|3|5|1|1.666667", "b|2|1|7|7|0.100000"]);
}

#[test]
fn aggregates_over_strings_run_in_one_phase() {
    let mut world = numbers();
    assert_eq!(world.rows("SELECT k, MIN(s), MAX(s) FROM t GROUP BY k"), ["NULL|q|q", "a|x|z", "b|x|y"]);
    assert_eq!(world.rows("SELECT MIN(s), MAX(s), MAX(n) FROM t"), ["q|z|7"]);
}

#[test]
fn the_smallest_and_largest_of_all_rows_are_there_however_often_they_are_looked_at() {
    let mut world = numbers();
    assert_eq!(world.rows("SELECT MIN(n), MAX(n) FROM t"), ["1|7"]);
    assert_eq!(world.rows("SELECT MAX(d) FROM t"), ["2.50"]);
    assert_eq!(world.rows("SELECT MIN(n) FILTER (WHERE n > 1), MAX(DISTINCT n + 1) FROM t"), ["2|8"]);
}

#[test]
fn filter_comes_before_distinct_and_null_does_not_count() {
    let mut world = numbers();
    let sql = "SELECT k, COUNT(DISTINCT n), COUNT(DISTINCT s) FILTER (WHERE n = 2), SUM(DISTINCT n) FROM t GROUP BY k";
    assert_eq!(world.rows(sql), ["NULL|1|0|5", "a|2|1|3", "b|1|0|7"]);
    assert_eq!(world.rows("SELECT COUNT(DISTINCT s), COUNT(*) FILTER (WHERE s = 'x') FROM t"), ["4|2"]);
}

#[test]
fn without_rows_there_is_one_group_of_everything_and_none_of_a_key() {
    let mut world = numbers();
    assert_eq!(world.rows("SELECT COUNT(*), SUM(n), MAX(s), AVG(d) FROM t WHERE n > 100"), ["0|NULL|NULL|NULL"]);
    assert!(world.rows("SELECT k, COUNT(*) FROM t WHERE n > 100 GROUP BY k").is_empty());
}

#[test]
fn distinct_rows() {
    assert_eq!(numbers().rows("SELECT DISTINCT k FROM t"), ["NULL", "a", "b"]);
}

#[test]
fn zeros_of_either_sign_are_one_key() {
    let mut world =
        World::after("CREATE VIEW z AS SELECT * FROM (VALUES (CAST(0.0 AS DOUBLE)), (CAST('-0.0' AS DOUBLE))) AS v(x)");
    assert_eq!(world.rows("SELECT COUNT(*) FROM z GROUP BY x"), ["2"]);
    assert_eq!(world.rows("SELECT COUNT(*) FROM z AS a JOIN z AS b ON a.x = b.x"), ["4"]);
}

#[test]
fn an_aggregation_of_an_aggregation() {
    let rows =
        numbers().rows("SELECT c, COUNT(*) FROM (SELECT k, COUNT(*) AS c FROM t GROUP BY k) GROUP BY c HAVING c > 1");
    assert_eq!(rows, ["2|1", "3|1"]);
}
