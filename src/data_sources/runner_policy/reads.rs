//! What the data sources need to read. None of it changes anything.

use super::Sides;
use super::grants::ALWAYS;
use super::place::Place;

const ROLE: [&str; 4] = ["iam:GetRole", "iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"];
const USER: [&str; 5] =
    ["iam:GetUser", "iam:ListUserPolicies", "iam:GetUserPolicy", "iam:ListAttachedUserPolicies", "iam:ListGroupsForUser"];
const GROUP: [&str; 3] = ["iam:ListGroupPolicies", "iam:GetGroupPolicy", "iam:ListAttachedGroupPolicies"];
const POLICY: [&str; 2] = ["iam:GetPolicy", "iam:GetPolicyVersion"];
/// What network hops go by.
const NETWORK: [&str; 7] = [
    "ec2:DescribeNatGateways",
    "ec2:DescribeNetworkAcls",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcPeeringConnections",
];
const CLUSTER: [&str; 2] = ["eks:DescribeCluster", "eks:ListAccessEntries"];
const ENTRY: [&str; 2] = ["eks:DescribeAccessEntry", "eks:ListAssociatedAccessPolicies"];

/// The data sources that read AWS.
pub(super) const NAMES: [&str; 3] = ["xeks_access_path", "xeks_cluster", "xeks_irsa_path"];

pub(super) fn grant(sides: &mut Sides, data_sources: &[String]) {
    let named = |name: &str| data_sources.iter().any(|one| one == name);
    let (path, cluster, irsa) = (named("xeks_access_path"), named("xeks_cluster"), named("xeks_irsa_path"));
    let place = sides.cluster.place.clone();
    let grants = &mut sides.cluster.grants;
    if path || cluster || irsa {
        let all = [place.regional("eks", None, "cluster/*")];
        grants.allow("ReadClusters", if path || cluster { &CLUSTER } else { &CLUSTER[..1] }, &all, ALWAYS);
    }
    if path || cluster {
        grants.allow("ReadAccessEntries", &ENTRY, &[place.regional("eks", None, "access-entry/*")], ALWAYS);
    }
    for side in [&mut sides.cluster, &mut sides.workload] {
        if path || irsa {
            let of = |kind: &str| [side.place.iam(kind, "/", "*")];
            side.grants.allow("ReadRoles", &ROLE, &of("role"), ALWAYS);
            side.grants.allow("ReadPolicies", &POLICY, &policies(&side.place), ALWAYS);
            if path {
                side.grants.allow("ReadUsers", &USER, &of("user"), ALWAYS);
                side.grants.allow("ReadGroups", &GROUP, &of("group"), ALWAYS);
                side.grants.allow("ReadNetwork", &NETWORK, &["*".to_owned()], ALWAYS);
                // A list may be shared by another account, or AWS's own.
                let lists = [format!("arn:{}:ec2:{}:*:prefix-list/*", side.place.partition, side.place.region)];
                side.grants.allow("ReadPrefixLists", &["ec2:GetManagedPrefixListEntries"], &lists, ALWAYS);
            }
        }
        if irsa {
            let providers = [side.place.iam("oidc-provider", "/", "*")];
            side.grants.allow("ReadProviders", &["iam:GetOpenIDConnectProvider"], &providers, ALWAYS);
        }
    }
}

/// The account's own, and those of AWS.
fn policies(place: &Place) -> [String; 2] {
    [place.iam("policy", "/", "*"), format!("arn:{}:iam::aws:policy/*", place.partition)]
}
