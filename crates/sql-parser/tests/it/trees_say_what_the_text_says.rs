//! Structure that printing alone would not show.

use tidemill_sql_parser::ast::*;
use tidemill_sql_parser::{parse_expression, parse_query, parse_statement};

fn select(text: &str) -> Select {
    match parse_query(text).unwrap_or_else(|e| panic!("{}", e.render(text))).body {
        QueryBody::Select(select) => *select,
        other => panic!("{other}"),
    }
}

fn from(text: &str) -> TableRef {
    select(&format!("SELECT * FROM {text}")).from.remove(0)
}

#[test]
fn conjunctions_are_flat() {
    let ExprKind::And(items) = parse_expression("a AND b AND (c AND d) AND e").unwrap().kind else { panic!() };
    assert_eq!(items.len(), 4);
    assert!(matches!(&items[2].kind, ExprKind::And(inner) if inner.len() == 2));
}

#[test]
fn operators_bind_as_in_calcite() {
    // `||` binds like `*`, IS less closely than `=`, NOT less closely than comparisons.
    assert_eq!(parse_expression("a + b || c").unwrap().to_string(), "a + b || c");
    let ExprKind::Binary { op: BinaryOp::Plus, .. } = parse_expression("a + b || c").unwrap().kind else { panic!() };
    let ExprKind::Is { operand, .. } = parse_expression("a = b IS NULL").unwrap().kind else { panic!() };
    assert!(matches!(operand.kind, ExprKind::Binary { op: BinaryOp::Eq, .. }));
    let ExprKind::Not(operand) = parse_expression("NOT a = b").unwrap().kind else { panic!() };
    assert!(matches!(operand.kind, ExprKind::Binary { op: BinaryOp::Eq, .. }));
    let ExprKind::Binary { left, op: BinaryOp::Minus, .. } = parse_expression("a - b - c").unwrap().kind else {
        panic!()
    };
    assert!(matches!(left.kind, ExprKind::Binary { op: BinaryOp::Minus, .. }));
}

#[test]
fn window_table_functions() {
    let text = "TABLE(SESSION(TABLE d.bids PARTITION BY (a, b), DESCRIPTOR(t), gap => INTERVAL '5' MINUTES)) AS s";
    let TableRef { kind: TableRefKind::Function { call, lateral: false }, alias: Some(alias), .. } = from(text) else {
        panic!()
    };
    assert!(call.is("session"));
    assert_eq!(alias.name.value, "s");
    let ArgValue::Table(table) = &call.args[0].value else { panic!() };
    assert!(matches!(&table.source, TableArgSource::Name(name) if name.values() == ["d", "bids"]));
    assert_eq!(table.partition_by.len(), 2);
    assert!(matches!(&call.args[1].value, ArgValue::Descriptor(columns) if columns[0].value == "t"));
    assert_eq!(call.args[2].name.as_ref().unwrap().value, "gap");
}

#[test]
fn hints_stay_with_their_table() {
    let TableRefKind::Table { hints, .. } = from("t /*+ OPTIONS('a'='b', 'c'='d') */ AS x").kind else { panic!() };
    assert_eq!(hints[0].name.value, "OPTIONS");
    assert_eq!((hints[0].args[1].key.as_deref(), hints[0].args[1].value.as_str()), (Some("c"), "d"));
}

#[test]
fn joins_associate_to_the_left_unless_told_otherwise() {
    let TableRefKind::Join(outer) = from("a JOIN b ON TRUE LEFT JOIN c ON TRUE").kind else { panic!() };
    assert_eq!(outer.kind, JoinKind::Left);
    assert!(matches!(&outer.left.kind, TableRefKind::Join(inner) if inner.kind == JoinKind::Inner));
    let TableRefKind::Join(outer) = from("a JOIN (b LEFT JOIN c ON TRUE) ON TRUE").kind else { panic!() };
    assert!(matches!(&outer.right.kind, TableRefKind::Join(inner) if inner.kind == JoinKind::Left));
}

#[test]
fn intersect_binds_closer_than_union() {
    let query = parse_query("SELECT 1 UNION SELECT 2 INTERSECT SELECT 3").unwrap();
    let QueryBody::SetOperation(union) = query.body else { panic!() };
    assert_eq!(union.op, SetOperator::Union);
    assert!(matches!(&union.right, QueryBody::SetOperation(i) if i.op == SetOperator::Intersect));
}

#[test]
fn spans_of_parts() {
    let text = "SELECT  (a + b) * c AS d FROM t";
    let select = select(text);
    let SelectItem::Expr { expr, alias: Some(alias) } = &select.items[0] else { panic!() };
    assert_eq!(expr.span.text(text), "(a + b) * c");
    assert_eq!(alias.span.text(text), "d");
    assert_eq!(select.items[0].span().text(text), "(a + b) * c AS d");
    let ExprKind::Binary { left, .. } = &expr.kind else { panic!() };
    assert_eq!(left.span.text(text), "a + b");
}

#[test]
fn columns_of_a_table() {
    let text = "CREATE TABLE t (a INT COMMENT 'x', b AS a + 1, c BIGINT METADATA FROM 'offset' VIRTUAL, ts TIMESTAMP(3), \
                WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, PRIMARY KEY (a) NOT ENFORCED) WITH ('k' = 'v')";
    let StatementKind::CreateTable(table) = parse_statement(text).unwrap().kind else { panic!() };
    assert_eq!(table.columns.len(), 4);
    assert!(matches!(&table.columns[1].kind, ColumnKind::Computed(expr) if expr.to_string() == "a + 1"));
    assert!(
        matches!(&table.columns[2].kind, ColumnKind::Metadata { key: Some(k), is_virtual: true, .. } if k == "offset")
    );
    assert_eq!(table.watermark.as_ref().unwrap().expr.span.text(text), "ts - INTERVAL '5' SECOND");
    assert_eq!(table.primary_key.as_ref().unwrap().columns[0].value, "a");
    assert_eq!(table.options[0].value_span.text(text), "'v'");
}

#[test]
fn a_view_keeps_its_text() {
    let text = "CREATE VIEW v AS\n  SELECT a,  b -- c\n  FROM t;";
    let StatementKind::CreateView(view) = parse_statement(text).unwrap().kind else { panic!() };
    assert_eq!(view.query_text, "SELECT a,  b -- c\n  FROM t");
}

#[test]
fn options_without_quotes() {
    for (text, key, value) in [
        ("SET execution.checkpointing.interval = 10 s -- c", "execution.checkpointing.interval", "10 s"),
        ("  -- c\n set 'a' = 'it''s' ;", "a", "it's"),
        ("SET a-b=c=d;", "a-b", "c=d"),
        ("SET a = ''", "a", ""),
    ] {
        let StatementKind::Set(Some(option)) = parse_statement(text).unwrap().kind else { panic!() };
        assert_eq!((option.key.as_str(), option.value.as_str()), (key, value));
        assert_eq!(option.key_span.text(text).trim_matches('\''), key);
    }
    for text in ["EXECUTE INSERT INTO t SELECT 1", "EXECUTE SELECT 1"] {
        let plain = parse_statement(text.trim_start_matches("EXECUTE ")).unwrap();
        assert_eq!(parse_statement(text).unwrap().to_string(), plain.to_string());
    }
    assert!(matches!(parse_statement("reset 'a'").unwrap().kind, StatementKind::Reset(Some(key)) if key.value == "a"));
}

#[test]
fn a_dotted_name_is_left_to_the_binder() {
    let ExprKind::Column(parts) = parse_expression("c.d.t.a.f").unwrap().kind else { panic!() };
    assert_eq!(parts.len(), 5);
    let ExprKind::Field { base, field } = parse_expression("a[1].f").unwrap().kind else { panic!() };
    assert!(matches!(base.kind, ExprKind::Item { .. }));
    assert_eq!(field.value, "f");
}
