//! Diagnostics on the wire, and how a call that went wrong answers with them.

use super::convert;
use super::wire::{self, diagnostic};
use crate::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::secrets::hidden;
use crate::terminal::visible;

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
        let text = diagnostics.0.into_iter().map(|d| shown(&format!("{}: {}", d.summary, d.detail))).collect::<Vec<_>>().join("\n");
        Self { error: Some(wire::FunctionError { text, function_argument: None }), result: None }
    }
}

impl Answer for wire::stop_provider::Response {
    fn failed(diagnostics: Diagnostics) -> Self {
        Self { error: diagnostics.0.into_iter().map(|d| shown(&d.summary)).collect::<Vec<_>>().join("\n") }
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

/// A text as the host may print it: without secrets, and without anything that a terminal obeys.
pub fn shown(text: &str) -> String {
    visible(&hidden(text)).into_owned()
}

fn one(diagnostic: Diagnostic) -> wire::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => diagnostic::Severity::Error,
        Severity::Warning => diagnostic::Severity::Warning,
    };
    let (place, path) = (convert::with_line(&diagnostic.path), diagnostic.path.to_string());
    let mut detail = diagnostic.detail;
    if place != diagnostic.path && !diagnostic.summary.contains(&path) && !detail.contains(&path) {
        detail.push_str(&format!("\n\nAttribute: {path}"));
    }
    wire::Diagnostic {
        severity: severity.into(),
        summary: shown(&diagnostic.summary),
        detail: shown(&detail),
        attribute: convert::path(&place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Path;

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

    #[test]
    fn a_nested_attribute_is_named_where_only_its_outermost_has_a_line() {
        let of = |summary: &str, path| Diagnostic { path: Path::of(path), ..super::super::error(summary, "Detail.") };
        let wire = |diagnostic| to_wire(Diagnostics::from(diagnostic)).remove(0);
        let nested = wire(of("A role exists", "access_role.name"));
        assert_eq!(nested.attribute, convert::path(&Path::of("access_role")));
        assert_eq!(nested.detail, "Detail.\n\nAttribute: access_role.name");
        assert_eq!(wire(of("Invalid value for access_role.name", "access_role.name")).detail, "Detail.");
        assert_eq!(wire(of("A cluster is missing", "cluster_name")).detail, "Detail.");
    }

    #[test]
    fn no_escape_sequence_of_an_answer_reaches_the_hosts_terminal() {
        let refused =
            super::super::error("cluster \u{1b}]0;x\u{7} is \u{9b}31mFAILED", "\u{1b}[1A\u{1b}[2KApply complete!\r\u{202e}\nNext line.");
        let wire = to_wire(Diagnostics::from(refused.clone())).remove(0);
        assert_eq!(wire.summary, r"cluster \u001b]0;x\u0007 is \u009b31mFAILED");
        assert_eq!(wire.detail, "\\u001b[1A\\u001b[2KApply complete!\\u000d\\u202e\nNext line.");
        let function = wire::call_function::Response::failed(Diagnostics::from(refused));
        assert!(!function.error.unwrap().text.contains(['\u{1b}', '\u{9b}', '\r']));
    }
}
