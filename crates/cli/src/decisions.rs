//! Which signals count: one that comes right behind another is the same decision, sent twice.
//!
//! `timeout` sends its signal to the process and to the process's group, within microseconds; terminals and supervisors do the
//! like. Who insists has seen what the first came to. So another signal counts if the one before has been answered on stderr
//! and a moment has passed since then. Pure: the time is told.

/// How long after an answer whatever comes is still the decision that was answered.
const GRACE_NS: u64 = 500_000_000;

/// The decisions so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    count: usize,
    /// When the last one was answered, in monotonic nanoseconds.
    answered_ns: Option<u64>,
}

impl Decisions {
    /// A signal has come.
    pub fn hear(&mut self, now_ns: u64) {
        let insists = self.answered_ns.is_some_and(|answered_ns| now_ns.saturating_sub(answered_ns) >= GRACE_NS);
        if self.count == 0 || insists {
            *self = Decisions { count: self.count + 1, answered_ns: None };
        }
    }

    /// Whoever sent the last one can read what is done about it.
    pub fn answer(&mut self, now_ns: u64) {
        if self.count > 0 && self.answered_ns.is_none() {
            self.answered_ns = Some(now_ns);
        }
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The count after signals (`true`) and answers (`false`) at these times.
    fn count(events: &[(bool, u64)]) -> usize {
        let mut decisions = Decisions::default();
        for (is_signal, now_ns) in events {
            if *is_signal { decisions.hear(*now_ns) } else { decisions.answer(*now_ns) }
        }
        decisions.count()
    }

    #[test]
    fn two_signals_within_a_moment_are_one_decision() {
        assert_eq!(count(&[(true, 0), (true, 3_000)]), 1);
        assert_eq!(count(&[(true, 0), (false, 1_000), (true, 3_000), (true, GRACE_NS)]), 1);
    }

    #[test]
    fn a_signal_counts_once_the_last_one_is_answered_and_a_moment_has_passed() {
        let answered = 7;
        assert_eq!(count(&[(true, 0), (false, answered), (true, answered + GRACE_NS)]), 2);
        assert_eq!(count(&[(true, 0), (false, answered), (true, answered + GRACE_NS - 1)]), 1);
        assert_eq!(count(&[(true, 0), (true, 10 * GRACE_NS)]), 1, "nobody has been answered");
    }

    #[test]
    fn the_moment_begins_with_the_first_answer_to_each() {
        let events = [(true, 0), (false, 0), (false, GRACE_NS - 1), (true, GRACE_NS)];
        assert_eq!(count(&events), 2);
        assert_eq!(count(&[&events[..], &[(true, 3 * GRACE_NS)]].concat()), 2, "the second is not answered");
        let third = [&events[..], &[(false, GRACE_NS), (true, 2 * GRACE_NS)]].concat();
        assert_eq!(count(&third), 3);
    }

    #[test]
    fn an_answer_to_nothing_is_none() {
        assert_eq!(count(&[(false, 0), (true, GRACE_NS), (true, 2 * GRACE_NS)]), 1);
    }
}
