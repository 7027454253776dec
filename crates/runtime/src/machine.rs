//! What a state machine is: decisions are pure, I/O is at the edge.

use tidemill_core::Now;

/// Takes events, decides, and asks for actions. An action is not done until its completion comes back as an event.
pub trait Machine {
    /// What can happen to it.
    type Event;
    /// What it can ask for.
    type Action;

    /// Handles one event.
    fn handle(&mut self, event: Self::Event, now: Now, actions: &mut Vec<Self::Action>);
}
