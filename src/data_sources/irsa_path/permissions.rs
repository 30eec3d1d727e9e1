//! The hop `permissions`: what the role's own policies and its boundary allow.

use super::question::Question;
use crate::aws::principals::Permissions;
use crate::data_sources::hops::Hop;
use crate::data_sources::identity::found;
use crate::data_sources::steps::{Found, Step};
use crate::diagnostics::sentence;
use crate::evaluate::{self, Answer, Denial, Request};

const PERMISSIONS: &str = "permissions";

pub(super) fn hop(role: &Step, question: &Question) -> Hop {
    let hop = match (found(PERMISSIONS, role, "role_arn"), &role.found) {
        (Err(hop), _) => hop,
        (Ok(here), Found::Here(_, Err(error))) => Hop::unreadable(PERMISSIONS, &here.arn, error),
        (Ok(here), Found::Here(_, Ok(permissions))) if question.actions.is_empty() => attached(&here.arn, permissions, role),
        (Ok(here), _) => asked(&here.arn, role, question),
    };
    hop.in_account(&role.arn.account)
}

/// No action is asked about: lists the policies.
fn attached(object: &str, permissions: &Permissions, role: &Step) -> Hop {
    let bound = permissions.boundary.as_ref().map_or_else(String::new, |b| format!(" Its permissions boundary is {}.", b.name));
    if permissions.documents.is_empty() {
        let reason = format!("No policy is attached to the {}: its sessions have no permissions.{bound}", role.title());
        return Hop::broken(
            PERMISSIONS,
            object,
            reason,
            "Attach policies (role.inline_policies or role.managed_policy_arns of xeks_irsa_trust).",
        );
    }
    let mut names: Vec<&str> = permissions.documents.iter().map(|d| d.name.as_str()).collect();
    names.sort_unstable();
    let reason = format!("Its policies are {}. Set actions and resources to check what they allow.{bound}", names.join(", "));
    Hop::ok(PERMISSIONS, object, reason)
}

fn asked(object: &str, role: &Step, question: &Question) -> Hop {
    let identity = role.identity();
    let pairs = question.actions.iter().flat_map(|action| question.resources.iter().map(move |resource| (action, resource)));
    let (mut allowed, mut unknown, mut broken) = (Vec::new(), None, None);
    for (action, resource) in pairs {
        let what = format!("{action} on {resource}");
        match evaluate::permissions(&identity, &Request::signed(role.caller(), action, resource)) {
            Answer::Allowed(grant) => allowed.push(format!("{} allows {what}.", sentence(&grant.statement))),
            Answer::Unknown(why) => unknown = unknown.or(Some(format!("Whether the role can call {what} is unknown: {why}."))),
            Answer::Denied(denial) => {
                broken = broken.or(Some((format!("The role is not allowed to call {what}: {denial}."), fix(&denial, &what, role))))
            }
        }
    }
    match (broken, unknown) {
        (Some((reason, fix)), _) => Hop::broken(PERMISSIONS, object, reason, fix),
        (None, Some(reason)) => Hop::unknown(PERMISSIONS, object, reason),
        (None, None) => {
            let owner = |resource: &str| resource.split(':').nth(4).map(str::to_owned);
            let elsewhere = question
                .resources
                .iter()
                .find_map(|resource| owner(resource).filter(|id| !id.is_empty() && *id != role.arn.account).map(|owner| (resource, owner)));
            if let Some((resource, owner)) = elsewhere {
                let reason = format!(
                    "{resource} belongs to account {owner}: its own policy must also allow the call, which can't be read from here."
                );
                return Hop::external(PERMISSIONS, object, format!("{}\n{reason}", allowed.join("\n")));
            }
            // The name of a bucket, for example, does not contain its account.
            if let Some(resource) = question.resources.iter().find(|resource| owner(resource).is_some_and(|id| id.is_empty())) {
                allowed.push(format!(
                    "The ARN {resource} contains no account: the resource's own policy is not checked. It may deny the call, and it must \
                     allow the call if the resource is not in account {}.",
                    role.arn.account
                ));
            }
            Hop::ok(PERMISSIONS, object, allowed.join("\n"))
        }
    }
}

fn fix(denial: &Denial, what: &str, role: &Step) -> String {
    let boundary = role.principal().and_then(|p| p.boundary.as_deref());
    match (denial, boundary) {
        (Denial::Explicit { statement }, _) => format!("Remove {statement}, or narrow it."),
        (Denial::NoMatch { layer, .. }, Some(boundary)) if layer.contains("boundary") => {
            format!("Allow {what} in {boundary}, or set another permissions_boundary on the {}.", role.title())
        }
        _ => format!("Allow {what} to the {} (role.inline_policies or role.managed_policy_arns of xeks_irsa_trust).", role.title()),
    }
}
