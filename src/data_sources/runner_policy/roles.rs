//! What a runner may do with roles: with those that it makes, those that exist, and the policies on them.
//!
//! Source of actions, resource types and condition keys: Service Authorization Reference, "AWS Identity and Access Management".

use serde_json::{Value as Json, json};

use super::Sides;
use super::grants::{ALWAYS, Grants};
use super::place::{Place, both, flag, like, text};
use crate::aws::principals::{self, Sort};
use crate::aws::{Arn, identity_center};
use crate::schema::Value;

/// Looking at a role, as reads and imports do.
const LOOK: [&str; 4] = ["iam:GetRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole"];
/// Tagging carries no iam:PermissionsBoundary: the role's name and path alone limit it.
const TAGS: [&str; 2] = ["iam:TagRole", "iam:UntagRole"];
/// The life of a role that is made here. All of these carry iam:PermissionsBoundary.
const OWN: [&str; 6] = [
    "iam:CreateRole",
    "iam:UpdateRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:DeleteRole",
    // Also what others put onto it, where the role is exclusive or its deletion is forced.
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
];
/// These carry it too.
const INLINE: [&str; 2] = ["iam:PutRolePolicy", "iam:DeleteRolePolicy"];

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
        if self.inline || !self.existing() {
            grants.allow("Roles", &["iam:GetRolePolicy"], &arns, ALWAYS);
        }
        if !self.existing() {
            grants.allow("Roles", &TAGS, &arns, ALWAYS);
        }
        grants.allow("RolesWritten", &self.writes(), &arns, self.bounded());
        self.managed_policies(grants, &arns);
        self.look_at_policies(grants, place);
    }

    /// The plan looks whether the policies exist.
    fn look_at_policies(&self, grants: &mut Grants, place: &Place) {
        let boundary = text(self.role, "permissions_boundary").filter(|_| !self.existing());
        let named = self.role.get("managed_policy_arns").strings().into_iter().chain(boundary);
        let any = || [place.iam("policy", "/", "*"), format!("arn:{}:iam::aws:policy/*", place.partition)].to_vec();
        let named: Vec<String> = named.flat_map(|policy| if policy == "*" { any() } else { vec![policy] }).collect();
        if !named.is_empty() {
            grants.allow("PoliciesRead", &["iam:GetPolicy"], &named, ALWAYS);
        }
    }

    /// What writes the role, but for its tags and the managed policies that it gets.
    fn writes(&self) -> Vec<&'static str> {
        let mut writes = if self.inline { INLINE.to_vec() } else { Vec::new() };
        if self.existing() {
            writes.extend(self.trusted.then_some("iam:UpdateAssumeRolePolicy"));
            return writes;
        }
        writes.extend(OWN);
        // Taking a boundary off is what naming one is there to prevent.
        let bounded = self.role.get("permissions_boundary").is_given();
        writes.push(if bounded { "iam:PutRolePermissionsBoundary" } else { "iam:DeleteRolePermissionsBoundary" });
        writes
    }

    /// Attaching is limited to the policies that are named; so is detaching from a role that exists, where foreign attachments are not managed.
    fn managed_policies(&self, grants: &mut Grants, arns: &[String]) {
        let policies = self.role.get("managed_policy_arns").strings();
        if policies.is_empty() {
            return;
        }
        let named = both(like("ArnLike", "iam:PolicyARN", &policies), self.bounded());
        grants.allow("PoliciesGiven", &["iam:AttachRolePolicy"], arns, named.clone());
        if self.existing() {
            grants.allow("PoliciesGiven", &["iam:DetachRolePolicy"], arns, named);
        }
    }

    /// Every write that carries the key is allowed on a role with this boundary only: a role that exists and lacks it is out of reach (IAM
    /// user guide, "Delegating responsibility to others using permissions boundaries").
    fn bounded(&self) -> Json {
        match text(self.role, "permissions_boundary").as_deref() {
            None => ALWAYS,
            Some("*") => json!({"Null": {"iam:PermissionsBoundary": "false"}}),
            Some(boundary) => json!({"ArnLike": {"iam:PermissionsBoundary": boundary}}),
        }
    }
}

/// Roles and users that the trust policy of a role names are looked for before they are written.
pub(super) fn trusted(sides: &mut Sides, role: &Value) {
    for principal in role.get("trusted_principal_arns").strings() {
        let Ok(arn) = Arn::parse(&principal) else { continue };
        let place = Place { partition: arn.partition.clone(), account_id: arn.account.clone(), region: String::new() };
        let (call, asked) = match principals::named(&arn) {
            // The ARN of a session has no path: the role of that name may have any.
            Some((Sort::Role, name)) if arn.session().is_some() => {
                ("iam:GetRole", ["/", "/*/"].map(|path| place.iam("role", path, &name)).to_vec())
            }
            // A role of IAM Identity Center that is named without its path is found under it.
            Some((Sort::Role, name)) if identity_center::lacks_path(&arn.resource) => {
                ("iam:GetRole", vec![principal, place.iam("role", &format!("{}*", identity_center::PATH), &name)])
            }
            // IAM asks for one that does not exist by its ARN without the path.
            Some((Sort::Role, name)) => ("iam:GetRole", vec![principal, place.iam("role", "/", &name)]),
            Some((Sort::User, name)) => ("iam:GetUser", vec![principal, place.iam("user", "/", &name)]),
            None => continue,
        };
        for side in [&mut sides.cluster, &mut sides.workload].into_iter().filter(|side| side.place.account_id == arn.account) {
            side.grants.allow("RolesTrusted", &[call], &asked, ALWAYS);
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
