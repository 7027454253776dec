use crate::support::World;
use tidemill_batch::Lowering;

fn divisors() -> World {
    World::after("CREATE VIEW t AS SELECT * FROM (VALUES (0, 'zero'), (2, 'two'), (20, 'twenty')) AS v(x, s)")
}

#[test]
fn a_condition_is_not_asked_where_another_decides() {
    let mut world = divisors();
    assert_eq!(world.rows("SELECT s FROM t WHERE x <> 0 AND 10 / x > 1"), ["two"]);
    assert_eq!(world.rows("SELECT s FROM t WHERE 10 / x > 1 AND x <> 0"), ["two"]);
}

#[test]
fn a_condition_above_a_filter_is_not_asked_of_rows_that_are_gone() {
    let mut world = divisors();
    assert_eq!(world.rows("SELECT s FROM (SELECT * FROM t WHERE x <> 0) WHERE 10 / x > 1"), ["two"]);
    assert_eq!(
        world.rows("SELECT y FROM (SELECT 10 / x AS y FROM (SELECT * FROM t WHERE x <> 0)) WHERE y >= 0"),
        ["0", "5"]
    );
}

#[test]
fn a_condition_on_pairs_is_not_asked_of_rows_without_a_match() {
    let mut world = divisors();
    world.run("CREATE VIEW u AS SELECT * FROM (VALUES (2), (20)) AS v(x)");
    for kind in ["", "LEFT"] {
        assert_eq!(world.rows(&format!("SELECT COUNT(s) FROM u {kind} JOIN t ON u.x = t.x AND 10 / t.x > 1")), ["1"]);
        assert_eq!(world.rows(&format!("SELECT COUNT(s) FROM u {kind} JOIN t ON u.x = t.x WHERE 10 / t.x > 1")), ["1"]);
    }
}

#[test]
fn a_condition_on_pairs_is_not_asked_of_the_side_that_has_its_columns() {
    let mut world = divisors();
    // The only other column is a key, which DataFusion would replace by that of the first side.
    for kind in ["", "LEFT"] {
        let sql = format!("SELECT COUNT(w.s) FROM t AS u {kind} JOIN t AS w ON u.s = w.s AND u.x = 2 AND 10 / u.x > 1");
        assert_eq!(world.rows(&sql), ["1"]);
    }
}

#[test]
fn an_argument_is_not_asked_of_rows_that_its_filter_drops() {
    let mut world = divisors();
    assert_eq!(world.rows("SELECT SUM(10 / x) FILTER (WHERE x <> 0) FROM t"), ["5"]);
    let sql = "SELECT COUNT(DISTINCT 10 / x) FILTER (WHERE x > 0), MAX(10 / x) FILTER (WHERE x > 5), COUNT(*) FROM t";
    assert_eq!(world.rows(sql), ["2|0|3"]);
    assert_eq!(world.failure("SELECT SUM(10 / x) FILTER (WHERE x < 20) FROM t").code(), "expression");
    assert_eq!(world.failure("SELECT SUM(x) FILTER (WHERE 10 / x > 1) FROM t").code(), "expression");
}

#[test]
fn filters_mean_the_same_apart_and_together() {
    let mut world =
        World::after("CREATE VIEW t AS SELECT * FROM (VALUES (0, 0), (CAST(NULL AS INT), 0), (1, 2)) AS v(a, x)");
    assert_eq!(world.rows("SELECT a FROM t WHERE a > 0 AND 10 / x > 1"), ["1"]);
    assert_eq!(world.rows("SELECT a FROM (SELECT * FROM t WHERE a > 0) WHERE 10 / x > 1"), ["1"]);
    // Put together by our rules; the bound plan asks the inner condition of every row.
    let query = world.query("SELECT a FROM (SELECT * FROM t WHERE 10 / x > 1) WHERE a > 0");
    assert_eq!(world.try_rows(&query, Lowering::Optimized).unwrap(), ["1"]);
    assert_eq!(world.failure("SELECT a FROM t WHERE a >= 0 AND 10 / x > 1").code(), "expression");
}

#[test]
fn an_error_that_is_asked_for_names_the_row() {
    let failure = divisors().failure("SELECT 10 / x FROM t");
    assert_eq!(failure.code(), "expression");
    assert!(failure.message().contains(" = 0)"), "{failure}");
}
