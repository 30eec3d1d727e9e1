//! Network ACLs.

use super::xml::Element;
use super::{Ec2, Error, Select};

/// A network ACL as DescribeNetworkAcls returns it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkAcl {
    pub id: String,
    pub vpc_id: String,
    /// The VPC's default one.
    pub default: bool,
    pub subnet_ids: Vec<String>,
    pub entries: Vec<AclEntry>,
}

/// One rule of a network ACL. The lowest number that matches decides; 32767 is the last one, which denies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AclEntry {
    pub number: i64,
    pub egress: bool,
    pub allow: bool,
    /// The protocol's number, such as `6` for TCP, or `-1` for all.
    pub protocol: String,
    pub cidr_ipv4: Option<String>,
    pub cidr_ipv6: Option<String>,
    /// First and last port; `None` for protocols without ports and for all of them.
    pub ports: Option<(i64, i64)>,
}

impl Ec2 {
    pub async fn describe_network_acls(&self, select: &Select) -> Result<Vec<NetworkAcl>, Error> {
        self.all("DescribeNetworkAcls", select.parameters("NetworkAclId"), "networkAclSet", NetworkAcl::read).await
    }
}

impl NetworkAcl {
    pub(super) fn read(item: &Element) -> Self {
        NetworkAcl {
            id: item.string("networkAclId"),
            vpc_id: item.string("vpcId"),
            default: item.flag("default").unwrap_or(false),
            subnet_ids: item.strings("associationSet", "subnetId"),
            entries: item.items("entrySet").map(AclEntry::read).collect(),
        }
    }
}

impl AclEntry {
    pub(super) fn read(item: &Element) -> Self {
        AclEntry {
            number: item.number("ruleNumber").unwrap_or_default(),
            egress: item.flag("egress").unwrap_or(false),
            allow: item.string("ruleAction") == "allow",
            protocol: item.string("protocol"),
            cidr_ipv4: item.text("cidrBlock"),
            cidr_ipv6: item.text("ipv6CidrBlock"),
            ports: item.child("portRange").and_then(|range| Some((range.number("from")?, range.number("to")?))),
        }
    }
}
