//! The shape of the Nexmark table: one row an event, its kind and a ROW for each of the three kinds, two of them NULL.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

/// The kinds of events; the number is the value of `event_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Somebody registers.
    Person = 0,
    /// An item is put up for sale.
    Auction = 1,
    /// Somebody offers a price.
    Bid = 2,
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Every kind.
    pub const ALL: Kinds = Kinds(0b111);

    /// One kind alone.
    pub fn only(kind: Kind) -> Kinds {
        Kinds(1 << kind as u8)
    }

    /// From `event_type`s; others than 0, 1 and 2 do not exist and are left out.
    pub fn from_event_types(event_types: &[i32]) -> Kinds {
        Kinds(event_types.iter().filter(|number| (0..=2).contains(*number)).fold(0, |set, number| set | 1 << number))
    }

    /// True if the kind is one of them.
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    /// The kind, if it is just one.
    pub fn single(self) -> Option<Kind> {
        Kind::EACH.into_iter().find(|kind| self == Kinds::only(*kind))
    }
}

/// What a leaf of the table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// BIGINT.
    Long,
    /// TIMESTAMP(3).
    Time,
    /// STRING.
    Text,
}

impl Leaf {
    /// Its Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Leaf::Long => DataType::Int64,
            Leaf::Time => DataType::Timestamp(TimeUnit::Millisecond, None),
            Leaf::Text => DataType::Utf8View,
        }
    }
}

impl Kind {
    /// All kinds, in the order in which an epoch has them.
    pub const EACH: [Kind; 3] = [Kind::Person, Kind::Auction, Kind::Bid];

    /// The ROW's column in the table.
    pub fn column(self) -> &'static str {
        ["person", "auction", "bid"][self as usize]
    }

    /// The ROW's fields.
    pub fn leaves(self) -> &'static [(&'static str, Leaf)] {
        match self {
            Kind::Person => &[
                ("id", Leaf::Long),
                ("name", Leaf::Text),
                ("emailAddress", Leaf::Text),
                ("creditCard", Leaf::Text),
                ("city", Leaf::Text),
                ("state", Leaf::Text),
                ("dateTime", Leaf::Time),
                ("extra", Leaf::Text),
            ],
            Kind::Auction => &[
                ("id", Leaf::Long),
                ("itemName", Leaf::Text),
                ("description", Leaf::Text),
                ("initialBid", Leaf::Long),
                ("reserve", Leaf::Long),
                ("dateTime", Leaf::Time),
                ("expires", Leaf::Time),
                ("seller", Leaf::Long),
                ("category", Leaf::Long),
                ("extra", Leaf::Text),
            ],
            Kind::Bid => &[
                ("auction", Leaf::Long),
                ("bidder", Leaf::Long),
                ("price", Leaf::Long),
                ("channel", Leaf::Text),
                ("url", Leaf::Text),
                ("dateTime", Leaf::Time),
                ("extra", Leaf::Text),
            ],
        }
    }

    /// The ROW's fields as Arrow fields, all nullable.
    pub fn fields(self) -> Fields {
        self.leaves().iter().map(|(name, leaf)| Field::new(*name, leaf.data_type(), true)).collect()
    }
}

/// The table's columns as Arrow fields: `event_type`, `person`, `auction`, `bid`.
pub fn table_fields() -> Vec<Arc<Field>> {
    let mut fields = vec![Arc::new(Field::new("event_type", DataType::Int32, true))];
    for kind in Kind::EACH {
        fields.push(Arc::new(Field::new(kind.column(), DataType::Struct(kind.fields()), true)));
    }
    fields
}
