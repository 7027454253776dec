//! The same for an aggregation without keys: one group.

use std::fmt;

use arrow::array::ArrayRef;
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::Accumulator as DfAccumulator;

use super::groups::Groups;
use crate::failure::to_datafusion;

/// A single group.
pub(super) struct SingleGroup {
    groups: Groups,
    /// As many zeros as a batch has had rows.
    zeros: Vec<usize>,
}

impl SingleGroup {
    /// The only group of `groups`, which has none yet.
    pub fn new(groups: Groups) -> SingleGroup {
        SingleGroup { groups, zeros: Vec::new() }
    }

    fn zeros(&mut self, columns: &[ArrayRef]) -> usize {
        let rows = columns.first().map_or(0, |column| column.len());
        self.zeros.resize(self.zeros.len().max(rows), 0);
        rows
    }
}

impl fmt::Debug for SingleGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleGroup")
    }
}

impl DfAccumulator for SingleGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        let rows = self.zeros(values);
        self.groups.update(values, &self.zeros[..rows], None, 1).map_err(to_datafusion)
    }

    /// May be called at any time: what it tells must not be gone.
    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        ScalarValue::try_from_array(&self.groups.results(1).map_err(to_datafusion)?, 0)
    }

    fn size(&self) -> usize {
        self.groups.memory()
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        let states = self.groups.take_states(1).map_err(to_datafusion)?;
        states.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        let rows = self.zeros(states);
        self.groups.merge(states, &self.zeros[..rows], 1).map_err(to_datafusion)
    }
}
