//! The arithmetic of windows that do not depend on rows: every window is a run of slices, and a row is in exactly one slice.
//!
//! A slice and a window are named by their end, the first millisecond after them. Slices of HOP are as long as the slide,
//! those of CUMULATE as the step, those of TUMBLE as the window. All arithmetic saturates at the ends of the 64-bit range and
//! is exact elsewhere, negative times and offsets included.

use tidemill_core::{EventTime, Failure, Result};

use crate::config::{WindowKind, WindowSpec};

/// Windows and their slices.
#[derive(Clone, Copy, Debug)]
pub struct Slices {
    kind: WindowKind,
    size: i64,
    len: i64,
    offset: i64,
}

impl Slices {
    /// The windows of a spec; an error where its lengths do not fit together.
    pub fn new(spec: &WindowSpec) -> Result<Slices> {
        let kind = WindowKind::try_from(spec.kind)
            .map_err(|_| Failure::fatal("graph.malformed", format!("there is no window kind {}", spec.kind)))?;
        let len = if kind == WindowKind::Tumble { spec.size_ms } else { spec.step_ms };
        if spec.size_ms <= 0 || len <= 0 {
            return Err(Failure::user("window.size", "the lengths of a window must be at least one millisecond"));
        }
        if spec.size_ms % len != 0 {
            let (size, text) = (spec.size_ms, if kind == WindowKind::Hop { "slide" } else { "step" });
            let text = format!("the window's size ({size} ms) must be a multiple of its {text} ({len} ms)");
            return Err(Failure::user("window.size", text));
        }
        Ok(Slices { kind, size: spec.size_ms, len, offset: spec.offset_ms })
    }

    /// The end of the slice that holds a time.
    pub fn slice_end(&self, time: i64) -> i64 {
        time.saturating_add(self.len - self.past(time, self.len))
    }

    /// Length of a slice.
    pub fn slice_len(&self) -> i64 {
        self.len
    }

    /// True where a window is one slice.
    pub fn is_tumbling(&self) -> bool {
        self.size == self.len
    }

    /// True where windows that share their start grow: the slices before one are then kept as one.
    pub fn is_cumulating(&self) -> bool {
        self.kind == WindowKind::Cumulate && !self.is_tumbling()
    }

    /// How many slices the longest window has.
    pub fn slices_per_window(&self) -> i64 {
        self.size / self.len
    }

    /// The start of the window with this end.
    pub fn window_start(&self, window_end: i64) -> i64 {
        match self.kind {
            WindowKind::Tumble | WindowKind::Hop => window_end.saturating_sub(self.size),
            WindowKind::Cumulate => {
                let last = window_end.saturating_sub(1);
                last.saturating_sub(self.past(last, self.size))
            }
        }
    }

    /// The end of the last window that holds the slice. The first one is the slice's own end; the others follow one
    /// [`slice_len`](Slices::slice_len) apart.
    pub fn last_window_end(&self, slice_end: i64) -> i64 {
        match self.kind {
            WindowKind::Tumble => slice_end,
            WindowKind::Hop => slice_end.saturating_add(self.size - self.len),
            WindowKind::Cumulate => {
                let last = slice_end.saturating_sub(1);
                last.saturating_add(self.size - self.past(last, self.size))
            }
        }
    }

    /// The end of the first slice of a window.
    pub fn first_slice_end(&self, window_end: i64) -> i64 {
        match self.kind {
            WindowKind::Tumble => window_end,
            WindowKind::Hop => window_end.saturating_sub(self.size - self.len),
            WindowKind::Cumulate => self.window_start(window_end).saturating_add(self.len),
        }
    }

    /// The windows that hold a time, as (start, end), in order of their ends.
    pub fn windows_of(&self, time: i64) -> impl Iterator<Item = (i64, i64)> + use<> {
        let slices = *self;
        let first = self.slice_end(time);
        let last = self.last_window_end(first);
        let next = move |end: &i64| slices.next_window_end(*end).filter(|end| *end <= last);
        std::iter::successors(Some(first), next).map(move |end| (slices.window_start(end), end))
    }

    /// The end of the window after the one with this end. What would end behind the range ends with it, in one window.
    pub fn next_window_end(&self, window_end: i64) -> Option<i64> {
        (window_end < i64::MAX).then(|| window_end.saturating_add(self.len))
    }

    /// How long ago the last multiple of `period` (shifted by the offset) was.
    fn past(&self, time: i64, period: i64) -> i64 {
        let difference = time.rem_euclid(period) - self.offset.rem_euclid(period);
        if difference < 0 { difference + period } else { difference }
    }
}

/// True where the watermark has reached the last millisecond before `end`.
pub fn is_closed(end: i64, watermark: EventTime) -> bool {
    end.saturating_sub(1) <= watermark.0 && watermark != EventTime::MIN
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn slices(kind: WindowKind, size_ms: i64, step_ms: i64, offset_ms: i64) -> Slices {
        Slices::new(&WindowSpec { kind: kind as i32, size_ms, step_ms, offset_ms }).unwrap()
    }

    #[test]
    fn tumbling_windows_lie_side_by_side_below_zero_too() {
        let windows = slices(WindowKind::Tumble, 10, 0, 0);
        assert_eq!(windows.windows_of(-1).collect::<Vec<_>>(), [(-10, 0)]);
        assert_eq!(windows.windows_of(0).collect::<Vec<_>>(), [(0, 10)]);
        let shifted = slices(WindowKind::Tumble, 10, 0, -3);
        assert_eq!(shifted.windows_of(7).collect::<Vec<_>>(), [(7, 17)]);
        assert_eq!(shifted.windows_of(6).collect::<Vec<_>>(), [(-3, 7)]);
    }

    #[test]
    fn hopping_windows_begin_before_the_first_row() {
        let windows = slices(WindowKind::Hop, 10, 5, 0);
        assert_eq!(windows.windows_of(2).collect::<Vec<_>>(), [(-5, 5), (0, 10)]);
        assert_eq!(windows.first_slice_end(10), 5);
        assert_eq!(windows.last_window_end(5), 10);
    }

    #[test]
    fn cumulating_windows_share_their_start() {
        let windows = slices(WindowKind::Cumulate, 30, 10, 0);
        assert_eq!(windows.windows_of(12).collect::<Vec<_>>(), [(0, 20), (0, 30)]);
        assert_eq!(windows.first_slice_end(30), 10);
        assert_eq!(windows.windows_of(29).collect::<Vec<_>>(), [(0, 30)]);
    }

    #[test]
    fn the_ends_of_the_range_do_not_overflow() {
        for kind in [WindowKind::Tumble, WindowKind::Hop, WindowKind::Cumulate] {
            for offset in [i64::MIN, -1, 0, i64::MAX] {
                let windows = slices(kind, 1_000_000_000, 1_000_000, offset);
                for time in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
                    assert!(windows.slice_end(time) > time || time == i64::MAX);
                    assert!(windows.windows_of(time).count() >= 1);
                }
            }
        }
    }

    #[test]
    fn the_last_window_ends_with_the_range() {
        let windows = slices(WindowKind::Hop, 30, 10, 0);
        let (end, late) = (i64::MAX, i64::MAX - 17);
        assert_eq!(windows.slice_end(late), i64::MAX - 7);
        assert_eq!(windows.windows_of(late).collect::<Vec<_>>(), [(end - 37, end - 7), (end - 30, end)]);
        assert_eq!(windows.windows_of(i64::MAX).collect::<Vec<_>>(), [(end - 30, end)]);
    }

    #[test]
    fn a_window_closes_with_its_last_millisecond() {
        assert!(!is_closed(10, EventTime(8)));
        assert!(is_closed(10, EventTime(9)));
        assert!(is_closed(i64::MAX, EventTime::MAX));
        assert!(!is_closed(i64::MIN + 1, EventTime::MIN));
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let spec = WindowSpec { kind: WindowKind::Hop as i32, size_ms: 10, step_ms: 3, offset_ms: 0 };
        assert!(Slices::new(&spec).unwrap_err().to_string().contains("multiple of its slide"));
    }
}
