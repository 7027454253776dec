//! Partitions as directories, Hive's way: `day=2013-01-01/origin=JFK`.

use std::path::Path;

/// Characters that directory names have as `%XX`, as in Flink and Hive.
const ESCAPED: &str = "\"#%'*/:=?\\{}[]^\u{7f}";

/// The directory of a value; `value` none for NULL.
pub fn directory(key: &str, value: Option<&str>, default: &str, out: &mut String) {
    if !out.is_empty() {
        out.push('/');
    }
    escape(key, out);
    out.push('=');
    match value {
        Some(value) if !value.is_empty() => escape(value, out),
        _ => escape(default, out),
    }
}

/// The value of a key in the directories of a path: none if there is no such directory, `Some(None)` for NULL.
pub fn value_of(path: &Path, key: &str, default: &str) -> Option<Option<String>> {
    path.parent()?.components().rev().find_map(|part| {
        let (found, value) = part.as_os_str().to_str()?.split_once('=')?;
        if unescape(found) != key {
            return None;
        }
        let value = unescape(value);
        Some((value != default).then_some(value))
    })
}

fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        if character.is_ascii_control() || ESCAPED.contains(character) {
            out.push_str(&format!("%{:02X}", character as u32));
        } else {
            out.push(character);
        }
    }
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_read_as_they_were_written() {
        let mut path = String::new();
        directory("day", Some("2013-01-01 05:00:00"), "none", &mut path);
        directory("a/b", None, "none", &mut path);
        directory("c", Some("ü 100%"), "none", &mut path);
        assert_eq!(path, "day=2013-01-01 05%3A00%3A00/a%2Fb=none/c=ü 100%25");
        let file = Path::new("/table").join(&path).join("part-0.csv");
        assert_eq!(value_of(&file, "day", "none"), Some(Some("2013-01-01 05:00:00".to_string())));
        assert_eq!(value_of(&file, "a/b", "none"), Some(None));
        assert_eq!(value_of(&file, "c", "none"), Some(Some("ü 100%".to_string())));
        assert_eq!(value_of(&file, "d", "none"), None);
    }
}
