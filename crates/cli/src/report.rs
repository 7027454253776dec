//! `--report`: figures of the jobs this process has run, written when it ends, however it ends.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use tidemill_core::{Env, Failure, Result};
use tidemill_runtime::SystemEnv;

use crate::usage::UsageMeter;

/// How a job has ended, in Flink's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// All input read and all output committed, now or in an earlier run; or stopped with a complete savepoint.
    Finished,
    /// It failed.
    Failed,
    /// Stopped by request.
    Canceled,
}

impl JobState {
    fn name(self) -> &'static str {
        match self {
            JobState::Finished => "FINISHED",
            JobState::Failed => "FAILED",
            JobState::Canceled => "CANCELED",
        }
    }
}

/// What is reported of a job; counts are since its first start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobReport {
    /// Its name.
    pub name: String,
    /// How it has ended.
    pub state: JobState,
    /// Rows that sources have read.
    pub rows_in: u64,
    /// Rows that sinks have written.
    pub rows_out: u64,
    /// Rows that came after their window had closed.
    pub late_rows_dropped: u64,
    /// Completed checkpoints.
    pub checkpoints_completed: u64,
    /// The checkpoint or savepoint that this run went on from.
    pub restored_from: Option<String>,
    /// The hash of the net rows that sinks have written, where it was asked for.
    pub result_hash: Option<u128>,
}

/// Collects reports of jobs and writes them.
pub struct Reporter {
    path: Option<PathBuf>,
    jobs: Mutex<Vec<JobReport>>,
    /// True once it is written: when a signal ends the process, two threads may want to.
    is_written: Mutex<bool>,
    meter: UsageMeter,
    clock: SystemEnv,
}

impl Reporter {
    /// A reporter that will write to `path`, if there is one; fails where that cannot be written.
    pub fn new(path: Option<PathBuf>) -> Result<Reporter> {
        if let Some(path) = &path {
            let opened = std::fs::OpenOptions::new().create(true).append(true).open(path);
            opened.map_err(|error| unwritable(path, &error))?;
        }
        Ok(Reporter {
            path,
            jobs: Mutex::default(),
            is_written: Mutex::default(),
            meter: UsageMeter::default(),
            clock: SystemEnv::new(),
        })
    }

    /// Adds a job that has ended.
    pub fn add(&self, job: JobReport) {
        self.meter.sample();
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).push(job);
    }

    /// Looks at the process's memory.
    pub fn sample(&self) {
        self.meter.sample();
    }

    /// Writes the report, once.
    pub fn write(&self) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut is_written = self.is_written.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *is_written, true) {
            let text = format!("{}\n", self.report());
            std::fs::write(path, text).map_err(|error| unwritable(path, &error))?;
        }
        Ok(())
    }

    fn report(&self) -> Value {
        let usage = self.meter.usage();
        let wall_ms = self.clock.now().monotonic_ns / 1_000_000;
        let job = |job: &JobReport| {
            json!({
                "name": job.name,
                "state": job.state.name(),
                "rows_in": job.rows_in,
                "rows_out": job.rows_out,
                "late_rows_dropped": job.late_rows_dropped,
                "checkpoints_completed": job.checkpoints_completed,
                "restored_from": job.restored_from,
                "cpu_ms": usage.cpu_ms,
                "wall_ms": wall_ms,
                "rss_max_bytes": usage.rss_max_bytes,
                "anon_max_bytes": usage.anon_max_bytes,
                "result_hash": job.result_hash.map(|hash| format!("{hash:032x}")),
            })
        };
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        json!({ "jobs": jobs.iter().map(job).collect::<Vec<Value>>() })
    }
}

fn unwritable(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::user("report", format!("the report cannot be written to {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_field_is_there() {
        let reporter = Reporter::new(None).unwrap();
        assert_eq!(reporter.report().to_string(), r#"{"jobs":[]}"#);
        reporter.add(JobReport {
            name: "job".to_string(),
            state: JobState::Finished,
            rows_in: 3,
            rows_out: 2,
            late_rows_dropped: 1,
            checkpoints_completed: 4,
            restored_from: None,
            result_hash: Some(0xab),
        });
        let report = reporter.report();
        let job = report["jobs"][0].as_object().unwrap();
        let keys: Vec<&str> = job.keys().map(String::as_str).collect();
        let want = [
            "name",
            "state",
            "rows_in",
            "rows_out",
            "late_rows_dropped",
            "checkpoints_completed",
            "restored_from",
            "cpu_ms",
            "wall_ms",
            "rss_max_bytes",
            "anon_max_bytes",
            "result_hash",
        ];
        assert_eq!(keys, want);
        assert_eq!(job["result_hash"], "000000000000000000000000000000ab");
        assert_eq!(job["restored_from"], Value::Null);
    }
}
