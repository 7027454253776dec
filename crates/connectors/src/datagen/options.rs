//! The options: some of the table, some of each field.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use tidemill_core::options::{ConfigOption, Configuration, OptionType};
use tidemill_core::{Failure, Result};
use tidemill_expr::{SqlType, TypeKind};

/// Rows a second; Flink's default is the one exception from full speed.
pub const ROWS_PER_SECOND: ConfigOption =
    ConfigOption::new("rows-per-second", OptionType::Integer, "Rows per second over all subtasks.")
        .with_default("10000");
/// How many rows.
pub const NUMBER_OF_ROWS: ConfigOption =
    ConfigOption::new("number-of-rows", OptionType::Integer, "How many rows are made; by default there is no end.");
/// The seed.
pub const SEED: ConfigOption =
    ConfigOption::new("seed", OptionType::Integer, "The seed of all randomness.").with_default("0");

/// The options of one field, behind `fields.<name>.`.
const OF_FIELDS: [(&str, OptionType, &str); 9] = [
    ("kind", OptionType::Choice(&["random", "sequence"]), "random or sequence."),
    ("min", OptionType::Text, "The smallest random number."),
    ("max", OptionType::Text, "The greatest random number."),
    ("max-past", OptionType::Duration, "Random timestamps lie at most this far in the past."),
    ("length", OptionType::Integer, "Characters, bytes or elements."),
    ("var-len", OptionType::Bool, "Lengths from 1 to `length` instead of `length` itself."),
    ("null-rate", OptionType::Text, "The share of NULLs, from 0 to 1."),
    ("start", OptionType::Integer, "Where a sequence begins."),
    ("end", OptionType::Integer, "The last number of a sequence; the source ends with it."),
];

/// The option `fields.<path>.<name>`; the same every time.
pub fn of_field(path: &str, name: &str) -> Option<&'static ConfigOption> {
    // Options are declared once and for ever; those of fields when their field is first seen.
    static DECLARED: Mutex<BTreeMap<String, &'static ConfigOption>> = Mutex::new(BTreeMap::new());
    let (_, kind, doc) = OF_FIELDS.iter().find(|(known, ..)| *known == name)?;
    let key = format!("fields.{path}.{name}");
    let mut declared = DECLARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(option) = declared.get(&key) {
        return Some(option);
    }
    let option: &'static ConfigOption =
        Box::leak(Box::new(ConfigOption::new(Box::leak(key.clone().into_boxed_str()), *kind, doc)));
    declared.insert(key, option);
    Some(option)
}

/// All options of a column and of what is nested in it.
pub fn of_column(path: &str, ty: &SqlType, found: &mut Vec<&'static ConfigOption>) {
    found.extend(OF_FIELDS.iter().filter_map(|(name, ..)| of_field(path, name)));
    match &ty.kind {
        TypeKind::Row(row) => {
            row.fields.iter().for_each(|field| of_column(&format!("{path}.{}", field.name), &field.ty, found));
        }
        TypeKind::Array(element) | TypeKind::Multiset(element) => of_column(&format!("{path}.element"), element, found),
        TypeKind::Map(key, value) => {
            of_column(&format!("{path}.key"), key, found);
            of_column(&format!("{path}.value"), value, found);
        }
        _ => {}
    }
}

/// The options of one field, read.
pub struct FieldOptions<'a> {
    options: &'a Configuration,
    path: &'a str,
}

impl<'a> FieldOptions<'a> {
    /// Those of the field at `path`.
    pub fn new(options: &'a Configuration, path: &'a str) -> FieldOptions<'a> {
        FieldOptions { options, path }
    }

    /// The text of an option.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.options.raw(of_field(self.path, name)?.key)
    }

    /// An option that is a number of some kind.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| self.wrong(name, "is not a number of the field's type"))
    }

    /// An option that is a number from `least` to `greatest`.
    pub fn number_within<T>(&self, name: &str, least: T, greatest: T) -> Result<Option<T>>
    where
        T: FromStr + PartialOrd + Debug + Copy,
    {
        let number = self.number::<T>(name)?;
        match &number {
            Some(number) if !(least..=greatest).contains(number) => {
                Err(self.wrong(name, &format!("must lie between {least:?} and {greatest:?}")))
            }
            _ => Ok(number),
        }
    }

    /// An option that is a truth value.
    pub fn bool(&self, name: &str) -> Result<bool> {
        of_field(self.path, name).map_or(Ok(false), |option| self.options.bool(option))
    }

    /// An option that is a duration, in milliseconds.
    pub fn millis(&self, name: &str) -> Result<Option<i64>> {
        let Some(option) = of_field(self.path, name) else { return Ok(None) };
        Ok(self.options.duration(option)?.map(|duration| duration.as_millis() as i64))
    }

    /// The refusal of an option.
    pub fn wrong(&self, name: &str, what: &str) -> Failure {
        let value = self.text(name).unwrap_or_default();
        let key = format!("fields.{}.{name}", self.path);
        Failure::user("datagen.option", format!("option '{key}' = '{value}' {what}")).about(key)
    }
}
