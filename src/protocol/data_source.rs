//! Data sources.

use std::sync::Arc;

use super::convert::{decode, encode};
use super::diagnose::to_wire;
use super::wire::{read_data_source, validate_data_resource_config};
use super::{Protocol, offered};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::provider::{DataSource, Outcome};
use crate::schema::Value;

impl Protocol {
    fn data_source(&self, name: &str) -> Result<&Arc<dyn DataSource>, Diagnostic> {
        offered("data source", &self.offer.data_sources, name)
    }

    pub(super) fn data_source_validate(
        &self,
        request: &validate_data_resource_config::Request,
    ) -> Result<validate_data_resource_config::Response, Diagnostic> {
        let source = self.data_source(&request.type_name)?;
        let config = decode(&configuration(source), request.config.as_ref(), &source.schema().value_type())?;
        Ok(validate_data_resource_config::Response { diagnostics: to_wire(validate(source, &config)) })
    }

    pub(super) async fn data_source_read(&self, request: &read_data_source::Request) -> Result<read_data_source::Response, Diagnostic> {
        let source = self.data_source(&request.type_name)?;
        let ty = source.schema().value_type();
        let config = decode(&configuration(source), request.config.as_ref(), &ty)?;
        // More is known here than at validation, which has already reported its warnings.
        let refused = validate(source, &config);
        if refused.has_error() {
            return Ok(read_data_source::Response { diagnostics: to_wire(refused), ..read_data_source::Response::default() });
        }
        let Outcome { value, diagnostics } = source.read(&self.context()?, config).await;
        Ok(read_data_source::Response { state: encode(&value, &ty), diagnostics: to_wire(diagnostics), deferred: None })
    }
}

fn validate(source: &Arc<dyn DataSource>, config: &Value) -> Diagnostics {
    let mut diagnostics = source.schema().validate(config);
    diagnostics.extend(source.validate(config));
    diagnostics
}

fn configuration(source: &Arc<dyn DataSource>) -> String {
    format!("the configuration of the data source {}", source.name())
}
