use std::fs;

use tidemill_expr::{Field, SqlType};

use crate::support::{files, read};

fn json(text: &str, columns: &[(&str, SqlType)], options: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.json");
    fs::write(&path, text).unwrap();
    read(&files(columns, &path, "json", options))
        .map_err(|failure| failure.to_string().replace(&*path.to_string_lossy(), "a.json"))
}

fn two() -> [(&'static str, SqlType); 2] {
    [("a", SqlType::INT), ("b", SqlType::STRING)]
}

#[test]
fn members_are_found_in_any_order_and_may_be_missing() {
    let text = "{\"b\":\"x\",\"a\":1}\n\n{\"c\":{\"a\":9},\"a\":\"2\"}\r\n{\"a\":null,\"b\":\"\\u00fc\\n\"}";
    assert_eq!(json(text, &two(), &[]).unwrap(), ["1, 'x'", "2, null", "null, 'ü\n'"]);
}

#[test]
fn strings_take_whatever_there_is() {
    let text = "{\"b\":1}\n{\"b\":true}\n{\"b\":{\"x\":[1, 2]}}\n{\"b\":[\"y\"]}\n{\"b\":1.5}\n";
    let rows = json(text, &two()[1..], &[]).unwrap();
    assert_eq!(rows, ["'1'", "'true'", "'{\"x\":[1,2]}'", "'[\"y\"]'", "'1.5'"]);
}

#[test]
fn nested_values_and_times() {
    let columns = [
        ("r", SqlType::row(vec![Field::new("x", SqlType::BIGINT), Field::new("y", SqlType::array(SqlType::DOUBLE))])),
        ("m", SqlType::map(SqlType::STRING, SqlType::INT)),
        ("d", SqlType::decimal(38, 18)),
        ("t", SqlType::timestamp(3)),
        ("z", SqlType::timestamp_ltz(3)),
    ];
    let text = "{\"r\":{\"y\":[1,2.5,null],\"x\":7},\"m\":{\"k\":1,\"l\":null},\"d\":12345678901234567890.123456789012345678,\
                \"t\":\"2013-01-01 05:00:00.5\",\"z\":\"2013-01-01 05:00:00Z\"}\n{\"d\":\"1.5\"}\n";
    let rows = json(text, &columns, &[]).unwrap();
    assert_eq!(
        rows[0],
        "ROW(7, ARRAY[1.0, 2.5, null]), MAP['k', 1, 'l', null], 12345678901234567890.123456789012345678, \
         2013-01-01 05:00:00.5, 2013-01-01 05:00:00"
    );
    assert_eq!(rows[1], "null, null, 1.500000000000000000, null, null");
    let iso =
        json("{\"t\":\"2013-01-01T05:00:00\"}\n", &columns[3..4], &[("json.timestamp-format.standard", "ISO-8601")]);
    assert_eq!(iso.unwrap(), ["2013-01-01 05:00:00"]);
}

#[test]
fn errors_name_line_and_column() {
    let wrong = json("{\"a\":1}\n{\"a\":\"x\"}\n", &two(), &[]).unwrap_err();
    assert_eq!(wrong, "a.json, line 2, column 1 (a): the value is not an INT [json.value]");
    let wrong = json("{\"a\":1}\n\n{\"a\":1 \"b\"}\n", &two(), &[]).unwrap_err();
    assert!(wrong.starts_with("a.json, line 3: expected `,` or `}`, at character"), "{wrong}");
    let wrong = json("{\"a\":1}\n{\"a\":1", &two(), &[]).unwrap_err();
    assert!(wrong.starts_with("a.json, line 2: EOF while parsing an object"), "{wrong}");
    let wrong = json("7\n", &two(), &[]).unwrap_err();
    assert!(wrong.contains("'7' is not a JSON object"), "{wrong}");
    let wrong = json("{\"a\":1}\n", &two(), &[("json.fail-on-missing-field", "true")]).unwrap_err();
    assert_eq!(wrong, "a.json, line 1, column 2 (b): the line has no such member [json.missing]");
}

#[test]
fn errors_that_are_ignored_leave_null_or_no_row() {
    let text = "{\"a\":\"x\",\"b\":\"1\"}\nrubbish\n{\"a\":[1],\"b\":\"2\"\n{\"a\":{},\"b\":\"3\"}\n";
    let rows = json(text, &two(), &[("json.ignore-parse-errors", "true")]).unwrap();
    assert_eq!(rows, ["null, '1'", "null, '3'"]);
}
