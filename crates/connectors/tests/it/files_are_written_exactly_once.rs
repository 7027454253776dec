use std::fs;
use std::path::Path;

use tidemill_core::Now;
use tidemill_dataflow::{SinkChanges, TableSpec};
use tidemill_expr::{Scalar, SqlType};

use crate::support::{OPERATOR, batch, files, process, read, sink, sink_plan};

fn target(path: &Path, format: &str, options: &[(&str, &str)]) -> TableSpec {
    let columns = [("a", SqlType::INT), ("d", SqlType::DATE), ("t", SqlType::timestamp(3))];
    let mut table = files(&columns, path, format, options);
    table.partition_keys = vec![1];
    table
}

fn row(a: i64, day: i32) -> Vec<Scalar> {
    vec![Scalar::Int(a), Scalar::Date(day), Scalar::timestamp_ms(a * 100)]
}

/// All files below a directory, by their path in it, with their text.
fn tree(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.push((name, String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn nothing_is_visible_before_the_commit_and_commits_may_be_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let table = target(directory.path(), "csv", &[]);
    let (mut writer, committer) = sink(&table, 1);
    let mut committer = committer.unwrap();
    writer.write(&batch(&table, &[row(1, 0), row(2, 1), row(3, 0)]), Now::default()).unwrap();
    let prepared = writer.prepare(1).unwrap();
    assert!(tree(directory.path()).iter().all(|(name, _)| name.contains("/.part-")));
    assert_eq!(read(&table).unwrap(), [""; 0]);
    for _ in 0..2 {
        committer.commit(&prepared).unwrap();
        let expected = [
            ("d=1970-01-01/part-0000000000001888-1-0-0.csv", "1,1970-01-01 00:00:00.1\n3,1970-01-01 00:00:00.3\n"),
            ("d=1970-01-02/part-0000000000001888-1-0-1.csv", "2,1970-01-01 00:00:00.2\n"),
        ];
        assert_eq!(tree(directory.path()), expected.map(|(name, text)| (name.to_string(), text.to_string())));
    }
    assert_eq!(
        read(&table).unwrap(),
        [
            "1, 1970-01-01, 1970-01-01 00:00:00.1",
            "3, 1970-01-01, 1970-01-01 00:00:00.3",
            "2, 1970-01-02, 1970-01-01 00:00:00.2"
        ]
    );
    assert!(writer.prepare(2).unwrap().is_empty(), "nothing was written since");
}

#[test]
fn a_new_start_commits_what_a_checkpoint_names_and_clears_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let table = target(directory.path(), "json", &[]);
    let (mut writer, _) = sink(&table, 1);
    writer.write(&batch(&table, &[row(1, 0)]), Now::default()).unwrap();
    let named = writer.prepare(1).unwrap();
    writer.write(&batch(&table, &[row(2, 0)]), Now::default()).unwrap();
    writer.prepare(2).unwrap();
    writer.write(&batch(&table, &[row(3, 0)]), Now::default()).unwrap();
    drop(writer);
    let other = directory.path().join("d=1970-01-01/.part-of-somebody-else");
    fs::write(&other, "").unwrap();
    let (mut writer, committer) = sink(&table, 2);
    let mut committer = committer.unwrap();
    committer.commit(&named).unwrap();
    committer.clean(2).unwrap();
    writer.write(&batch(&table, &[row(4, 0)]), Now::default()).unwrap();
    committer.clean(2).unwrap();
    committer.commit(&writer.prepare(3).unwrap()).unwrap();
    let texts: Vec<String> =
        tree(directory.path()).into_iter().map(|(_, text)| text).filter(|t| !t.is_empty()).collect();
    assert_eq!(texts, ["{\"a\":1,\"t\":\"1970-01-01 00:00:00.1\"}\n", "{\"a\":4,\"t\":\"1970-01-01 00:00:00.4\"}\n"]);
    assert!(other.exists());
}

#[test]
fn a_prepared_file_that_was_removed_from_outside_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let table = target(directory.path(), "csv", &[]);
    let (mut writer, committer) = sink(&table, 1);
    writer.write(&batch(&table, &[row(1, 0)]), Now::default()).unwrap();
    let prepared = writer.prepare(1).unwrap();
    fs::remove_dir_all(directory.path().join("d=1970-01-01")).unwrap();
    let failure = committer.unwrap().commit(&prepared).unwrap_err();
    assert_eq!(failure.code(), "filesystem.lost");
}

#[test]
fn files_roll_by_size_and_success_is_marked() {
    let directory = tempfile::tempdir().unwrap();
    let options = [("sink.rolling-policy.file-size", "20 b"), ("sink.partition-commit.policy.kind", "success-file")];
    let table = target(directory.path(), "csv", &options);
    let (mut writer, committer) = sink(&table, 1);
    let mut committer = committer.unwrap();
    for number in 0..3 {
        writer.write(&batch(&table, &[row(number, 0)]), Now::default()).unwrap();
    }
    writer.finish().unwrap();
    committer.commit(&writer.prepare(1).unwrap()).unwrap();
    committer.finish().unwrap();
    let names: Vec<String> = tree(directory.path()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "_SUCCESS",
            "d=1970-01-01/_SUCCESS",
            "d=1970-01-01/part-0000000000001888-1-0-0.csv",
            "d=1970-01-01/part-0000000000001888-1-0-1.csv",
            "d=1970-01-01/part-0000000000001888-1-0-2.csv"
        ]
    );
}

#[test]
fn more_partitions_than_open_files() {
    let directory = tempfile::tempdir().unwrap();
    for format in ["csv", "parquet"] {
        let path = directory.path().join(format);
        let table = target(&path, format, &[]);
        let (mut writer, committer) = sink(&table, 1);
        let rows: Vec<Vec<Scalar>> = (0..220).map(|number| row(number, number as i32 % 110)).collect();
        for part in rows.chunks(60) {
            writer.write(&batch(&table, part), Now::default()).unwrap();
        }
        committer.unwrap().commit(&writer.prepare(1).unwrap()).unwrap();
        let plan = crate::support::plan(&table).unwrap();
        let read = crate::support::read_batches(&plan, 4096).unwrap();
        let mut found = crate::support::texts(&read, &table.schema.types());
        let mut expected = crate::support::texts(&[batch(&table, &rows)], &table.schema.types());
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{format}");
    }
}

#[test]
fn csv_quotes_what_needs_it() {
    let directory = tempfile::tempdir().unwrap();
    let columns = [("a", SqlType::STRING), ("b", SqlType::array(SqlType::DOUBLE)), ("c", SqlType::decimal(5, 2))];
    let table = files(&columns, directory.path(), "csv", &[]);
    let (mut writer, committer) = sink(&table, 1);
    let rows = [
        vec![
            Scalar::string("x,\"y\"\nz"),
            Scalar::Array(vec![Scalar::Double(1.0), Scalar::Double(2.5)]),
            Scalar::Decimal { value: 150, scale: 2 },
        ],
        vec![Scalar::string("plain text"), Scalar::Null, Scalar::Null],
    ];
    writer.write(&batch(&table, &rows), Now::default()).unwrap();
    committer.unwrap().commit(&writer.prepare(1).unwrap()).unwrap();
    assert_eq!(tree(directory.path())[0].1, "\"x,\"\"y\"\"\nz\",1.0;2.5,1.50\nplain text,,\n");
    assert_eq!(read(&table).unwrap(), ["'x,\"y\"\nz', ARRAY[1.0, 2.5], 1.50", "'plain text', null, null"]);
}

#[test]
fn updates_are_refused_when_planned() {
    let table = target(Path::new("/tmp/x"), "csv", &[]);
    assert_eq!(sink_plan(&table).unwrap().accepts, SinkChanges::InsertOnly);
    let mut all = table.clone();
    all.partition_keys = vec![0, 1, 2];
    assert!(sink_plan(&all).unwrap_err().to_string().contains("at least one must be in the files"));
    let mut metadata = table;
    metadata.metadata[0] = Some("file.path".to_string());
    assert!(sink_plan(&metadata).is_err());
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "").unwrap();
    let table = target(&path, "csv", &[]);
    let plan = sink_plan(&table).unwrap();
    let sink = process().0.sink(&plan.kind, &plan.config).unwrap();
    let cx = tidemill_dataflow::WriterContext { operator: OPERATOR, generation: 1, subtask: 0, parallelism: 1 };
    let failure = sink.writer(&cx).unwrap().write(&batch(&table, &[row(1, 0)]), Now::default()).unwrap_err();
    assert!(failure.to_string().contains(&*path.to_string_lossy()), "{failure}");
}

#[test]
fn a_value_too_long_for_a_name_is_a_mistake_of_the_data() {
    let directory = tempfile::tempdir().unwrap();
    let columns = [("a", SqlType::INT), ("k", SqlType::STRING)];
    let mut table = files(&columns, directory.path(), "csv", &[]);
    table.partition_keys = vec![1];
    let (mut writer, _) = sink(&table, 1);
    let row = vec![Scalar::Int(1), Scalar::string("x".repeat(300))];
    let failure = writer.write(&batch(&table, &[row]), Now::default()).unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable()), ("filesystem.name", false));
    assert!(failure.message().contains("PARTITIONED BY"), "{failure}");
}

#[test]
fn the_file_of_success_has_a_name() {
    let directory = tempfile::tempdir().unwrap();
    let key = "sink.partition-commit.success-file.name";
    for name in ["", ".", "..", "a/b", "/x"] {
        let failure = sink_plan(&target(directory.path(), "csv", &[(key, name)])).unwrap_err();
        assert!(failure.message().contains(&format!("'{key}' is '{name}'")), "{failure}");
    }
    assert!(sink_plan(&target(directory.path(), "csv", &[(key, "DONE")])).is_ok());
}

#[test]
fn what_an_escape_character_has_escaped_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let columns = [("a", SqlType::STRING), ("b", SqlType::STRING)];
    let table = files(&columns, directory.path(), "csv", &[("csv.escape-character", "\\")]);
    let texts = ["x\\ny", "a\"b\\", "\\", "c,\\\"d\n"];
    let rows: Vec<Vec<Scalar>> = texts.iter().map(|text| vec![Scalar::string(*text), Scalar::string("z")]).collect();
    let (mut writer, committer) = sink(&table, 1);
    writer.write(&batch(&table, &rows), Now::default()).unwrap();
    committer.unwrap().commit(&writer.prepare(1).unwrap()).unwrap();
    let want: Vec<String> = texts.iter().map(|text| format!("'{text}', 'z'")).collect();
    assert_eq!(read(&table).unwrap(), want);
}
