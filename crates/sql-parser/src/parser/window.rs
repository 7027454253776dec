//! `OVER`, window specifications, frames.

use super::{Parser, Result};
use crate::ast::{FrameBound, FrameUnit, Ident, WindowFrame, WindowRef, WindowSpec};

impl Parser<'_> {
    /// After `OVER`.
    pub(super) fn window_ref(&mut self) -> Result<WindowRef> {
        if self.is_symbol("(") {
            return self.window_spec().map(|s| WindowRef::Spec(Box::new(s)));
        }
        self.ident("a window's name").map(WindowRef::Named)
    }

    /// `([base] [PARTITION BY …] [ORDER BY …] [frame])`.
    pub(super) fn window_spec(&mut self) -> Result<WindowSpec> {
        let start = self.span();
        self.expect_symbol("(")?;
        let base = self.window_base();
        let (mut partition_by, mut order_by, mut frame) = (Vec::new(), Vec::new(), None);
        if self.eat_keywords(&["PARTITION", "BY"]) {
            partition_by = self.comma_list(Self::expression)?;
        }
        if self.eat_keywords(&["ORDER", "BY"]) {
            order_by = self.comma_list(Self::order_item)?;
        }
        if self.is_keyword("ROWS") || self.is_keyword("RANGE") {
            frame = Some(self.window_frame()?);
        }
        if !self.eat_symbol(")") {
            return Err(self.expected(&["PARTITION", "ORDER", "ROWS", "RANGE", "')'"]));
        }
        Ok(WindowSpec { base, partition_by, order_by, frame, span: self.since(start) })
    }

    fn window_base(&mut self) -> Option<Ident> {
        let is_frame = self.is_keyword("ROWS") || self.is_keyword("RANGE");
        let is_name = self.is_symbol_at(1, ")")
            || ["PARTITION", "ORDER", "ROWS", "RANGE"].iter().any(|k| self.is_keyword_at(1, k));
        if is_frame || !is_name { None } else { self.eat_ident() }
    }

    fn window_frame(&mut self) -> Result<WindowFrame> {
        let start = self.span();
        let unit = if self.eat_keyword("ROWS") {
            FrameUnit::Rows
        } else {
            self.expect_keyword("RANGE")?;
            FrameUnit::Range
        };
        let (from, end) = if self.eat_keyword("BETWEEN") {
            let from = self.frame_bound()?;
            self.expect_keyword("AND")?;
            (from, Some(self.frame_bound()?))
        } else {
            (self.frame_bound()?, None)
        };
        Ok(WindowFrame { unit, start: from, end, span: self.since(start) })
    }

    fn frame_bound(&mut self) -> Result<FrameBound> {
        if self.eat_keywords(&["CURRENT", "ROW"]) {
            return Ok(FrameBound::CurrentRow);
        }
        if self.eat_keywords(&["UNBOUNDED", "PRECEDING"]) {
            return Ok(FrameBound::UnboundedPreceding);
        }
        if self.eat_keywords(&["UNBOUNDED", "FOLLOWING"]) {
            return Ok(FrameBound::UnboundedFollowing);
        }
        // Above AND, which separates the two bounds.
        let offset = Box::new(self.operand(super::expr::precedence::RANGE + 1)?);
        if self.eat_keyword("PRECEDING") {
            Ok(FrameBound::Preceding(offset))
        } else if self.eat_keyword("FOLLOWING") {
            Ok(FrameBound::Following(offset))
        } else {
            Err(self.expected(&["PRECEDING", "FOLLOWING"]))
        }
    }
}
