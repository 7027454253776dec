//! A job of two inputs: rows, dealt out in turn, are multiplied by rules that every instance gets; then summed up by key.
//!
//! Its operator keeps what no SQL operator keeps yet: lists that are broadcast, shared out and united, a buffer that is state, a
//! wish for one input before the other, and mail. What it must come to is in [`expected`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, TimestampMillisecondArray};
use arrow::datatypes::Int64Type;
use tidemill_core::{Barrier, Batch, Failure, InputId, Progress, Result};
use tidemill_dataflow::{Inputs, Mail, OpenContext, Operator, Output};
use tidemill_state::{Distribution, ListState, StateTable};

use crate::sink::Net;
use crate::source::Rows;

/// The input of rows.
pub const ROWS: InputId = 0;
/// The input of rules.
pub const RULES: InputId = 1;
/// Behind the rows, each instance emits as many rows with this much added to the key as it has seen of a key.
const COUNTED: i64 = 1000;

/// The operator: multiplies rows by their key's factor.
pub struct Multiply {
    /// Key and addend of each rule.
    rules: ListState,
    /// Key and value of rows that came before all rules were there.
    early: ListState,
    /// Keys with the rows that were emitted of them.
    counts: ListState,
    /// The instance and how many there are; united, everyone sees everyone.
    members: ListState,
    factors: BTreeMap<i64, i64>,
    emitted: BTreeMap<i64, i64>,
    ended: BTreeSet<InputId>,
    barriers: BTreeSet<u64>,
    instance: [i64; 2],
}

impl Multiply {
    /// Without rules.
    pub fn new() -> Multiply {
        Multiply {
            rules: ListState::new("rules", Distribution::Broadcast),
            early: ListState::new("early", Distribution::Transient),
            counts: ListState::new("counts", Distribution::Split),
            members: ListState::new("members", Distribution::Union),
            factors: BTreeMap::new(),
            emitted: BTreeMap::new(),
            ended: BTreeSet::new(),
            barriers: BTreeSet::new(),
            instance: [0, 1],
        }
    }

    fn has_all_rules(&self) -> bool {
        self.ended.contains(&RULES)
    }

    fn multiplied(&mut self, key: i64, value: i64) -> (i64, i64) {
        *self.emitted.entry(key).or_default() += 1;
        (key, value * self.factors.get(&key).copied().unwrap_or(1))
    }

    /// Emits the rows that were early, as many as there is room for; true when none is left.
    fn emit_early(&mut self, out: &mut Output<'_>) -> Result<bool> {
        let mut items = self.early.items().to_vec();
        let room = items.len().min(out.rows_max());
        let mut rows = Vec::new();
        for item in items.drain(..room) {
            let [key, value] = numbers(&item)?;
            rows.push(self.multiplied(key, value));
        }
        self.early.set(items);
        out.emit(batch(&rows));
        Ok(self.early.items().is_empty())
    }

    /// Emits what has been counted, which is then no longer there to be emitted; true when all of it is out.
    fn emit_counts(&mut self, out: &mut Output<'_>) -> bool {
        let mut rows = Vec::new();
        while rows.len() < out.rows_max()
            && let Some(mut first) = self.emitted.first_entry()
        {
            rows.push((COUNTED + first.key(), 1));
            *first.get_mut() -= 1;
            if *first.get() == 0 {
                first.remove();
            }
        }
        out.emit(batch(&rows));
        self.emitted.is_empty()
    }

    /// Everyone who was there before must be in the list that all see.
    fn check_members(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        let mut before = 0;
        for item in self.members.items() {
            let [subtask, parallelism] = numbers(item)?;
            before = parallelism;
            seen.insert(subtask);
        }
        if seen.len() as i64 == before && self.members.items().len() as i64 == before {
            return Ok(());
        }
        Err(Failure::fatal("sim.union", format!("of {before} instances, {seen:?} are in the united list")))
    }
}

impl Operator for Multiply {
    fn open(&mut self, cx: &mut OpenContext<'_>) -> Result<()> {
        self.instance = [i64::from(cx.subtask), i64::from(cx.parallelism)];
        Ok(())
    }

    fn start(&mut self) -> Result<()> {
        self.check_members()?;
        self.members.set(vec![bytes(self.instance)]);
        for item in self.rules.items() {
            let [key, addend] = numbers(item)?;
            *self.factors.entry(key).or_insert(1) += addend;
        }
        for item in self.counts.items() {
            let [key, count] = numbers(item)?;
            *self.emitted.entry(key).or_default() += count;
        }
        Ok(())
    }

    fn wants(&self) -> Inputs {
        // Every other instance takes rows as they come, and has to keep them.
        let waits = self.instance[0] % 2 == 1 && !self.has_all_rules();
        if waits { Inputs::only(RULES) } else { Inputs::ALL }
    }

    fn on_batch(&mut self, input: InputId, batch_in: &Batch, out: &mut Output<'_>) -> Result<Progress> {
        let (keys, values) = (batch_in.column(0), batch_in.column(2));
        let pairs = keys.as_primitive::<Int64Type>().values().iter().zip(values.as_primitive::<Int64Type>().values());
        let mut rows = Vec::new();
        for (key, value) in pairs {
            if input == RULES {
                self.rules.push(bytes([*key, *value]));
                *self.factors.entry(*key).or_insert(1) += value;
            } else if self.has_all_rules() {
                rows.push(self.multiplied(*key, *value));
            } else {
                self.early.push(bytes([*key, *value]));
            }
        }
        out.emit(batch(&rows));
        Ok(Progress::Done)
    }

    fn on_mail(&mut self, mail: &Mail, _out: &mut Output<'_>) -> Result<Progress> {
        match mail {
            Mail::CheckpointCompleted(checkpoint) if !self.barriers.remove(checkpoint) => {
                let text = format!("checkpoint {checkpoint} is complete without this operator");
                return Err(Failure::fatal("sim.mail", text));
            }
            Mail::CheckpointCompleted(_) => {}
            Mail::CheckpointAborted(checkpoint) => drop(self.barriers.remove(checkpoint)),
        }
        Ok(Progress::Done)
    }

    fn on_barrier(&mut self, barrier: &Barrier, _out: &mut Output<'_>) -> Result<Vec<Vec<u8>>> {
        self.barriers.insert(barrier.checkpoint);
        let counts = self.emitted.iter().map(|(key, count)| bytes([*key, *count]));
        self.counts.set(counts.collect());
        Ok(Vec::new())
    }

    fn on_end(&mut self, input: InputId, out: &mut Output<'_>) -> Result<Progress> {
        self.ended.insert(input);
        if self.has_all_rules() && !self.emit_early(out)? {
            return Ok(Progress::Rows(0));
        }
        let all_ended = self.has_all_rules() && self.ended.contains(&ROWS);
        if all_ended && (out.is_full() || !self.emit_counts(out)) {
            return Ok(Progress::Rows(0));
        }
        Ok(Progress::Done)
    }

    fn tables(&mut self) -> Vec<&mut dyn StateTable> {
        vec![&mut self.rules, &mut self.early, &mut self.counts, &mut self.members]
    }
}

/// What must be visible in the end: of every key, how many rows and the sum of their values.
pub fn expected(rows: &Rows, rules: &Rows) -> Net {
    let mut factors: BTreeMap<i64, i64> = BTreeMap::new();
    all_rows(rules).for_each(|(key, value)| *factors.entry(key).or_insert(1) += value);
    let mut sums: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for (key, value) in all_rows(rows) {
        let factor = factors.get(&key).copied().unwrap_or(1);
        for (key, value) in [(key, value * factor), (COUNTED + key, 1)] {
            let sum = sums.entry(key).or_default();
            *sum = (sum.0 + 1, sum.1 + value);
        }
    }
    sums.into_iter().map(|(key, (count, sum))| (vec![Some(key), Some(count), Some(sum)], 1)).collect()
}

fn all_rows(rows: &Rows) -> impl Iterator<Item = (i64, i64)> + '_ {
    rows.all().map(|(key, _, value)| (key, value))
}

fn batch(rows: &[(i64, i64)]) -> Batch {
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from_iter_values(rows.iter().map(|_| 0)));
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)));
    Batch::new(vec![keys, times, values], rows.len())
}

fn bytes(pair: [i64; 2]) -> Vec<u8> {
    pair.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn numbers(item: &[u8]) -> Result<[i64; 2]> {
    let number = |at: usize| item.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(i64::from_le_bytes);
    match (number(0), number(8)) {
        (Some(first), Some(second)) => Ok([first, second]),
        _ => Err(Failure::fatal("sim.item", "an item of a list is damaged")),
    }
}
