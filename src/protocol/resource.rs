//! The life of a managed resource.

use std::sync::Arc;

use super::convert::{self, decode, encode, stored};
use super::diagnose::{bug, to_wire};
use super::wire::{
    apply_resource_change, import_resource_state, move_resource_state, plan_resource_change, read_resource, upgrade_resource_state,
    validate_resource_config,
};
use super::{Protocol, error, offered};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::plugin::panics::caught;
use crate::provider::{ApplyRequest, Outcome, PlanRequest, Private, RequestContext, Resource};
use crate::schema::{Outdated, Value};

/// Private data of a plan, for the plan that follows it; in no state.
const PLANNED: &[u8] = b"planned";

impl Protocol {
    fn resource(&self, name: &str) -> Result<&Arc<dyn Resource>, Diagnostic> {
        offered("resource type", &self.offer.resources, name)
    }

    /// What a request of a resource runs with that has this private data.
    fn context_with(&self, private: &[u8]) -> Result<RequestContext, Diagnostic> {
        Ok(RequestContext { private: Private::decode(private), ..self.context()? })
    }

    fn refused(&self, resource: &Arc<dyn Resource>, config: &Value) -> Diagnostics {
        let mut diagnostics = resource.schema().validate(config);
        diagnostics.extend(resource.validate(config, self.partitions(config)));
        diagnostics
    }

    pub(super) fn resource_validate(
        &self,
        request: &validate_resource_config::Request,
    ) -> Result<validate_resource_config::Response, Diagnostic> {
        let resource = self.resource(&request.type_name)?;
        let config = decode(&configuration(resource), request.config.as_ref(), &resource.schema().value_type())?;
        Ok(validate_resource_config::Response { diagnostics: to_wire(self.refused(resource, &config)) })
    }

    pub(super) fn resource_upgrade(
        &self,
        request: &upgrade_resource_state::Request,
    ) -> Result<upgrade_resource_state::Response, Diagnostic> {
        let resource = self.resource(&request.type_name)?;
        let state = stored(&state_of(resource), request.raw_state.as_ref())?;
        let upgraded = resource.schema().upgrade(request.version, state);
        let upgraded = upgraded.and_then(|state| resource.stored(state).map_err(Outdated::Unreadable));
        let state = upgraded.map_err(|outdated| unusable(resource, &outdated))?;
        Ok(upgrade_resource_state::Response { upgraded_state: encode(&state, &resource.schema().value_type()), diagnostics: Vec::new() })
    }

    pub(super) async fn resource_read(&self, request: &read_resource::Request) -> Result<read_resource::Response, Diagnostic> {
        let resource = self.resource(&request.type_name)?;
        let ty = resource.schema().value_type();
        let state = decode(&state_of(resource), request.current_state.as_ref(), &ty)?;
        let context = self.context_with(&request.private)?;
        let outcome = resource.read(&context, state).await;
        let private = kept_beside(resource, &context, &outcome, &request.private);
        Ok(read_resource::Response {
            new_state: encode(&resource.schema().without_write_only(&outcome.value), &ty),
            diagnostics: to_wire(outcome.diagnostics),
            private,
            ..read_resource::Response::default()
        })
    }

    pub(super) async fn resource_plan(
        &self,
        request: &plan_resource_change::Request,
    ) -> Result<plan_resource_change::Response, Diagnostic> {
        let resource = self.resource(&request.type_name)?;
        let schema = resource.schema();
        let ty = schema.value_type();
        let config = decode(&configuration(resource), request.config.as_ref(), &ty)?;
        let prior = decode(&state_of(resource), request.prior_state.as_ref(), &ty)?;
        let destroyed = decode(&proposal(resource), request.proposed_new_state.as_ref(), &ty)?.is_null();
        if !destroyed {
            // More is known here than at validation, which has already reported its warnings.
            let refused = self.refused(resource, &config);
            if refused.has_error() {
                return Ok(plan_resource_change::Response { diagnostics: to_wire(refused), ..plan_resource_change::Response::default() });
            }
        }
        let config = if destroyed { Value::Null } else { config };
        let replanned = prior.is_null() && !request.prior_private.is_empty();
        // What this answers comes back with the second plan of a replacement.
        let private = if !prior.is_null() && request.prior_private.is_empty() { PLANNED.to_vec() } else { request.prior_private.clone() };
        let context = self.context_with(&request.prior_private)?;
        let Outcome { value: plan, diagnostics } = resource.plan(&context, PlanRequest { config, prior, replanned }).await;
        let planned = if destroyed { Value::Null } else { schema.without_write_only(&plan.planned) };
        Ok(plan_resource_change::Response {
            planned_state: encode(&planned, &ty),
            requires_replace: plan.replaces.iter().filter_map(convert::path).collect(),
            planned_private: private,
            diagnostics: to_wire(diagnostics),
            ..plan_resource_change::Response::default()
        })
    }

    pub(super) async fn resource_apply(
        &self,
        request: &apply_resource_change::Request,
    ) -> Result<apply_resource_change::Response, Diagnostic> {
        let resource = self.resource(&request.type_name)?;
        let schema = resource.schema();
        let ty = schema.value_type();
        let config = decode(&configuration(resource), request.config.as_ref(), &ty)?;
        let prior = decode(&state_of(resource), request.prior_state.as_ref(), &ty)?;
        let planned = decode(&proposal(resource), request.planned_state.as_ref(), &ty)?;
        let context = self.context_with(&request.planned_private)?;
        // The state that a bug must not lose: what was there before, or, on create, what was about to be made.
        let rescue = if prior.is_null() { planned.without_unknowns() } else { prior.clone() };
        let outcome = caught(resource.apply(&context, ApplyRequest { config, prior, planned })).await.unwrap_or_else(|panic| {
            let said = bug(&format!("the apply of {}", resource.name()), &panic);
            Outcome::new(rescue, Diagnostics::from(said))
        });
        let private = kept_beside(resource, &context, &outcome, &request.planned_private);
        // Unknown values can't be kept; after an error some may be left.
        let state =
            schema.without_write_only(&if outcome.diagnostics.has_error() { outcome.value.without_unknowns() } else { outcome.value });
        Ok(apply_resource_change::Response {
            new_state: encode(&state, &ty),
            private,
            diagnostics: to_wire(outcome.diagnostics),
            ..apply_resource_change::Response::default()
        })
    }

    pub(super) async fn resource_import(
        &self,
        request: &import_resource_state::Request,
    ) -> Result<import_resource_state::Response, Diagnostic> {
        let resource = self.resource(&request.type_name)?;
        if request.id.is_empty() {
            return Err(error(
                format!("{} is imported by ID", resource.name()),
                "The import block sets an identity. Set id instead, in the form that the documentation of the resource describes.",
            ));
        }
        let Outcome { value, diagnostics } = resource.import(&self.context()?, &request.id).await;
        let imported_resources = if value.is_null() || diagnostics.has_error() {
            Vec::new()
        } else {
            let state = encode(&resource.schema().without_write_only(&value), &resource.schema().value_type());
            vec![import_resource_state::ImportedResource {
                type_name: request.type_name.clone(),
                state,
                ..import_resource_state::ImportedResource::default()
            }]
        };
        Ok(import_resource_state::Response { imported_resources, diagnostics: to_wire(diagnostics), deferred: None })
    }

    pub(super) fn resource_move(&self, request: &move_resource_state::Request) -> Result<move_resource_state::Response, Diagnostic> {
        let resource = self.resource(&request.target_type_name)?;
        Err(error(
            format!("{} can't move to {}", request.source_type_name, resource.name()),
            format!(
                "xeks does not support moving the state of other resource types. Nothing was changed. Instead of the `moved` block, \
                 remove {} from the state (a `removed` block with `destroy = false`) and import the objects as {}.",
                request.source_type_name,
                resource.name()
            ),
        ))
    }
}

/// The private data of the state that a request led to. One that failed may not have come to what it says.
fn kept_beside(resource: &Arc<dyn Resource>, context: &RequestContext, outcome: &Outcome<Value>, before: &[u8]) -> Vec<u8> {
    let private = if outcome.diagnostics.has_error() { None } else { resource.private(context, &outcome.value) };
    match private {
        Some(private) => private.encode(),
        None if before == PLANNED => Vec::new(),
        None => before.to_vec(),
    }
}

fn configuration(resource: &Arc<dyn Resource>) -> String {
    format!("the configuration of {}", resource.name())
}

fn state_of(resource: &Arc<dyn Resource>) -> String {
    format!("the state of {}", resource.name())
}

fn unusable(resource: &Arc<dyn Resource>, outdated: &Outdated) -> Diagnostic {
    let next = match outdated {
        Outdated::Newer { .. } => "upgrade the provider to the version that wrote the state, or to a newer one",
        Outdated::Step { .. } | Outdated::Unreadable(_) => {
            "use the version of the provider that wrote the state. If the state was edited by hand, restore a backup (`terraform state \
             push`), or remove the resource from the state (`terraform state rm`) and import it again"
        }
    };
    error(
        format!("The state of {} can't be read", resource.name()),
        format!("xeks {} can't use it: {outdated}. Nothing was changed. To go on, {next}.", env!("CARGO_PKG_VERSION")),
    )
}

fn proposal(resource: &Arc<dyn Resource>) -> String {
    format!("the planned state of {}", resource.name())
}
