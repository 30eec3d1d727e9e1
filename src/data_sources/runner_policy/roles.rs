//! What a runner may do with roles: with those that it makes, those that exist, and the policies on them.
//!
//! Source of actions, resource types and condition keys: Service Authorization Reference, "AWS Identity and Access Management".

use serde_json::{Value as Json, json};

use super::grants::{ALWAYS, Grants};
use super::place::{Place, flag, like, text};
use crate::schema::Value;

/// Looking at a role, as reads and imports do.
const LOOK: [&str; 4] = ["iam:GetRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole"];
/// The life of a role that is made here, without its making.
const OWN: [&str; 7] = [
    "iam:UpdateRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:DeleteRole",
    "iam:TagRole",
    "iam:UntagRole",
    // Also what others put onto it: the policies of a role that is made here are exclusive, and it can't be deleted with any left.
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
];

/// What the resource does with one of its roles.
pub(super) struct Use<'a> {
    /// The nested object of the configuration.
    pub(super) role: &'a Value,
    pub(super) adopt: bool,
    /// Whether its trust policy is written even if it exists.
    pub(super) trusted: bool,
    /// Whether it gets an inline policy.
    pub(super) inline: bool,
}

impl Use<'_> {
    fn existing(&self) -> bool {
        flag(self.role, "existing", false)
    }

    /// The ARNs that the role may have.
    pub(super) fn arns(&self, place: &Place) -> Vec<String> {
        place.role(self.role, self.existing() || self.adopt)
    }

    pub(super) fn grant(&self, grants: &mut Grants, place: &Place) {
        let arns = self.arns(place);
        grants.allow("Roles", &LOOK, &arns, ALWAYS);
        // Where a role would exceed AWS's default quotas, the plan asks for the account's own.
        grants.allow("Quotas", &["iam:GetAccountSummary"], &["*".to_owned()], ALWAYS);
        if self.inline {
            grants.allow("Roles", &["iam:GetRolePolicy", "iam:DeleteRolePolicy"], &arns, ALWAYS);
            grants.allow("RolesGiven", &["iam:PutRolePolicy"], &arns, self.bounded());
        }
        if self.existing() {
            if self.trusted {
                grants.allow("Roles", &["iam:UpdateAssumeRolePolicy"], &arns, ALWAYS);
            }
        } else {
            grants.allow("Roles", &OWN, &arns, ALWAYS);
            grants.allow("Roles", &["iam:GetRolePolicy"], &arns, ALWAYS);
            grants.allow("RolesGiven", &["iam:CreateRole"], &arns, self.bounded());
            match text(self.role, "permissions_boundary") {
                // Taking a boundary off is what the condition is there to prevent.
                Some(_) => grants.allow("RolesGiven", &["iam:PutRolePermissionsBoundary"], &arns, self.bounded()),
                None => grants.allow("Roles", &["iam:DeleteRolePermissionsBoundary"], &arns, ALWAYS),
            }
        }
        self.managed_policies(grants, &arns);
    }

    /// Attaching is limited to the policies that are named; so is detaching, because foreign attachments are not managed.
    fn managed_policies(&self, grants: &mut Grants, arns: &[String]) {
        let policies = self.role.get("managed_policy_arns").strings();
        if policies.is_empty() {
            return;
        }
        let named = like("ArnLike", "iam:PolicyARN", &policies);
        grants.allow("RolesGiven", &["iam:AttachRolePolicy"], arns, super::place::both(named.clone(), self.bounded()));
        if self.existing() {
            grants.allow("PoliciesTaken", &["iam:DetachRolePolicy"], arns, named);
        }
    }

    /// What adds to a role is allowed on one with this boundary only (IAM user guide, "Delegating responsibility to others using
    /// permissions boundaries").
    fn bounded(&self) -> Json {
        match text(self.role, "permissions_boundary").filter(|_| !self.existing()) {
            Some(boundary) => like("ArnLike", "iam:PermissionsBoundary", &[boundary]),
            None => ALWAYS,
        }
    }
}

/// An instance profile for the role, and the right to hand the role to EC2 (IAM, AddRoleToInstanceProfile).
pub(super) fn instance_profile(grants: &mut Grants, place: &Place, role: &Use<'_>) {
    let name = text(role.role, "instance_profile_name").or_else(|| text(role.role, "name")).unwrap_or_default();
    let mut profiles = vec![place.iam("instance-profile", &text(role.role, "path").unwrap_or_else(|| "/".into()), &name)];
    if role.adopt && text(role.role, "path").is_none() && !name.starts_with('*') {
        profiles.push(place.iam("instance-profile", "/*/", &name));
    }
    let actions = [
        "iam:CreateInstanceProfile",
        "iam:GetInstanceProfile",
        "iam:DeleteInstanceProfile",
        "iam:AddRoleToInstanceProfile",
        "iam:RemoveRoleFromInstanceProfile",
        "iam:TagInstanceProfile",
        "iam:UntagInstanceProfile",
    ];
    grants.allow("InstanceProfiles", &actions, &profiles, ALWAYS);
    let services = match place.partition.as_str() {
        "aws-cn" => json!(["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]),
        _ => json!("ec2.amazonaws.com"),
    };
    grants.allow("RolesForInstances", &["iam:PassRole"], &role.arns(place), json!({"StringEquals": {"iam:PassedToService": services}}));
}
