//! Floating point numbers as Java's `Double.toString` and `Float.toString` write them (JDK 19 and later).

use std::fmt::{Debug, LowerExp, Write};

/// Appends a DOUBLE: shortest digits, an exponent below 10^-3 and from 10^7.
pub fn push_double(out: &mut String, value: f64) {
    push(out, value, value);
}

/// Appends a FLOAT, in the same form.
pub fn push_float(out: &mut String, value: f32) {
    push(out, value, f64::from(value));
}

/// A DOUBLE as text.
pub fn double_text(value: f64) -> String {
    let mut text = String::new();
    push_double(&mut text, value);
    text
}

/// A FLOAT as text.
pub fn float_text(value: f32) -> String {
    let mut text = String::new();
    push_float(&mut text, value);
    text
}

fn push(out: &mut String, value: impl Debug + LowerExp, wide: f64) {
    let size = wide.abs();
    if wide.is_nan() {
        out.push_str("NaN");
    } else if wide.is_infinite() {
        out.push_str(if wide > 0.0 { "Infinity" } else { "-Infinity" });
    } else if size == 0.0 || (1e-3..1e7).contains(&size) {
        // Writing to a String cannot fail.
        let _ = write!(out, "{value:?}");
    } else {
        out.push_str(&digits(value).replace('e', "E"));
    }
}

/// A finite number as `d.ddde±x`: the fewest digits that tell it from its neighbours.
///
/// Java looks for two digits at least: where one would do, it writes the two that come nearest to the number. For the
/// smallest numbers they are others than that one and a zero, `4.9e-324` and not `5.0e-324`. They come at least as near as
/// the one does, so they tell the number from its neighbours, too.
fn digits(value: impl LowerExp) -> String {
    let shortest = format!("{value:e}");
    if shortest.contains('.') { shortest } else { format!("{value:.1e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponent_is_written_for_small_and_large_numbers() {
        let cases = [
            (1.0, "1.0"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (123456.789, "123456.789"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (f64::from_bits(1), "4.9E-324"),
            (9999999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (-1.25e10, "-1.25E10"),
            (100.0, "100.0"),
            (0.1, "0.1"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in cases {
            assert_eq!(double_text(value), expected);
        }
        assert_eq!([float_text(0.1), float_text(1.5e-5), float_text(f32::MAX)], ["0.1", "1.5E-5", "3.4028235E38"]);
    }

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
            assert_eq!(digits(value), text);
        }
        for (value, text) in [(1, "1.4e-45"), (2, "2.8e-45"), (3, "4.2e-45"), (7, "9.8e-45")] {
            assert_eq!(digits(f32::from_bits(value)), text);
        }
    }

    #[test]
    fn they_read_back_as_the_number() {
        for exponent in 0..2046u64 {
            for low in [0, 1, 2, 3, 5, u64::MAX >> 12] {
                let value = f64::from_bits(exponent << 52 | low);
                assert_eq!(digits(value).parse(), Ok(value));
            }
        }
    }
}
