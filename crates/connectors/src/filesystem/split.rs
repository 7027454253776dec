//! Splits of files, and how large files are cut.
//!
//! A file below [`SPLIT_BYTES`] is one split. Larger ones are cut between records: Parquet between row groups, JSON at line
//! ends, CSV at line ends outside quotes, for which the file is read through once.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use prost::Message;
use tidemill_core::{Failure, Result};
use tidemill_dataflow::Split;

use super::csv_records::CsvRecords;
use super::io::failed;
use super::layout::ReadFormat;
use super::listing::Found;
use crate::format::csv::CsvOptions;
use crate::format::parquet::Footer;

/// Below this a file is one split; above, splits have about this size.
pub const SPLIT_BYTES: u64 = 64 << 20;

/// The extensions by which Flink knows that a file is compressed.
const COMPRESSED: [&str; 7] = ["gz", "gzip", "deflate", "bz2", "xz", "zst", "zstd"];

/// The payload of a split.
#[derive(Clone, PartialEq, Message)]
pub struct FileSplit {
    /// The file.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Its size when it was found.
    #[prost(uint64, tag = "2")]
    pub size: u64,
    /// When it was last changed, in milliseconds since the epoch.
    #[prost(sint64, tag = "3")]
    pub modified_ms: i64,
    /// The first byte (Parquet: row group).
    #[prost(uint64, tag = "4")]
    pub start: u64,
    /// Behind the last byte (Parquet: row group).
    #[prost(uint64, tag = "5")]
    pub end: u64,
    /// Where to go on: bytes (Parquet: rows) behind the start.
    #[prost(uint64, tag = "6")]
    pub done: u64,
}

impl FileSplit {
    /// Reads a payload.
    pub fn decode_split(split: &Split) -> Result<FileSplit> {
        FileSplit::decode(split.payload.as_slice())
            .map_err(|error| Failure::fatal("source.split", format!("split {} cannot be read: {error}", split.id)))
    }

    /// The split as the job stores it.
    pub fn encode_split(&self) -> Split {
        Split { id: format!("{}:{}", self.path, self.start), payload: self.encode_to_vec() }
    }
}

/// Refuses a file whose name says that it is compressed: its bytes are no text.
fn refuse_compressed(path: &Path) -> Result<()> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if !COMPRESSED.contains(&extension.as_str()) {
        return Ok(());
    }
    let text = format!(
        "cannot read {}: files of text that are compressed (.{}) are not supported yet; decompress it, or let 'path' be a \
         pattern that leaves it out, such as '*.csv'",
        path.display(),
        COMPRESSED.join(", .")
    );
    Err(Failure::user("filesystem.compressed", text))
}

/// Cuts a file into splits of about `split_bytes`.
pub fn cut(found: &Found, format: &ReadFormat, split_bytes: u64) -> Result<Vec<FileSplit>> {
    let path = found.path.to_str().ok_or_else(|| {
        let text = format!("the name of {} is not valid UTF-8; rename the file", found.path.display());
        Failure::user("filesystem.name", text)
    })?;
    if !matches!(format, ReadFormat::Parquet) {
        refuse_compressed(&found.path)?;
    }
    let open = || File::open(&found.path).map_err(|error| failed("read", &found.path, &error));
    let is_small = found.size < split_bytes;
    let cuts = match format {
        ReadFormat::Parquet if is_small => vec![0, u64::MAX],
        ReadFormat::Parquet => row_groups(&Footer::load(path, &open()?)?.row_group_bytes(), split_bytes),
        _ if is_small => vec![0, found.size],
        ReadFormat::Csv(options) if options.quote.is_some() || options.escape.is_some() => {
            lines_outside_quotes(open()?, &found.path, found.size, split_bytes, options)?
        }
        ReadFormat::Csv(_) | ReadFormat::Json(_) => lines(open()?, &found.path, found.size, split_bytes)?,
    };
    let split = |bounds: &[u64]| FileSplit {
        path: path.to_string(),
        size: found.size,
        modified_ms: found.modified_ms,
        start: bounds[0],
        end: bounds[1],
        done: 0,
    };
    Ok(cuts.windows(2).map(split).collect())
}

fn row_groups(bytes: &[u64], split_bytes: u64) -> Vec<u64> {
    let mut cuts = vec![0];
    let mut since = 0;
    for (at, bytes) in (0u64..).zip(bytes) {
        if since >= split_bytes {
            cuts.push(at);
            since = 0;
        }
        since += bytes;
    }
    cuts.push(u64::MAX);
    cuts
}

/// Cuts at the first line end behind every multiple of `split_bytes`.
fn lines(file: File, path: &Path, size: u64, split_bytes: u64) -> Result<Vec<u64>> {
    let failed = |error: std::io::Error| failed("read", path, &error);
    let mut cuts = vec![0];
    let mut reader = BufReader::new(file);
    let mut target = split_bytes;
    while target < size {
        reader.seek(SeekFrom::Start(target - 1)).map_err(failed)?;
        let skipped = reader.skip_until(b'\n').map_err(failed)?;
        let cut = target - 1 + skipped as u64;
        if cut < size {
            cuts.push(cut);
        }
        target = cut.max(target) + split_bytes;
    }
    cuts.push(size);
    Ok(cuts)
}

/// The same, but a line end within quotes does not count.
fn lines_outside_quotes(
    file: File,
    path: &Path,
    size: u64,
    split_bytes: u64,
    options: &CsvOptions,
) -> Result<Vec<u64>> {
    let mut cuts = vec![0];
    let mut records = CsvRecords::new(options);
    let mut target = split_bytes;
    let mut at = 0;
    let mut reader = BufReader::with_capacity(1 << 20, file.take(size));
    loop {
        let bytes = reader.fill_buf().map_err(|error| failed("read", path, &error))?;
        if bytes.is_empty() {
            break;
        }
        let len = bytes.len();
        for byte in bytes {
            at += 1;
            if records.ends_with(*byte) && at >= target && at < size {
                cuts.push(at);
                target = at + split_bytes;
            }
        }
        reader.consume(len);
    }
    cuts.push(size);
    Ok(cuts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::format::csv::CsvDecoder;
    use crate::format::decode::Decode;
    use std::io::Write;
    use tidemill_core::options::Configuration;
    use tidemill_expr::{Field, SqlType};

    fn csv(options: &[(&str, &str)]) -> CsvOptions {
        let options: Configuration = options.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        CsvOptions::new(&options).unwrap()
    }

    fn csv_cuts(file: &tempfile::NamedTempFile, size: u64, options: &CsvOptions) -> Vec<u64> {
        lines_outside_quotes(File::open(file.path()).unwrap(), file.path(), size, 1, options).unwrap()
    }

    fn file(text: &str) -> (tempfile::NamedTempFile, u64) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        (file, text.len() as u64)
    }

    #[test]
    fn lines_are_never_cut() {
        let (file, size) = file("aaaa\nbb\ncccccccccc\nd\n");
        for split_bytes in 1..size {
            let cuts = lines(File::open(file.path()).unwrap(), file.path(), size, split_bytes).unwrap();
            assert!(cuts.windows(2).all(|cut| cut[0] < cut[1]), "{cuts:?}");
            assert!(cuts.iter().all(|cut| [0, 5, 8, 19, 21].contains(cut)), "{cuts:?}");
        }
    }

    #[test]
    fn a_line_end_within_quotes_is_no_cut() {
        let (file, size) = file("1,\"a\nb\"\n2,\"c\"\"\n\"\n3,d\n");
        assert_eq!(csv_cuts(&file, size, &csv(&[])), [0, 8, 17, 21]);
    }

    #[test]
    fn a_quote_that_does_not_begin_a_field_is_text() {
        let (file, size) = file("0,5\" pipe\n1,\"a\nb\"\n# it's \"\n2,\"c\"d\"\n3,e\n");
        assert_eq!(csv_cuts(&file, size, &csv(&[("csv.allow-comments", "true")])), [0, 10, 18, 27, 35, 39]);
    }

    #[test]
    fn parts_hold_the_records_of_the_whole() {
        let options = csv(&[("csv.allow-comments", "true"), ("csv.escape-character", "\\")]);
        let records = |text: &str| {
            let fields = [Field::new("a", SqlType::STRING), Field::new("b", SqlType::STRING)];
            let mut decoder = CsvDecoder::new(options.clone(), &fields, &[0, 1]);
            let (mut data, mut rows) = (text.as_bytes(), Vec::new());
            while !data.is_empty() {
                let Ok(decoded) = decoder.decode(data, true, 1) else { return None };
                if decoded.bytes == 0 {
                    break;
                }
                data = &data[decoded.bytes..];
                let row = format!("{:?}", decoder.finish().ok()?);
                rows.extend((decoded.rows > 0).then_some(row));
            }
            Some(rows)
        };
        let mut random = 1u64;
        let mut compared = 0;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..12 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push(['a', ',', '"', '\n', '#', '\\', 'b', ','][(random >> 61) as usize]);
            }
            let (file, size) = file(&text);
            let Some(whole) = records(&text) else { continue };
            let cuts = csv_cuts(&file, size, &options);
            let parts = cuts.windows(2).map(|cut| records(&text[cut[0] as usize..cut[1] as usize]));
            let parts: Option<Vec<Vec<String>>> = parts.collect();
            assert_eq!(parts.map(|parts| parts.concat()), Some(whole), "{text:?} cut at {cuts:?}");
            compared += usize::from(cuts.len() > 2);
        }
        assert!(compared > 100, "{compared}");
    }

    #[test]
    fn row_groups_are_put_together() {
        assert_eq!(row_groups(&[10, 10, 10, 10, 10], 20), [0, 2, 4, u64::MAX]);
        assert_eq!(row_groups(&[100], 20), [0, u64::MAX]);
    }
}
