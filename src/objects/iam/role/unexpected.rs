//! What of a role, which is in no ledger, a create of this configuration would not have made.
//!
//! A create that was killed leaves a role with the configured path, boundary and trust policy, the configured tags, and some of the
//! configured policies. Everything else was written by others, who may have written the ownership tags too.

use super::{Role, RoleFacts};
use crate::aws::policy;
use crate::objects::tags::{self, Keys};
use crate::schema::placeholder;

impl Role {
    /// As a message lists it. What the configuration does not know yet is not compared.
    pub(super) fn unexpected(&self, facts: &RoleFacts) -> Vec<String> {
        let mut found = Vec::new();
        let path = self.settings.path.as_deref().unwrap_or("/");
        if !placeholder::is_in(path) && facts.path != path {
            found.push(format!("path {} (configured: {path})", facts.path));
        }
        let (boundary, wanted) = (facts.permissions_boundary.as_deref(), self.settings.permissions_boundary.as_deref());
        if boundary != wanted && !wanted.is_some_and(placeholder::is_in) {
            let or_none = |arn: Option<&str>| arn.unwrap_or("none").to_owned();
            found.push(format!("permissions boundary {} (configured: {})", or_none(boundary), or_none(wanted)));
        }
        if !placeholder::is_in(&policy::canonical_text(&self.document())) && !self.trusts(&facts.trusted) {
            found.push("a trust policy other than the configured one".to_owned());
        }
        found.extend(others(&facts.inline_policies, &self.inline_policies).map(|name| format!("inline policy {name}")));
        found.extend(others(&facts.attached_policies, &self.managed_policies).map(|arn| format!("managed policy {arn}")));
        found.extend(tags::unexpected(Keys::IgnoringCase, &self.tags, &facts.tags));
        found
    }
}

/// Those of the names that are not wanted; none while a wanted one is unknown.
fn others<'a>(names: &'a [String], wanted: &'a [String]) -> impl Iterator<Item = &'a String> {
    let open = wanted.iter().any(|name| placeholder::is_in(name));
    names.iter().filter(move |name| !open && !wanted.contains(name))
}
