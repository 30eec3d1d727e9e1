//! What is said of an object that stands where one of ours should: which it is, whose it is by its tags, and what to do about it.

use super::context::Context;
use super::ownership::TAG_RESOURCE;
use crate::aws::{Error, Kind};
use crate::engine::{Key, Observed, Owner, Tags};

/// The error of an object that exists and is not ours.
pub(super) fn refusal(cx: &Context, key: &Key, observed: &Observed) -> Error {
    let (what, tags) = (named(key, observed), tags(observed));
    let message = match (observed.facts["next"].as_str(), &observed.owner) {
        // A kind may know better what to do about its own objects.
        (Some(next), _) => format!(
            "{} already exists and is not this resource's: {next}. {tags} It was left as it is.",
            observed.id.as_deref().unwrap_or(&what)
        ),
        (None, Owner::Parent) => format!(
            "{what} is there already, with other contents than are configured, on an object that was there before. Adoption never \
             rewrites what others wrote: configure what is there, or change or remove it by hand, and apply again."
        ),
        (None, Owner::Tagged { resource, .. }) => {
            let whose = match resource {
                Some(resource) => format!(
                    "its tag {TAG_RESOURCE} says {resource:?}. Give this resource other names, or remove that one first. Where that one is \
                     the old half of a replacement that keeps some of its names, leave out create_before_destroy: one object can't serve both \
                     at a time. What an interrupted run of that one left behind goes with it: apply that one again and destroy it, or delete \
                     the object by hand."
                ),
                None => "it carries no tag of this provider.".to_owned(),
            };
            format!(
                "{what} already exists and is not this resource's: {whose} {tags} To use it as it is, set adopt = \"if_exists\" (or `existing = \
                 true` on a role); to manage it from here, `terraform import` with the id {:?}; otherwise choose another name or delete it. It was \
                 left as it is.",
                cx.import_id
            )
        }
    };
    Error::of_kind(Kind::Exists, &key.kind, cx.label(key.side), message)
}

/// The warning of an object that somebody put in the place of ours; `None` for one that another create of this composite made or took.
pub(super) fn replacement(cx: &Context, key: &Key, observed: &Observed) -> Option<(String, String)> {
    match &observed.owner {
        Owner::Tagged { resource, .. } if resource.as_deref() != Some(&cx.ownership.resource) => Some((
            format!("{} is not this resource's any more", key.name),
            format!(
                "The {} that this resource made in {} is gone, and {} stands in its place without its tags. {} It is neither changed nor \
                 deleted, and nothing that hangs on it is. An apply refuses it: delete it or give the resource another name; to keep it, set adopt = \
                 \"if_exists\", or import it with the id {:?}.",
                key.kind,
                cx.label(key.side),
                named(key, observed),
                tags(observed),
                cx.import_id
            ),
        )),
        _ => None,
    }
}

fn named(key: &Key, observed: &Observed) -> String {
    let arn = observed.arn.as_deref().unwrap_or(&key.name);
    match observed.facts["principal_arn"].as_str() {
        Some(principal) => format!("{arn}, the access entry of {principal},"),
        None => arn.to_owned(),
    }
}

/// All tags but those that the provider is told to ignore.
fn tags(observed: &Observed) -> String {
    let listed: Vec<String> = observed.tags.iter().flat_map(Tags::iter).map(|(key, value)| format!("{key} = {value:?}")).collect();
    match (listed.is_empty(), &observed.owner) {
        (false, _) => format!("Its tags: {}.", listed.join(", ")),
        (true, Owner::Tagged { resource: Some(_), .. }) => "It has no other tags.".to_owned(),
        (true, _) => "It has no tags.".to_owned(),
    }
}
