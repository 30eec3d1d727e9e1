//! Says in a plan why an object is created again or rewritten although it exists: the identity that it is bound to is gone.
//!
//! IAM and EKS remember a role by its hidden id. A role that is deleted and created again under its old ARN has another one: the access
//! entry that was created for the first admits no session, and where a trust policy named the first, IAM shows its id. The plan's values
//! come from the read; here are only its warnings.
//!
//! A cluster that is deleted and created again under its name likewise has another OIDC issuer, and the tokens of its pods another signer.

use std::collections::BTreeSet;

use crate::aws::arn::{is_unique_id, issuer_host};
use crate::aws::policy;
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Key, Object};
use crate::objects::iam::{oidc_provider, role};
use crate::objects::{Context, Env};
use crate::schema::Value;

/// A warning for each object of the ledger that is bound to an identity that is gone and that the plan creates again or rewrites. `planned`
/// is the planned `objects`, `state` what the last read left.
pub(super) fn warn(objects: &[Box<dyn Object<Context>>], env: &Env, planned: &Value, state: &Value) -> Diagnostics {
    let prior = &env.ledger;
    let mut diagnostics = changed_issuer(env, state);
    let attribute = |key: &Key| objects.iter().find(|object| object.key() == *key).map_or_else(Path::root, |object| object.attribute());
    for object in objects {
        let key = object.key();
        let Some(entry) = prior.get(&key) else { continue };
        // Of the objects that are bound to another one, only access entries are bound to a role.
        let principal = object.planned(env).bound_to.filter(|bound_to| bound_to.kind == role::KIND);
        if let (Some(principal), Some(bound)) = (&principal, entry.id.as_deref()) {
            let now = prior.get(principal).and_then(|role| role.id.as_deref());
            if now != Some(bound) {
                diagnostics.warning(
                    attribute(principal),
                    format!("{key} no longer grants access and will be recreated"),
                    dead(&key, principal, bound, now),
                );
            }
        }
        let document = planned.get(&key.to_string()).get("document");
        let ids = entry.document.as_deref().filter(|text| document.as_str() != Some(text)).map(unique_ids).unwrap_or_default();
        if key.kind == role::KIND && !ids.is_empty() {
            diagnostics.warning(attribute(&key), format!("The trust policy of {} names a deleted principal", key.name), orphaned(&ids));
        }
    }
    diagnostics
}

/// The read found clusters with other issuers than those that the ledger has OIDC providers for.
fn changed_issuer(env: &Env, state: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let urls = state.get("issuers").strings();
    let issuers: BTreeSet<&str> = urls.iter().map(|url| issuer_host(url)).collect();
    let providers: Vec<&Key> = env.ledger.0.keys().filter(|key| key.kind == oidc_provider::KIND).collect();
    let trusted: BTreeSet<&str> = providers.iter().map(|key| key.name.as_str()).collect();
    let listed = |hosts: BTreeSet<&str>| hosts.into_iter().map(|host| format!("https://{host}")).collect::<Vec<_>>().join(", ");
    let (new, old) = (listed(&issuers - &trusted), listed(&trusted - &issuers));
    let Some(side) = providers.first().map(|key| key.side).filter(|_| !new.is_empty() && !old.is_empty()) else { return diagnostics };
    let names = state.get("cluster_names").strings();
    let (path, clusters) = match state.get("cluster_name").as_str() {
        Some(name) => ("cluster_name", format!("Cluster {name}")),
        None => ("cluster_names", format!("One of the clusters {}", names.join(", "))),
    };
    let account_id = &env.identity(side).account_id;
    diagnostics.warning(
        Path::of(path),
        format!("{clusters} has another OIDC issuer"),
        format!(
            "The issuer was {old} and is {new} now: a cluster was deleted and created again under its name. The apply lets the configured \
             service accounts of the new cluster use the role: in account {account_id}, it creates or uses the OIDC provider of {new}, and \
             changes the role's trust policy from {old} to {new}. It removes the OIDC provider of {old} if nothing else uses it and \
             oidc_provider.manage allows it. If the cluster was not recreated on purpose, do not apply this plan."
        ),
    );
    diagnostics
}

fn dead(entry: &Key, principal: &Key, bound: &str, now: Option<&str>) -> String {
    let what = match now {
        Some(now) => format!(
            "Role {} in the {} account was deleted and recreated: its ID was {bound}, and is {now} now.",
            principal.name, principal.side
        ),
        None => format!("Role {} in the {} account no longer exists or was replaced: its ID was {bound}.", principal.name, principal.side),
    };
    let cluster = entry.name.split('/').next().unwrap_or_default();
    format!(
        "{what} EKS identifies a role by that ID, not by its ARN, so cluster {cluster} rejects this role (401), although the access entry \
         looks unchanged. The apply deletes the entry and creates it again for the current role, with its user name, groups and access \
         policies. If this resource did not create the entry, the apply also restores the policies that others associated with it."
    )
}

fn orphaned(ids: &[String]) -> String {
    format!(
        "It contains {} where it named a role or user by ARN: IAM shows the unique ID of a deleted principal. A principal that was \
         recreated under that name is not trusted until the policy is written again, which the apply does.",
        ids.join(", ")
    )
}

/// The unique ids in the places of principals of a trust policy.
fn unique_ids(document: &str) -> Vec<String> {
    let Ok(document) = policy::parse(document) else { return Vec::new() };
    let principals = policy::statements_of(&document).into_iter().flat_map(|statement| policy::values_of(&statement["Principal"]["AWS"]));
    let mut ids: Vec<String> = principals.filter(|text| is_unique_id(text)).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::aws::{Identity, Side};
    use crate::engine::{Entry, Ledger, OnExisting, Origin, Tags, found};
    use crate::objects::eks::access_entry::{self, AccessEntry};
    use crate::objects::iam::role::Role;

    fn entry(id: Option<&str>, document: Option<&str>) -> Entry {
        Entry { id: id.map(str::to_owned), document: document.map(str::to_owned), ..found("183295435445", None, Origin::Created) }
    }

    fn objects() -> [Box<dyn Object<Context>>; 2] {
        let role_key = role::key(Side::Cluster, "access");
        let role = Role {
            side: Side::Cluster,
            name: "access".into(),
            settings: role::RoleSettings::default(),
            trust: vec![],
            tags: Tags::new(),
            adopted_tags: true,
            inline_policies: vec![],
            managed_policies: vec![],
            manages_attachments: true,
            exclusive: true,
            force_detach_policies: false,
            on_existing: OnExisting::Fail,
            depends_on: vec![],
            attribute: Path::of("access_role.name"),
        };
        let entry = AccessEntry {
            cluster: "prod".into(),
            region: "ap-south-1".into(),
            role: "access".into(),
            principal_arn: "arn:aws:iam::183295435445:role/access".into(),
            principal: role_key.clone(),
            username: None,
            groups: Default::default(),
            tags: Tags::new(),
            policies: Default::default(),
            on_existing: OnExisting::Fail,
            depends_on: vec![role_key],
            attribute: Path::of("access_role.name"),
        };
        [Box::new(role), Box::new(entry)]
    }

    fn env_of(ledger: Ledger) -> Env {
        let account = Identity { account_id: "183295435445".into(), arn: String::new(), partition: "aws".into() };
        Env {
            cluster: Some(account.clone()),
            recorded_cluster_account_id: None,
            workload: account,
            region: String::new(),
            home_region: String::new(),
            workload_region: String::new(),
            default_tags: Tags::new(),
            ignore_tags: Default::default(),
            arns: BTreeMap::new(),
            clusters: BTreeMap::new(),
            ledger,
            given: Default::default(),
        }
    }

    fn warnings(role: Option<Entry>, entry_of: Entry, planned: Value) -> Vec<String> {
        let role_key = role::key(Side::Cluster, "access");
        let mut ledger = Ledger([(access_entry::key("prod", "access"), entry_of)].into());
        ledger.0.extend(role.map(|role| (role_key.clone(), role)));
        let env = env_of(ledger);
        let planned = Value::map([(role_key.to_string(), Value::object([("document", planned)]))]);
        warn(&objects(), &env, &planned, &Value::Null).0.into_iter().map(|d| format!("{}: {}", d.summary, d.detail)).collect()
    }

    #[test]
    fn an_entry_of_an_earlier_role_is_warned_of_with_both_ids_and_one_of_the_role_is_not() {
        let of = |role: Option<&str>| warnings(role.map(|id| entry(Some(id), None)), entry(Some("AROAOLD"), None), Value::Null);
        assert!(of(Some("AROAOLD")).is_empty());
        let other = of(Some("AROANEW"));
        assert!(other.len() == 1 && ["prod/access", "AROAOLD", "AROANEW", "401"].iter().all(|word| other[0].contains(word)), "{other:?}");
        assert!(of(None)[0].contains("no longer exists"));
    }

    #[test]
    fn a_trust_with_unique_ids_is_warned_of_unless_the_plan_keeps_it() {
        let trust = r#"{"Statement":[{"Principal":{"AWS":["AROAEXAMPLE000000002","arn:aws:iam::185863138492:role/w"]}},{"Principal":{"Service":"ec2.amazonaws.com"}}]}"#;
        let of = |planned: Value| warnings(Some(entry(Some("AROA1"), Some(trust))), entry(Some("AROA1"), None), planned);
        let changed = of(Value::string("{}"));
        assert!(changed.len() == 1 && changed[0].contains("It contains AROAEXAMPLE000000002 where"), "{changed:?}");
        assert!(of(Value::string(trust)).is_empty());
    }

    #[test]
    fn a_recreated_cluster_is_warned_of_with_its_old_and_new_issuer_and_another_set_of_clusters_is_not() {
        let provider = |issuer: &str| (oidc_provider::key(Side::Workload, issuer), entry(None, None));
        let env = env_of(Ledger([provider("oidc.example.com/id/OLD"), provider("oidc.example.com/id/KEPT")].into()));
        let of = |source: (&'static str, Value), issuers: &[&str]| {
            let issuers = issuers.iter().map(|id| format!("https://oidc.example.com/id/{id}"));
            let state = Value::object([source, ("issuers", Value::set_of_strings(issuers))]);
            changed_issuer(&env, &state).0
        };
        let clusters = || ("cluster_names", Value::set_of_strings(["blue", "green"]));
        let found = of(clusters(), &["NEW", "KEPT"]);
        assert_eq!(found[0].path, Path::of("cluster_names"));
        assert_eq!(found[0].summary, "One of the clusters blue, green has another OIDC issuer");
        let said = "The issuer was https://oidc.example.com/id/OLD and is https://oidc.example.com/id/NEW now";
        assert!(found.len() == 1 && found[0].detail.starts_with(said) && found[0].detail.contains("183295435445"), "{found:?}");
        assert_eq!(of(("cluster_name", Value::string("prod")), &["NEW"])[0].summary, "Cluster prod has another OIDC issuer");
        for issuers in [&["OLD", "KEPT"][..], &["KEPT"], &["OLD", "KEPT", "ADDED"], &[]] {
            assert!(of(clusters(), issuers).is_empty(), "{issuers:?}");
        }
    }
}
