//! Where a table's options stand in the text that made it: of use as long as that is the text at hand.

use std::collections::BTreeMap;

use tidemill_core::Failure;
use tidemill_sql_parser::Span;
use tidemill_sql_parser::ast::TableOption;

/// The number of a text that statements come from, in its session.
pub type TextNumber = u64;

/// The places of a table's options, those of a copied table left out.
#[derive(Clone, Debug, Default)]
pub struct OptionPlaces {
    text: TextNumber,
    /// Key and value.
    spans: BTreeMap<String, (Span, Span)>,
}

impl OptionPlaces {
    /// Those of a statement of a text.
    pub fn new(text: TextNumber, options: &[TableOption]) -> OptionPlaces {
        let spans = options.iter().map(|option| (option.key.clone(), (option.key_span, option.value_span)));
        OptionPlaces { text, spans: spans.collect() }
    }

    /// Where the option stands that a failure is about, and in which text: its key if there is no such option, else its value.
    pub fn of(&self, failure: &Failure) -> Option<(TextNumber, Span)> {
        let (key, value) = self.spans.get(failure.option()?)?;
        let span = if failure.code() == "option.unknown" { key } else { value };
        Some((self.text, *span))
    }
}
