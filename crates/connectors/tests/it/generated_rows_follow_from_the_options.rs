use arrow::array::{Array, AsArray};
use arrow::datatypes::Int32Type;
use tidemill_connectors::connectors;
use tidemill_connectors::nexmark::{Kind, Settings};
use tidemill_dataflow::{ReadRequest, TableSpec};
use tidemill_expr::{Field, Scalar, SqlType, TypeKind};

use crate::support::{plan, process, read, read_batches, table, texts};

fn nexmark(options: &[(&str, &str)]) -> TableSpec {
    let ty = |arrow: &arrow::datatypes::DataType| match arrow {
        arrow::datatypes::DataType::Int64 => SqlType::BIGINT,
        arrow::datatypes::DataType::Utf8View => SqlType::STRING,
        _ => SqlType::timestamp(3),
    };
    let row = |kind: Kind| {
        SqlType::row(kind.fields().iter().map(|field| Field::new(field.name(), ty(field.data_type()))).collect())
    };
    let columns = [
        ("event_type", SqlType::INT),
        ("person", row(Kind::Person)),
        ("auction", row(Kind::Auction)),
        ("bid", row(Kind::Bid)),
    ];
    let mut all = vec![("connector", "nexmark")];
    all.extend_from_slice(options);
    table(&columns, &all)
}

#[test]
fn the_whole_nexmark_table() {
    let table = nexmark(&[("events.num", "5000")]);
    let batches = read_batches(&plan(&table).unwrap(), 512).unwrap();
    assert_eq!(batches.iter().map(|batch| batch.len()).sum::<usize>(), 5000);
    for (column, field) in table.schema.fields.iter().enumerate() {
        assert_eq!(*batches[0].column(column).data_type(), field.ty.arrow_type());
    }
}

#[test]
fn only_the_kind_and_the_fields_that_are_asked_for() {
    let table = nexmark(&[("events.num", "10000")]);
    let connectors = connectors();
    let connector = connectors.of(&table).unwrap();
    let request =
        ReadRequest { columns: vec![vec![3, 2], vec![0]], equals: vec![(vec![0], Scalar::Int(2))], limit: None };
    let batches = read_batches(&connector.plan_source(&table, &request).unwrap(), 4096).unwrap();
    assert_eq!(batches.iter().map(|batch| batch.len()).sum::<usize>(), 9200);
    assert!(batches.iter().all(|batch| batch.width() == 2 && batch.column(0).null_count() == 0));
    let none = ReadRequest { equals: vec![(vec![0], Scalar::Int(7))], ..request.clone() };
    assert!(read_batches(&connector.plan_source(&table, &none).unwrap(), 4096).unwrap().is_empty());
    let persons = ReadRequest { equals: vec![(vec![0], Scalar::Int(0))], columns: vec![vec![1, 0]], limit: None };
    let batches = read_batches(&connector.plan_source(&table, &persons).unwrap(), 4096).unwrap();
    assert_eq!(batches.iter().map(|batch| batch.len()).sum::<usize>(), 200);
}

#[test]
fn at_parallelism_1_events_come_in_order() {
    let table = nexmark(&[("events.num", "100000")]);
    let request = ReadRequest { columns: vec![vec![3, 5], vec![0]], ..ReadRequest::default() };
    let plan = connectors().of(&table).unwrap().plan_source(&table, &request).unwrap();
    let mut last = 0;
    for batch in read_batches(&plan, 4096).unwrap() {
        let times = batch.column(0);
        for time in times.as_primitive::<arrow::datatypes::TimestampMillisecondType>().iter().flatten() {
            assert!(time >= last);
            last = time;
        }
    }
    assert_eq!(last, Settings::default().base_time_ms + 9_999);
}

#[test]
fn nexmark_says_what_it_can_be_told() {
    let failure = connectors().of(&nexmark(&[("event.num", "1")])).err().unwrap().to_string();
    assert!(failure.contains("'events.num'"), "{failure}");
    assert!(!plan(&nexmark(&[])).unwrap().bounded);
    let rates = [("first-event.rate", "5"), ("next-event.rate", "7"), ("rate.shape", "sine"), ("rate.period", "1 min")];
    assert!(plan(&nexmark(&rates)).is_ok());
    for (wrong, expected) in [(("rate.shape", "round"), "SQUARE, SINE"), (("rate.period", "soon"), "a duration")] {
        let refused = plan(&nexmark(&[wrong])).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
    let mut wrong = nexmark(&[]);
    wrong.schema.fields[3].name = "bids".to_string();
    assert!(plan(&wrong).unwrap_err().to_string().contains("bid ROW<`auction` BIGINT"));
}

#[test]
fn pace_comes_from_either_option() {
    let rate = |options: &[(&str, &str)]| {
        let plan = plan(&nexmark(options)).unwrap();
        process().0.source(&plan.kind, &plan.config).unwrap().rows_per_second()
    };
    assert_eq!(rate(&[]), None);
    assert_eq!(rate(&[("rows-per-second", "7")]), Some(7));
    assert_eq!(rate(&[("max-emit-speed", "false")]), Some(10_000));
}

#[test]
fn sequences_and_random_fields() {
    let columns = [
        ("n", SqlType::BIGINT),
        ("r", SqlType::INT),
        ("s", TypeKind::Varchar(20).nullable()),
        ("d", SqlType::decimal(6, 2)),
        ("f", SqlType::DOUBLE),
        ("a", SqlType::array(SqlType::INT)),
        ("w", SqlType::row(vec![Field::new("x", SqlType::BOOLEAN), Field::new("y", SqlType::BIGINT)])),
        ("t", SqlType::timestamp(3)),
        ("m", SqlType::map(SqlType::STRING, SqlType::INT)),
    ];
    let options = [
        ("connector", "datagen"),
        ("rows-per-second", "1000000"),
        ("fields.n.kind", "sequence"),
        ("fields.n.start", "5"),
        ("fields.n.end", "3004"),
        ("fields.r.min", "-3"),
        ("fields.r.max", "3"),
        ("fields.r.null-rate", "0.5"),
        ("fields.s.length", "8"),
        ("fields.d.min", "1.5"),
        ("fields.d.max", "2"),
        ("fields.a.length", "2"),
        ("fields.a.element.max", "0"),
        ("fields.w.y.max", "9"),
        ("fields.w.y.min", "0"),
    ];
    let table = table(&columns, &options);
    let plan = plan(&table).unwrap();
    assert!(plan.bounded);
    let batches = read_batches(&plan, 700).unwrap();
    let all = tidemill_core::Batch::concat(&batches).unwrap();
    assert_eq!(all.len(), 3000);
    let types = table.schema.types();
    let cell = |column: usize, row: usize| Scalar::at(&all.column(column), &types[column], row);
    for row in 0..all.len() {
        assert_eq!(cell(0, row), Scalar::Int(5 + row as i64));
        assert!(cell(2, row).as_str().is_some_and(|text| text.len() == 8));
        assert!(matches!(cell(3, row), Scalar::Decimal { value: 150..=200, scale: 2 }));
        assert!(matches!(cell(5, row), Scalar::Array(values) if values.len() == 2));
        assert!(matches!(&cell(6, row), Scalar::Row(fields) if matches!(fields[1], Scalar::Int(0..=9))));
    }
    let numbers = all.column(1);
    let numbers = numbers.as_primitive::<Int32Type>();
    assert!((1300..1700).contains(&numbers.null_count()));
    assert!((-3..=3).all(|value| numbers.iter().flatten().any(|number| number == value)));
    assert!(numbers.iter().flatten().all(|number| (-3..=3).contains(&number)));
    for (column, ty) in types.iter().enumerate() {
        assert_eq!(*all.column(column).data_type(), ty.arrow_type());
    }
    assert_eq!(texts(&batches, &types), texts(&read_batches(&plan, 4096).unwrap(), &types));
}

#[test]
fn datagen_says_what_it_can_be_told() {
    let columns = [("n", SqlType::INT)];
    let with = |key: &str, value: &str| {
        let table = table(&columns, &[("connector", "datagen"), (key, value)]);
        connectors().of(&table).and_then(|_| plan(&table)).map(|plan| plan.bounded).map_err(|f| f.to_string())
    };
    assert_eq!(with("number-of-rows", "5"), Ok(true));
    assert_eq!(with("rows-per-second", "5"), Ok(false));
    assert!(with("fields.n.maximum", "5").unwrap_err().contains("'fields.n.max'"));
    assert!(with("fields.n.kind", "sequence").unwrap_err().contains("fields.n.start"));
    assert!(with("fields.n.min", "x").unwrap_err().contains("fields.n.min"));
}

#[test]
fn numbers_are_those_of_the_column() {
    let sequence =
        |end: &str| vec![("kind", "sequence".to_string()), ("start", "1".to_string()), ("end", end.to_string())];
    let min = |min: &str| vec![("min", min.to_string())];
    for (ty, options, is_fine) in [
        (TypeKind::TinyInt, min("-129"), false),
        (TypeKind::TinyInt, min("-128"), true),
        (TypeKind::Int, vec![("max", "2147483648".to_string())], false),
        (TypeKind::Float, min("-1e39"), false),
        (TypeKind::Double, vec![("max", "inf".to_string())], false),
        (TypeKind::Double, min("NaN"), false),
        (TypeKind::Double, min("-1e39"), true),
        (TypeKind::SmallInt, sequence("32768"), false),
        (TypeKind::SmallInt, sequence("32767"), true),
        (TypeKind::Decimal { precision: 4, scale: 2 }, sequence("100"), false),
        (TypeKind::Decimal { precision: 4, scale: 2 }, sequence("99"), true),
        (TypeKind::Decimal { precision: 38, scale: 0 }, sequence("9223372036854775807"), true),
        (TypeKind::Varchar(2), sequence("100"), false),
        (TypeKind::Varchar(2), sequence("99"), true),
    ] {
        let options: Vec<(String, String)> =
            options.into_iter().map(|(name, value)| (format!("fields.n.{name}"), value)).collect();
        let mut all = vec![("connector", "datagen")];
        all.extend(options.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let planned = plan(&table(&[("n", ty.clone().nullable())], &all));
        assert_eq!(planned.is_ok(), is_fine, "{ty}: {options:?}");
        assert!(planned.err().is_none_or(|failure| failure.message().contains("fields.n.")));
    }
}

#[test]
fn values_are_given_once() {
    use tidemill_expr::RowType;
    let schema = RowType::new(vec![Field::new("a", SqlType::INT), Field::new("b", SqlType::STRING)]);
    let rows = [vec![Scalar::Int(1), Scalar::string("x")], vec![Scalar::Null, Scalar::Null]];
    let plan = tidemill_connectors::values::plan(&schema, &rows);
    for rows_max in [1, 10] {
        let batches = read_batches(&plan, rows_max).unwrap();
        assert_eq!(texts(&batches, &schema.types()), ["1, 'x'", "null, null"]);
    }
    let none = tidemill_connectors::values::plan(&RowType::default(), &[vec![], vec![]]);
    assert_eq!(read_batches(&none, 10).unwrap()[0].len(), 2);
}

#[test]
fn unknown_connectors_and_formats_list_what_there_is() {
    let unknown = connectors().of(&table(&[], &[("connector", "kafak")])).err().unwrap().to_string();
    assert!(unknown.contains("blackhole, datagen, filesystem, nexmark, print"), "{unknown}");
    let columns = [("a", SqlType::INT)];
    let format = table(&columns, &[("connector", "filesystem"), ("path", "/x"), ("format", "cvs")]);
    let unknown = read(&format).unwrap_err().to_string();
    assert!(unknown.contains("'cvs'; the formats are csv, json, parquet"), "{unknown}");
    let option = table(&columns, &[("connector", "filesystem"), ("pth", "/x"), ("format", "csv")]);
    let unknown = read(&option).unwrap_err().to_string();
    assert!(unknown.contains("'pth'") && unknown.contains("'path'"), "{unknown}");
    let path = table(&columns, &[("connector", "filesystem"), ("format", "csv")]);
    assert!(read(&path).unwrap_err().to_string().contains("'path' is missing"));
}
