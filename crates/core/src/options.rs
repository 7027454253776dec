//! Options: each declared once with key, type, default and doc; unknown keys list their neighbours.
//!
//! A [`Configuration`] is a bag of strings, as the user wrote it; a [`ConfigOption`] knows how to read one of them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Failure, Result};

/// How an option's text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionType {
    /// Any text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A duration such as `200 ms`, `1 s`, `5 min`, or a plain number of milliseconds.
    Duration,
    /// A size such as `64 mb`, or a plain number of bytes.
    MemorySize,
    /// One of a list of words.
    Choice(&'static [&'static str]),
}

/// The declaration of an option.
#[derive(Clone, Copy, Debug)]
pub struct ConfigOption {
    /// Its key, Flink's where the option is Flink's.
    pub key: &'static str,
    /// How its text is read.
    pub kind: OptionType,
    /// The text that holds where the user says nothing.
    pub default: Option<&'static str>,
    /// What it means, in a sentence.
    pub doc: &'static str,
    /// True where it must not be shown.
    pub secret: bool,
}

impl ConfigOption {
    /// Declares an option without a default.
    pub const fn new(key: &'static str, kind: OptionType, doc: &'static str) -> ConfigOption {
        ConfigOption { key, kind, default: None, doc, secret: false }
    }

    /// Declares what holds where the user says nothing.
    pub const fn with_default(mut self, default: &'static str) -> ConfigOption {
        self.default = Some(default);
        self
    }

    /// Checks a text against the option's type.
    pub fn check(&self, text: &str) -> Result<()> {
        match self.kind {
            OptionType::Text => Ok(()),
            OptionType::Bool => parse_bool(text).map(|_| ()).ok_or_else(|| self.wrong(text, "true or false")),
            OptionType::Integer => {
                text.trim().parse::<i64>().map(|_| ()).map_err(|_| self.wrong(text, "a whole number"))
            }
            OptionType::Duration => parse_duration(text)
                .map(|_| ())
                .ok_or_else(|| self.wrong(text, "a duration such as '200 ms' or '5 min'")),
            OptionType::MemorySize => {
                parse_size(text).map(|_| ()).ok_or_else(|| self.wrong(text, "a size such as '64 mb'"))
            }
            OptionType::Choice(words) if words.iter().any(|word| word.eq_ignore_ascii_case(text.trim())) => Ok(()),
            OptionType::Choice(words) => Err(self.wrong(text, &format!("one of {}", words.join(", ")))),
        }
    }

    fn wrong(&self, text: &str, expected: &str) -> Failure {
        self.refuse(format!("option '{}' is '{text}', but must be {expected}", self.key))
    }

    /// The refusal of the option's text, for more reasons than its type.
    pub fn refuse(&self, why: impl Into<String>) -> Failure {
        Failure::user("option.value", why).about(self.key)
    }
}

/// Options as text by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration(BTreeMap<String, String>);

impl Configuration {
    /// Sets a key.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), value.into());
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// The text of a key, if it was set.
    pub fn raw(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// All keys and texts, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The text of an option, or its default.
    pub fn text(&self, option: &ConfigOption) -> Option<&str> {
        self.raw(option.key).or(option.default)
    }

    /// The option as a truth value; false where it has neither text nor default.
    pub fn bool(&self, option: &ConfigOption) -> Result<bool> {
        let Some(text) = self.text(option) else { return Ok(false) };
        parse_bool(text).ok_or_else(|| option.wrong(text, "true or false"))
    }

    /// The option as a number.
    pub fn integer(&self, option: &ConfigOption) -> Result<Option<i64>> {
        let Some(text) = self.text(option) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| option.wrong(text, "a whole number"))
    }

    /// The option as a duration.
    pub fn duration(&self, option: &ConfigOption) -> Result<Option<Duration>> {
        let Some(text) = self.text(option) else { return Ok(None) };
        parse_duration(text).map(Some).ok_or_else(|| option.wrong(text, "a duration such as '200 ms' or '5 min'"))
    }

    /// The option as a number of bytes.
    pub fn size(&self, option: &ConfigOption) -> Result<Option<u64>> {
        let Some(text) = self.text(option) else { return Ok(None) };
        parse_size(text).map(Some).ok_or_else(|| option.wrong(text, "a size such as '64 mb'"))
    }

    /// Refuses keys that none of `known` declares and texts of the wrong type; `owner` names whose options they are.
    pub fn check_known(&self, known: &[&ConfigOption], owner: &str) -> Result<()> {
        for (key, value) in self.iter() {
            match known.iter().find(|option| option.key == key) {
                Some(option) => option.check(value)?,
                None => return Err(unknown_key(key, known.iter().map(|option| option.key), owner)),
            }
        }
        Ok(())
    }
}

impl FromIterator<(String, String)> for Configuration {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Configuration {
        Configuration(pairs.into_iter().collect())
    }
}

/// The refusal of an unknown key, with its nearest neighbours and all known keys.
pub fn unknown_key<'a>(key: &str, known: impl Iterator<Item = &'a str>, owner: &str) -> Failure {
    let mut known: Vec<&str> = known.collect();
    known.sort_by_key(|candidate| (edit_distance(key, candidate), *candidate));
    let nearest: Vec<String> = known.iter().take(3).map(|candidate| format!("'{candidate}'")).collect();
    known.sort_unstable();
    let text = format!(
        "{owner} has no option '{key}'; the nearest are {}; all options: {}",
        nearest.join(", "),
        known.join(", ")
    );
    Failure::user("option.unknown", text).about(key)
}

/// Number of single-character edits between two words (Levenshtein).
pub fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

fn parse_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Reads `1 s`, `200ms`, `5 min`, `2 h`, `1 d`, or a plain number of milliseconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let nanos_per_unit: u64 = match unit.as_str() {
        "ns" | "nano" | "nanosecond" | "nanoseconds" => 1,
        "us" | "µs" | "micro" | "microsecond" | "microseconds" => 1_000,
        "" | "ms" | "milli" | "millisecond" | "milliseconds" => 1_000_000,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000_000_000,
        "m" | "min" | "minute" | "minutes" => 60_000_000_000,
        "h" | "hour" | "hours" => 3_600_000_000_000,
        "d" | "day" | "days" => 86_400_000_000_000,
        _ => return None,
    };
    number.checked_mul(nanos_per_unit).map(Duration::from_nanos)
}

/// Reads `64 mb`, `1g`, or a plain number of bytes. Units are powers of 1,024, as in Flink.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let shift = match unit.as_str() {
        "" | "b" | "bytes" => 0,
        "k" | "kb" | "kibibytes" => 10,
        "m" | "mb" | "mebibytes" => 20,
        "g" | "gb" | "gibibytes" => 30,
        "t" | "tb" | "tebibytes" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

fn number_and_unit(text: &str) -> Option<(u64, String)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..digits].parse().ok()?, text[digits..].trim().to_lowercase()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_lists_its_neighbours() {
        const PATH: ConfigOption = ConfigOption::new("path", OptionType::Text, "where");
        let mut options = Configuration::default();
        options.set("pth", "/x");
        let failure = options.check_known(&[&PATH], "the connector").unwrap_err();
        assert!(failure.to_string().contains("'path'"));
    }

    #[test]
    fn durations_and_sizes_read_like_in_flink() {
        assert_eq!(parse_duration("200 ms"), Some(Duration::from_millis(200)));
        assert_eq!(parse_duration("3min"), Some(Duration::from_secs(180)));
        assert_eq!(parse_duration("5"), Some(Duration::from_millis(5)));
        assert_eq!(parse_duration("1 parsec"), None);
        assert_eq!(parse_size("64 mb"), Some(64 << 20));
    }
}
