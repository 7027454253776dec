//! Patterns of dates and times as Java's `DateTimeFormatter` has them: `yyyy-MM-dd HH:mm:ss.SSS`.
//!
//! Known letters: `y u M L d D H h k K m s S n a E Q w e X x Z z V '`. Others are refused.

use tidemill_expr::TimeZone;
use tidemill_expr::scalar::days_from_civil;

use crate::civil::{Civil, DAY_MS, days_in_month, iso_week, iso_weekday};
use crate::format::push_padded;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatePattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Text as it is.
    Text(String),
    /// A letter, so many times.
    Field(char, usize),
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl DatePattern {
    /// Compiles a pattern, or says which letter is not known.
    pub fn parse(pattern: &str) -> Result<DatePattern, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\'' {
                push_text(&mut parts, &quoted(&mut chars));
            } else if c.is_ascii_alphabetic() {
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                if !"yuMLdDHhkKmsSnaEQweXxZzV".contains(c) {
                    return Err(format!("the letter {c} of the pattern '{pattern}' is not known; quote text: 'at'"));
                }
                parts.push(Part::Field(c, count));
            } else {
                push_text(&mut parts, &c.to_string());
            }
        }
        Ok(DatePattern(parts))
    }

    /// Appends a local time; `zone` and `offset_ms` fill in zone letters.
    pub fn write(&self, time: &Civil, zone: TimeZone, offset_ms: i64, out: &mut String) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field(letter, count) => write_field(*letter, *count, time, zone, offset_ms, out),
            }
        }
    }

    /// Reads a text: local milliseconds, nanoseconds within the millisecond, and the distance from UTC in milliseconds if
    /// the pattern has one. None if the text does not have the pattern or is no date. Text behind the pattern is refused.
    pub fn read(&self, text: &str) -> Option<(i64, u32, Option<i64>)> {
        let mut fields = Fields::default();
        let mut rest = text;
        for (i, part) in self.0.iter().enumerate() {
            match part {
                Part::Text(wanted) => rest = rest.strip_prefix(wanted.as_str())?,
                Part::Field(letter, count) => {
                    // Digits directly followed by digits have the pattern's width.
                    let adjacent = matches!(self.0.get(i + 1), Some(Part::Field(..)));
                    rest = fields.read(*letter, *count, adjacent, rest)?;
                }
            }
        }
        if !rest.is_empty() {
            return None;
        }
        fields.finish()
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(before)) => before.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// Text up to the closing quote; two quotes are one.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        if c != '\'' {
            text.push(c);
        } else if chars.next_if_eq(&'\'').is_some() {
            text.push('\'');
        } else {
            break;
        }
    }
    if text.is_empty() { "'".to_owned() } else { text }
}

fn write_field(letter: char, count: usize, time: &Civil, zone: TimeZone, offset_ms: i64, out: &mut String) {
    let year = time.year.unsigned_abs() as u32;
    let number = |number: u32, out: &mut String| push_padded(out, number, count);
    match letter {
        'y' | 'u' if count == 2 => push_padded(out, year % 100, 2),
        'y' | 'u' => {
            if time.year < 0 {
                out.push('-');
            }
            number(year, out);
        }
        'M' | 'L' => name_or_number(&MONTHS, time.month, count, out),
        'Q' => number((time.month - 1) / 3 + 1, out),
        'd' => number(time.day, out),
        'D' => number((time.days() - days_from_civil(time.year, 1, 1) + 1) as u32, out),
        'w' => number(iso_week(time.days()).1, out),
        'e' => number(iso_weekday(time.days()), out),
        'E' => name_or_number(&WEEKDAYS, iso_weekday(time.days()), count.max(3), out),
        'H' => number(time.hour(), out),
        'h' => number((time.hour() + 11) % 12 + 1, out),
        'k' => number((time.hour() + 23) % 24 + 1, out),
        'K' => number(time.hour() % 12, out),
        'm' => number(time.minute(), out),
        's' => number(time.second(), out),
        'S' => {
            let digits = count.min(9);
            push_padded(out, time.nano_of_second() / 10u32.pow(9 - digits as u32), digits);
            out.extend(std::iter::repeat_n('0', count - digits));
        }
        'n' => number(time.nano_of_second(), out),
        'a' => out.push_str(if time.hour() < 12 { "AM" } else { "PM" }),
        'X' if offset_ms == 0 => out.push('Z'),
        'X' | 'x' | 'Z' => {
            let minutes = offset_ms.abs() / 60_000;
            out.push(if offset_ms < 0 { '-' } else { '+' });
            push_padded(out, (minutes / 60) as u32, 2);
            if letter != 'Z' && count == 1 && minutes % 60 == 0 {
                return;
            }
            if letter != 'Z' && matches!(count, 3 | 5) || letter == 'Z' && count >= 4 {
                out.push(':');
            }
            push_padded(out, (minutes % 60) as u32, 2);
        }
        _ => out.push_str(&zone.to_string()),
    }
}

/// Three letters are an abbreviation, four the whole name, fewer a number.
fn name_or_number(names: &[&str], number: u32, count: usize, out: &mut String) {
    let name = names[(number as usize - 1) % names.len()];
    match count {
        1 | 2 => push_padded(out, number, count),
        3 => out.push_str(&name[..3]),
        _ => out.push_str(name),
    }
}

/// What has been read.
#[derive(Default)]
struct Fields {
    year: Option<i64>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    hour: Option<u32>,
    half_hour: Option<u32>,
    afternoon: bool,
    minute: u32,
    second: u32,
    nanos: u32,
    offset_ms: Option<i64>,
}

impl Fields {
    /// Takes a field from the beginning of a text and returns what follows.
    fn read<'a>(&mut self, letter: char, count: usize, adjacent: bool, text: &'a str) -> Option<&'a str> {
        let named = matches!(letter, 'M' | 'L') && count >= 3;
        if named || letter == 'E' {
            let names: &[&str] = if named { &MONTHS } else { &WEEKDAYS };
            let (place, rest) = read_name(names, text)?;
            if named {
                self.month = Some(place as u32 + 1);
            }
            return Some(rest);
        }
        match letter {
            'a' => {
                let (half, rest) = (text.get(..2)?.to_ascii_uppercase(), &text[2..]);
                self.afternoon = half == "PM";
                return (half == "AM" || half == "PM").then_some(rest);
            }
            'X' | 'x' | 'Z' | 'z' | 'V' => return self.read_zone(text),
            _ => {}
        }
        let most = match (letter, adjacent) {
            (_, true) => count,
            ('y' | 'u', false) => {
                if count == 2 {
                    2
                } else {
                    9
                }
            }
            ('S' | 'n', false) => 9,
            _ => count.max(2),
        };
        let negative = matches!(letter, 'y' | 'u') && text.starts_with('-');
        let body = if negative { &text[1..] } else { text };
        let length = body.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let digits = &body[..length];
        let number: u32 = digits.parse().ok()?;
        match letter {
            'y' | 'u' => {
                let year = if count == 2 { 2000 + i64::from(number) } else { i64::from(number) };
                self.year = Some(if negative { -year } else { year });
            }
            'M' | 'L' => self.month = Some(number),
            'd' => self.day = Some(number),
            'D' => self.day_of_year = Some(number),
            'H' => self.hour = Some(number),
            'k' => self.hour = Some(number % 24),
            'h' => self.half_hour = Some(number % 12),
            'K' => self.half_hour = Some(number),
            'm' => self.minute = number,
            's' => self.second = number,
            'S' => self.nanos = crate::civil::fraction_nanos(digits)?,
            'n' => self.nanos = number,
            _ => {}
        }
        Some(&body[length..])
    }

    fn read_zone<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let end = text.find([' ', ',', ']', ')']).unwrap_or(text.len());
        // Of a named zone only fixed distances are known without a date.
        let zone = TimeZone::parse(&text[..end]).ok()?;
        self.offset_ms = Some(zone.offset_ms(0));
        Some(&text[end..])
    }

    fn finish(self) -> Option<(i64, u32, Option<i64>)> {
        let year = self.year.unwrap_or(1970);
        let days = match self.day_of_year {
            Some(day) => days_from_civil(year, 1, 1) + i64::from(day) - 1,
            None => {
                let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
                if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
                    return None;
                }
                days_from_civil(year, month, day)
            }
        };
        let half = self.half_hour.map(|hour| hour + if self.afternoon { 12 } else { 0 });
        let hour = self.hour.or(half).unwrap_or(0);
        if hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let seconds = i64::from(hour * 3600 + self.minute * 60 + self.second);
        let millis = days * DAY_MS + seconds * 1000 + i64::from(self.nanos / 1_000_000);
        Some((millis, self.nanos % 1_000_000, self.offset_ms))
    }
}

fn read_name<'a>(names: &[&str], text: &'a str) -> Option<(usize, &'a str)> {
    let begins = |name: &str| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    let found = names.iter().enumerate().find(|(_, name)| begins(name));
    if let Some((place, name)) = found {
        return Some((place, &text[name.len()..]));
    }
    let place = names.iter().position(|name| begins(&name[..3]))?;
    Some((place, &text[3..]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn show(pattern: &str) -> String {
        let mut out = String::new();
        let time = Civil::from_local_ms(1_357_049_105_067, 0);
        DatePattern::parse(pattern).unwrap().write(&time, TimeZone::UTC, 0, &mut out);
        out
    }

    #[test]
    fn times_are_written() {
        assert_eq!(show("yyyy-MM-dd HH:mm:ss.SSS"), "2013-01-01 14:05:05.067");
        assert_eq!(show("yy/M/d h:mm a"), "13/1/1 2:05 PM");
        assert_eq!(show("EEE, d MMM yyyy 'at' HH''mm"), "Tue, 1 Jan 2013 at 14'05");
        assert_eq!(show("yyyyMMdd EEEE MMMM"), "20130101 Tuesday January");
        assert!(DatePattern::parse("foo").is_err());
    }

    #[test]
    fn times_are_read() {
        let read = |pattern: &str, text: &str| DatePattern::parse(pattern).unwrap().read(text);
        assert_eq!(read("yyyy-MM-dd HH:mm:ss", "2013-01-01 14:05:05"), Some((1_357_049_105_000, 0, None)));
        assert_eq!(read("yyyyMMddHHmmss", "20130101140505"), Some((1_357_049_105_000, 0, None)));
        assert_eq!(
            read("dd/MMM/yyyy:HH:mm:ss X", "01/Jan/2013:14:05:05 +01:00"),
            Some((1_357_049_105_000, 0, Some(3_600_000)))
        );
        assert_eq!(read("yyyy-MM-dd", "2013-02-30"), None);
        assert_eq!(read("yyyy-MM-dd", "2013-02-03x"), None);
    }
}
