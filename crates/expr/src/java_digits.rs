//! The digits that Java's `Double.toString` and `Float.toString` write (JDK 19 and later).

use std::fmt::LowerExp;

/// A finite number as `d.ddde±x`: the fewest digits that tell it from its neighbours.
///
/// Java looks for two digits at least: where one would do, it writes the two that come nearest to the number. For the
/// smallest numbers they are others than that one and a zero, `4.9e-324` and not `5.0e-324`. They come at least as near as
/// the one does, so they tell the number from its neighbours, too.
pub fn java_digits(value: impl LowerExp) -> String {
    let shortest = format!("{value:e}");
    if shortest.contains('.') { shortest } else { format!("{value:.1e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_numbers_have_the_two_nearest_digits() {
        let doubles = [
            (f64::from_bits(1), "4.9e-324"),
            (f64::from_bits(2), "9.9e-324"),
            (f64::from_bits(3), "1.5e-323"),
            (f64::from_bits(4), "2.0e-323"),
            (-f64::from_bits(1), "-4.9e-324"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e308"),
            (2e23, "2.0e23"),
            (1e7, "1.0e7"),
            (0.0, "0.0e0"),
        ];
        for (value, text) in doubles {
            assert_eq!(java_digits(value), text);
        }
        for (value, text) in [(1, "1.4e-45"), (2, "2.8e-45"), (3, "4.2e-45"), (7, "9.8e-45")] {
            assert_eq!(java_digits(f32::from_bits(value)), text);
        }
    }

    #[test]
    fn they_read_back_as_the_number() {
        for exponent in 0..2046u64 {
            for low in [0, 1, 2, 3, 5, u64::MAX >> 12] {
                let value = f64::from_bits(exponent << 52 | low);
                assert_eq!(java_digits(value).parse(), Ok(value));
            }
        }
    }
}
