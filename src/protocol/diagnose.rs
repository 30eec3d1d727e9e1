//! Diagnostics on the wire, and how a call that went wrong answers with them.

use super::convert;
use super::wire::{self, diagnostic};
use crate::diagnostics::{Diagnostic, Diagnostics, Severity};

/// A response that can say that the call failed.
pub trait Answer: Default {
    fn failed(diagnostics: Diagnostics) -> Self;
}

macro_rules! answer_by_diagnostics {
    ($($call:ident)*) => {
        $(#[allow(clippy::needless_update, reason = "some responses hold diagnostics alone")]
        impl Answer for wire::$call::Response {
            fn failed(diagnostics: Diagnostics) -> Self {
                Self { diagnostics: to_wire(diagnostics), ..Self::default() }
            }
        })*
    };
}

answer_by_diagnostics! {
    get_metadata get_provider_schema get_resource_identity_schemas validate_provider_config validate_resource_config
    validate_data_resource_config upgrade_resource_state upgrade_resource_identity configure_provider read_resource
    plan_resource_change apply_resource_change import_resource_state move_resource_state read_data_source
    validate_ephemeral_resource_config open_ephemeral_resource renew_ephemeral_resource close_ephemeral_resource get_functions
}

impl Answer for wire::call_function::Response {
    fn failed(diagnostics: Diagnostics) -> Self {
        let text = diagnostics.0.into_iter().map(|d| format!("{}: {}", d.summary, d.detail)).collect::<Vec<_>>().join("\n");
        Self { error: Some(wire::FunctionError { text, function_argument: None }), result: None }
    }
}

impl Answer for wire::stop_provider::Response {
    fn failed(diagnostics: Diagnostics) -> Self {
        Self { error: diagnostics.0.into_iter().map(|d| d.summary).collect::<Vec<_>>().join("\n") }
    }
}

/// A panic of ours, for the user.
pub fn bug(call: &str, panic: &str) -> Diagnostic {
    super::error(
        format!("xeks has a bug: {call} broke off"),
        format!(
            "It said: {panic}. What the call had changed in AWS by then may be missing from the state: run the same command again, and \
             xeks recognises its own objects by their tags. TF_LOG_PROVIDER=error shows where it happened; please report it."
        ),
    )
}

pub fn to_wire(diagnostics: Diagnostics) -> Vec<wire::Diagnostic> {
    diagnostics.0.into_iter().map(one).collect()
}

fn one(diagnostic: Diagnostic) -> wire::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => diagnostic::Severity::Error,
        Severity::Warning => diagnostic::Severity::Warning,
    };
    wire::Diagnostic {
        severity: severity.into(),
        summary: diagnostic.summary,
        detail: diagnostic.detail,
        attribute: convert::path(&diagnostic.path),
    }
}
