//! The outgoing side of an edge: finds each row's subtask and sends.
//!
//! Small batches wait for one another while the receivers are busy ([`Gather`]). Partitioning by key is a counting scatter by key
//! group: one gather in destination order, whose ranges are sent. What a channel has no room for waits here, and the chain stops
//! until it is gone.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::datatypes::DataType;
use tidemill_core::key::{KeyEncoder, Keys};
use tidemill_core::key_group::Routing;
use tidemill_core::{Batch, Element, EventTime, Result};

use crate::channel::Sender;
use crate::gather::Gather;
use crate::graph::Partitioning;

/// One edge out of a subtask, to all subtasks of the next task.
pub struct EdgeOut {
    how: How,
    targets: Vec<Target>,
    gather: Gather,
    now_ns: u64,
}

enum How {
    /// To one subtask.
    Forward,
    /// By key group.
    Hash(Box<Scatter>),
    /// Batches in turn; the number is the next target.
    Rebalance(usize),
    /// To all.
    Broadcast,
}

struct Target {
    sender: Sender,
    waiting: VecDeque<Element>,
}

impl EdgeOut {
    /// An edge that sends to `targets` (one for `Forward`), by key group under `routing` for `Hash`. Rows wait for others for at
    /// most `timeout_ns`.
    pub fn new(
        partitioning: Partitioning,
        key: &[u32],
        routing: &Routing,
        targets: Vec<Sender>,
        timeout_ns: u64,
    ) -> EdgeOut {
        let how = match partitioning {
            Partitioning::Forward => How::Forward,
            Partitioning::Hash => How::Hash(Box::new(Scatter::new(key, routing.clone()))),
            Partitioning::Rebalance => How::Rebalance(0),
            Partitioning::Broadcast => How::Broadcast,
        };
        let targets = targets.into_iter().map(|sender| Target { sender, waiting: VecDeque::new() }).collect();
        EdgeOut { how, targets, gather: Gather::new(timeout_ns), now_ns: 0 }
    }

    /// Sends, or keeps what may wait or does not fit.
    pub fn push(&mut self, element: Element) -> Result<()> {
        // The end says it, and only of its own channel: others that are idle have not ended.
        if matches!(element, Element::Watermark(EventTime::MAX)) {
            return Ok(());
        }
        let waits = match &element {
            Element::Batch(batch) => self.gather.takes(batch.len()) && self.is_busy(),
            Element::Watermark(_) => !self.gather.is_empty(),
            _ => false,
        };
        if waits {
            self.gather.push(element, self.now_ns);
            return if self.gather.is_due(self.now_ns) { self.send_gathered() } else { Ok(()) };
        }
        self.send_gathered()?;
        self.send(element)
    }

    /// True if every receiver has something to do.
    fn is_busy(&self) -> bool {
        self.targets.iter().all(|target| !target.waiting.is_empty() || !target.sender.is_idle())
    }

    fn send_gathered(&mut self) -> Result<()> {
        if self.gather.is_empty() {
            return Ok(());
        }
        self.gather.take()?.into_iter().try_for_each(|element| self.send(element))
    }

    fn send(&mut self, element: Element) -> Result<()> {
        match element {
            Element::Batch(batch) => self.send_batch(batch),
            other => {
                self.targets.iter_mut().for_each(|target| target.push(other.clone()));
                Ok(())
            }
        }
    }

    fn send_batch(&mut self, batch: Batch) -> Result<()> {
        let count = self.targets.len();
        match &mut self.how {
            How::Forward => self.targets[0].push(Element::Batch(batch)),
            How::Broadcast => self.targets.iter_mut().for_each(|target| target.push(Element::Batch(batch.clone()))),
            How::Rebalance(next) => {
                self.targets[*next].push(Element::Batch(batch));
                *next = (*next + 1) % count;
            }
            How::Hash(scatter) => {
                for (target, part) in scatter.split(batch, count)? {
                    self.targets[target].push(Element::Batch(part));
                }
            }
        }
        Ok(())
    }

    /// Tries again to send what did not fit, and what has waited for other rows for long enough, given the present moment; `all`:
    /// the sender has nothing else to do, so nothing waits for other rows.
    pub fn flush(&mut self, now_ns: u64, all: bool) -> Result<()> {
        self.now_ns = now_ns;
        self.targets.iter_mut().for_each(Target::flush);
        if !self.gather.is_empty() && (all || self.gather.is_due(now_ns) || !self.is_busy()) {
            self.send_gathered()?;
        }
        Ok(())
    }

    /// True while something waits for room.
    pub fn is_blocked(&self) -> bool {
        self.targets.iter().any(|target| !target.waiting.is_empty())
    }
}

impl Target {
    fn push(&mut self, element: Element) {
        if !self.waiting.is_empty() {
            self.waiting.push_back(element);
        } else if let Err(element) = self.sender.push(element) {
            self.waiting.push_back(element);
        }
    }

    fn flush(&mut self) {
        while let Some(element) = self.waiting.pop_front() {
            if let Err(element) = self.sender.push(element) {
                self.waiting.push_front(element);
                return;
            }
        }
    }
}

/// Splits batches by key group.
struct Scatter {
    key: Arc<[usize]>,
    routing: Routing,
    encoder: Option<KeyEncoder>,
    keys: Keys,
    destinations: Vec<u32>,
    counts: Vec<usize>,
}

impl Scatter {
    fn new(key: &[u32], routing: Routing) -> Scatter {
        let key = key.iter().map(|column| *column as usize).collect();
        let (keys, destinations, counts) = (Keys::default(), Vec::new(), Vec::new());
        Scatter { key, routing, encoder: None, keys, destinations, counts }
    }

    /// The parts of a batch with their destinations, hashes attached.
    fn split(&mut self, batch: Batch, count: usize) -> Result<Vec<(usize, Batch)>> {
        if count == 1 {
            return Ok(vec![(0, batch)]);
        }
        self.hash(&batch)?;
        let hashes = self.keys.hashes();
        self.counts.clear();
        self.counts.resize(count + 1, 0);
        self.destinations.clear();
        for hash in hashes {
            let destination = self.routing.subtask(*hash);
            self.destinations.push(destination);
            self.counts[destination as usize + 1] += 1;
        }
        for target in 0..count {
            self.counts[target + 1] += self.counts[target];
        }
        let mut place = self.counts.clone();
        let mut order = vec![0u32; batch.len()];
        let mut ordered_hashes = vec![0u64; batch.len()];
        for (row, destination) in self.destinations.iter().enumerate() {
            let at = &mut place[*destination as usize];
            order[*at] = row as u32;
            ordered_hashes[*at] = hashes[row];
            *at += 1;
        }
        let gathered = batch.take(&UInt32Array::from(order))?.with_hashes(Arc::clone(&self.key), ordered_hashes.into());
        let ranges = (0..count).map(|target| (target, self.counts[target], self.counts[target + 1]));
        Ok(ranges
            .filter(|(_, from, to)| from < to)
            .map(|(target, from, to)| (target, gathered.slice(from, to - from)))
            .collect())
    }

    fn hash(&mut self, batch: &Batch) -> Result<()> {
        let encoder = match &self.encoder {
            Some(encoder) => encoder,
            None => {
                let types: Vec<DataType> =
                    self.key.iter().map(|column| batch.column(*column).data_type().clone()).collect();
                self.encoder.insert(KeyEncoder::new(self.key.to_vec(), &types)?)
            }
        };
        encoder.encode(batch, &mut self.keys)
    }
}
