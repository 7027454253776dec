//! Errors that belong to rows: they matter only where the row's value is asked for.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Why a row has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// Stable code such as `division-by-zero`.
    pub code: &'static str,
    /// What happened and what to change.
    pub message: Cow<'static, str>,
}

impl RowError {
    /// An error.
    pub fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> RowError {
        RowError { code, message: message.into() }
    }
}

/// The errors of a column by row; most columns have none. The values in such rows mean nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowErrors(BTreeMap<u32, RowError>);

impl RowErrors {
    /// No errors.
    pub const NONE: RowErrors = RowErrors(BTreeMap::new());

    /// Notes an error; the first of a row stays.
    pub fn add(&mut self, row: usize, error: RowError) {
        self.0.entry(row as u32).or_insert(error);
    }

    /// True without errors.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The error of a row.
    pub fn get(&self, row: usize) -> Option<&RowError> {
        self.0.get(&(row as u32))
    }

    /// All errors by row.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &RowError)> {
        self.0.iter().map(|(row, error)| (*row as usize, error))
    }

    /// Adds the errors of another column for which `keep` holds.
    pub fn merge_where(&mut self, other: &RowErrors, mut keep: impl FnMut(usize) -> bool) {
        for (row, error) in other.iter() {
            if keep(row) {
                self.add(row, error.clone());
            }
        }
    }

    /// The first error.
    pub fn first(&self) -> Option<(usize, &RowError)> {
        self.iter().next()
    }
}
