//! Diagnostics on the wire, and how a call that went wrong answers with them.

use super::convert;
use super::wire::{self, diagnostic};
use crate::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::secrets::hidden;

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
        let text =
            diagnostics.0.into_iter().map(|d| hidden(&format!("{}: {}", d.summary, d.detail)).into_owned()).collect::<Vec<_>>().join("\n");
        Self { error: Some(wire::FunctionError { text, function_argument: None }), result: None }
    }
}

impl Answer for wire::stop_provider::Response {
    fn failed(diagnostics: Diagnostics) -> Self {
        Self { error: diagnostics.0.into_iter().map(|d| hidden(&d.summary).into_owned()).collect::<Vec<_>>().join("\n") }
    }
}

/// A panic in xeks, as a diagnostic.
pub fn bug(call: &str, panic: &str) -> Diagnostic {
    super::error(
        format!("xeks has a bug: {call} panicked"),
        format!(
            "The message was: {panic}. The state may not contain what the call had already changed in AWS. Run the same command again: \
             xeks recognizes its own objects by their tags. Please report this message together with the log that TF_LOG_PROVIDER=error \
             writes for it (RUST_BACKTRACE=1 adds a backtrace)."
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
        summary: hidden(&diagnostic.summary).into_owned(),
        detail: hidden(&diagnostic.detail).into_owned(),
        attribute: convert::path(&diagnostic.path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_a_panic_or_an_error_tells_does_not_reach_the_host() {
        crate::secrets::remember("shown-by-a-panic");
        let panic = bug("ReadResource", "called unwrap on shown-by-a-panic");
        for diagnostic in to_wire(Diagnostics::from(panic.clone())) {
            assert!(diagnostic.detail.contains("called unwrap on (secret)"), "{}", diagnostic.detail);
        }
        let function = wire::call_function::Response::failed(Diagnostics::from(panic));
        assert!(!function.error.unwrap().text.contains("shown-by"));
    }
}
