//! `config.yaml` from `$TIDEMILL_CONF_DIR`: keys nested or dotted, flattened to the keys that `SET` knows.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidemill_core::{Failure, Result};

/// The file's name.
pub const FILE: &str = "config.yaml";

/// The folder of the configuration file, from the environment.
pub fn directory() -> Option<PathBuf> {
    std::env::var_os("TIDEMILL_CONF_DIR").filter(|path: &OsString| !path.is_empty()).map(PathBuf::from)
}

/// The keys and texts of the configuration file in `directory`; none where there is no such file.
///
/// Fails where the folder does not exist, the file cannot be read, or it is not a YAML mapping.
pub fn read(directory: &Path) -> Result<Vec<(String, String)>> {
    let path = directory.join(FILE);
    let wrong = |what: String| Failure::user("config.file", format!("{}: {what}", path.display()));
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text).map_err(wrong),
        Err(error) if error.kind() == ErrorKind::NotFound && directory.is_dir() => Ok(Vec::new()),
        Err(error) => Err(wrong(format!("cannot be read: {error}; TIDEMILL_CONF_DIR must name the folder of {FILE}"))),
    }
}

/// The keys and texts of a configuration file's text.
fn parse(text: &str) -> std::result::Result<Vec<(String, String)>, String> {
    let value: Value =
        serde_saphyr::from_str::<Option<Value>>(text).map_err(|error| error.to_string())?.unwrap_or(Value::Null);
    let mut pairs = Vec::new();
    match value {
        Value::Null => {}
        Value::Object(_) => flatten("", &value, &mut pairs),
        _ => return Err("must hold keys and values, such as 'parallelism.default: 4'".to_string()),
    }
    Ok(pairs)
}

/// Adds what is below `prefix`; a list becomes its texts with `;` between them.
fn flatten(prefix: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&key, value, pairs);
            }
        }
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().map(text_of).collect();
            pairs.push((prefix.to_string(), texts.join(";")));
        }
        value => pairs.push((prefix.to_string(), text_of(value))),
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_string(), value.to_string())
    }

    #[test]
    fn nested_and_dotted_keys_mean_the_same() {
        let text =
            "execution:\n  checkpointing:\n    interval: 200 ms\n  runtime-mode: batch\nparallelism.default: 4\n";
        let want = [
            pair("execution.checkpointing.interval", "200 ms"),
            pair("execution.runtime-mode", "batch"),
            pair("parallelism.default", "4"),
        ];
        assert_eq!(pairs(text), want);
    }

    #[test]
    fn values_are_text_whatever_yaml_makes_of_them() {
        let text = "a: true\nb: 1.5\nc: ''\nd:\ne: [x, 1]\nf.g:\n  h: 'x: y'\n";
        let want = [pair("a", "true"), pair("b", "1.5"), pair("c", ""), pair("e", "x;1"), pair("f.g.h", "x: y")];
        assert_eq!(pairs(text), want);
    }

    #[test]
    fn an_empty_file_sets_nothing_and_a_wrong_one_is_refused() {
        assert!(pairs("").is_empty() && pairs("# nothing\n").is_empty());
        assert!(parse("- a\n- b\n").is_err());
        assert!(parse("a: [1").is_err());
    }
}
