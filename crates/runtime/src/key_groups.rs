//! How many key groups a job has: chosen when it begins, fixed from its first checkpoint on.
//!
//! Pure: asked before anything is decided or written, so that a refusal changes nothing.

use tidemill_core::key_group::{KEY_GROUPS_MAX, KeyGroups};
use tidemill_core::options::Configuration;
use tidemill_core::{Failure, Result};
use tidemill_dataflow::job_options::MAX_PARALLELISM;

/// The key groups of what a start goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// How many.
    pub count: u32,
    /// The checkpoint or savepoint that says so.
    pub url: String,
    /// It is a savepoint.
    pub is_savepoint: bool,
}

/// The key groups of a start: the stored ones where the job goes on, else those that were asked for, else as many as suit the
/// parallelism.
///
/// Refuses another number than the stored one (`key-groups.fixed`), and a parallelism above it (`key-groups.parallelism`).
pub fn choose(options: &Configuration, parallelism: u32, stored: Option<&Stored>) -> Result<KeyGroups> {
    let asked = options.integer(&MAX_PARALLELISM)?.map(|count| u32::try_from(count).unwrap_or(0));
    let groups = match (stored, asked) {
        (Some(stored), Some(asked)) if asked != stored.count => return Err(fixed(asked, stored)),
        (Some(stored), _) => KeyGroups::new(stored.count)?,
        (None, Some(asked)) => KeyGroups::new(asked)?,
        (None, None) => KeyGroups::for_parallelism(parallelism),
    };
    if parallelism > groups.count() {
        return Err(too_few(parallelism, groups.count(), stored));
    }
    Ok(groups)
}

fn fixed(asked: u32, stored: &Stored) -> Failure {
    let Stored { count, url, .. } = stored;
    let key = MAX_PARALLELISM.key;
    let text = format!(
        "'{key}' is {asked}, but the job has had {count} key groups since it began ({url}), and a job that goes on keeps them: \
         leave '{key}' unset or set it to {count}, or {}",
        begin_anew(stored)
    );
    Failure::refused("key-groups.fixed", text)
}

fn too_few(parallelism: u32, count: u32, stored: Option<&Stored>) -> Failure {
    let key = MAX_PARALLELISM.key;
    let needed = parallelism.checked_next_power_of_two().filter(|needed| *needed <= KEY_GROUPS_MAX);
    let has = match stored {
        Some(stored) => format!("the job has had {count} since it began ({})", stored.url),
        None => format!("the job has {count}"),
    };
    let otherwise = match (needed, stored) {
        (None, _) => String::new(),
        (Some(needed), Some(stored)) => format!(", or {} and '{key}' = {needed}", begin_anew(stored)),
        (Some(needed), None) => format!(", or set '{key}' to {needed} or more"),
    };
    let text = format!(
        "a parallelism of {parallelism} needs as many key groups, and {has}: choose a parallelism of at most {count} (-p, \
         'parallelism.default'){otherwise}"
    );
    Failure::user("key-groups.parallelism", text)
}

/// The way to another number.
fn begin_anew(stored: &Stored) -> &'static str {
    match stored.is_savepoint {
        true => "begin anew without the savepoint, with --fresh where the checkpoint directory holds the job",
        false => "start over with --fresh",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn options(asked: Option<u32>) -> Configuration {
        let mut options = Configuration::default();
        if let Some(asked) = asked {
            options.set(MAX_PARALLELISM.key, asked.to_string());
        }
        options
    }

    fn stored(count: u32, is_savepoint: bool) -> Stored {
        Stored { count, url: "file:///ck/chk-7".to_string(), is_savepoint }
    }

    #[test]
    fn a_job_that_begins_has_what_was_asked_for_or_what_suits_it() {
        let count = |asked, parallelism| choose(&options(asked), parallelism, None).map(KeyGroups::count).unwrap();
        assert_eq!(count(None, 1), 128);
        assert_eq!(count(None, 100), 256);
        assert_eq!(count(Some(16), 2), 16);
    }

    #[test]
    fn a_job_that_goes_on_keeps_what_it_has() {
        let stored = stored(64, false);
        for asked in [None, Some(64)] {
            assert_eq!(choose(&options(asked), 64, Some(&stored)).unwrap().count(), 64);
        }
    }

    #[test]
    fn another_number_is_refused_with_what_can_be_done() {
        let failure = choose(&options(Some(256)), 2, Some(&stored(64, false))).unwrap_err();
        assert_eq!(failure.code(), "key-groups.fixed");
        for part in
            ["'pipeline.max-parallelism' is 256", "64 key groups", "file:///ck/chk-7", "set it to 64", "--fresh"]
        {
            assert!(failure.message().contains(part), "'{part}' is not in: {failure}");
        }
        let failure = choose(&options(Some(256)), 2, Some(&stored(64, true))).unwrap_err();
        assert!(failure.message().contains("without the savepoint"), "{failure}");
    }

    #[test]
    fn a_parallelism_above_it_is_refused_with_what_can_be_done() {
        let failure = |asked, parallelism, stored: Option<Stored>| {
            let failure = choose(&options(asked), parallelism, stored.as_ref()).unwrap_err();
            assert_eq!(failure.code(), "key-groups.parallelism");
            failure.message().to_string()
        };
        let goes_on = failure(None, 65, Some(stored(64, false)));
        assert!(
            goes_on.contains("at most 64") && goes_on.contains("--fresh and 'pipeline.max-parallelism' = 128"),
            "{goes_on}"
        );
        let begins = failure(Some(64), 65, None);
        assert!(begins.contains("set 'pipeline.max-parallelism' to 128") && !begins.contains("--fresh"), "{begins}");
        let never = failure(None, KEY_GROUPS_MAX + 1, None);
        assert!(never.contains("at most 32768") && !never.contains("pipeline"), "{never}");
    }
}
