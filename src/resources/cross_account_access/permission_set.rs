//! The workload role by the name of a permission set: its role is looked up at each read, plan and apply, since it is another one after the
//! permission set was assigned again.

use super::model::{Model, PERMISSION_SET, ROLE_OF_SET};
use crate::aws::{Error, Kind, Side, identity_center};
use crate::diagnostics::{Diagnostics, Path};
use crate::objects::eks::access_entry;
use crate::objects::iam::permission_set::{self, PermissionSetRole};
use crate::objects::{Context, Env};
use crate::resources::lifecycle::Located;
use crate::schema::{Value, placeholder};

const ATTRIBUTE: &str = "workload_role.permission_set";

/// The role of the configured permission set; `None` where there is none, or its name is not known yet.
///
/// # Errors
/// The account has no such role, or another one than planned.
pub async fn look_up(cx: &Context, model: &Model) -> Result<Option<PermissionSetRole>, Located> {
    let Some(set) = known(model) else { return Ok(None) };
    let found = permission_set::find(cx, Side::Workload, set).await.map_err(Located::at(ATTRIBUTE))?;
    let planned = &model.workload.name;
    if placeholder::is_in(planned) || *planned == found.name {
        return Ok(Some(found));
    }
    let message = format!(
        "permission set {set} has the role {} now, not {planned}: it was assigned to the account again. Run plan again, without -refresh=false. \
         For an import, use the name of the current role in the ID",
        found.name
    );
    Err(Located::at(ATTRIBUTE)(Error::of_kind(Kind::Invalid, "iam:ListRoles", cx.label(Side::Workload), message)))
}

/// Brings the name of the role up to date. One that is gone is kept: the plan says so.
pub async fn refresh(cx: &Context, model: &Model, value: &mut Value) -> Result<(), Located> {
    let Some(set) = known(model) else { return Ok(()) };
    match permission_set::find(cx, Side::Workload, set).await {
        Ok(role) => value.insert(ROLE_OF_SET, Value::string(role.name)),
        Err(error) if error.is(Kind::Absent) || error.is(Kind::Invalid) && error.code.is_none() => {}
        Err(error) => return Err(Located::at(ATTRIBUTE)(error)),
    }
    Ok(())
}

fn known(model: &Model) -> Option<&String> {
    model.permission_set.as_ref().filter(|set| !placeholder::is_in(set))
}

/// What a plan shows of the role's name: the last one that was read, as long as the permission set is the same.
pub fn planned(config: &Value, prior: &Value) -> Option<Value> {
    let set = config.at("workload_role").get(PERMISSION_SET);
    if set.is_null() {
        return Some(Value::Null);
    }
    let is_of_set = |name: &&str| set.as_str().is_some_and(|set| identity_center::permission_set_of(name) == Some(set));
    Some(role_name(prior).filter(is_of_set).map_or(Value::Unknown, Value::string))
}

/// Whether the plan has the role of the prior state, which one of the two names and the other has by its permission set.
pub fn is_kept(prior: &Value, planned: &Value) -> bool {
    let set = |value: &Value| value.at("workload_role").get(PERMISSION_SET).as_str().map(str::to_owned);
    let names = |value: &Value| value.at("workload_role.name").as_str().map(str::to_owned);
    let set_of_name = |value: &Value| names(value).as_deref().and_then(identity_center::permission_set_of).map(str::to_owned);
    let is_direct = |value: &Value| value.get("mode").as_str() == Some("direct");
    let is_same = match (set(prior), set(planned)) {
        (Some(_), None) => role_name(prior).map(str::to_owned) == names(planned),
        (None, Some(set)) => set_of_name(prior) == Some(set),
        (before, after) => before.is_some() && before == after,
    };
    is_same && is_direct(prior) && is_direct(planned)
}

/// The name of the workload role of a state, however it is configured.
fn role_name(state: &Value) -> Option<&str> {
    state.get(ROLE_OF_SET).as_str().or_else(|| state.at("workload_role.name").as_str())
}

/// Says why the access entry is created again: the permission set has another role than the one that the entry is for.
pub fn warn_of_another_role(model: &Model, env: &Env) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let Some(set) = known(model).filter(|_| !placeholder::is_in(&model.workload.name)) else { return diagnostics };
    let entries = env.ledger.0.keys().filter(|key| key.kind == access_entry::KIND);
    let of_roles = entries.filter_map(|key| key.name.strip_prefix(&format!("{}/", model.cluster)));
    let former = of_roles.filter(|role| **role != *model.workload.name && identity_center::permission_set_of(role) == Some(set.as_str()));
    for role in former {
        diagnostics.warning(
            Path::of(ATTRIBUTE),
            format!("Permission set {set} has another role"),
            format!(
                "The role {role} of account {} is gone, and {} is in its place: the permission set was assigned to the account again. The \
                 apply creates an access entry on cluster {} for the new role, with the same access, and deletes that of the former one. Until \
                 then, the cluster rejects the users of the permission set.",
                env.workload.account_id, model.workload.name, model.cluster
            ),
        );
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "AWSReservedSSO_PowerUser_0123456789abcdef";

    fn state(name: Option<&str>, set: Option<&str>, role: Option<&str>) -> Value {
        let workload = Value::object([("name", Value::optional_string(name)), (PERMISSION_SET, Value::optional_string(set))]);
        Value::object([("mode", Value::string("direct")), ("workload_role", workload), (ROLE_OF_SET, Value::optional_string(role))])
    }

    #[test]
    fn a_plan_keeps_the_role_that_was_read_until_the_permission_set_is_another_one() {
        let by_set = |set: &str| state(None, Some(set), None);
        assert_eq!(planned(&by_set("PowerUser"), &Value::Null), Some(Value::Unknown));
        assert_eq!(planned(&by_set("PowerUser"), &state(None, Some("PowerUser"), Some(ROLE))), Some(Value::string(ROLE)));
        assert_eq!(planned(&by_set("PowerUser"), &state(Some(ROLE), None, None)), Some(Value::string(ROLE)));
        assert_eq!(planned(&by_set("Admin"), &state(None, Some("PowerUser"), Some(ROLE))), Some(Value::Unknown));
        assert_eq!(planned(&state(Some("ec2"), None, None), &Value::Null), Some(Value::Null));
    }

    #[test]
    fn a_role_that_is_named_in_another_way_is_kept() {
        let (by_name, by_set) = (state(Some(ROLE), None, None), state(None, Some("PowerUser"), Some(ROLE)));
        assert!(is_kept(&by_name, &by_set) && is_kept(&by_set, &by_name) && is_kept(&by_set, &by_set));
        assert!(!is_kept(&by_name, &state(None, Some("Admin"), None)) && !is_kept(&by_set, &state(Some("ec2"), None, None)));
        assert!(!is_kept(&by_name, &state(Some("ec2"), None, None)), "two names");
    }
}
