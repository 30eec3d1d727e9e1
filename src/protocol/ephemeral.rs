//! Ephemeral resources: opened for one run, kept nowhere.

use std::sync::Arc;

use super::convert::{decode, encode};
use super::diagnose::to_wire;
use super::wire::{
    close_ephemeral_resource, open_ephemeral_resource, renew_ephemeral_resource, validate_ephemeral_resource_config as validate_config,
};
use super::{Protocol, offered};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::provider::{Ephemeral, Outcome};
use crate::schema::Value;

impl Protocol {
    fn ephemeral(&self, name: &str) -> Result<&Arc<dyn Ephemeral>, Diagnostic> {
        offered("ephemeral resource", &self.offer.ephemerals, name)
    }

    pub(super) fn ephemeral_validate(&self, request: &validate_config::Request) -> Result<validate_config::Response, Diagnostic> {
        let ephemeral = self.ephemeral(&request.type_name)?;
        let config = decode(&configuration(ephemeral), request.config.as_ref(), &ephemeral.schema().value_type())?;
        Ok(validate_config::Response { diagnostics: to_wire(validate(ephemeral, &config)) })
    }

    pub(super) async fn ephemeral_open(
        &self,
        request: &open_ephemeral_resource::Request,
    ) -> Result<open_ephemeral_resource::Response, Diagnostic> {
        let ephemeral = self.ephemeral(&request.type_name)?;
        let ty = ephemeral.schema().value_type();
        let config = decode(&configuration(ephemeral), request.config.as_ref(), &ty)?;
        // More is known here than at validation, which has already reported its warnings.
        let refused = validate(ephemeral, &config);
        if refused.has_error() {
            return Ok(open_ephemeral_resource::Response { diagnostics: to_wire(refused), ..open_ephemeral_resource::Response::default() });
        }
        let Outcome { value, diagnostics } = ephemeral.open(&self.context()?, config).await;
        Ok(open_ephemeral_resource::Response {
            result: encode(&value, &ty),
            diagnostics: to_wire(diagnostics),
            ..open_ephemeral_resource::Response::default()
        })
    }

    /// Comes only after an answer with a date for renewal, which is never given: a renewal can't change the result.
    pub(super) fn ephemeral_renew(
        &self,
        request: &renew_ephemeral_resource::Request,
    ) -> Result<renew_ephemeral_resource::Response, Diagnostic> {
        self.ephemeral(&request.type_name)?;
        Ok(renew_ephemeral_resource::Response::default())
    }

    /// What was opened ends by itself.
    pub(super) fn ephemeral_close(
        &self,
        request: &close_ephemeral_resource::Request,
    ) -> Result<close_ephemeral_resource::Response, Diagnostic> {
        self.ephemeral(&request.type_name)?;
        Ok(close_ephemeral_resource::Response::default())
    }
}

fn validate(ephemeral: &Arc<dyn Ephemeral>, config: &Value) -> Diagnostics {
    let mut diagnostics = ephemeral.schema().validate(config);
    diagnostics.extend(ephemeral.validate(config));
    diagnostics
}

fn configuration(ephemeral: &Arc<dyn Ephemeral>) -> String {
    format!("the configuration of the ephemeral resource {}", ephemeral.name())
}
