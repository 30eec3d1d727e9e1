//! Checks at plan time that every composite has: read-only, concurrent, and diagnostics only.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::lifecycle::{Located, Run, foreign, missing, taken_over};
use crate::aws::accounts::AccountError;
use crate::aws::arn::Arn;
use crate::aws::error::{Error, Kind};
use crate::aws::principals::{self, Sort};
use crate::aws::{Side, identity_center, principal_patterns};
use crate::diagnostics::{Diagnostic, Diagnostics, Path};
use crate::engine::{Backend, Key, Ledger, Object, Observed, OnExisting, Origin, Owner, Reconcile};
use crate::objects::iam::role;
use crate::objects::{Context, Env, Missing};
use crate::schema::placeholder;

/// The warning of a check that could not be made. The same cause is reported once.
pub fn skipped(error: &Error) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    // The id of the request would tell two errors of one cause apart.
    let error = Error { request_id: None, ..error.clone() };
    diagnostics.warning(
        Path::root(),
        "Plan-time checks were skipped",
        format!(
            "{error}\n\nThe apply reports what these checks would have found. Set skip_preflight = true in the provider to plan without \
             them."
        ),
    );
    diagnostics
}

/// The warning of an account that did not answer: the plan goes on without it.
pub fn unreachable(error: &AccountError) -> Diagnostics {
    let diagnostic = Diagnostic::from(error);
    let mut diagnostics = Diagnostics::new();
    let detail = format!("{}\n\nThe plan shows what is known without this account; the rest is known after apply.", diagnostic.detail);
    diagnostics.warning(diagnostic.path, format!("Plan-time checks were skipped: {}", diagnostic.summary), detail);
    diagnostics
}

/// The diagnostics of something that could not be looked up: an error where it can't be used, else a warning that it was skipped. What is not
/// there is reported to the context.
pub fn failed_lookup(cx: &Context, name: &str, failed: Located) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let Located { path, error, key } = failed;
    // AWS was asked, and what it said can't be used: the apply would refuse it too.
    if error.is(Kind::Invalid) && error.code.is_none() {
        diagnostics.error(path, format!("{name} refers to an object that can't be used"), error.to_string());
        return diagnostics;
    }
    if !error.is(Kind::Absent) {
        return skipped(&error);
    }
    cx.lacks(Missing { key, path, summary: format!("{name} refers to an object that does not exist"), detail: error.to_string() });
    diagnostics
}

/// What checks did not find: in a plan warnings, unless a resource of this run creates it.
pub fn may_still_come(cx: &Context, run: &Run) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for Missing { key, path, summary, detail } in cx.missing.lock().iter() {
        let account = |key: &Key| cx.pair.identity(key.side).account_id.clone();
        if !key.as_ref().is_some_and(|key| run.will_create(&account(key), key)) {
            let advice = "If another resource of this apply creates it, make this one depend on that (by a reference, or depends_on). The apply \
                          checks it again, and fails before it creates anything.";
            diagnostics.warning(path.clone(), summary.clone(), format!("{detail}\n\n{advice}"));
        }
    }
    diagnostics
}

/// The same in an apply: errors.
pub fn still_missing(cx: &Context) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for Missing { path, summary, detail, .. } in cx.missing.lock().iter() {
        diagnostics.error(path.clone(), summary.clone(), format!("{detail}\n\nNothing was created or changed."));
    }
    diagnostics
}

/// Objects that exist and that this resource did not create, and objects that must exist and do not, among those that are in no ledger.
pub async fn foreign_objects(cx: &Context, objects: &[&dyn Object<Context>], prior: &Ledger, run: &Run, import_id: &str) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for (object, read) in read_new(cx, objects, prior).await {
        let key = object.key();
        if matches!(read, Ok(None)) {
            cx.absences.note(cx.resource(), &cx.pair.identity(key.side).account_id, &key);
        }
        match read {
            // AWS was asked, and what it said can't be what is meant.
            Err(error) if error.is(Kind::Invalid) && error.code.is_none() => {
                diagnostics.error(object.attribute(), format!("{} does not fit the configuration", key.name), error.to_string());
            }
            Err(error) => diagnostics.extend(skipped(&error)),
            Ok(None) if object.on_existing() == OnExisting::MustExist => {
                let (summary, detail) = (format!("{} does not exist", key.name), missing(cx, object).to_string());
                cx.lacks(Missing { key: Some(key), path: object.attribute(), summary, detail });
            }
            Ok(Some(observed)) if is_known(cx, run, &key, &observed) => {}
            // What is attached to an object is announced with it.
            Ok(Some(observed)) if observed.is_left_by(cx.resource(), &object.on_existing()) && observed.arn.is_none() => {}
            Ok(Some(observed)) if observed.is_left_by(cx.resource(), &object.on_existing()) => {
                let (summary, detail) = taken_over(cx, &key, &observed);
                diagnostics.warning(object.attribute(), summary, detail);
            }
            Ok(Some(observed)) if object.on_existing() == OnExisting::Fail => {
                let text = foreign(cx, &key, &observed, import_id).to_string();
                diagnostics.error(object.attribute(), format!("{} already exists", key.name), text);
            }
            Ok(_) => {}
        }
    }
    diagnostics
}

type Read<'a> = (&'a dyn Object<Context>, Result<Option<Observed>, Error>);

/// The objects that are in no ledger, as they are. What is attached to an object that does not exist is not read.
async fn read_new<'a>(cx: &Context, objects: &[&'a dyn Object<Context>], prior: &Ledger) -> Vec<Read<'a>> {
    let mut new: Vec<&dyn Object<Context>> = objects.iter().copied().filter(|object| prior.get(&object.key()).is_none()).collect();
    let mut found: Vec<Read<'a>> = Vec::new();
    while !new.is_empty() {
        let open: BTreeSet<Key> = new.iter().map(|object| object.key()).collect();
        let parents = |object: &dyn Object<Context>| object.kind().parents(&object.key());
        let (ready, rest): (Vec<_>, Vec<_>) = new.into_iter().partition(|object| !parents(*object).iter().any(|key| open.contains(key)));
        let is_absent = |key: &Key| found.iter().any(|(object, read)| object.key() == *key && matches!(read, Ok(None)));
        let (attached_to_nothing, ready): (Vec<_>, Vec<_>) = ready.into_iter().partition(|object| parents(*object).iter().any(is_absent));
        let reads = ready.into_iter().map(|object| async move { (object, object.read(cx, &Reconcile::unrecorded(Origin::Created)).await) });
        let read = join_all(reads).await;
        found.extend(read);
        found.extend(attached_to_nothing.into_iter().map(|object| (object, Ok(None))));
        new = rest;
    }
    found
}

/// Whether a state of this run names the object, such as the old half of a replacement, or it goes with another object.
fn is_known(cx: &Context, run: &Run, key: &Key, observed: &Observed) -> bool {
    match &observed.owner {
        Owner::Parent => true,
        Owner::Tagged { instance, .. } => {
            let account_id = &cx.pair.identity(key.side).account_id;
            run.knows(cx.resource(), account_id, key, instance.as_deref())
        }
    }
}

/// Roles and users that a trust names in one of the two accounts must exist: IAM refuses a policy that names one that does not. Patterns
/// need not match anything.
pub async fn principals_exist(cx: &Context, env: &Env, principals: &[String], path: &Path) -> Diagnostics {
    let named = principals.iter().filter(|text| !placeholder::is_in(text) && !principal_patterns::is_pattern(text));
    let parsed = named.filter_map(|text| {
        let arn = Arn::parse(text).ok()?;
        let (sort, name) = principals::named(&arn)?;
        Some(Named { arn, sort, name })
    });
    let looks = parsed.map(|named| async move {
        match env.side_of(&named.arn.account) {
            Some(side) => named.look_up(cx, side, path).await,
            None => named.out_of_reach(path),
        }
    });
    let mut diagnostics = Diagnostics::new();
    join_all(looks).await.into_iter().for_each(|found| diagnostics.extend(found));
    diagnostics
}

/// A role or user that a trust names.
struct Named {
    arn: Arn,
    sort: Sort,
    name: String,
}

impl Named {
    async fn look_up(&self, cx: &Context, side: Side, path: &Path) -> Diagnostics {
        let look = match self.sort {
            Sort::Role => role::arn(cx, side, &self.name).await,
            Sort::User => principals::find(cx.account(side), Sort::User, &self.name).await.map(|user| user.map(|user| user.arn)),
        };
        let found = match look {
            Ok(found) => found,
            Err(error) => return skipped(&error),
        };
        // The ARN of a session has no path.
        if found.as_deref().is_some_and(|found| self.arn.session().is_some() || found == self.arn.to_string()) {
            return Diagnostics::new();
        }
        let sort = if self.sort == Sort::Role { "role" } else { "user" };
        let detail = match &found {
            Some(found) => format!(
                "IAM rejects a trust policy that names a {sort} that does not exist: the {sort} {} of {} is {found}. {}",
                self.name,
                cx.label(side),
                self.advice(Some(found)).unwrap_or_else(|| "Use that ARN.".to_owned())
            ),
            None => format!(
                "IAM rejects a trust policy that names a {sort} that does not exist (looked in {}). {}",
                cx.label(side),
                self.advice(None).unwrap_or_else(|| format!("Create the {sort} first, or remove it from the configuration."))
            ),
        };
        let summary = format!("{} does not exist", self.arn);
        let mut diagnostics = Diagnostics::new();
        if found.is_some() || self.advice(None).is_some() {
            // No apply creates it: its name is another role's, or IAM Identity Center's.
            diagnostics.error(path.clone(), summary, detail);
        } else {
            let key = (self.sort == Sort::Role).then(|| role::key(side, &self.name));
            cx.lacks(Missing { key, path: path.clone(), summary, detail });
        }
        diagnostics
    }

    /// A role of a third account can't be looked up, but one of IAM Identity Center has a path wherever it is.
    fn out_of_reach(&self, path: &Path) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        if identity_center::lacks_path(&self.arn.resource)
            && let Some(advice) = self.advice(None)
        {
            diagnostics.warning(
                path.clone(),
                format!("{} probably does not exist", self.arn),
                format!("IAM rejects a trust policy that names a role that does not exist. {advice}"),
            );
        }
        diagnostics
    }

    /// What is particular to roles of IAM Identity Center.
    fn advice(&self, found: Option<&str>) -> Option<String> {
        identity_center::advice(&self.arn, found)
    }
}
