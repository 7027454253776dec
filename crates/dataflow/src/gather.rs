//! Small batches that wait at an edge to be sent together, with the watermarks between them.
//!
//! Nothing waits where a receiver has nothing to do, where the sender has nothing else to do, behind a barrier or at the end, or
//! for longer than `execution.buffer-timeout`. The order of elements stays: rows are put together only where no watermark is
//! between them, and a watermark does not push the rows out that it must not overtake.

use tidemill_core::{Batch, Element, Result};

/// So many rows are sent at once; batches of this size never wait.
pub(crate) const GATHERED_ROWS: usize = 1024;

/// What waits at an edge.
#[derive(Debug)]
pub(crate) struct Gather {
    /// Batches and watermarks, in order.
    elements: Vec<Element>,
    rows: usize,
    /// When the oldest came (monotonic nanoseconds).
    since_ns: u64,
    timeout_ns: u64,
}

impl Gather {
    /// Nothing waits yet, and nothing ever for longer than `timeout_ns`; 0: not at all.
    pub(crate) fn new(timeout_ns: u64) -> Gather {
        Gather { elements: Vec::new(), rows: 0, since_ns: 0, timeout_ns }
    }

    /// True where nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// True if a batch of that size should wait, given that every receiver is busy.
    pub(crate) fn takes(&self, rows: usize) -> bool {
        self.timeout_ns > 0 && rows < GATHERED_ROWS
    }

    /// Adds a batch or a watermark.
    pub(crate) fn push(&mut self, element: Element, now_ns: u64) {
        if self.elements.is_empty() {
            self.since_ns = now_ns;
        }
        if let Element::Batch(batch) = &element {
            self.rows += batch.len();
        }
        self.elements.push(element);
    }

    /// True if what waits should be sent whether or not the receivers are busy.
    pub(crate) fn is_due(&self, now_ns: u64) -> bool {
        self.rows >= GATHERED_ROWS || now_ns.saturating_sub(self.since_ns) >= self.timeout_ns
    }

    /// Takes all that waits, neighbouring batches put together.
    pub(crate) fn take(&mut self) -> Result<Vec<Element>> {
        self.rows = 0;
        let mut out = Vec::new();
        let mut run: Vec<Batch> = Vec::new();
        for element in std::mem::take(&mut self.elements) {
            match element {
                Element::Batch(batch) => run.push(batch),
                other => {
                    end_run(&mut run, &mut out)?;
                    out.push(other);
                }
            }
        }
        end_run(&mut run, &mut out)?;
        Ok(out)
    }
}

fn end_run(run: &mut Vec<Batch>, out: &mut Vec<Element>) -> Result<()> {
    if !run.is_empty() {
        out.push(Element::Batch(Batch::concat(run)?));
        run.clear();
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tidemill_core::EventTime;

    fn rows(count: usize) -> Element {
        Element::Batch(Batch::new(Vec::new(), count))
    }

    #[test]
    fn rows_are_put_together_but_never_across_a_watermark() {
        let mut gather = Gather::new(100);
        for element in [rows(2), rows(3), Element::Watermark(EventTime(7)), rows(4), rows(5)] {
            gather.push(element, 10);
        }
        let shape = |element: &Element| match element {
            Element::Batch(batch) => batch.len() as i64,
            Element::Watermark(watermark) => -watermark.0,
            _ => unreachable!("only these were pushed"),
        };
        assert_eq!(gather.take().unwrap().iter().map(shape).collect::<Vec<_>>(), [5, -7, 9]);
        assert!(gather.is_empty());
    }

    #[test]
    fn rows_wait_until_there_are_enough_or_the_time_is_up() {
        let mut gather = Gather::new(100);
        gather.push(rows(10), 1_000);
        assert!(!gather.is_due(1_099));
        assert!(gather.is_due(1_100));
        gather.push(rows(GATHERED_ROWS), 1_001);
        assert!(gather.is_due(1_001));
        assert!(!Gather::new(0).takes(1), "a timeout of 0 sends every row at once");
    }
}
