use arrow::array::{AsArray, Int32Array, StringViewArray};
use arrow::datatypes::{Float64Type, Int32Type};
use std::sync::Arc;
use tidemill_core::Batch;
use tidemill_expr::{Calc, EvalContext, Expr, Field, Program, RowType, Scalar, SqlType};

use crate::harness::{context, registry};

fn input() -> RowType {
    RowType::new(vec![Field::new("x", SqlType::INT), Field::new("s", SqlType::STRING)])
}

fn batch(numbers: &[Option<i32>], texts: &[&str]) -> Batch {
    Batch::new(
        vec![Arc::new(Int32Array::from(numbers.to_vec())), Arc::new(StringViewArray::from(texts.to_vec()))],
        numbers.len(),
    )
}

fn call(name: &str, args: Vec<Expr>) -> Expr {
    let types = input().types();
    let args = args.into_iter().map(|arg| {
        let ty = arg.ty(&|column| types[column].clone());
        (arg, ty)
    });
    registry().call(name, args.collect()).unwrap()
}

fn x() -> Expr {
    Expr::Column(0)
}

fn ten_over_x() -> Expr {
    call("/", vec![Expr::int(10), x()])
}

#[test]
fn a_guard_protects_in_either_order() {
    let guard = || call("<>", vec![x(), Expr::int(0)]);
    let test = || call(">", vec![ten_over_x(), Expr::int(1)]);
    for condition in [call("AND", vec![guard(), test()]), call("AND", vec![test(), guard()])] {
        let program = Program::compile(&[condition], &input(), &registry()).unwrap();
        let mask =
            program.filter(&batch(&[Some(0), Some(5), None, Some(20)], &["", "", "", ""]), &context("UTC")).unwrap();
        assert_eq!(mask.iter().map(Option::unwrap).collect::<Vec<_>>(), [false, true, false, false]);
    }
}

#[test]
fn without_a_guard_the_row_is_named() {
    let program = Program::compile(&[ten_over_x()], &input(), &registry()).unwrap();
    let failure = program.columns(&batch(&[Some(1), Some(0)], &["", ""]), &context("UTC")).unwrap_err();
    assert!(failure.message().contains("Division by zero") && failure.message().contains("(x = 0)"), "{failure}");
    assert!(program.columns(&batch(&[Some(1), None], &["", ""]), &context("UTC")).is_ok());
}

#[test]
fn case_coalesce_and_if_ask_only_where_the_value_matters() {
    let types = input().types();
    let number = registry().cast(Expr::Column(1), &types[1], &SqlType::INT, false).unwrap();
    let digits = call("REGEXP", vec![Expr::Column(1), Expr::string("^[0-9]+$")]);
    let case = Expr::Case {
        branches: vec![(digits.clone(), number.clone())],
        otherwise: Some(Box::new(Expr::int(-1))),
        ty: SqlType::INT,
    };
    let coalesce = call("COALESCE", vec![x(), number.clone()]);
    let if_ = call("IF", vec![digits, number.clone(), x()]);
    let program = Program::compile(&[case, coalesce, if_], &input(), &registry()).unwrap();
    let rows = batch(&[Some(7), None, Some(8)], &["x", "5", "6"]);
    let columns = program.columns(&rows, &context("UTC")).unwrap();
    let values = |i: usize| columns[i].as_primitive::<Int32Type>().values().to_vec();
    assert_eq!((values(0), values(1), values(2)), (vec![-1, 5, 6], vec![7, 5, 8], vec![7, 5, 6]));
    let failing = Program::compile(&[call("COALESCE", vec![x(), number])], &input(), &registry()).unwrap();
    assert!(failing.columns(&batch(&[None], &["x"]), &context("UTC")).is_err());
}

#[test]
fn a_constant_error_fails_only_rows_that_ask_for_it() {
    let never = call("/", vec![Expr::int(1), Expr::int(0)]);
    let guarded = call("IF", vec![call(">", vec![x(), Expr::int(5)]), never, x()]);
    let program = Program::compile(&[guarded], &input(), &registry()).unwrap();
    assert!(program.columns(&batch(&[Some(1), None], &["", ""]), &context("UTC")).is_ok());
    assert!(program.columns(&batch(&[Some(1), Some(6)], &["", ""]), &context("UTC")).is_err());
    assert!(program.columns(&batch(&[], &[]), &context("UTC")).is_ok());
}

#[test]
fn what_a_column_may_get_wrong_a_constant_may_not() {
    let types = input().types();
    let fallible = |expr: &Expr| registry().is_fallible(expr, &|column| types[column].clone());
    let text = || Expr::Column(1);
    let time = || Expr::Literal(Scalar::timestamp_ms(0), SqlType::timestamp(3));
    for expr in [
        ten_over_x(),
        call("MOD", vec![x(), Expr::int(0)]),
        call("REGEXP", vec![text(), text()]),
        call("DATE_FORMAT", vec![time(), text()]),
        call("MAP", vec![x(), text()]),
    ] {
        assert!(fallible(&expr), "{expr}");
    }
    for expr in [
        call("MOD", vec![x(), Expr::int(7)]),
        call("REGEXP", vec![text(), Expr::string("a+")]),
        call("DATE_FORMAT", vec![time(), Expr::string("yyyy")]),
        call("MAP", vec![Expr::int(1), text()]),
    ] {
        assert!(!fallible(&expr), "{expr}");
    }
}

#[test]
fn a_pattern_and_a_key_fail_in_their_rows_only() {
    let time = Expr::Literal(Scalar::timestamp_ms(0), SqlType::timestamp(3));
    let written = call("DATE_FORMAT", vec![time, Expr::Column(1)]);
    let map = call("CARDINALITY", vec![call("MAP", vec![x(), Expr::Column(1)])]);
    let guarded = |value: Expr| {
        let filled = call("IS NOT NULL", vec![x()]);
        Expr::Case {
            ty: value.ty(&|column| input().types()[column].clone()).with_null(true),
            branches: vec![(filled, value)],
            otherwise: None,
        }
    };
    let rows = batch(&[Some(1), None, Some(3)], &["yyyy", "foo", "dd"]);
    let program = Program::compile(&[guarded(written.clone()), guarded(map.clone())], &input(), &registry()).unwrap();
    let columns = program.columns(&rows, &context("UTC")).unwrap();
    assert_eq!(columns[0].as_string_view().iter().collect::<Vec<_>>(), [Some("1970"), None, Some("01")]);
    assert_eq!(columns[1].as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [Some(1), None, Some(1)]);
    for (expr, reason) in [(written, "the letter f"), (map, "key of a MAP is NULL")] {
        let failure = Program::compile(&[expr], &input(), &registry()).unwrap().columns(&rows, &context("UTC"));
        assert!(failure.unwrap_err().message().contains(reason));
    }
}

#[test]
fn results_do_not_depend_on_how_rows_are_batched() {
    let or = call("OR", vec![call(">", vec![ten_over_x(), Expr::int(1)]), call("=", vec![x(), Expr::int(0)])]);
    let project = [call("+", vec![x(), Expr::int(1)]), Expr::Column(1)];
    let calc = Calc::compile(Some(&or), &project, &input(), &registry()).unwrap();
    let numbers: Vec<Option<i32>> = (0..50).map(|i| (i % 7 != 3).then_some(i % 13)).collect();
    let texts: Vec<String> = (0..50).map(|i| format!("a rather long text number {i}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let all = batch(&numbers, &texts);
    let rows = |size: usize| -> Vec<String> {
        let parts = (0..50).step_by(size).map(|at| all.slice(at, size.min(50 - at)));
        parts
            .flat_map(|part| {
                let out = calc.apply(&part, &context("UTC")).unwrap();
                let (a, b) = (out.column(0), out.column(1));
                let (a, b) = (a.as_primitive::<Int32Type>().clone(), b.as_string_view().clone());
                (0..out.len()).map(move |row| format!("{} {}", a.value(row), b.value(row))).collect::<Vec<_>>()
            })
            .collect()
    };
    assert!(!rows(50).is_empty());
    assert_eq!(rows(50), rows(1));
    assert_eq!(rows(50), rows(7));
}

#[test]
fn a_seed_has_one_sequence_whatever_the_batches() {
    let registry = registry();
    let seeded = || {
        let ty = SqlType::INT.not_null();
        registry.call("RAND", vec![(Expr::int(7), ty.clone())]).unwrap()
    };
    let exprs = [seeded(), seeded()];
    let drawn = |sizes: &[usize]| -> Vec<Vec<f64>> {
        let program = Program::compile(&exprs, &RowType::default(), &registry).unwrap();
        let mut all = vec![Vec::new(), Vec::new()];
        for (i, rows) in sizes.iter().enumerate() {
            // Every batch has another seed of its own.
            let cx = EvalContext { random_seed: i as u64, ..EvalContext::utc() };
            let columns = program.columns(&Batch::new(Vec::new(), *rows), &cx).unwrap();
            for (all, column) in all.iter_mut().zip(columns) {
                all.extend_from_slice(column.as_primitive::<Float64Type>().values());
            }
        }
        all
    };
    let one = drawn(&[6]);
    assert_eq!(one, drawn(&[1, 3, 2]));
    assert_eq!(one[0], one[1]);
    assert_ne!(one[0][0], one[0][1]);
}

#[test]
fn volatile_calls_differ_and_equal_parts_are_shared() {
    let random = call("RAND", Vec::new());
    let program = Program::compile(&[random.clone(), random], &input(), &registry()).unwrap();
    let columns = program.columns(&batch(&[Some(1), Some(2)], &["", ""]), &context("UTC")).unwrap();
    assert_ne!(&columns[0], &columns[1]);
    let values = columns[0].as_primitive::<arrow::datatypes::Float64Type>().values().to_vec();
    assert!(values[0] != values[1] && values.iter().all(|value| (0.0..1.0).contains(value)));
}
