//! Calls for what xeks does not offer: resource identities, list resources, actions, state stores, generated configuration. The schema
//! has none of these, so that a host has no reason to call.

use tonic::Status;

use super::wire::{get_resource_identity_schemas, upgrade_resource_identity};
use super::{Protocol, error};
use crate::diagnostics::Diagnostic;

impl Protocol {
    /// No resource declares an identity.
    pub(super) fn identity_schemas(&self) -> get_resource_identity_schemas::Response {
        get_resource_identity_schemas::Response::default()
    }

    pub(super) fn identity_upgrade(
        &self,
        request: &upgrade_resource_identity::Request,
    ) -> Result<upgrade_resource_identity::Response, Diagnostic> {
        Err(error(
            format!("{} has no resource identity", request.type_name),
            "The state contains an identity for it that this version of xeks did not write. Use the version that wrote it, or a later one.",
        ))
    }
}

pub fn generated_configuration() -> Status {
    Status::unimplemented("xeks generates no configuration; the host does")
}

pub fn list(type_name: &str) -> Status {
    Status::unimplemented(format!("xeks can't list {type_name}: it has no list resources"))
}

pub fn action(action_type: &str) -> Status {
    Status::unimplemented(format!("xeks has no action {action_type}: it has no actions"))
}

pub fn state_store() -> Status {
    Status::unimplemented("xeks has no state stores")
}
