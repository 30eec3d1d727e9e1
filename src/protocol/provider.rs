//! The provider's own configuration, and its end.

use super::Protocol;
use super::convert::decode;
use super::diagnose::to_wire;
use super::wire::{configure_provider, stop_provider, validate_provider_config};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::provider;
use crate::schema::Value;

const WHAT: &str = "the configuration of the provider";

impl Protocol {
    pub(super) fn provider_validate(
        &self,
        request: &validate_provider_config::Request,
    ) -> Result<validate_provider_config::Response, Diagnostic> {
        let config = decode(WHAT, request.config.as_ref(), &provider::schema().value_type())?;
        self.validated(provider::Regions::of(&config));
        Ok(validate_provider_config::Response { diagnostics: to_wire(validate(&config)) })
    }

    pub(super) async fn provider_configure(
        &self,
        request: &configure_provider::Request,
    ) -> Result<configure_provider::Response, Diagnostic> {
        let config = decode(WHAT, request.config.as_ref(), &provider::schema().value_type())?;
        // More is known here than at validation, which has already reported its warnings.
        let refused = validate(&config);
        if refused.has_error() {
            return Ok(configure_provider::Response { diagnostics: to_wire(refused) });
        }
        let outcome = provider::configure(&config, &request.terraform_version).await;
        if !outcome.diagnostics.has_error() {
            self.configured(outcome.value);
        }
        Ok(configure_provider::Response { diagnostics: to_wire(outcome.diagnostics) })
    }

    pub(super) fn provider_stop(&self) -> stop_provider::Response {
        tracing::info!("asked to stop: calls in progress record what exists and return");
        self.stop();
        stop_provider::Response { error: String::new() }
    }
}

fn validate(config: &Value) -> Diagnostics {
    let mut diagnostics = provider::schema().validate(config);
    diagnostics.extend(provider::validate(config));
    diagnostics
}
