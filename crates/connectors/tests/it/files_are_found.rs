use std::fs;

use tidemill_core::Now;
use tidemill_dataflow::Poll;
use tidemill_expr::SqlType;

use crate::support::{files, open, plan, process, read};

const A: [(&str, SqlType); 1] = [("a", SqlType::INT)];

#[test]
fn a_directory_is_read_with_those_below_but_without_hidden_files() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir_all(root.join("sub/.hidden")).unwrap();
    for (name, text) in [("b.csv", "2\n"), ("sub/a.csv", "3\n"), ("a.csv", "1\n"), (".x", "8\n"), ("_SUCCESS", "9\n")] {
        fs::write(root.join(name), text).unwrap();
    }
    fs::write(root.join("sub/.hidden/a.csv"), "7\n").unwrap();
    assert_eq!(read(&files(&A, root, "csv", &[])).unwrap(), ["1", "2", "3"]);
    let url = format!("file://{}", root.display());
    assert_eq!(read(&files(&A, url.as_ref(), "csv", &[])).unwrap(), ["1", "2", "3"]);
    assert_eq!(read(&files(&A, &root.join("*.csv"), "csv", &[])).unwrap(), ["1", "2"]);
    assert_eq!(read(&files(&A, &root.join("[b-z]*"), "csv", &[])).unwrap(), ["2", "3"]);
}

#[test]
fn a_compressed_text_is_named() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.csv"), "1\n").unwrap();
    for name in ["b.csv.gz", "b.ZST", "b.bz2"] {
        let path = directory.path().join(name);
        fs::write(&path, [0x1f, 0x8b, 8, 0]).unwrap();
        for format in ["csv", "json"] {
            let failure = read(&files(&A, directory.path(), format, &[])).unwrap_err();
            assert_eq!(failure.code(), "filesystem.compressed");
            assert!(failure.message().contains(name) && failure.message().contains("decompress it"), "{failure}");
        }
        assert_eq!(read(&files(&A, &directory.path().join("*.csv"), "csv", &[])).unwrap(), ["1"]);
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let failure = read(&files(&A, "/nowhere/x.csv".as_ref(), "csv", &[])).unwrap_err();
    assert_eq!(failure.code(), "filesystem.missing");
    assert!(failure.to_string().contains("/nowhere/x.csv"), "{failure}");
    let failure = read(&files(&A, "s3://bucket/x".as_ref(), "csv", &[])).unwrap_err();
    assert!(failure.to_string().contains("'s3://bucket/x' is not local"), "{failure}");
}

#[test]
fn a_pattern_that_matches_nothing_is_named_unless_files_may_come() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("empty")).unwrap();
    fs::write(directory.path().join("_hidden.csv"), "1\n").unwrap();
    for (pattern, advice) in [("*.csv", ""), ("{a,b}*.csv", "braces mean themselves")] {
        let path = directory.path().join(pattern);
        let failure = read(&files(&A, &path, "csv", &[])).unwrap_err();
        assert_eq!(failure.code(), "filesystem.missing");
        assert!(
            failure.message().contains(&*path.to_string_lossy()) && failure.message().contains(advice),
            "{failure}"
        );
        let watching = plan(&files(&A, &path, "csv", &[("source.monitor-interval", "1 s")])).unwrap();
        let source = process().0.source(&watching.kind, &watching.config).unwrap();
        assert!(source.enumerator().unwrap().discover().unwrap().splits.is_empty());
    }
    assert!(read(&files(&A, &directory.path().join("e*"), "csv", &[])).unwrap().is_empty(), "a directory matches");
}

#[test]
fn files_are_not_listed_without_a_pause() {
    let failure = plan(&files(&A, "/x".as_ref(), "csv", &[("source.monitor-interval", "0 s")])).unwrap_err();
    assert!(failure.to_string().contains("'source.monitor-interval' is 0"), "{failure}");
}

#[test]
fn a_directory_that_vanishes_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("in");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a.csv"), "1\n").unwrap();
    let watching = plan(&files(&A, &root, "csv", &[("source.monitor-interval", "1 s")])).unwrap();
    let source = process().0.source(&watching.kind, &watching.config).unwrap();
    let mut enumerator = source.enumerator().unwrap();
    let found = enumerator.discover().unwrap();
    assert_eq!((found.splits.len(), found.again_in_ms, watching.bounded), (1, Some(1000), false));
    fs::remove_dir_all(&root).unwrap();
    let failure = enumerator.discover().unwrap_err();
    assert!(failure.to_string().contains(&*root.to_string_lossy()), "{failure}");
    let (_, mut reader) = open(&plan(&files(&A, directory.path(), "csv", &[])).unwrap(), 10).unwrap();
    reader.add_split(0, found.splits[0].clone()).unwrap();
    let failure = reader.poll(10, Now::default()).unwrap_err();
    assert!(failure.to_string().contains("a.csv: it does not exist"), "{failure}");
}

#[test]
fn watching_reports_each_file_once_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.csv"), "1\n").unwrap();
    let watching = plan(&files(&A, directory.path(), "csv", &[("source.monitor-interval", "10 ms")])).unwrap();
    let source = process().0.source(&watching.kind, &watching.config).unwrap();
    let mut enumerator = source.enumerator().unwrap();
    assert_eq!(enumerator.discover().unwrap().splits.len(), 1);
    assert_eq!(enumerator.discover().unwrap().splits.len(), 0);
    fs::write(directory.path().join("b.csv"), "2\n").unwrap();
    let mut next = source.enumerator().unwrap();
    next.restore(&enumerator.snapshot()).unwrap();
    let splits = next.discover().unwrap().splits;
    assert!(splits.len() == 1 && splits[0].id.ends_with("b.csv:0"), "{splits:?}");
}

#[test]
fn a_bounded_source_lists_once() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.csv"), "1\n").unwrap();
    let plan = plan(&files(&A, directory.path(), "csv", &[])).unwrap();
    let source = process().0.source(&plan.kind, &plan.config).unwrap();
    let mut enumerator = source.enumerator().unwrap();
    assert_eq!(enumerator.discover().unwrap().splits.len(), 1);
    fs::write(directory.path().join("b.csv"), "2\n").unwrap();
    let mut next = source.enumerator().unwrap();
    next.restore(&enumerator.snapshot()).unwrap();
    assert!(next.discover().unwrap().splits.is_empty());
}

#[test]
fn a_file_that_shrank_after_it_was_found_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    fs::write(&path, "1\n2\n").unwrap();
    let (splits, mut reader) = open(&plan(&files(&A, &path, "csv", &[])).unwrap(), 10).unwrap();
    fs::write(&path, "1\n").unwrap();
    reader.add_split(0, splits[0].clone()).unwrap();
    let failure = reader.poll(10, Now::default()).unwrap_err();
    assert_eq!(failure.code(), "filesystem.changed");
}

#[test]
fn lines_added_after_a_file_was_found_wait_for_the_next_listing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    fs::write(&path, "1\n").unwrap();
    let (splits, mut reader) = open(&plan(&files(&A, &path, "csv", &[])).unwrap(), 10).unwrap();
    fs::write(&path, "1\n2\n").unwrap();
    reader.add_split(0, splits[0].clone()).unwrap();
    assert!(matches!(reader.poll(10, Now::default()).unwrap(), Poll::Batch(0, batch) if batch.len() == 1));
    assert!(matches!(reader.poll(10, Now::default()).unwrap(), Poll::Finished(0)));
}

#[test]
fn metadata_and_partitions_are_columns() {
    let directory = tempfile::tempdir().unwrap();
    let part = directory.path().join("day=2013-01-01/n=__DEFAULT_PARTITION__");
    fs::create_dir_all(&part).unwrap();
    fs::write(part.join("a.csv"), "1\n2\n").unwrap();
    let columns = [("day", SqlType::DATE), ("a", SqlType::INT), ("n", SqlType::INT), ("f", SqlType::STRING)];
    let mut table = files(&columns, directory.path(), "csv", &[]);
    table.partition_keys = vec![0, 2];
    table.metadata[3] = Some("file.name".to_string());
    assert_eq!(read(&table).unwrap(), ["2013-01-01, 1, null, 'a.csv'", "2013-01-01, 2, null, 'a.csv'"]);
    table.metadata[3] = Some("file.colour".to_string());
    let failure = read(&table).unwrap_err().to_string();
    assert!(failure.contains("file.colour") && failure.contains("file.size"), "{failure}");
}

#[test]
fn a_pattern_does_not_look_into_what_is_hidden_unless_it_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    for (name, text) in [("a/1.csv", "1\n"), (".hid/2.csv", "2\n"), ("_tmp/3.csv", "3\n"), ("a/DONE", "x\n")] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), text).unwrap();
    }
    let read_as = |pattern: &str, more: &[(&str, &str)]| read(&files(&A, &root.join(pattern), "csv", more)).unwrap();
    assert_eq!(read_as("*/*.csv", &[]), ["1"]);
    assert_eq!(read_as("**/*.csv", &[]), ["1"]);
    assert_eq!(read_as("_tmp/*.csv", &[]), ["3"]);
    let done = [("sink.partition-commit.success-file.name", "DONE")];
    assert_eq!(read_as("*/*", &done), ["1"], "a mark is no data");
    assert_eq!(read_as("a", &done), ["1"], "a mark is no data");
}

#[test]
fn what_is_no_file_is_left_out_and_refused_where_it_is_named() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.csv"), "1\n").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("b.csv")).unwrap();
    assert_eq!(read(&files(&A, directory.path(), "csv", &[])).unwrap(), ["1"]);
    let failure = read(&files(&A, &directory.path().join("b.csv"), "csv", &[])).unwrap_err();
    assert!(failure.to_string().contains("neither a file nor a directory"), "{failure}");
}

#[test]
fn a_file_that_was_mended_is_read_to_its_end_by_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.csv");
    fs::write(&path, "1\n2\nz\n").unwrap();
    let plan = plan(&files(&A, &path, "csv", &[])).unwrap();
    let (splits, mut reader) = open(&plan, 1).unwrap();
    reader.add_split(0, splits[0].clone()).unwrap();
    assert!(matches!(reader.poll(1, Now::default()).unwrap(), Poll::Batch(0, batch) if batch.len() == 1));
    let snapshot = reader.snapshot().unwrap();
    fs::write(&path, "1\n2\n3\n4\n5\n").unwrap();
    let (_, mut reader) = open(&plan, 10).unwrap();
    for (handle, split) in snapshot {
        reader.add_split(handle, split).unwrap();
    }
    assert!(matches!(reader.poll(10, Now::default()).unwrap(), Poll::Batch(0, batch) if batch.len() == 4));
    assert!(matches!(reader.poll(10, Now::default()).unwrap(), Poll::Finished(0)));
}
