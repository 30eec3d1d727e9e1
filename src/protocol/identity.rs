//! Resource identity: no resource declares one yet, so there is nothing to upgrade.

use super::wire::{get_resource_identity_schemas, upgrade_resource_identity};
use super::{Protocol, error};
use crate::diagnostics::Diagnostic;

impl Protocol {
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
