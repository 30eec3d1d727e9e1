//! What IAM decides about one request: allowed, denied and why, or unknown and why.
//!
//! Pure: it is given documents and a request, and knows neither AWS's clients nor Terraform. What it can't decide (a key of the
//! request that the caller did not supply, a document that could not be read, an element that AWS does not document) it calls unknown, and
//! carries through: an unknown Deny makes an Allow unknown, a Deny that surely does not match changes nothing.
//!
//! The rules are those of the IAM user guide: "Policy evaluation logic", "Cross-account policy evaluation logic", "Permissions
//! boundaries for IAM entities", "AWS JSON policy elements" (Principal, Condition, "Condition operators", "Single-valued vs.
//! multivalued context keys", "Variables and tags"). Organisation policies (SCP, RCP) can't be read from a member account and are
//! not part of it; session policies make what they limit unknown.

mod answer;
mod compare;
mod condition;
mod pattern;
mod principal;
mod request;
mod statement;
mod tri;

use serde_json::Value;

pub use answer::{Answer, Denial, Grant, Grantee, Miss, NearMiss, shown};
pub use request::{Caller, Context, Known, Principal, Request};

use statement::Layer;
use tri::Tri;

/// A policy document, and what to call it: `the trust policy of app`, `inline policy bucket of app`.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    /// `Err` says why it could not be read. What an unread document might say makes the answer unknown.
    pub content: Result<Value, String>,
}

impl Source {
    pub fn new(name: impl Into<String>, document: Value) -> Self {
        Source { name: name.into(), content: Ok(document) }
    }

    pub fn unread(name: impl Into<String>, why: impl Into<String>) -> Self {
        Source { name: name.into(), content: Err(why.into()) }
    }
}

/// The policies of a user or role.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// Inline and managed policies, those of a user's groups included.
    pub policies: Vec<Source>,
    pub boundary: Option<Source>,
    /// Whether the session has policies of its own, which can't be read: what they limit is unknown.
    pub has_session_policies: bool,
}

/// What a trust policy (or another policy on a resource) says by itself. Whether that is enough depends on the accounts:
/// `assume_role` puts both sides together.
pub fn trust(trust: &Source, request: &Request) -> Answer {
    let layer = statement::on_resource(trust, request);
    statement::answer(&[&layer], layer.granted())
}

/// What the policies of a user or role say, its permissions boundary included ("Permissions boundaries for IAM entities": both must
/// allow). Policies on the resource asked for are not part of it.
pub fn permissions(identity: &Identity, request: &Request) -> Answer {
    let (policies, boundary) = own(identity, request);
    let allowed = policies.granted().and(boundary.granted()).and(unlimited(identity));
    statement::answer(&[&policies, &boundary], allowed)
}

/// Whether the caller may assume the role.
///
/// Across accounts both the trust policy and the caller's own policies must allow it. Within one account a trust policy that names the
/// caller is enough, and one that names the account leaves it to the caller's own policies ("Cross-account policy evaluation logic";
/// "AWS JSON policy elements: Principal", AWS account principals). Named by its ARN, a role is still limited by an implicit deny in its
/// boundary and its session's policies; a user and a session are not ("Permissions boundaries", "Resource-based policies"). A web
/// identity and a service sign nothing: the trust policy alone decides. An explicit deny on either side is final.
pub fn assume_role(trust: &Source, identity: &Identity, request: &Request) -> Answer {
    let Caller::Aws(principal) = &request.caller else { return self::trust(trust, request) };
    let resource = statement::on_resource(trust, request);
    let (policies, boundary) = own(identity, request);
    let limits = boundary.granted().and(unlimited(identity));
    let own = policies.granted().and(limits.clone());
    let allowed = if principal.account_id == request.resource_account() {
        let named = resource.granted_to(Grantee::Principal);
        let named = if principal.is_role() { named.and(limits.clone()) } else { named };
        let everyone = resource.granted_to(Grantee::Everyone).and(match limits {
            Tri::No => Tri::Unknown("AWS does not document whether a boundary limits what a resource policy grants to everyone".into()),
            limits => limits,
        });
        named.or(resource.granted_to(Grantee::Session)).or(everyone).or(resource.granted_to(Grantee::Account).and(own))
    } else {
        resource.granted().and(own)
    };
    statement::answer(&[&resource, &policies, &boundary], allowed)
}

/// Whether a text is like a pattern with `*` and `?`, as StringLike compares them.
pub fn is_like(text: &str, pattern: &str) -> bool {
    pattern::Pattern::wild(pattern, None).matches(text) == Tri::Yes
}

fn own(identity: &Identity, request: &Request) -> (Layer, Layer) {
    let policies = statement::on_identity("its policies", &identity.policies, request);
    let boundary = match &identity.boundary {
        Some(boundary) => statement::on_identity(&boundary.name, std::slice::from_ref(boundary), request),
        None => Layer::no_limit(),
    };
    (policies, boundary)
}

fn unlimited(identity: &Identity) -> Tri {
    match identity.has_session_policies {
        true => Tri::Unknown("the session's own policies can't be read".into()),
        false => Tri::Yes,
    }
}

#[cfg(test)]
mod tests;
