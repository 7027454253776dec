use std::fs;
use std::path::Path;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::file::metadata::{ParquetMetaDataReader, ParquetMetaDataWriter};
use tidemill_expr::{Field, Scalar, SqlType, TypeKind};

use crate::support::{batch, files, plan, read, sink};

/// Writes rows as Parquet with our own sink; returns the file.
fn write(directory: &Path, columns: &[(&str, SqlType)], rows: &[Vec<Scalar>]) -> std::path::PathBuf {
    let table = files(columns, directory, "parquet", &[]);
    let (mut writer, committer) = sink(&table, 1);
    writer.write(&batch(&table, rows), Default::default()).unwrap();
    committer.unwrap().commit(&writer.prepare(1).unwrap()).unwrap();
    let mut found = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    found.find(|path| path.extension().is_some_and(|name| name == "parquet")).unwrap()
}

fn sample() -> (Vec<(&'static str, SqlType)>, Vec<Vec<Scalar>>) {
    let columns = vec![
        ("a", SqlType::INT),
        ("b", SqlType::STRING),
        ("c", SqlType::timestamp(3)),
        ("d", SqlType::timestamp_ltz(6)),
        ("e", SqlType::decimal(10, 2)),
        ("f", SqlType::row(vec![Field::new("x", SqlType::array(SqlType::STRING)), Field::new("y", SqlType::INT)])),
        ("g", SqlType::map(SqlType::STRING, SqlType::DOUBLE)),
        ("h", SqlType::BYTES),
    ];
    let row = vec![
        Scalar::Int(1),
        Scalar::string("a string that is long"),
        Scalar::timestamp_ms(1_357_016_400_123),
        Scalar::timestamp_ms(5),
        Scalar::Decimal { value: 150, scale: 2 },
        Scalar::Row(vec![Scalar::Array(vec![Scalar::string("x"), Scalar::Null]), Scalar::Int(2)]),
        Scalar::Map(vec![(Scalar::string("k"), Scalar::Double(0.5))]),
        Scalar::Bytes(vec![1, 2].into()),
    ];
    (columns, vec![row, vec![Scalar::Null; 8]])
}

#[test]
fn what_was_written_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let (columns, rows) = sample();
    let path = write(directory.path(), &columns, &rows);
    let read = read(&files(&columns, &path, "parquet", &[])).unwrap();
    assert_eq!(
        read[0],
        "1, 'a string that is long', 2013-01-01 05:00:00.123, 1970-01-01 00:00:00.005, 1.50, \
         ROW(ARRAY['x', null], 2), MAP['k', 0.5], X'0102'"
    );
    assert_eq!(read[1], ["null"; 8].join(", "));
}

#[test]
fn columns_are_found_by_name_and_widened_without_loss() {
    let directory = tempfile::tempdir().unwrap();
    let (columns, rows) = sample();
    let path = write(directory.path(), &columns, &rows);
    let wider = [
        ("e", SqlType::decimal(20, 4)),
        ("a", SqlType::BIGINT),
        ("c", SqlType::timestamp(6)),
        ("f", SqlType::row(vec![Field::new("y", TypeKind::BigInt.nullable())])),
    ];
    let read = read(&files(&wider, &path, "parquet", &[])).unwrap();
    assert_eq!(read, ["1.5000, 1, 2013-01-01 05:00:00.123, ROW(2)", "null, null, null, null"]);
}

#[test]
fn other_types_and_missing_columns_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (columns, rows) = sample();
    let path = write(directory.path(), &columns, &rows);
    let wrong = |columns: &[(&str, SqlType)]| {
        let failure = read(&files(columns, &path, "parquet", &[])).unwrap_err().to_string();
        failure.replace(&*path.to_string_lossy(), "a.parquet")
    };
    let text = wrong(&[("a", TypeKind::SmallInt.nullable())]);
    assert_eq!(
        text,
        "a.parquet: column 'a' is Int32 in the file but SMALLINT in the table; only types that hold every value are \
         widened: declare the column as one that does [parquet.type]"
    );
    let text = wrong(&[("nope", SqlType::INT)]);
    assert!(text.starts_with("a.parquet: the file has no column 'nope'; its columns are a, b, c"), "{text}");
}

#[test]
fn a_file_that_was_cut_short_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (columns, rows) = sample();
    let path = write(directory.path(), &columns, &rows);
    let bytes = fs::read(&path).unwrap();
    let cut = directory.path().join("cut.parquet");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let failure = read(&files(&columns, &cut, "parquet", &[])).unwrap_err();
    assert_eq!(failure.code(), "parquet.malformed");
    assert!(failure.to_string().contains("cut.parquet: this is not a whole Parquet file"), "{failure}");
    fs::write(&cut, "").unwrap();
    assert_eq!(read(&files(&columns, &cut, "parquet", &[])).unwrap_err().code(), "parquet.malformed");
}

/// The file with a footer that calls its columns compressed with another codec.
fn recompressed(bytes: Vec<u8>, codec: Compression) -> Vec<u8> {
    let bytes = Bytes::from(bytes);
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes).unwrap();
    let groups = metadata.row_groups().iter().map(|group| {
        let columns = group.columns().iter();
        let columns = columns.map(|column| column.clone().into_builder().set_compression(codec).build().unwrap());
        group.clone().into_builder().set_column_metadata(columns.collect()).build().unwrap()
    });
    let groups = groups.collect();
    let metadata = metadata.into_builder().set_row_groups(groups).build();
    let footer_bytes = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize;
    let mut file = bytes[..bytes.len() - 8 - footer_bytes].to_vec();
    ParquetMetaDataWriter::new(&mut file, &metadata).finish().unwrap();
    file
}

#[test]
fn a_codec_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (columns, rows) = sample();
    let path = write(directory.path(), &columns, &rows);
    fs::write(&path, recompressed(fs::read(&path).unwrap(), Compression::LZ4_RAW)).unwrap();
    let failure = read(&files(&columns[..1], &path, "parquet", &[])).unwrap_err();
    assert_eq!(failure.code(), "parquet.codec");
    assert!(failure.message().contains("'a' is compressed with LZ4_RAW; UNCOMPRESSED, SNAPPY and ZSTD"), "{failure}");
}

#[test]
fn counting_rows_reads_no_column() {
    let directory = tempfile::tempdir().unwrap();
    let (columns, rows) = sample();
    let path = write(directory.path(), &columns, &rows);
    let table = files(&columns, &path, "parquet", &[]);
    let connectors = tidemill_connectors::connectors();
    let plan_of_none = connectors.of(&table).unwrap().plan_source(&table, &Default::default()).unwrap();
    let batches = crate::support::read_batches(&plan_of_none, 10).unwrap();
    assert_eq!(batches.iter().map(|batch| (batch.len(), batch.width())).collect::<Vec<_>>(), [(2, 0)]);
    assert!(plan(&table).unwrap().bounded);
}
