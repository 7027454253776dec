//! Identities. Operator and job ids are opaque 128-bit numbers, written as 32 hex digits, assigned once and never derived
//! from what they name afterwards.

use std::fmt;

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// Reads 32 hex digits.
            pub fn parse(text: &str) -> Option<$name> {
                (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok().map($name)).flatten()
            }

            /// An id from a name that is unique where it is used.
            pub fn from_name(name: &str) -> $name {
                $name(xxhash_rust::xxh3::xxh3_128(name.as_bytes()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    };
}

opaque_id!(
    /// An operator of a job graph; its state is found by this id.
    OperatorId
);
opaque_id!(
    /// A job.
    JobId
);

/// Checkpoints of a job, numbered from 1; never used twice.
pub type CheckpointId = u64;

/// The number of a parallel instance of a task, from 0.
pub type SubtaskIndex = u32;

/// Which input of an operator an element arrives on, from 0.
pub type InputId = u32;
