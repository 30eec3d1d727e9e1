//! The statements of a policy, matched against a request, and what they say together.
//!
//! IAM user guide, "Policy evaluation logic": an explicit deny is final, an allow is needed, everything else is denied.

use serde_json::Value;

use super::answer::{Answer, Denial, Grant, Grantee, Miss, NearMiss};
use super::pattern::Pattern;
use super::request::{Caller, Request};
use super::tri::Tri;
use super::{Source, condition, principal};
use crate::aws::policy::{self, values_of};

/// What one kind of policy decides about a request: a trust policy, the caller's own policies, or its boundary.
#[derive(Debug)]
pub(super) struct Layer {
    name: String,
    /// Each Deny that may match, with its statement.
    denies: Vec<(Tri, String)>,
    /// Each Allow that may match, with whom it names and its statement.
    grants: Vec<(Grantee, Tri, String)>,
    near: Vec<NearMiss>,
    /// Whether there is no such policy, and so no limit.
    absent: bool,
}

/// A policy on the resource: a trust policy.
pub(super) fn on_resource(source: &Source, request: &Request) -> Layer {
    let mut layer = Layer::new(&source.name);
    layer.read(source, request, true);
    layer.sorted()
}

/// Policies of the caller's own, which together are one layer.
pub(super) fn on_identity(name: &str, sources: &[Source], request: &Request) -> Layer {
    let mut layer = Layer::new(name);
    for source in sources {
        layer.read(source, request, false);
    }
    layer.sorted()
}

impl Layer {
    fn new(name: &str) -> Self {
        Layer { name: name.to_owned(), denies: Vec::new(), grants: Vec::new(), near: Vec::new(), absent: false }
    }

    /// A layer that there is none of.
    pub fn no_limit() -> Self {
        Layer { absent: true, ..Layer::new("") }
    }

    /// Whether anything allows it, whomever it names.
    pub fn granted(&self) -> Tri {
        if self.absent { Tri::Yes } else { Tri::any(self.grants.iter().map(|(_, tri, _)| tri.clone())) }
    }

    pub fn granted_to(&self, grantee: Grantee) -> Tri {
        Tri::any(self.grants.iter().filter(|(to, ..)| *to == grantee).map(|(_, tri, _)| tri.clone()))
    }

    fn denied(&self) -> Tri {
        Tri::any(self.denies.iter().map(|(tri, _)| tri.clone()))
    }

    fn read(&mut self, source: &Source, request: &Request, on_resource: bool) {
        let document = match &source.content {
            Ok(document) => document,
            Err(why) => return self.unknown(&source.name, why),
        };
        let variables = document.get("Version").and_then(Value::as_str) == Some("2012-10-17");
        for (index, statement) in policy::statements_of(document).into_iter().enumerate() {
            let name = match policy::sid_of(statement) {
                Some(sid) => format!("statement {sid:?} of {}", source.name),
                None => format!("statement {} of {}", index + 1, source.name),
            };
            self.judge(statement, name, request, on_resource, variables);
        }
    }

    fn judge(&mut self, statement: &Value, name: String, request: &Request, on_resource: bool, variables: bool) {
        let effect = statement.get("Effect").and_then(Value::as_str);
        let mut whom = match on_resource {
            true => whom(statement, &request.caller, effect),
            false => vec![(Grantee::Principal, Tri::Yes)],
        };
        let (rest, miss) = elements(statement, request, on_resource, &whom, variables);
        whom.retain_mut(|(_, tri)| {
            *tri = tri.clone().and(rest.clone());
            *tri != Tri::No
        });
        match effect {
            Some("Deny") => self.denies.push((Tri::any(whom.into_iter().map(|(_, tri)| tri)), name)),
            Some("Allow") => {
                if let Some(miss) = miss {
                    self.near.push(NearMiss { statement: name.clone(), miss });
                }
                self.grants.extend(whom.into_iter().map(|(to, tri)| (to, tri, name.clone())));
            }
            _ => self.unknown(&name, "its Effect is neither Allow nor Deny"),
        }
    }

    /// Something in it can't be read: it may allow, and it may deny.
    fn unknown(&mut self, name: &str, why: &str) {
        let unknown = Tri::Unknown(format!("{name} can't be read: {why}"));
        self.denies.push((unknown.clone(), name.to_owned()));
        self.grants.push((Grantee::Principal, unknown, name.to_owned()));
    }

    fn sorted(mut self) -> Self {
        self.near.sort_by_key(|near| std::cmp::Reverse(near.miss.progress()));
        self
    }
}

/// What the layers say together: `allowed` is how their grants combine. The first layer that grants nothing reports what is missing.
pub(super) fn answer(layers: &[&Layer], allowed: Tri) -> Answer {
    if let Some((_, statement)) = layers.iter().flat_map(|layer| &layer.denies).find(|(tri, _)| *tri == Tri::Yes) {
        return Answer::Denied(Denial::Explicit { statement: statement.clone() });
    }
    let denied = Tri::any(layers.iter().map(|layer| layer.denied()));
    match (denied, allowed) {
        (_, Tri::No) => Answer::Denied(no_match(layers)),
        (Tri::Unknown(why), _) | (_, Tri::Unknown(why)) => Answer::Unknown(why),
        (_, Tri::Yes) => Answer::Allowed(grant(layers)),
    }
}

fn no_match(layers: &[&Layer]) -> Denial {
    let lacking = layers.iter().find(|layer| layer.granted() == Tri::No).or(layers.first());
    let (layer, near) = lacking.map(|layer| (layer.name.clone(), layer.near.clone())).unwrap_or_default();
    Denial::NoMatch { layer, near }
}

/// The statement to show: that of the first layer that has one, the most specific of those.
fn grant(layers: &[&Layer]) -> Grant {
    let of = |layer: &&Layer| layer.grants.iter().filter(|(_, tri, _)| *tri == Tri::Yes).max_by_key(|(to, ..)| *to).cloned();
    let (to, _, statement) = layers.iter().find_map(of).unwrap_or((Grantee::Principal, Tri::Yes, String::new()));
    Grant { statement, to }
}

fn whom(statement: &Value, caller: &Caller, effect: Option<&str>) -> Vec<(Grantee, Tri)> {
    let mut whom = match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(element), None) => principal::named(element, caller),
        (None, Some(_)) => vec![(Grantee::Principal, Tri::Unknown("trust policies don't support NotPrincipal".into()))],
        _ => vec![(Grantee::Principal, Tri::Unknown("it needs one Principal".into()))],
    };
    // A web identity and a service are allowed by name. Whether a Deny of everyone or of an account means them too, AWS does not say of
    // accounts, and whether an Allow of everyone does, it does not say either.
    if !matches!(caller, Caller::Aws(_)) {
        let deny = effect == Some("Deny");
        for (to, tri) in &mut whom {
            match to {
                Grantee::Everyone if !deny => {
                    *tri = Tri::Unknown(
                        "its Principal is everyone, and AWS does not document whether that includes web identities and services".into(),
                    );
                }
                // A statement that names an account is known to allow only callers that sign with its credentials.
                Grantee::Account if !deny => *tri = Tri::No,
                _ => {}
            }
        }
    }
    whom
}

/// Whether action, resource and conditions match, and the first element (the principal included) that does not.
fn elements(statement: &Value, request: &Request, on_resource: bool, whom: &[(Grantee, Tri)], variables: bool) -> (Tri, Option<Miss>) {
    let action = either(statement, "Action", "NotAction", |written| Pattern::wild(written, None).matches_ignoring_case(&request.action));
    let resource = match on_resource && statement.get("Resource").is_none() && statement.get("NotResource").is_none() {
        true => Tri::Yes,
        false => either(statement, "Resource", "NotResource", |written| self::resource(written, request, variables)),
    };
    let condition = statement.get("Condition").unwrap_or(&Value::Null);
    let (conditions, missed) = condition::holds(condition, &request.context, variables);
    let nobody = whom.iter().all(|(_, tri)| *tri == Tri::No);
    let miss = if action == Tri::No {
        Some(Miss::Action { written: written(statement, "Action", "NotAction") })
    } else if nobody {
        let element = statement.get("Principal").unwrap_or(&Value::Null);
        Some(Miss::Principal { written: principal::written(element), stale: principal::stale(element, &request.caller) })
    } else if resource == Tri::No {
        Some(Miss::Resource { written: written(statement, "Resource", "NotResource") })
    } else {
        missed
    };
    (action.and(resource).and(conditions), miss)
}

/// Variables are allowed only after an ARN's fifth colon ("Variables and tags", where you can use policy variables): what AWS makes of one
/// before it is not documented.
fn resource(written: &str, request: &Request, variables: bool) -> Tri {
    let matches = Pattern::wild(written, variables.then_some(&request.context)).matches(&request.resource);
    let before = written.find("${").map(|at| &written[..at]).filter(|_| variables);
    match before.is_some_and(|before| before.starts_with("arn:") && before.matches(':').count() < 5) && matches != Tri::No {
        true => Tri::Unknown(format!("{written} has a variable before its fifth colon, where AWS accepts none")),
        false => matches,
    }
}

/// One of two elements that exclude each other: any of its values must match, or none of the other's.
fn either(statement: &Value, positive: &str, negative: &str, matches: impl Fn(&str) -> Tri) -> Tri {
    let any = |values: &Value| Tri::any(values_of(values).iter().map(|value| matches(value)));
    match (statement.get(positive), statement.get(negative)) {
        (Some(values), None) => any(values),
        (None, Some(values)) => !any(values),
        _ => Tri::Unknown(format!("it needs either {positive} or {negative}")),
    }
}

fn written(statement: &Value, positive: &str, negative: &str) -> Vec<String> {
    match (statement.get(positive), statement.get(negative)) {
        (Some(values), _) => values_of(values),
        (None, Some(values)) => vec![format!("all but {}", values_of(values).join(", "))],
        _ => Vec::new(),
    }
}
