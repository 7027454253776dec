//! The input gate: merges the channels of a subtask into one sequence of elements.
//!
//! Invariants:
//! 1. The merged watermark is the minimum over channels that are neither idle nor ended, and never falls.
//! 2. A channel that has delivered a barrier is not read until every channel that is not closed has delivered it.
//! 3. `End` of an input comes after the end of all its channels; `Closed` after all channels are closed.

use std::collections::VecDeque;
use std::sync::Arc;

use tidemill_core::{Barrier, Batch, Element, EventTime, InputId, Result};

use crate::channel::Receiver;
use crate::faults::{Fault, Faults};
use crate::operator::Inputs;
use crate::snapshot::RestoredWatermarks;

/// Batches smaller than this are put together where several wait.
const COALESCE_BELOW_ROWS: usize = 1024;

/// What comes out of a gate.
#[derive(Debug)]
pub enum Merged {
    /// Rows of an input.
    Batch(InputId, Batch),
    /// The merged watermark rose.
    Watermark(EventTime),
    /// All inputs are idle, or no longer.
    Idle(bool),
    /// A barrier has arrived on every channel.
    Barrier(Arc<Barrier>),
    /// An input has ended.
    End(InputId),
    /// Nothing follows.
    Closed,
}

struct Channel {
    input: InputId,
    receiver: Receiver,
    watermark: EventTime,
    idle: bool,
    ended: bool,
    closed: bool,
    barrier: Option<Arc<Barrier>>,
}

/// The channels of one subtask, merged.
pub struct Gate {
    channels: Vec<Channel>,
    next: usize,
    ready: VecDeque<Merged>,
    watermark: EventTime,
    idle: bool,
    rows_max: usize,
    faults: Faults,
}

impl Gate {
    /// A gate over channels, each belonging to an input.
    pub fn new(channels: Vec<(InputId, Receiver)>, rows_max: usize, faults: Faults) -> Gate {
        let channels = channels.into_iter().map(|(input, receiver)| Channel {
            input,
            receiver,
            watermark: EventTime::MIN,
            idle: false,
            ended: false,
            closed: false,
            barrier: None,
        });
        Gate {
            channels: channels.collect(),
            next: 0,
            ready: VecDeque::new(),
            watermark: EventTime::MIN,
            idle: false,
            rows_max,
            faults,
        }
    }

    /// The merged watermark of now.
    pub fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// Goes on from the watermarks of a checkpoint: what was late before is late now.
    ///
    /// Every instance gets all of what the others get of an input that is shared out, so one whose watermark is behind that of
    /// another has only seen inputs become idle at other moments. It catches up, before any row: a row that would have been
    /// late for a key must not be in time because the key is now beside others. `catches_up`: all inputs are shared out.
    pub fn restore_watermarks(&mut self, watermarks: RestoredWatermarks, catches_up: bool) {
        self.watermark = watermarks.lowest;
        if catches_up && watermarks.highest > watermarks.lowest {
            self.watermark = watermarks.highest;
            self.ready.push_back(Merged::Watermark(watermarks.highest));
        }
    }

    /// The next merged element, if there is one, of the inputs that are wanted.
    pub fn poll(&mut self, wanted: Inputs) -> Result<Option<Merged>> {
        loop {
            if let Some(merged) = self.ready.pop_front() {
                return Ok(Some(merged));
            }
            let Some(index) = self.next_channel(wanted) else { return Ok(None) };
            self.take_from(index)?;
        }
    }

    /// The next channel in turn that is wanted, has an element and is not waiting behind a barrier. While one is waiting, all
    /// are wanted: the barrier on the others may stand behind rows that nobody wants yet.
    fn next_channel(&mut self, wanted: Inputs) -> Option<usize> {
        let wanted = match self.channels.iter().any(|channel| channel.barrier.is_some()) {
            true => Inputs::ALL,
            false => wanted,
        };
        let count = self.channels.len();
        let start = self.next;
        let found = (0..count).map(|step| (start + step) % count).find(|index| {
            let channel = &self.channels[*index];
            wanted.contains(channel.input) && channel.barrier.is_none() && !channel.receiver.is_empty()
        })?;
        self.next = (found + 1) % count;
        Some(found)
    }

    fn take_from(&mut self, index: usize) -> Result<()> {
        let channel = &mut self.channels[index];
        let Some(element) = channel.receiver.pop() else { return Ok(()) };
        match element {
            Element::Batch(batch) => {
                let batch = coalesce(channel, batch, self.rows_max)?;
                self.ready.push_back(Merged::Batch(self.channels[index].input, batch));
            }
            Element::Watermark(watermark) => {
                channel.watermark = channel.watermark.max(watermark);
                self.merge_watermarks();
            }
            Element::Idle(idle) => {
                channel.idle = idle;
                self.merge_watermarks();
            }
            Element::Barrier(barrier) => {
                channel.barrier = Some(barrier);
                self.align();
            }
            Element::End => {
                channel.ended = true;
                channel.watermark = EventTime::MAX;
                let input = channel.input;
                self.merge_watermarks();
                if self.channels.iter().all(|channel| channel.input != input || channel.ended) {
                    self.ready.push_back(Merged::End(input));
                }
            }
            Element::Closed => {
                channel.closed = true;
                self.align();
                if self.channels.iter().all(|channel| channel.closed) {
                    self.ready.push_back(Merged::Closed);
                }
            }
        }
        Ok(())
    }

    /// The smallest watermark of those that are not idle. Once all are, nobody holds anything back any longer: the largest,
    /// whichever went idle last.
    fn merge_watermarks(&mut self) {
        let all_ended = self.channels.iter().all(|channel| channel.ended);
        let open = self.channels.iter().filter(|channel| !channel.ended);
        let idle = open.clone().next().is_some() && open.clone().all(|channel| channel.idle);
        let highest = open.map(|channel| channel.watermark).max();
        if self.idle && !idle {
            self.idle = false;
            self.ready.push_back(Merged::Idle(false));
        }
        let active = self.channels.iter().filter(|channel| !channel.ended && !channel.idle);
        let merged = match self.faults.has(Fault::DropHold) {
            true => active.map(|channel| channel.watermark).max(),
            false => active.map(|channel| channel.watermark).min(),
        };
        let merged = match idle {
            true if self.faults.has(Fault::IdleIsMax) => Some(EventTime::MAX),
            true => highest,
            false => merged,
        };
        let merged = if all_ended { Some(EventTime::MAX) } else { merged };
        if let Some(merged) = merged.filter(|merged| *merged > self.watermark) {
            self.watermark = merged;
            self.ready.push_back(Merged::Watermark(merged));
        }
        if idle && !self.idle {
            self.idle = true;
            self.ready.push_back(Merged::Idle(true));
        }
    }

    fn align(&mut self) {
        let skip = self.faults.has(Fault::SkipAlignment);
        let aligned = self.channels.iter().all(|channel| channel.barrier.is_some() || channel.closed);
        let mut barriers = self.channels.iter().filter_map(|channel| channel.barrier.clone());
        let Some(barrier) = barriers.next() else { return };
        if skip {
            self.skip_alignment(&barrier);
        } else if aligned {
            self.channels.iter_mut().for_each(|channel| channel.barrier = None);
            self.ready.push_back(Merged::Barrier(barrier));
        }
    }

    /// The broken variant: the first barrier passes at once, later ones of the same checkpoint are swallowed.
    fn skip_alignment(&mut self, barrier: &Arc<Barrier>) {
        self.channels.iter_mut().for_each(|channel| channel.barrier = None);
        if self.faults.first_sight(barrier.checkpoint) {
            self.ready.push_back(Merged::Barrier(Arc::clone(barrier)));
        }
    }
}

/// Puts a small batch together with those that wait right behind it on the same channel.
fn coalesce(channel: &mut Channel, first: Batch, rows_max: usize) -> Result<Batch> {
    let is_small = |batch: &Batch| batch.len() < COALESCE_BELOW_ROWS;
    if !is_small(&first) {
        return Ok(first);
    }
    let mut rows = first.len();
    let mut parts = vec![first];
    while let Some(Element::Batch(next)) = channel.receiver.peek() {
        if !is_small(next) || rows + next.len() > rows_max {
            break;
        }
        if let Some(Element::Batch(next)) = channel.receiver.pop() {
            rows += next.len();
            parts.push(next);
        }
    }
    Batch::concat(&parts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::channel::{Sender, Wake, channel};
    use tidemill_core::CheckpointKind;

    struct Nobody;
    impl Wake for Nobody {
        fn wake(&self) {}
    }

    fn gate_of(inputs: &[InputId]) -> (Vec<Sender>, Gate) {
        let ends = inputs.iter().map(|input| {
            let (sender, receiver) = channel(Arc::new(Nobody), Arc::new(Nobody));
            (sender, (*input, receiver))
        });
        let (senders, receivers): (Vec<Sender>, Vec<(InputId, Receiver)>) = ends.unzip();
        (senders, Gate::new(receivers, 4096, Faults::none()))
    }

    fn barrier(checkpoint: u64) -> Element {
        Element::Barrier(Arc::new(Barrier { checkpoint, kind: CheckpointKind::Checkpoint, mutation: Vec::new() }))
    }

    fn drain(gate: &mut Gate) -> Vec<String> {
        drain_of(gate, Inputs::ALL)
    }

    fn drain_of(gate: &mut Gate, wanted: Inputs) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(merged) = gate.poll(wanted).unwrap() {
            all.push(match merged {
                Merged::Batch(input, batch) => format!("batch {input} {}", batch.len()),
                Merged::Watermark(watermark) => format!("watermark {watermark}"),
                Merged::Idle(idle) => format!("idle {idle}"),
                Merged::Barrier(barrier) => format!("barrier {}", barrier.checkpoint),
                Merged::End(input) => format!("end {input}"),
                Merged::Closed => "closed".to_string(),
            });
        }
        all
    }

    fn rows(count: usize) -> Element {
        Element::Batch(Batch::new(Vec::new(), count))
    }

    #[test]
    fn rows_behind_a_barrier_wait_for_the_other_channel() {
        let (mut senders, mut gate) = gate_of(&[0, 0]);
        senders[0].push(barrier(1)).unwrap();
        senders[0].push(rows(5)).unwrap();
        senders[1].push(rows(7)).unwrap();
        assert_eq!(drain(&mut gate), ["batch 0 7"]);
        senders[1].push(barrier(1)).unwrap();
        assert_eq!(drain(&mut gate), ["barrier 1", "batch 0 5"]);
    }

    #[test]
    fn the_watermark_is_the_minimum_of_active_channels_and_never_falls() {
        let (mut senders, mut gate) = gate_of(&[0, 0]);
        senders[0].push(Element::Watermark(EventTime(10))).unwrap();
        assert!(drain(&mut gate).is_empty(), "the other channel has none yet");
        senders[1].push(Element::Watermark(EventTime(4))).unwrap();
        assert_eq!(drain(&mut gate), ["watermark 4 ms"]);
        senders[1].push(Element::Idle(true)).unwrap();
        assert_eq!(drain(&mut gate), ["watermark 10 ms"]);
        senders[1].push(Element::Idle(false)).unwrap();
        assert!(drain(&mut gate).is_empty());
    }

    #[test]
    fn an_input_that_is_not_wanted_waits_unless_a_barrier_does() {
        let (mut senders, mut gate) = gate_of(&[0, 1]);
        senders[0].push(rows(5)).unwrap();
        senders[1].push(rows(7)).unwrap();
        assert_eq!(drain_of(&mut gate, Inputs::only(1)), ["batch 1 7"]);
        senders[0].push(barrier(1)).unwrap();
        senders[1].push(barrier(1)).unwrap();
        assert_eq!(drain_of(&mut gate, Inputs::only(1)), ["batch 0 5", "barrier 1"]);
    }

    #[test]
    fn all_idle_is_idle_and_not_the_end() {
        let (mut senders, mut gate) = gate_of(&[0, 0]);
        senders[0].push(Element::Idle(true)).unwrap();
        senders[1].push(Element::Idle(true)).unwrap();
        assert_eq!(drain(&mut gate), ["idle true"]);
    }

    #[test]
    fn the_largest_watermark_is_left_when_all_are_idle_whichever_was_last() {
        for last in [0, 1] {
            let (mut senders, mut gate) = gate_of(&[0, 0]);
            senders[0].push(Element::Watermark(EventTime(5))).unwrap();
            senders[1 - last].push(Element::Idle(true)).unwrap();
            let mut seen = drain(&mut gate);
            senders[last].push(Element::Idle(true)).unwrap();
            seen.extend(drain(&mut gate));
            assert_eq!(seen, ["watermark 5 ms", "idle true"], "channel {last} last");
            senders[1].push(Element::Idle(false)).unwrap();
            senders[1].push(Element::Watermark(EventTime(9))).unwrap();
            assert_eq!(drain(&mut gate), ["idle false", "watermark 9 ms"]);
        }
    }

    #[test]
    fn barriers_pass_behind_the_end_and_nothing_behind_closed() {
        let (mut senders, mut gate) = gate_of(&[0, 1]);
        for sender in &mut senders {
            sender.push(Element::End).unwrap();
            sender.push(barrier(9)).unwrap();
            sender.push(Element::Closed).unwrap();
        }
        assert_eq!(drain(&mut gate), ["end 0", "watermark end", "end 1", "barrier 9", "closed"]);
    }

    #[test]
    fn a_restored_watermark_holds_until_the_channels_are_beyond_it() {
        let (mut senders, mut gate) = gate_of(&[0]);
        let both = RestoredWatermarks { lowest: EventTime(100), highest: EventTime(100) };
        gate.restore_watermarks(both, true);
        senders[0].push(Element::Watermark(EventTime(50))).unwrap();
        assert!(drain(&mut gate).is_empty());
        assert_eq!(gate.watermark(), EventTime(100));
    }

    #[test]
    fn an_instance_catches_up_with_others_before_any_row_where_inputs_are_shared_out() {
        let apart = RestoredWatermarks { lowest: EventTime(40), highest: EventTime(100) };
        for (shared_out, expected) in [(true, &["watermark 100 ms", "batch 0 3"][..]), (false, &["batch 0 3"])] {
            let (mut senders, mut gate) = gate_of(&[0]);
            senders[0].push(rows(3)).unwrap();
            gate.restore_watermarks(apart, shared_out);
            assert_eq!(drain(&mut gate), expected);
        }
    }
}
