//! Channels between subtasks of one process: a bounded queue of elements, one sender, one receiver, no locks.
//!
//! A full queue is back-pressure: the sender keeps what did not fit. Whoever makes room or adds something wakes the other
//! side's slot; waking one that is awake costs a load.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use rtrb::{Consumer, Producer, RingBuffer};
use tidemill_core::Element;

/// Elements that a channel holds.
const CAPACITY: usize = 16;

/// Wakes a slot that may be asleep.
pub trait Wake: Send + Sync {
    /// After this call the slot looks at its queues once more before it sleeps.
    fn wake(&self);
}

/// The end that elements go into.
pub struct Sender {
    queue: Producer<Element>,
    receiver: Arc<dyn Wake>,
}

/// The end that elements come out of.
pub struct Receiver {
    queue: Consumer<Element>,
    sender: Arc<dyn Wake>,
}

/// A channel between the slots that `sender` and `receiver` wake.
pub fn channel(sender: Arc<dyn Wake>, receiver: Arc<dyn Wake>) -> (Sender, Receiver) {
    let (producer, consumer) = RingBuffer::new(CAPACITY);
    (Sender { queue: producer, receiver }, Receiver { queue: consumer, sender })
}

impl Sender {
    /// True where the receiver has taken all there was: it has nothing to do for this channel.
    pub fn is_idle(&self) -> bool {
        self.queue.slots() == CAPACITY
    }

    /// Adds an element, or gives it back if the channel is full.
    pub fn push(&mut self, element: Element) -> Result<(), Element> {
        match self.queue.push(element) {
            Ok(()) => {
                self.receiver.wake();
                Ok(())
            }
            Err(rtrb::PushError::Full(element)) => Err(element),
        }
    }
}

impl Receiver {
    /// Takes the next element.
    pub fn pop(&mut self) -> Option<Element> {
        let element = self.queue.pop().ok()?;
        // Looked at behind the pop: a sender that found the channel full before it looks again before it sleeps, and one that
        // fills it later is seen by the next pop. Before the pop, the sender could fill it and sleep in between.
        fence(Ordering::SeqCst);
        if self.queue.slots() + 1 >= CAPACITY {
            self.sender.wake();
        }
        Some(element)
    }

    /// The next element, left where it is.
    pub fn peek(&self) -> Option<&Element> {
        self.queue.peek().ok()
    }

    /// True where nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
