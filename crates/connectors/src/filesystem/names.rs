//! Names of written files.
//!
//! A file is `.part-…` until it is committed and then `part-…`. The name holds a random number of the process, mixed with the
//! sink operator, so that neither jobs nor sinks of one job that write into one directory ever meet; the hidden name also holds the sink operator and the start of the job that wrote it,
//! so that the leftovers of dead starts can be told from what others still need.

use tidemill_core::OperatorId;

/// What tells a writer's files from all others.
#[derive(Clone, Copy, Debug)]
pub struct WriterName {
    /// The sink operator.
    pub operator: OperatorId,
    /// A random number of the process.
    pub process: u64,
    /// How often the job has been started.
    pub generation: u64,
    /// The subtask.
    pub subtask: u32,
}

impl WriterName {
    /// The hidden and the final name of the writer's file `number`.
    pub fn file(&self, number: u64, extension: &str) -> (String, String) {
        let WriterName { operator, process, generation, subtask } = self;
        let own = process ^ (operator.0 as u64) ^ ((operator.0 >> 64) as u64);
        let rest = format!("{own:016x}-{generation}-{subtask}-{number}.{extension}");
        (format!("{}{generation}-{rest}", prefix(*operator)), format!("part-{rest}"))
    }
}

/// True for hidden files of this operator's writers from a start before `generation`.
pub fn is_leftover(name: &str, operator: OperatorId, generation: u64) -> bool {
    let rest = name.strip_prefix(&prefix(operator));
    let number = rest.and_then(|rest| rest.split('-').next()).and_then(|number| number.parse::<u64>().ok());
    number.is_some_and(|number| number < generation)
}

/// True for names that readers do not see.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '_'])
}

fn prefix(operator: OperatorId) -> String {
    format!(".part-{operator}-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_those_of_earlier_starts_of_the_same_sink() {
        let writer = WriterName { operator: OperatorId(7), process: 1, generation: 3, subtask: 0 };
        let (hidden, shown) = writer.file(12, "csv");
        assert_eq!(shown, "part-0000000000000006-3-0-12.csv");
        let other = WriterName { operator: OperatorId(8), ..writer };
        assert_ne!(other.file(12, "csv").1, shown, "two sinks of a job never write the same file");
        assert!(is_hidden(&hidden) && !is_hidden(&shown));
        assert!(is_leftover(&hidden, OperatorId(7), 4));
        assert!(!is_leftover(&hidden, OperatorId(7), 3));
        assert!(!is_leftover(&hidden, OperatorId(8), 4));
        assert!(!is_leftover(&shown, OperatorId(7), 4));
    }
}
