//! Nexmark, our own generator: an auction site's persons, auctions and bids (1 : 3 : 46) in the published proportions and
//! distributions, in the table shape and with the option names of the Nexmark project's Flink connector.
//!
//! Event n is a function of the settings and n alone. Numbers are counter-based (`random`); what depends on an event's
//! position (times, hot ids, ids in flight) is computed once an epoch (`timeline`); strings and prices are made once and
//! pointed into (`pools`). [`Generator`] makes any range of events, with only the columns and kinds that are asked for.
//!
//! Differences from the Nexmark project: base time and seed are fixed, so that every run and parallelism makes the same events;
//! numbers begin at 0; a bidder's id is offset by 1,000 once, so that bidders are persons.

pub mod connector;
pub mod generator;
mod leaves;
mod pools;

pub mod schema;
pub mod settings;
mod timeline;

pub use connector::{KIND, NexmarkConnector, NexmarkSource, cached};
pub use generator::Generator;
pub use schema::{Kind, Kinds, table_fields};
pub use settings::Settings;
