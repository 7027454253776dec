//! Strings and prices made once: events only point into them, so no event allocates.

use arrow::array::builder::StringViewBuilder;
use arrow::array::{ArrayRef, StringViewArray, UInt32Array};
use arrow::buffer::Buffer;
use tidemill_core::Result;

use super::settings::Settings;
use crate::random::Draw;

/// Pools whose entries are chosen by twelve random bits have this many.
pub const POOL: usize = 4096;
/// Hot channels; half of all bids come through one of them.
pub const HOT_CHANNELS: usize = 4;
/// The other channels.
pub const CHANNELS: usize = 10_000;

const FIRST_NAMES: &str = "Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter";
const LAST_NAMES: &str = "Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris";
const CITIES: &str = "Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne";
const STATES: &str = "AZ,CA,ID,OR,WA,WY";
const TEXT_BYTES_MIN: usize = 1 << 16;
const POOL_SEED: u64 = 0x6e65_786d_6172_6b31;

/// A list of strings to choose from by number.
#[derive(Clone, Debug)]
pub struct Pool(StringViewArray);

impl Pool {
    /// How many strings there are.
    pub fn len(&self) -> usize {
        use arrow::array::Array;
        self.0.len()
    }

    /// The chosen strings; their bytes are shared with the pool.
    pub fn choose(&self, numbers: Vec<u32>) -> Result<ArrayRef> {
        Ok(arrow::compute::take(&self.0, &UInt32Array::from(numbers), None)?)
    }

    fn of(strings: impl IntoIterator<Item = String>) -> Pool {
        // One block for all long strings: the array's readers then clone a single buffer.
        let strings: Vec<String> = strings.into_iter().collect();
        let text: String = strings.concat();
        let mut start = 0;
        let pieces = strings.iter().map(|string| {
            start += string.len();
            (start - string.len(), string.len())
        });
        Pool::of_pieces(text, pieces)
    }

    fn of_pieces(text: String, pieces: impl Iterator<Item = (usize, usize)>) -> Pool {
        let mut builder = StringViewBuilder::new();
        let block = builder.append_block(Buffer::from(text.into_bytes()));
        for (start, len) in pieces {
            // The pieces lie within the block by construction; one that did not would be missing, not wrong.
            let _ = builder.try_append_view(block, start as u32, len as u32);
        }
        Pool(builder.finish())
    }
}

/// All pools of a generator.
#[derive(Debug)]
pub struct Pools {
    /// First and last names.
    pub names: Pool,
    /// E-mail addresses.
    pub emails: Pool,
    /// Credit card numbers.
    pub cards: Pool,
    /// Cities.
    pub cities: Pool,
    /// States.
    pub states: Pool,
    /// Item names.
    pub items: Pool,
    /// Descriptions.
    pub descriptions: Pool,
    /// Channels of bids: the hot ones, then the others.
    pub channels: Pool,
    /// The URL of each channel.
    pub urls: Pool,
    /// Padding of persons.
    pub person_extras: Pool,
    /// Padding of auctions.
    pub auction_extras: Pool,
    /// Padding of bids.
    pub bid_extras: Pool,
    /// Prices at 1,024 equal steps of their logarithm, and one more to interpolate to.
    pub prices: Vec<i64>,
}

impl Pools {
    /// Makes the pools; they depend on the sizes in `settings` but not on its seed.
    pub fn new(settings: &Settings) -> Pools {
        let draw = &mut Draw::new(POOL_SEED);
        let (channels, urls) = channels(draw);
        Pools {
            names: Pool::of(
                FIRST_NAMES
                    .split(',')
                    .flat_map(|first| LAST_NAMES.split(',').map(move |last| format!("{first} {last}"))),
            ),
            emails: Pool::of((0..POOL).map(|_| format!("{}@{}.com", word(draw, 7, '_'), word(draw, 5, '_')))),
            cards: Pool::of((0..POOL).map(|_| {
                let mut group = || draw.below(10_000);
                format!("{:04} {:04} {:04} {:04}", group(), group(), group(), group())
            })),
            cities: Pool::of(CITIES.split(',').map(String::from)),
            states: Pool::of(STATES.split(',').map(String::from)),
            items: Pool::of((0..POOL).map(|_| word(draw, 20, ' '))),
            descriptions: Pool::of((0..POOL).map(|_| word(draw, 100, ' '))),
            channels: Pool::of(channels),
            urls: Pool::of(urls),
            // What the other columns take on average: 8 bytes a number, and the mean lengths of the strings.
            person_extras: extras(draw, settings.person_bytes, 8 + 12 + 16 + 19 + 8 + 2 + 8),
            auction_extras: extras(draw, settings.auction_bytes, 8 + 11 + 51 + 8 + 8 + 8 + 8 + 8 + 8),
            bid_extras: extras(draw, settings.bid_bytes, 8 + 8 + 8 + 8),
            prices: prices(),
        }
    }
}

/// A random word of 3 to `most` - 1 characters, here and there a `special` one, none at either end.
fn word(draw: &mut Draw, most: u64, special: char) -> String {
    let len = 3 + draw.below(most - 3);
    let mut word = String::new();
    for at in 0..len {
        let inside = at > 0 && at + 1 < len;
        word.push(if draw.below(13) == 0 && inside { special } else { letter(draw) });
    }
    word
}

fn letter(draw: &mut Draw) -> char {
    char::from(b'a' + draw.below(26) as u8)
}

fn channels(draw: &mut Draw) -> (Vec<String>, Vec<String>) {
    let mut channels: Vec<String> = ["Google", "Facebook", "Baidu", "Apple"].map(String::from).to_vec();
    let mut urls: Vec<String> = channels.iter().map(|_| url(draw)).collect();
    for number in 0..CHANNELS as u32 {
        channels.push(format!("channel-{number}"));
        let url = url(draw);
        let tagged = draw.below(10) > 0;
        urls.push(if tagged { format!("{url}&channel_id={}", number.reverse_bits() >> 1) } else { url });
    }
    (channels, urls)
}

fn url(draw: &mut Draw) -> String {
    let mut part = || word(draw, 5, '_');
    format!("https://www.nexmark.com/{}/{}/{}/item.htm?query=1", part(), part(), part())
}

/// Padding so that an event has `mean` bytes on average, of which its other columns take `taken`; lengths vary by a fifth.
fn extras(draw: &mut Draw, mean: u64, taken: u64) -> Pool {
    let mean = mean.saturating_sub(taken);
    let spread = mean / 5;
    let text_bytes = TEXT_BYTES_MIN.max(4 * mean as usize);
    let text: String = (0..text_bytes).map(|_| letter(draw)).collect();
    let pieces: Vec<(usize, usize)> = (0..POOL)
        .map(|_| {
            let len = (mean - spread + draw.below(2 * spread + 1)) as usize;
            (draw.below((text_bytes - len) as u64) as usize, len)
        })
        .collect();
    Pool::of_pieces(text, pieces.into_iter())
}

/// 100 · 10^(6 i / 1024), rounded, by repeated multiplication so that every machine has the same.
fn prices() -> Vec<i64> {
    const RATIO: f64 = 1.013_583_133_334_065_7;
    let mut price = 100.0;
    let mut all = Vec::with_capacity(1025);
    for _ in 0..=1024 {
        all.push((price + 0.5) as i64);
        price *= RATIO;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_span_six_decades() {
        let prices = prices();
        assert_eq!((prices[0], prices.len()), (100, 1025));
        assert!((99_999_000..=100_001_000).contains(&prices[1024]), "{}", prices[1024]);
    }

    #[test]
    fn pools_are_full() {
        let pools = Pools::new(&Settings::default());
        for pool in [&pools.emails, &pools.cards, &pools.items, &pools.descriptions, &pools.bid_extras] {
            assert_eq!(pool.len(), POOL);
        }
        assert_eq!(pools.channels.len(), CHANNELS + HOT_CHANNELS);
        assert_eq!(pools.urls.len(), CHANNELS + HOT_CHANNELS);
    }
}
