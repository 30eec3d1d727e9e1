//! Security groups and their rules.

use super::request::Parameters;
use super::xml::Element;
use super::{Ec2, Error, Select, Tags};

const RULE_TYPE: &str = "security-group-rule";

/// A security group as DescribeSecurityGroups returns it, without its rules: those have ids and a call of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    pub id: String,
    pub name: String,
    pub description: String,
    pub owner_id: String,
    pub vpc_id: Option<String>,
    pub tags: Tags,
}

/// One rule as DescribeSecurityGroupRules returns it: one range of ports, one other side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroupRule {
    pub id: String,
    pub group_id: String,
    pub group_owner_id: String,
    pub egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub protocol: String,
    /// -1 for all.
    pub from_port: i64,
    pub to_port: i64,
    pub cidr_ipv4: Option<String>,
    pub cidr_ipv6: Option<String>,
    pub prefix_list_id: Option<String>,
    pub referenced_group: Option<ReferencedGroup>,
    pub description: Option<String>,
    pub tags: Tags,
}

/// The security group that a rule names as its other side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferencedGroup {
    pub group_id: String,
    /// The group's account, where it is another one.
    pub owner_id: Option<String>,
    pub vpc_id: Option<String>,
    pub peering_connection_id: Option<String>,
    pub peering_status: Option<String>,
}

/// A rule to add: TCP from one block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IngressRule {
    pub group_id: String,
    pub port: u16,
    /// An IPv4 or IPv6 block.
    pub cidr: String,
    pub description: String,
    pub tags: Tags,
}

impl Ec2 {
    pub async fn describe_security_groups(&self, select: &Select) -> Result<Vec<SecurityGroup>, Error> {
        self.all("DescribeSecurityGroups", select.parameters("GroupId"), "securityGroupInfo", SecurityGroup::read).await
    }

    /// Rules by their ids, or by filters such as `group-id`. A group that does not exist has no rules, and is no error.
    pub async fn describe_security_group_rules(&self, select: &Select) -> Result<Vec<SecurityGroupRule>, Error> {
        let parameters = select.parameters("SecurityGroupRuleId");
        self.all("DescribeSecurityGroupRules", parameters, "securityGroupRuleSet", SecurityGroupRule::read).await
    }

    /// Adds the rule. One for the same ports and block is an error of kind `Exists`, whatever its description.
    pub async fn authorize_security_group_ingress(&self, rule: &IngressRule) -> Result<SecurityGroupRule, Error> {
        let action = "AuthorizeSecurityGroupIngress";
        let (range, cidr) = if rule.cidr.contains(':') { ("Ipv6Ranges", "CidrIpv6") } else { ("IpRanges", "CidrIp") };
        let parameters = Parameters::new()
            .with("GroupId", &rule.group_id)
            .with("IpPermissions.1.IpProtocol", "tcp")
            .with("IpPermissions.1.FromPort", rule.port)
            .with("IpPermissions.1.ToPort", rule.port)
            .with(format!("IpPermissions.1.{range}.1.{cidr}"), &rule.cidr)
            .some(&format!("IpPermissions.1.{range}.1.Description"), Some(&rule.description).filter(|description| !description.is_empty()))
            .tagged(RULE_TYPE, &rule.tags);
        let answer = self.call(action, parameters).await?;
        let made = answer.items("securityGroupRuleSet").next().map(SecurityGroupRule::read);
        made.ok_or_else(|| self.unreadable(action, "it contains no rule"))
    }

    /// Takes rules away, by their ids.
    pub async fn revoke_security_group_ingress(&self, group_id: &str, rule_ids: &[&str]) -> Result<(), Error> {
        let parameters = Parameters::new().with("GroupId", group_id).list("SecurityGroupRuleId", rule_ids);
        self.call("RevokeSecurityGroupIngress", parameters).await.map(drop)
    }
}

impl SecurityGroup {
    pub(super) fn read(item: &Element) -> Self {
        SecurityGroup {
            id: item.string("groupId"),
            name: item.string("groupName"),
            description: item.string("groupDescription"),
            owner_id: item.string("ownerId"),
            vpc_id: item.text("vpcId"),
            tags: item.tags(),
        }
    }
}

impl SecurityGroupRule {
    pub(super) fn read(item: &Element) -> Self {
        SecurityGroupRule {
            id: item.string("securityGroupRuleId"),
            group_id: item.string("groupId"),
            group_owner_id: item.string("groupOwnerId"),
            egress: item.flag("isEgress").unwrap_or(false),
            protocol: item.string("ipProtocol"),
            from_port: item.number("fromPort").unwrap_or(-1),
            to_port: item.number("toPort").unwrap_or(-1),
            cidr_ipv4: item.text("cidrIpv4"),
            cidr_ipv6: item.text("cidrIpv6"),
            prefix_list_id: item.text("prefixListId"),
            referenced_group: item.child("referencedGroupInfo").map(ReferencedGroup::read).filter(|group| !group.group_id.is_empty()),
            description: item.text("description"),
            tags: item.tags(),
        }
    }
}

impl ReferencedGroup {
    pub(super) fn read(item: &Element) -> Self {
        ReferencedGroup {
            group_id: item.string("groupId"),
            owner_id: item.text("userId"),
            vpc_id: item.text("vpcId"),
            peering_connection_id: item.text("vpcPeeringConnectionId"),
            peering_status: item.text("peeringStatus"),
        }
    }
}
