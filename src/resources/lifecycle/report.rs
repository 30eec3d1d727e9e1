//! What users are told of a composite's operations: what failed, in which account, what exists now, what to do next.

use std::sync::PoisonError;

use crate::aws::error::Error;
use crate::diagnostics::{Diagnostics, Path, sentence};
use crate::engine::{Failure, Ledger};
use crate::objects::Context;

pub(super) fn warn(cx: &Context, diagnostics: &mut Diagnostics) {
    let warnings = std::mem::take(&mut *cx.warnings.lock().unwrap_or_else(PoisonError::into_inner));
    for warning in warnings {
        diagnostics.warning(Path::root(), "An object was left in place", warning);
    }
}

pub(super) fn read_failed(name: &str, failure: &Failure<Error>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.error(Path::root(), format!("Reading {name} failed at {}", failure.key), unchanged(&failure.error));
    diagnostics
}

/// One error per failed object; each says what exists now and what to do next.
pub(super) fn report(name: &str, operation: &str, failures: &[Failure<Error>], ledger: &Ledger, diagnostics: &mut Diagnostics) {
    let exists: Vec<String> =
        ledger.0.iter().map(|(key, entry)| format!("  {key}{}", if entry.pending { " (not certain)" } else { "" })).collect();
    let exists = if exists.is_empty() {
        "Nothing of the resource exists now.".to_owned()
    } else {
        format!("In the state now:\n{}", exists.join("\n"))
    };
    let next = match operation {
        "create" => {
            "The state names all that was made. Mend the cause and apply again: Terraform removes what is there and makes it anew, or `terraform untaint` it first to go on from here."
        }
        "update" => "Mend the cause and apply again: what is done already is kept.",
        _ => "Mend the cause and destroy again: what is gone already is not looked for.",
    };
    for failure in failures {
        let summary = format!("{} of {name} failed: could not {} {}", sentence(operation), failure.verb, failure.key);
        diagnostics.error(Path::root(), summary, format!("{}\n\n{exists}\n\n{next}", explain(&failure.error)));
    }
}

pub(super) fn unchanged(error: &Error) -> String {
    format!("{}\n\nThe state was left as it is; nothing was changed.", explain(error))
}

pub(super) fn explain(error: &Error) -> String {
    match error.advice() {
        Some(advice) => format!("{error}\n\n{advice}"),
        None => error.to_string(),
    }
}
