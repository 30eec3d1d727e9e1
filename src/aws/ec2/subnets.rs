//! Subnets.

use super::vpcs::associated;
use super::xml::Element;
use super::{Ec2, Error, Select, Tags};

/// A subnet as DescribeSubnets returns it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet {
    pub id: String,
    pub vpc_id: String,
    /// The account that the subnet belongs to; it may be shared with the caller's.
    pub owner_id: String,
    pub state: String,
    pub availability_zone: String,
    /// None in a subnet that has IPv6 only.
    pub cidr_block: Option<String>,
    pub ipv6_cidr_blocks: Vec<String>,
    pub map_public_ip_on_launch: bool,
    pub tags: Tags,
}

impl Ec2 {
    pub async fn describe_subnets(&self, select: &Select) -> Result<Vec<Subnet>, Error> {
        self.all("DescribeSubnets", select.parameters("SubnetId"), "subnetSet", Subnet::read).await
    }
}

impl Subnet {
    pub(super) fn read(item: &Element) -> Self {
        Subnet {
            id: item.string("subnetId"),
            vpc_id: item.string("vpcId"),
            owner_id: item.string("ownerId"),
            state: item.string("state"),
            availability_zone: item.string("availabilityZone"),
            cidr_block: item.text("cidrBlock"),
            ipv6_cidr_blocks: associated(item, "ipv6CidrBlockAssociationSet", "ipv6CidrBlock", "ipv6CidrBlockState"),
            map_public_ip_on_launch: item.flag("mapPublicIpOnLaunch").unwrap_or(false),
            tags: item.tags(),
        }
    }
}
