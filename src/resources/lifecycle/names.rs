//! Refuses in a plan a name that two objects of one run would have. IAM keeps the names of roles and of instance profiles unique in an
//! account and does not distinguish them by case (IAM user guide, "IAM and AWS STS quotas", name requirements).

use std::collections::BTreeMap;

use super::{PAST_A_PLAN, Run};
use crate::diagnostics::Diagnostics;
use crate::engine::{Key, Object, OnExisting};
use crate::objects::iam::{instance_profile, role};
use crate::objects::{Context, Env};
use crate::schema::placeholder;

/// Checks the names of what a resource with that identity creates against its own and against those of the run's other resources.
pub(super) fn check(objects: &[Box<dyn Object<Context>>], env: &Env, resource: &str, run: &Run) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let mut own: BTreeMap<String, &dyn Object<Context>> = BTreeMap::new();
    for object in objects.iter().map(AsRef::as_ref).filter(|object| is_named(&object.key())) {
        let (key, account_id) = (object.key(), &env.identity(object.key().side).account_id);
        let name = format!("{account_id}/{}/{}", key.kind, key.name.to_lowercase());
        if let Some(other) = own.insert(name.clone(), object) {
            within(other, object, account_id, &mut diagnostics);
        }
        if object.on_existing() == OnExisting::Fail {
            let others = match env.ledger.get(&key) {
                // Terraform plans in any order: the other one may have been planned before this one's state was read.
                Some(_) => run.others_want(&name, resource).into_iter().filter(|(_, as_named)| *as_named != key.name).collect(),
                None => others(run, (&name, &key), account_id, resource),
            };
            if let Some((other, as_named)) = others.first() {
                between(object, (other, as_named), account_id, &mut diagnostics);
            }
        }
    }
    diagnostics
}

/// Identity, and name as written, of what creates or has an object of that name besides the resource with that identity.
fn others(run: &Run, (name, key): (&str, &Key), account_id: &str, resource: &str) -> Vec<(String, String)> {
    let mut others = run.wants(name, resource, &key.name);
    others.extend(run.knows_in_another_case(account_id, key).map(|(resource, key)| (resource, key.name)));
    others.retain(|(other, _)| other != resource);
    others
}

fn is_named(key: &Key) -> bool {
    [role::KIND, instance_profile::KIND].contains(&key.kind.as_str()) && !placeholder::is_in(&key.name)
}

/// Two objects of one resource; only one that exists before may be used twice.
fn within(one: &dyn Object<Context>, other: &dyn Object<Context>, account_id: &str, diagnostics: &mut Diagnostics) {
    if [one, other].iter().all(|object| object.on_existing() == OnExisting::MustExist) {
        return;
    }
    let (what, name) = (title(&other.key()), &other.key().name);
    let detail = format!(
        "{} and {} both name the {what} {name} in account {account_id}.{} Choose another name for one of the two.\n\n{PAST_A_PLAN}",
        one.attribute(),
        other.attribute(),
        case(&one.key().name, name),
    );
    diagnostics.error(other.attribute(), format!("The {what} {name} is named twice"), detail);
}

/// An object that another resource creates as well, or has created under that name in another case.
fn between(object: &dyn Object<Context>, (other, as_named): (&str, &str), account_id: &str, diagnostics: &mut Diagnostics) {
    let key = object.key();
    let what = title(&key);
    let shared = match key.kind == role::KIND {
        true => {
            "Choose another name for one of the two. To use one role for both, set existing = true in one of them and take the name from \
             the other resource, so that Terraform creates the role first."
        }
        false => "Choose another name for one of the two.",
    };
    let detail = format!(
        "{other} and this resource both create the {what} {as_named} in account {account_id}.{} {shared}\n\n{PAST_A_PLAN}",
        case(as_named, &key.name)
    );
    diagnostics.error(object.attribute(), format!("Another resource of this configuration creates the {what} {}", key.name), detail);
}

fn title(key: &Key) -> &'static str {
    if key.kind == role::KIND { "IAM role" } else { "instance profile" }
}

fn case(one: &str, other: &str) -> String {
    if one == other { String::new() } else { format!(" IAM does not distinguish names by case: {one} and {other} are one name.") }
}
