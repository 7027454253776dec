use std::fs;

use tidemill_expr::{Field, SqlType, TypeKind};

use crate::support::{files, read};

fn csv(text: &str, columns: &[(&str, SqlType)], options: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    fs::write(&path, text).unwrap();
    read(&files(columns, &path, "csv", options))
        .map_err(|failure| failure.to_string().replace(&*path.to_string_lossy(), "a.csv"))
}

fn two() -> [(&'static str, SqlType); 2] {
    [("a", SqlType::INT), ("b", SqlType::STRING)]
}

#[test]
fn quotes_delimiters_and_line_ends_within_quotes() {
    let rows = csv("1,x\n2,\"y, \"\"z\"\"\nw\"\r\n\n3,\n", &two(), &[]).unwrap();
    assert_eq!(rows, ["1, 'x'", "2, 'y, \"z\"\nw'", "3, ''"]);
}

#[test]
fn the_last_line_needs_no_end() {
    assert_eq!(csv("1,x\n2,y", &two(), &[]).unwrap(), ["1, 'x'", "2, 'y'"]);
    assert_eq!(csv("", &two(), &[]).unwrap(), [""; 0]);
}

#[test]
fn every_type_has_its_text() {
    let columns = [
        ("a", TypeKind::TinyInt.nullable()),
        ("b", SqlType::BIGINT),
        ("c", SqlType::DOUBLE),
        ("d", SqlType::decimal(5, 2)),
        ("e", SqlType::BOOLEAN),
        ("f", SqlType::DATE),
        ("g", TypeKind::Time(3).nullable()),
        ("h", SqlType::timestamp(3)),
        ("i", SqlType::timestamp_ltz(6)),
        ("j", SqlType::BYTES),
        ("k", SqlType::array(SqlType::INT)),
        ("l", SqlType::row(vec![Field::new("x", SqlType::INT), Field::new("y", SqlType::STRING)])),
    ];
    let line = "-1,9000000000,1.5e3,1.005,TRUE,2013-01-01,05:00:00.5,2013-01-01 05:00:00.123,\
                2013-01-01 05:00:00.000001Z,aGk=,1;2;3,4;z\n,,,,,,,,,,,\n";
    let rows = csv(line, &columns, &[]).unwrap();
    assert_eq!(
        rows[0],
        "-1, 9000000000, 1500.0, 1.01, true, 2013-01-01, 05:00:00.5, 2013-01-01 05:00:00.123, \
         2013-01-01 05:00:00.000001, X'6869', ARRAY[1, 2, 3], ROW(4, 'z')"
    );
    assert_eq!(rows[1], ["null"; 12].join(", "));
}

#[test]
fn options_change_the_dialect() {
    let rows = csv(
        "# no\nx'a;'b;''c'\nN/A;y\n",
        &[("a", SqlType::STRING), ("b", SqlType::STRING)],
        &[
            ("csv.field-delimiter", ";"),
            ("csv.quote-character", "'"),
            ("csv.null-literal", "N/A"),
            ("csv.allow-comments", "true"),
        ],
    );
    assert_eq!(rows.unwrap(), ["'x''a', 'b;''c'", "null, 'y'"]);
    let rows = csv(
        "h\n1\t\"2\"\n",
        &two(),
        &[("csv.field-delimiter", "\\t"), ("csv.disable-quote-character", "true"), ("csv.ignore-first-line", "true")],
    );
    assert_eq!(rows.unwrap(), ["1, '\"2\"'"]);
}

#[test]
fn errors_that_are_ignored_leave_null_or_no_row() {
    let ignoring = [("csv.ignore-parse-errors", "true")];
    let rows = csv("x,1\n2\n3,4,5\n6,7,\n8,9\n", &two(), &ignoring).unwrap();
    assert_eq!(rows, ["null, '1'", "2, null", "6, '7'", "8, '9'"]);
    assert!(csv("1,2,3\n", &two(), &ignoring).unwrap().is_empty());
}

#[test]
fn errors_name_line_column_and_what_was_expected() {
    let wrong = csv("1,a\n\"2\",\"b\nb\"\n\nx,c\n", &two(), &[]).unwrap_err();
    assert_eq!(wrong, "a.csv, line 5, column 1 (a): 'x' is not an INT [csv.value]");
    let wrong = csv("1,a\n2", &two(), &[]).unwrap_err();
    assert_eq!(wrong, "a.csv, line 2: the record has 1 field, but the table has 2 columns in the file [csv.fields]");
    let wrong = csv("1,a\n2,b,c\n", &two(), &[]).unwrap_err();
    assert!(wrong.starts_with("a.csv, line 2: the record has 3 fields"), "{wrong}");
    let wrong = csv("99999999999,a\n", &two(), &[]).unwrap_err();
    assert!(wrong.contains("'99999999999' is not an INT"), "{wrong}");
    assert!(csv("1,a,\n", &two(), &[]).is_ok(), "a trailing comma is allowed");
}

#[test]
fn types_without_a_form_are_refused() {
    let wrong = csv("", &[("m", SqlType::map(SqlType::STRING, SqlType::INT))], &[]).unwrap_err();
    assert!(wrong.contains("column 'm' is MAP<STRING, INT>") && wrong.contains("'json'"), "{wrong}");
}

#[test]
fn an_escape_character_counts_within_quotes_and_outside() {
    let escape = [("csv.escape-character", "\\")];
    let rows = csv("1,a\\,b\n2,\\\"c\n3,\"d\\\"e\"\n4,f\\\ng\n5,\\\\h\n", &two(), &escape).unwrap();
    assert_eq!(rows, ["1, 'a,b'", "2, '\"c'", "3, 'd\"e'", "4, 'f\ng'", "5, '\\h'"]);
    let rows = csv("1,x\\ty\n2,\"x\\ny\"\n3,\"\"\n\n4,z", &two(), &escape).unwrap();
    assert_eq!(rows, ["1, 'x\ty'", "2, 'x\ny'", "3, ''", "4, 'z'"]);
    let wrong = csv("1,a\n2,\"b\\\"\n", &two(), &escape).unwrap_err();
    assert!(wrong.contains("line 2") && wrong.contains("not closed"), "{wrong}");
    let without_quotes = [escape[0], ("csv.disable-quote-character", "true")];
    assert_eq!(csv("1,\"a\\,b\"\n", &two(), &without_quotes).unwrap(), ["1, '\"a,b\"'"]);
}

#[test]
fn an_unclosed_quote_that_is_ignored_takes_its_line_only() {
    let text = "1,a\n2,\"b\n3,c\n\n4,d\n";
    for more in [&[][..], &[("csv.escape-character", "\\")]] {
        let ignoring = [&[("csv.ignore-parse-errors", "true")], more].concat();
        assert_eq!(csv(text, &two(), &ignoring).unwrap(), ["1, 'a'", "3, 'c'", "4, 'd'"]);
        assert_eq!(csv("1,a\n2,\"b", &two(), &ignoring).unwrap(), ["1, 'a'"]);
        let first = [&ignoring[..], &[("csv.ignore-first-line", "true")]].concat();
        assert_eq!(csv("h,\"i\n1,a\n2,b\n", &two(), &first).unwrap(), ["1, 'a'", "2, 'b'"]);
        let wrong = csv(text, &two(), more).unwrap_err();
        assert!(wrong.contains("line 2"), "{wrong}");
    }
}
