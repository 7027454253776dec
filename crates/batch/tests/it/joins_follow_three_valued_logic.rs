use crate::support::{World, texts, world};
use tidemill_batch::execute_query;
use tidemill_expr::{Expr, Field, RowType, Scalar, SqlType};
use tidemill_planner::BoundQuery;
use tidemill_planner::rel::{ColId, ColumnRegistry, JoinKind, Rel};
use tidemill_sql_parser::Span;

fn tables() -> World {
    World::after(
        "CREATE VIEW l AS SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (CAST(NULL AS INT), 'n')) AS v(x, s);
         CREATE VIEW r AS SELECT * FROM (VALUES (2, 'B'), (3, 'C'), (CAST(NULL AS INT), 'N')) AS v(x, s)",
    )
}

#[test]
fn null_keys_do_not_match() {
    let mut world = tables();
    assert_eq!(world.rows("SELECT l.s, r.s FROM l JOIN r ON l.x = r.x"), ["b|B"]);
    assert_eq!(world.rows("SELECT l.s, r.s FROM l LEFT JOIN r ON l.x = r.x"), ["a|NULL", "b|B", "n|NULL"]);
    assert_eq!(world.rows("SELECT l.s, r.s FROM l RIGHT JOIN r ON l.x = r.x"), ["NULL|C", "NULL|N", "b|B"]);
    assert_eq!(
        world.rows("SELECT l.s, r.s FROM l FULL JOIN r ON l.x = r.x"),
        ["NULL|C", "NULL|N", "a|NULL", "b|B", "n|NULL"]
    );
}

#[test]
fn a_constant_is_none_where_no_row_matches() {
    let mut world = tables();
    // Rows with and without a match take turns in what DataFusion takes for a constant column.
    let many: Vec<String> = (0..40).map(|row| format!("({}, 'k{}')", row % 5, row % 7)).collect();
    world.run(&format!("CREATE VIEW m AS SELECT * FROM (VALUES {}) AS v(x, s)", many.join(", ")));
    let groups =
        |world: &mut World, join: &str| world.rows(&format!("SELECT u.x, COUNT(*), MAX(m.s) FROM {join} GROUP BY u.x"));
    let right = groups(&mut world, "m AS u RIGHT JOIN m ON u.s = m.s AND u.x = 2 AND m.x < 3");
    assert_eq!(right, ["2|28|k6", "NULL|16|k6"]);
    let left = groups(&mut world, "m LEFT JOIN (SELECT 2 AS x, s FROM m WHERE x = 1) AS u ON u.s = m.s AND m.x < 3");
    assert_eq!(left, ["2|28|k6", "NULL|16|k6"]);
}

#[test]
fn conditions_need_no_keys() {
    let mut world = tables();
    assert_eq!(world.rows("SELECT l.s, r.s FROM l JOIN r ON l.x < r.x"), ["a|B", "a|C", "b|C"]);
    assert_eq!(world.rows("SELECT COUNT(*) FROM l CROSS JOIN r"), ["9"]);
    assert_eq!(world.rows("SELECT l.s FROM l LEFT JOIN r ON l.x = r.x AND UPPER(l.s) = 'X'"), ["a", "b", "n"]);
}

/// Rows of one INT column.
fn column(registry: &mut ColumnRegistry, name: &str, values: &[Option<i64>]) -> (ColId, Rel) {
    let id = registry.computed(name, SqlType::INT, None);
    let cell = |value: &Option<i64>| Expr::literal(value.map_or(Scalar::Null, Scalar::Int), SqlType::INT);
    let rows = values.iter().map(|value| vec![cell(value)]).collect();
    (id, Rel::Values { columns: vec![id], rows })
}

/// The left values that stay.
fn kept(kind: JoinKind, left: &[Option<i64>], right: &[Option<i64>]) -> Vec<String> {
    let mut registry = ColumnRegistry::default();
    let (l, left) = column(&mut registry, "l", left);
    let (r, right) = column(&mut registry, "r", right);
    let condition = Expr::call("=", vec![Expr::Column(l), Expr::Column(r)], SqlType::BOOLEAN);
    let rel = Rel::Join { left: left.into(), right: right.into(), kind, condition, span: Span::default() };
    let schema = RowType::new(vec![Field::new("l", SqlType::INT)]);
    let query = BoundQuery { rel, registry, columns: vec![l], schema };
    let mut answers = [1, 3].map(|parallelism| {
        let mut cx = world().cx;
        cx.parallelism = parallelism;
        let mut rows = texts(execute_query(&query, &cx).unwrap()).unwrap();
        rows.sort_unstable();
        rows
    });
    assert_eq!(answers[0], answers[1]);
    std::mem::take(&mut answers[0])
}

#[test]
fn semi_and_anti_joins_keep_left_rows_once() {
    let left = [Some(1), Some(2), None];
    let right = [Some(2), Some(2), None];
    assert_eq!(kept(JoinKind::Semi, &left, &right), ["2"]);
    assert_eq!(kept(JoinKind::Anti, &left, &right), ["1", "NULL"]);
}

#[test]
fn not_in_keeps_only_rows_that_are_surely_not_in() {
    let left = [Some(1), Some(2), None];
    assert_eq!(kept(JoinKind::NullAwareAnti, &left, &[Some(2)]), ["1"]);
    assert!(kept(JoinKind::NullAwareAnti, &left, &[Some(2), None]).is_empty());
    assert_eq!(kept(JoinKind::NullAwareAnti, &left, &[]), ["1", "2", "NULL"]);
}
