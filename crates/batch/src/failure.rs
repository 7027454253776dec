//! Between our failures and DataFusion's errors: a failure goes through its plans as it is and comes out again.

use std::error::Error;

use datafusion::common::DataFusionError;
use tidemill_core::Failure;

/// A failure on its way through DataFusion.
pub(crate) fn to_datafusion(failure: Failure) -> DataFusionError {
    DataFusionError::External(Box::new(failure))
}

/// The failure behind an error; an error of DataFusion's own is a defect.
pub(crate) fn from_datafusion(error: DataFusionError) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(failure) = current.downcast_ref::<Failure>() {
            return failure.clone();
        }
        cause = current.source();
    }
    Failure::fatal("batch.datafusion", format!("the batch executor failed: {}", error.strip_backtrace()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_way_through_datafusion() {
        let error = to_datafusion(Failure::data("csv.malformed", "line 3")).context("while scanning");
        assert_eq!(from_datafusion(error).code(), "csv.malformed");
        let arrow = arrow::error::ArrowError::ExternalError(Box::new(Failure::data("x", "y")));
        assert_eq!(from_datafusion(DataFusionError::from(arrow)).code(), "x");
        assert_eq!(from_datafusion(DataFusionError::Internal("z".into())).code(), "batch.datafusion");
    }
}
