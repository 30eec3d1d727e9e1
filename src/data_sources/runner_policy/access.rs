//! What `xeks_cross_account_access` needs on either side.
//!
//! Source of actions, resource types and condition keys: Service Authorization Reference, "Amazon Elastic Kubernetes Service".

use serde_json::json;

use super::Sides;
use super::grants::ALWAYS;
use super::place::{Place, both, flag, like, text};
use super::roles::{self, Use};
use crate::aws::{arn, identity_center};
use crate::schema::Value;

pub(super) fn grant(sides: &mut Sides, wanted: &Value) {
    let adopt = text(wanted, "adopt").as_deref() == Some("if_exists");
    let direct = text(wanted, "mode").as_deref() == Some("direct");
    let role_of_set = role_of_set(wanted.get("workload_role"));
    let workload_role = role_of_set.as_ref().unwrap_or(wanted.get("workload_role"));
    let may_assume = !direct && flag(workload_role, "manage_policy", true);
    let workload = Use { role: workload_role, adopt, trusted: false, inline: may_assume };
    workload.grant(&mut sides.workload.grants, &sides.workload.place);
    if flag(workload_role, "instance_profile", false) {
        roles::instance_profile(&mut sides.workload.grants, &sides.workload.place, &workload);
    }
    let (owner, principals) = if direct {
        (&sides.workload.place, workload.arns(&sides.workload.place))
    } else {
        let access = Use { role: wanted.get("access_role"), adopt, trusted: true, inline: true };
        access.grant(&mut sides.cluster.grants, &sides.cluster.place);
        (&sides.cluster.place, access.arns(&sides.cluster.place))
    };
    let owner = owner.account_id.clone();
    if role_of_set.is_some() {
        // The role is found by its path. ListRoles knows no resource.
        sides.workload.grants.allow("RolesOfPermissionSets", &["iam:ListRoles"], &["*".to_owned()], ALWAYS);
    }
    roles::trusted(sides, wanted.get("access_role"));
    let role = text(if direct { workload_role } else { wanted.get("access_role") }, "name").unwrap_or_default();
    entries(sides, wanted, &Entry { owner, role, principals, adopt });
}

/// The role of a permission set as one that exists, whatever its suffix. IAM asks for a role that is gone by its ARN without the path.
fn role_of_set(role: &Value) -> Option<Value> {
    let set = text(role, "permission_set")?;
    Some(Value::object([("name", Value::string(format!("{}_*", identity_center::role_of(&set)))), ("existing", Value::Bool(true))]))
}

/// The access entry that is made: for which role of which account.
struct Entry {
    owner: String,
    role: String,
    principals: Vec<String>,
    adopt: bool,
}

fn entries(sides: &mut Sides, wanted: &Value, entry: &Entry) {
    let (place, grants) = (sides.cluster.place.clone(), &mut sides.cluster.grants);
    let region = text(wanted, "cluster_region");
    let cluster = text(wanted, "cluster_name").unwrap_or_default();
    let clusters = [place.regional("eks", region.as_deref(), &format!("cluster/{cluster}"))];
    grants.allow("Clusters", &["eks:DescribeCluster", "eks:ListAccessEntries"], &clusters, ALWAYS);
    if text(wanted, "on_config_map").as_deref() == Some("upgrade") {
        grants.allow("Clusters", &["eks:DescribeUpdate"], &clusters, ALWAYS);
        let mode = json!({"StringEquals": {"eks:authenticationMode": "API_AND_CONFIG_MAP"}});
        grants.allow("ClusterUpgrades", &["eks:UpdateClusterConfig"], &clusters, mode);
    }
    grants.allow("AccessPolicies", &["eks:ListAccessPolicies"], &["*".to_owned()], ALWAYS);
    let kubernetes = Some(wanted.get("kubernetes")).filter(|kubernetes| !kubernetes.is_null() && !entry.adopt);
    let names = kubernetes.map_or(ALWAYS, |kubernetes| names(kubernetes, &entry.default_username(&place)));
    let is_standard = json!({"StringEquals": {"eks:accessEntryType": "STANDARD"}});
    let for_role = both(is_standard, like("ArnLike", "eks:principalArn", &entry.principals));
    grants.allow("AccessEntriesMade", &["eks:CreateAccessEntry"], &clusters, both(for_role, names.clone()));

    // The ARN of an entry names its role without the role's path.
    let of_role = format!("access-entry/{cluster}/role/{}/{}/*", entry.owner, entry.role);
    let entries = [place.regional("eks", region.as_deref(), &of_role)];
    let actions = [
        "eks:DescribeAccessEntry",
        "eks:DeleteAccessEntry",
        "eks:DisassociateAccessPolicy",
        "eks:ListAssociatedAccessPolicies",
        "eks:TagResource",
        "eks:UntagResource",
    ];
    grants.allow("AccessEntries", &actions, &entries, ALWAYS);
    grants.allow("AccessEntries", &["eks:UpdateAccessEntry"], &entries, names);
    let Some(kubernetes) = kubernetes else {
        // Foreign access policies of an adopted entry are associated again when the entry is recreated.
        grants.allow("AccessPoliciesGiven", &["eks:AssociateAccessPolicy"], &entries, ALWAYS);
        return;
    };
    for (name, policy) in kubernetes.get("policies").entries().into_iter().flatten() {
        grants.allow("AccessPoliciesGiven", &["eks:AssociateAccessPolicy"], &entries, scoped(&place, name, policy));
    }
}

impl Entry {
    /// The name that EKS gives where none is asked for; an update that takes another one back asks for it (EKS user guide, "Create access
    /// entries").
    fn default_username(&self, place: &Place) -> String {
        format!("arn:{}:sts::{}:assumed-role/{}/{{{{SessionName}}}}", place.partition, self.owner, self.role)
    }
}

/// The groups and the user name that an entry may have. A call without them gives none, and changes none.
fn names(kubernetes: &Value, default_username: &str) -> serde_json::Value {
    let groups = kubernetes.get("groups").strings();
    // Nothing but an empty set has no member that differs from the empty text.
    let groups = if groups.is_empty() { vec![String::new()] } else { groups };
    let username = text(kubernetes, "username").unwrap_or_else(|| default_username.to_owned());
    both(
        like("ForAllValues:StringLike", "eks:kubernetesGroups", &groups),
        like("StringLikeIfExists", "eks:username", std::slice::from_ref(&username)),
    )
}

/// One policy, as far as it is to reach. Namespaces limit nothing where the policy may be given for the whole cluster.
fn scoped(place: &Place, name: &str, policy: &Value) -> serde_json::Value {
    let named = like("ArnLike", "eks:policyArn", &[if name == "*" { name.to_owned() } else { arn::access_policy(&place.partition, name) }]);
    let namespaces = policy.get("namespaces").strings();
    let scope = text(policy, "scope").or_else(|| (!namespaces.is_empty()).then(|| "namespace".to_owned()));
    let Some(scope) = scope else { return named };
    let scoped = both(named, json!({"StringEquals": {"eks:accessScope": scope}}));
    both(scoped, like("ForAllValues:StringLike", "eks:namespaces", &namespaces))
}
