//! One job a directory: finds a script's second job before the first is run.
//!
//! Looks only at SET and RESET of the two options that matter; what they mean in full is the session's.

use tidemill_core::options::Configuration;
use tidemill_planner::session_options::{CHECKPOINT_DIR, is_batch};
use tidemill_sql_parser::ast::{SetOption, StatementKind};
use tidemill_sql_parser::{Span, parse_part, split_statements};

/// What to do instead.
pub const ADVICE: &str = "put the INSERTs into one job: EXECUTE STATEMENT SET BEGIN INSERT …; INSERT …; END; or run each script with a directory of its own";

/// Where a script has a second streaming job though its jobs are kept; `is_kept` where the command line says so.
/// `config` is the session's before the script.
///
/// A statement that does not parse ends the search: nothing behind it is run.
pub fn second_job(script: &str, config: &Configuration, is_kept: bool) -> Option<Span> {
    let mut now = config.clone();
    let mut jobs = 0;
    for part in split_statements(script) {
        let statement = parse_part(script, &part).ok()?;
        match &statement.kind {
            StatementKind::Set(Some(SetOption { key, value, .. })) => now.set(key.as_str(), value.as_str()),
            StatementKind::Reset(Some(key)) => match config.raw(&key.value) {
                Some(value) => now.set(key.value.as_str(), value),
                None => now.remove(&key.value),
            },
            StatementKind::Reset(None) => now = config.clone(),
            StatementKind::Insert(_) | StatementKind::StatementSet(_) if !is_batch(&now) => {
                jobs += usize::from(is_kept || now.text(&CHECKPOINT_DIR).is_some());
                if jobs > 1 {
                    return Some(statement.span);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(script: &str) -> Option<&str> {
        second_job(script, &Configuration::default(), false).map(|span| span.text(script))
    }

    #[test]
    fn two_jobs_with_a_directory_are_one_too_many() {
        let inserts = "INSERT INTO a SELECT 1; INSERT INTO b SELECT 2";
        assert_eq!(second(inserts), None);
        assert!(second_job(inserts, &Configuration::default(), true).is_some());
        let set = format!("SET 'execution.checkpointing.dir' = 'd'; {inserts}");
        assert_eq!(second(&set), Some("INSERT INTO b SELECT 2"));
        let batch = format!("SET 'execution.runtime-mode' = 'batch'; {set}");
        assert_eq!(second(&batch), None);
        let reset = format!("SET 'execution.checkpointing.dir' = 'd'; RESET 'execution.checkpointing.dir'; {inserts}");
        assert_eq!(second(&reset), None);
    }

    #[test]
    fn a_statement_set_is_one_job() {
        let set = "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END";
        assert!(second_job(set, &Configuration::default(), true).is_none());
        assert!(second_job(&format!("{set}; SELECT 1"), &Configuration::default(), true).is_none());
    }
}
