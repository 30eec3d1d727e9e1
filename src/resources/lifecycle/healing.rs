//! Says in a plan why something is made anew although it stands: the identity that it is bound to is gone.
//!
//! IAM and EKS remember a role by its hidden id. A role that is deleted and made again under its old ARN has another one: the access
//! entry that was made for the first admits nobody, and where a trust policy named the first, IAM shows its id. The plan's values come
//! from the read; here is only what is told of them.

use crate::aws::arn::is_unique_id;
use crate::aws::policy;
use crate::diagnostics::{Diagnostics, Path};
use crate::engine::{Declared, Key, Ledger};
use crate::objects::{eks, iam};
use crate::schema::Value;

/// A warning for each object of the ledger that is bound to an identity that is gone and that the plan makes or writes anew.
pub(super) fn tell(declared: &[Declared], prior: &Ledger, objects: &Value, path_of: impl Fn(&Key) -> Path) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for one in declared {
        let Some(entry) = prior.get(&one.key) else { continue };
        if let (eks::access_entry::KIND, Some(principal), Some(bound)) = (one.key.kind.as_str(), &one.bound_to, entry.id.as_deref()) {
            let now = prior.get(principal).and_then(|role| role.id.as_deref());
            if now != Some(bound) {
                diagnostics.warning(
                    path_of(principal),
                    format!("{} admits nobody, and is made anew", one.key),
                    dead(one, principal, bound, now),
                );
            }
        }
        let planned = objects.get(&one.key.to_string()).get("document");
        let ids = entry.document.as_deref().filter(|text| planned.as_str() != Some(text)).map(decayed).unwrap_or_default();
        if one.key.kind == iam::role::KIND && !ids.is_empty() {
            diagnostics.warning(
                path_of(&one.key),
                format!("The trust policy of {} names a principal that is gone", one.key.name),
                orphaned(&ids),
            );
        }
    }
    diagnostics
}

fn dead(entry: &Declared, principal: &Key, bound: &str, now: Option<&str>) -> String {
    let what = match now {
        Some(now) => format!(
            "Role {} in the {} account was deleted and made again since: it had the id {bound}, and has {now} now.",
            principal.name, principal.side
        ),
        None => format!(
            "Role {} in the {} account is gone, or another one stands in its place: it had the id {bound}.",
            principal.name, principal.side
        ),
    };
    let cluster = entry.key.name.split('/').next().unwrap_or_default();
    format!(
        "{what} EKS knows a role by that id, not by its ARN, so cluster {cluster} refuses whoever comes with the role (401), although the \
         access entry looks as ever. The apply deletes the entry and makes it again for the role as it is, with its user name, groups and \
         access policies; what others associated with an entry of theirs comes back too."
    )
}

fn orphaned(ids: &[String]) -> String {
    format!(
        "It says {} where it named a role or user by ARN: IAM shows the id of a principal that was deleted. One that was made again under \
         that name is not trusted until the policy is written again, which the apply does.",
        ids.join(", ")
    )
}

/// The unique ids that stand where a trust policy names principals.
fn decayed(document: &str) -> Vec<String> {
    let Ok(document) = policy::parse(document) else { return Vec::new() };
    let principals = policy::statements_of(&document).into_iter().flat_map(|statement| policy::values_of(&statement["Principal"]["AWS"]));
    let mut ids: Vec<String> = principals.filter(|text| is_unique_id(text)).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Side;
    use crate::engine::{Entry, OnExisting, Origin, found};

    fn entry(id: Option<&str>, document: Option<&str>) -> Entry {
        Entry { id: id.map(str::to_owned), document: document.map(str::to_owned), ..found("183295435445", None, Origin::Created) }
    }

    fn told(role: Option<Entry>, entry_of: Entry, planned: Value) -> Vec<String> {
        let (role_key, entry_key) =
            (Key::new(Side::Cluster, iam::role::KIND, "access"), Key::new(Side::Cluster, "eks_access_entry", "prod/access"));
        let declared = |key: &Key| crate::resources::env::tests::declared(key.clone(), OnExisting::Fail);
        let all = [declared(&role_key), Declared { bound_to: Some(role_key.clone()), ..declared(&entry_key) }];
        let mut ledger = Ledger([(entry_key, entry_of)].into());
        ledger.0.extend(role.map(|role| (role_key.clone(), role)));
        let objects = Value::map([(role_key.to_string(), Value::object([("document", planned)]))]);
        tell(&all, &ledger, &objects, |key| Path::of(&key.kind)).0.into_iter().map(|d| format!("{}: {}", d.summary, d.detail)).collect()
    }

    #[test]
    fn an_entry_of_an_earlier_role_is_told_with_both_ids_and_one_of_the_role_is_not() {
        let told_of = |role: Option<&str>| told(role.map(|id| entry(Some(id), None)), entry(Some("AROAOLD"), None), Value::Null);
        assert!(told_of(Some("AROAOLD")).is_empty());
        let anew = told_of(Some("AROANEW"));
        assert!(anew.len() == 1 && ["prod/access", "AROAOLD", "AROANEW", "401"].iter().all(|word| anew[0].contains(word)), "{anew:?}");
        assert!(told_of(None)[0].contains("is gone"));
    }

    #[test]
    fn a_trust_that_decayed_is_told_with_the_id_unless_the_plan_leaves_it() {
        let trust = r#"{"Statement":[{"Principal":{"AWS":["AROAEXAMPLE000000002","arn:aws:iam::185863138492:role/w"]}},{"Principal":{"Service":"ec2.amazonaws.com"}}]}"#;
        let of = |planned: Value| told(Some(entry(Some("AROA1"), Some(trust))), entry(Some("AROA1"), None), planned);
        let changed = of(Value::string("{}"));
        assert!(changed.len() == 1 && changed[0].contains("It says AROAEXAMPLE000000002 where"), "{changed:?}");
        assert!(of(Value::string(trust)).is_empty());
    }
}
