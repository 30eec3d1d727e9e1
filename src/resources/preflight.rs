//! Checks at plan time that every composite has: read-only, concurrent, and diagnostics only.

use futures::future::join_all;

use super::env::{Env, Part};
use super::lifecycle::{Known, Located};
use crate::aws::Side;
use crate::aws::accounts::AccountError;
use crate::aws::arn::Arn;
use crate::aws::error::{Error, Kind};
use crate::diagnostics::{Diagnostic, Diagnostics, Path};
use crate::engine::{Backend, Key, Ledger, Observed, OnExisting, Origin, Owner, Reconcile};
use crate::objects::Context;

/// The warning of a check that could not be made. The same cause is told once.
pub fn skipped(error: &Error) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.warning(
        Path::root(),
        "Checks before the apply were skipped",
        format!(
            "{error}\n\nWhat they would have found shows at the apply. Set skip_preflight = true in the provider to plan without them."
        ),
    );
    diagnostics
}

/// The warning of an account that did not answer: the plan goes on without it.
pub fn unreachable(error: &AccountError) -> Diagnostics {
    let diagnostic = Diagnostic::from(error);
    let mut diagnostics = Diagnostics::new();
    let detail = format!("{}\n\nThe plan shows what can be said without the account; the rest is known after apply.", diagnostic.detail);
    diagnostics.warning(diagnostic.path, format!("Checks before the apply were skipped: {}", diagnostic.summary), detail);
    diagnostics
}

/// The diagnostics of something that could not be looked up: an error where it is not there, else a warning that it was skipped.
pub fn failed_lookup(name: &str, failed: &Located) -> Diagnostics {
    if !failed.error.is(Kind::Absent) {
        return skipped(&failed.error);
    }
    let mut diagnostics = Diagnostics::new();
    let detail = format!(
        "{}\n\nWhere this very apply makes it, name it by what is known only after that, such as its id: then the plan does not look for it.",
        failed.error
    );
    diagnostics.error(failed.path.clone(), format!("{name} names something that does not exist"), detail);
    diagnostics
}

/// Objects that exist and are not ours, and objects that must exist and do not, among the objects that are in no ledger.
pub async fn foreign(cx: &Context, parts: &[Part], prior: &Ledger, known: &Known, path_of: impl Fn(&Key) -> Path) -> Diagnostics {
    let looks = parts.iter().filter(|part| prior.get(&part.declared.key).is_none()).map(|part| async move {
        let reconcile =
            Reconcile { entry: None, origin: Origin::Created, instance: String::new(), renewed: false, dependencies: Default::default() };
        (part, part.object.observe(cx, &reconcile).await)
    });
    let mut diagnostics = Diagnostics::new();
    for (part, look) in join_all(looks).await {
        let key = &part.declared.key;
        match look {
            // AWS was asked, and what it said can't be what is meant.
            Err(error) if error.is(Kind::Invalid) && error.code.is_none() => {
                diagnostics.error(path_of(key), format!("{} is not what is meant", key.name), error.to_string());
            }
            Err(error) => diagnostics.extend(skipped(&error)),
            Ok(None) if part.declared.on_existing == OnExisting::MustExist => {
                diagnostics.error(path_of(key), format!("{} does not exist", key.name), cx.missing(key).to_string());
            }
            Ok(Some(observed)) if part.declared.on_existing == OnExisting::Fail && !is_ours(cx, known, key, &observed) => {
                diagnostics.error(path_of(key), format!("{} already exists", key.name), cx.foreign(key, &observed).to_string());
            }
            Ok(_) => {}
        }
    }
    diagnostics
}

/// What carries this composite's own tag is no foreign: the leftover of an interrupted apply, or the old half of a replace.
fn is_ours(cx: &Context, known: &Known, key: &Key, observed: &Observed) -> bool {
    match &observed.owner {
        Owner::Parent => true,
        Owner::Tagged { resource, instance } => {
            resource.as_deref() == Some(cx.resource()) || known.names(cx.resource(), &cx.account_id(key.side), key, instance.as_deref())
        }
    }
}

/// Roles that a trust names in one of the two accounts must exist: IAM refuses a policy that names one that does not.
pub async fn principals_exist(cx: &Context, env: &Env, principals: &[String], path: &Path) -> Diagnostics {
    let looks = principals.iter().filter_map(|text| {
        let arn = Arn::parse(text).ok()?;
        let side = [Side::Cluster, Side::Workload].into_iter().find(|side| env.identity(*side).account_id == arn.account)?;
        let (_, name) = arn.role()?;
        Some(async move { (text, side, crate::objects::iam::role::exists(cx, side, &name).await) })
    });
    let mut diagnostics = Diagnostics::new();
    for (text, side, look) in join_all(looks).await {
        match look {
            Ok(true) => {}
            Ok(false) => diagnostics.error(
                path.clone(),
                format!("{text} does not exist"),
                format!(
                    "IAM refuses a trust policy that names a role that is not there (looked in {}). Create it first, or leave it out.",
                    cx.account(side).label()
                ),
            ),
            Err(error) => diagnostics.extend(skipped(&error)),
        }
    }
    diagnostics
}
