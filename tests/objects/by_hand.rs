//! Changes by hand in either account, with the root users' credentials.

use std::time::Duration;

use serde_json::{Value as Json, json};
use xeks::aws::ec2::{Ec2, IngressRule, PeeringConnection, SecurityGroupRule, Select};
use xeks::aws::{Pair, Side};

use crate::emulator::{CLUSTER, REGION};

/// One change by hand.
#[derive(Clone, Debug)]
pub enum Change {
    Role(Side, &'static str, OnRole),
    /// The access entry of this principal.
    Entry(String, OnEntry),
    /// The workload account's instance profile, which holds the role of the same name.
    Profile(&'static str, OnProfile),
    /// The workload account's only OIDC provider.
    Provider(OnProvider),
    Network(Network, OnNetwork),
}

#[derive(Clone, Debug)]
pub enum OnRole {
    Trust(Json),
    /// With the session duration that it keeps.
    Description(&'static str, i32),
    Duration(i32),
    Boundary(String),
    NoBoundary,
    Tag(&'static str, &'static str),
    Untag(&'static str),
    PutPolicy(&'static str, Json),
    DeletePolicy(&'static str),
    Attach(&'static str),
    Detach(&'static str),
    Delete,
}

#[derive(Clone, Debug)]
pub enum OnEntry {
    Username(&'static str),
    Groups(&'static str),
    Tag(&'static str, &'static str),
    Untag(&'static str),
    Delete,
    /// In the whole cluster where there are no namespaces.
    Associate(&'static str, &'static [&'static str]),
    Disassociate(&'static str),
}

#[derive(Clone, Debug)]
pub enum OnProfile {
    Tag(&'static str, &'static str),
    TakeRoleOut,
    Delete,
}

#[derive(Clone, Debug)]
pub enum OnProvider {
    RemoveClient(&'static str),
    Thumbprint(&'static str),
    Tag(&'static str, &'static str),
    Untag(&'static str),
    Delete,
}

/// Two VPCs with a connection, and the cluster security group.
#[derive(Clone, Debug)]
pub struct Network {
    pub cluster_vpc: String,
    pub workload_vpc: String,
    pub workload_region: &'static str,
    pub group: String,
}

#[derive(Clone, Debug)]
pub enum OnNetwork {
    /// In the first table of that side that has a route to this block.
    DeleteRoute(Side, &'static str),
    DeleteConnection,
    Tag(Side, &'static str, &'static str),
    Untag(Side, &'static str),
    /// The tag of the cluster account that says which routes a resource wants.
    RemoveNote,
    Dns(Side, bool),
    RevokeRule,
    TagRule(&'static str, &'static str),
    /// Another rule in its place, with its tags: as ModifySecurityGroupRules leaves it.
    RuleOfPort(u16),
}

impl Change {
    pub async fn make(&self, root: &Pair) {
        match self {
            Change::Role(side, role, change) => change.make(root.side(*side).iam(), role).await,
            Change::Entry(principal, change) => change.make(&root.side(Side::Cluster).eks(Some(REGION)), principal).await,
            Change::Profile(profile, change) => change.make(root.side(Side::Workload).iam(), profile).await,
            Change::Provider(change) => change.make(root.side(Side::Workload).iam()).await,
            Change::Network(network, change) => change.make(root, network).await,
        }
    }
}

impl OnRole {
    async fn make(&self, iam: &aws_sdk_iam::Client, role: &str) {
        match self {
            OnRole::Trust(document) => {
                iam.update_assume_role_policy().role_name(role).policy_document(document.to_string()).send().await.map(drop).unwrap()
            }
            OnRole::Description(text, duration) => {
                iam.update_role().role_name(role).description(*text).max_session_duration(*duration).send().await.map(drop).unwrap()
            }
            OnRole::Duration(duration) => iam.update_role().role_name(role).max_session_duration(*duration).send().await.map(drop).unwrap(),
            OnRole::Boundary(arn) => {
                iam.put_role_permissions_boundary().role_name(role).permissions_boundary(arn).send().await.map(drop).unwrap()
            }
            OnRole::NoBoundary => iam.delete_role_permissions_boundary().role_name(role).send().await.map(drop).unwrap(),
            OnRole::Tag(key, value) => iam.tag_role().role_name(role).tags(tag(key, value)).send().await.map(drop).unwrap(),
            OnRole::Untag(key) => iam.untag_role().role_name(role).tag_keys(*key).send().await.map(drop).unwrap(),
            OnRole::PutPolicy(name, document) => iam
                .put_role_policy()
                .role_name(role)
                .policy_name(*name)
                .policy_document(document.to_string())
                .send()
                .await
                .map(drop)
                .unwrap(),
            OnRole::DeletePolicy(name) => iam.delete_role_policy().role_name(role).policy_name(*name).send().await.map(drop).unwrap(),
            OnRole::Attach(arn) => iam.attach_role_policy().role_name(role).policy_arn(*arn).send().await.map(drop).unwrap(),
            OnRole::Detach(arn) => iam.detach_role_policy().role_name(role).policy_arn(*arn).send().await.map(drop).unwrap(),
            OnRole::Delete => delete_role(iam, role).await,
        }
    }
}

impl OnEntry {
    async fn make(&self, eks: &aws_sdk_eks::Client, principal: &str) {
        match self {
            OnEntry::Username(name) => {
                eks.update_access_entry().cluster_name(CLUSTER).principal_arn(principal).username(*name).send().await.map(drop).unwrap()
            }
            OnEntry::Groups(group) => {
                let update = eks.update_access_entry().cluster_name(CLUSTER).principal_arn(principal).kubernetes_groups(*group);
                update.send().await.map(drop).unwrap();
            }
            OnEntry::Tag(key, value) => {
                eks.tag_resource().resource_arn(entry_arn(eks, principal).await).tags(*key, *value).send().await.map(drop).unwrap()
            }
            OnEntry::Untag(key) => {
                eks.untag_resource().resource_arn(entry_arn(eks, principal).await).tag_keys(*key).send().await.map(drop).unwrap()
            }
            OnEntry::Delete => eks.delete_access_entry().cluster_name(CLUSTER).principal_arn(principal).send().await.map(drop).unwrap(),
            OnEntry::Associate(policy, namespaces) => {
                let kind = if namespaces.is_empty() { "cluster" } else { "namespace" };
                let namespaces = (!namespaces.is_empty()).then(|| namespaces.iter().map(|n| (*n).to_owned()).collect());
                let scope = aws_sdk_eks::types::AccessScope::builder().r#type(kind.into()).set_namespaces(namespaces).build();
                let associate =
                    eks.associate_access_policy().cluster_name(CLUSTER).principal_arn(principal).policy_arn(access_policy(policy));
                associate.access_scope(scope).send().await.map(drop).unwrap();
            }
            OnEntry::Disassociate(policy) => {
                let disassociate = eks.disassociate_access_policy().cluster_name(CLUSTER).principal_arn(principal);
                disassociate.policy_arn(access_policy(policy)).send().await.map(drop).unwrap();
            }
        }
    }
}

impl OnProfile {
    async fn make(&self, iam: &aws_sdk_iam::Client, profile: &str) {
        if let OnProfile::Tag(key, value) = self {
            iam.tag_instance_profile().instance_profile_name(profile).tags(tag(key, value)).send().await.unwrap();
            return;
        }
        iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(profile).send().await.unwrap();
        if let OnProfile::Delete = self {
            iam.delete_instance_profile().instance_profile_name(profile).send().await.unwrap();
        }
    }
}

impl OnProvider {
    async fn make(&self, iam: &aws_sdk_iam::Client) {
        let listed = iam.list_open_id_connect_providers().send().await.unwrap();
        let [provider] = listed.open_id_connect_provider_list() else { panic!("there is one provider: {listed:?}") };
        let arn = provider.arn().unwrap();
        match self {
            OnProvider::RemoveClient(id) => {
                let remove = iam.remove_client_id_from_open_id_connect_provider().open_id_connect_provider_arn(arn).client_id(*id);
                remove.send().await.map(drop).unwrap();
            }
            OnProvider::Thumbprint(thumbprint) => {
                let update = iam.update_open_id_connect_provider_thumbprint().open_id_connect_provider_arn(arn);
                update.thumbprint_list(*thumbprint).send().await.map(drop).unwrap();
            }
            OnProvider::Tag(key, value) => {
                let tag = aws_sdk_iam::types::Tag::builder().key(*key).value(*value).build().unwrap();
                iam.tag_open_id_connect_provider().open_id_connect_provider_arn(arn).tags(tag).send().await.map(drop).unwrap();
            }
            OnProvider::Untag(key) => {
                iam.untag_open_id_connect_provider().open_id_connect_provider_arn(arn).tag_keys(*key).send().await.map(drop).unwrap();
            }
            OnProvider::Delete => iam.delete_open_id_connect_provider().open_id_connect_provider_arn(arn).send().await.map(drop).unwrap(),
        }
    }
}

impl Network {
    pub fn ec2(&self, root: &Pair, side: Side) -> Ec2 {
        root.side(side).ec2(Some(if side == Side::Cluster { REGION } else { self.workload_region }))
    }

    fn vpc(&self, side: Side) -> &str {
        if side == Side::Cluster { &self.cluster_vpc } else { &self.workload_vpc }
    }

    /// The connection that is not gone, as that side sees it.
    async fn connection(&self, root: &Pair, side: Side) -> PeeringConnection {
        let listed = self.ec2(root, side).describe_peering_connections(&Select::default()).await.unwrap();
        listed.into_iter().find(|each| each.connects(&self.cluster_vpc, &self.workload_vpc) && each.is_active()).expect("a connection")
    }

    /// The rule of the cluster security group that lets HTTPS in.
    async fn rule(&self, root: &Pair) -> SecurityGroupRule {
        let listed = self.ec2(root, Side::Cluster).describe_security_group_rules(&Select::by("group-id", [&self.group])).await.unwrap();
        listed.into_iter().find(|rule| !rule.egress && rule.from_port == 443).expect("a rule")
    }
}

impl OnNetwork {
    async fn make(&self, root: &Pair, network: &Network) {
        let cluster = network.ec2(root, Side::Cluster);
        let tags = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
        match self {
            OnNetwork::DeleteRoute(side, block) => {
                let ec2 = network.ec2(root, *side);
                let tables = ec2.describe_route_tables(&Select::by("vpc-id", [network.vpc(*side)])).await.unwrap();
                let table = tables.iter().find(|table| table.route_to(block).is_some()).expect("a route");
                ec2.delete_route(&table.id, block).await.unwrap();
            }
            OnNetwork::DeleteConnection => {
                let id = network.connection(root, Side::Workload).await.id;
                let ec2 = network.ec2(root, Side::Workload);
                ec2.delete_peering_connection(&id).await.unwrap();
                while ec2.describe_peering_connections(&Select::id(&id)).await.unwrap()[0].status != "deleted" {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            OnNetwork::Tag(side, key, value) => {
                network.ec2(root, *side).create_tags(&network.connection(root, *side).await.id, &tags(key, value)).await.unwrap()
            }
            OnNetwork::Untag(side, key) => {
                network.ec2(root, *side).delete_tags(&network.connection(root, *side).await.id, &[key]).await.unwrap()
            }
            OnNetwork::RemoveNote => {
                let seen = network.connection(root, Side::Cluster).await;
                let note = seen.tags.keys().find(|key| key.starts_with("xeks:use:")).expect("a note");
                cluster.delete_tags(&seen.id, &[note]).await.unwrap();
            }
            OnNetwork::Dns(side, on) => {
                let id = network.connection(root, *side).await.id;
                // The workload account requests the connection.
                let (requester, accepter) = if *side == Side::Workload { (Some(*on), None) } else { (None, Some(*on)) };
                network.ec2(root, *side).modify_peering_options(&id, requester, accepter).await.unwrap();
            }
            OnNetwork::RevokeRule => {
                cluster.revoke_security_group_ingress(&network.group, &[&network.rule(root).await.id]).await.unwrap();
            }
            OnNetwork::TagRule(key, value) => cluster.create_tags(&network.rule(root).await.id, &tags(key, value)).await.unwrap(),
            OnNetwork::RuleOfPort(port) => {
                let rule = network.rule(root).await;
                cluster.revoke_security_group_ingress(&network.group, &[&rule.id]).await.unwrap();
                let other = IngressRule {
                    group_id: network.group.clone(),
                    port: *port,
                    cidr: rule.cidr_ipv4.unwrap(),
                    description: String::new(),
                    tags: rule.tags,
                };
                cluster.authorize_security_group_ingress(&other).await.unwrap();
            }
        }
    }
}

/// Deletes a role with its policies and its memberships.
pub async fn delete_role(iam: &aws_sdk_iam::Client, name: &str) {
    for profile in iam.list_instance_profiles_for_role().role_name(name).send().await.unwrap().instance_profiles() {
        let profile = profile.instance_profile_name();
        iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(name).send().await.unwrap();
    }
    for policy in iam.list_role_policies().role_name(name).send().await.unwrap().policy_names() {
        iam.delete_role_policy().role_name(name).policy_name(policy).send().await.unwrap();
    }
    for policy in iam.list_attached_role_policies().role_name(name).send().await.unwrap().attached_policies() {
        iam.detach_role_policy().role_name(name).policy_arn(policy.policy_arn().unwrap()).send().await.unwrap();
    }
    iam.delete_role().role_name(name).send().await.unwrap();
}

/// A policy that denies everything.
pub fn deny() -> Json {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
}

/// A trust policy that lets another service assume the role.
pub fn trusts(service: &str) -> Json {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]})
}

fn access_policy(name: &str) -> String {
    format!("arn:aws:eks::aws:cluster-access-policy/{name}")
}

async fn entry_arn(eks: &aws_sdk_eks::Client, principal: &str) -> String {
    let entry = eks.describe_access_entry().cluster_name(CLUSTER).principal_arn(principal).send().await.unwrap();
    entry.access_entry.unwrap().access_entry_arn.unwrap()
}

fn tag(key: &str, value: &str) -> aws_sdk_iam::types::Tag {
    aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap()
}
