//! Counters and gauges by name. They are updated once a step, never once a row.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A number that others read while it changes.
#[derive(Clone, Debug, Default)]
pub struct Metric(Arc<AtomicI64>);

impl Metric {
    /// Adds to it.
    pub fn add(&self, amount: i64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Sets it.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All metrics of a job, by scope and name such as `2.window.numLateRecordsDropped`.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Mutex<BTreeMap<String, Metric>>>);

impl Metrics {
    /// The metric of that name, made at the first call. Its owners share it.
    pub fn metric(&self, name: &str) -> Metric {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(name.to_string()).or_default().clone()
    }

    /// All names with their values, sorted by name.
    pub fn snapshot(&self) -> Vec<(String, i64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(name, metric)| (name.clone(), metric.get())).collect()
    }

    /// The sum over all metrics whose name ends with `.name`.
    pub fn sum(&self, name: &str) -> i64 {
        let suffix = format!(".{name}");
        self.snapshot().iter().filter(|(full, _)| full.ends_with(&suffix)).map(|(_, value)| value).sum()
    }
}
