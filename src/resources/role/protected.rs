//! Roles that only AWS can change: IAM answers UnmodifiableEntity to every call that would change their trust policy, policies or tags.
//!
//! IAM user guide, "Create a service-linked role", and IAM Identity Center user guide, "Referencing permission sets in resource policies":
//! both are known by their path, which no other role can have.

use super::RoleModel;
use crate::aws::identity_center;
use crate::diagnostics::{Diagnostics, Path};
use crate::objects::Context;
use crate::objects::iam::role::RoleFacts;
use crate::schema::{Value, validators};

const SERVICE_LINKED_PATH: &str = "/aws-service-role/";
const SERVICE_LINKED_NAME: &str = "AWSServiceRoleFor";
const ADVICE: &str = "Only the AWS service that it is linked to can change it: IAM rejects every policy and statement that xeks would add. Use a \
                      role of your own";

/// Refuses service-linked roles by what the configuration says of them. `role` is the nested object at that path.
pub fn refuse_service_linked(role: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    let is_existing = role.get("existing").as_bool() == Some(true);
    let name = role.get("name").as_str().filter(|name| is_existing && name.starts_with(SERVICE_LINKED_NAME));
    if let Some(name) = name {
        validators::refuse(&path.attribute("name"), format!("{name} is a service-linked role. {ADVICE}."), diagnostics);
    }
    if role.get("path").as_str().is_some_and(|path| path.starts_with(SERVICE_LINKED_PATH)) {
        let why = format!(
            "IAM reserves paths that begin with {SERVICE_LINKED_PATH} for service-linked roles. Use another path, such as /teams/."
        );
        validators::refuse(&path.attribute("path"), why, diagnostics);
    }
}

/// Refuses what the plan would add to a role that only AWS can change. `added` names it.
pub(super) fn refuse_changes(role: &RoleModel, added: &[&str], facts: &RoleFacts, cx: &Context, diagnostics: &mut Diagnostics) {
    let account = cx.label(role.side);
    if facts.path.starts_with(SERVICE_LINKED_PATH) {
        diagnostics.error(
            role.name_path(),
            format!("{} is a service-linked role", role.name),
            format!("The role {} of {account} has the path {}. {ADVICE}.", role.name, facts.path),
        );
        return;
    }
    if facts.path.starts_with(identity_center::PATH) && !added.is_empty() {
        diagnostics.error(
            role.name_path(),
            format!("{} is a role of IAM Identity Center", role.name),
            format!(
                "Only IAM Identity Center can change the role {} of {account}: IAM rejects what xeks would add ({}). Use a role of your own, and \
                 let the permission set assume it: name its roles in trusted_principal_arns, and allow sts:AssumeRole in the permission set. For \
                 a workload role, set manage_policy = false.",
                role.name,
                added.join(", ")
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(attributes: &[(&str, Value)]) -> Vec<String> {
        let mut diagnostics = Diagnostics::new();
        let role = Value::object(attributes.iter().map(|(name, value)| (*name, value.clone())));
        refuse_service_linked(&role, &Path::of("role"), &mut diagnostics);
        diagnostics.0.iter().map(|found| found.path.to_string()).collect()
    }

    #[test]
    fn a_service_linked_role_is_known_by_its_name_if_it_exists_and_by_its_path() {
        let name = ("name", Value::string("AWSServiceRoleForAutoScaling"));
        assert_eq!(refused(&[name.clone(), ("existing", Value::Bool(true))]), ["role.name"]);
        assert_eq!(refused(&[name]), Vec::<String>::new());
        assert_eq!(
            refused(&[("name", Value::string("a")), ("path", Value::string("/aws-service-role/eks.amazonaws.com/"))]),
            ["role.path"]
        );
        assert_eq!(refused(&[("name", Value::string("MyAWSServiceRoleForX")), ("existing", Value::Bool(true))]), Vec::<String>::new());
    }
}
