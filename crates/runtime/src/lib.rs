//! Owns who decides and who runs: the coordinator's and the worker's machines, their I/O, and the in-process cluster with its
//! threads.
//! Does not own: what slots do (`dataflow`), the protocol's objects (`checkpoint`), the network (`cluster`).

mod base;
mod broken;
mod clock;
pub mod content;
pub mod coordinator;
pub mod driver;
mod fixed;
pub mod homes;
pub mod job;
pub mod job_io;
mod key_groups;
pub mod local;
pub mod machine;
pub mod mutants;
pub mod opened;
mod pool;
mod reads;
mod restore;
mod sleeper;
pub mod worker;

pub use clock::SystemEnv;
pub use job::{JobEnd, JobOutcome, JobSpec, JobStatus, Stop};
pub use local::JobHandle;
pub use machine::Machine;
pub use mutants::Mutant;
