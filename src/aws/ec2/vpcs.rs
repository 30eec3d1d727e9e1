//! VPCs.

use super::xml::Element;
use super::{Ec2, Error, Select, Tags};

/// A VPC as DescribeVpcs returns it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vpc {
    pub id: String,
    pub owner_id: String,
    /// `pending`, `available` or `deleting`.
    pub state: String,
    /// The IPv4 blocks in use, the primary one first.
    pub cidr_blocks: Vec<String>,
    pub ipv6_cidr_blocks: Vec<String>,
    pub tags: Tags,
}

impl Ec2 {
    pub async fn describe_vpcs(&self, select: &Select) -> Result<Vec<Vpc>, Error> {
        self.all("DescribeVpcs", select.parameters("VpcId"), "vpcSet", Vpc::read).await
    }
}

impl Vpc {
    pub(super) fn read(item: &Element) -> Self {
        let primary = item.text("cidrBlock");
        let mut cidr_blocks = associated(item, "cidrBlockAssociationSet", "cidrBlock", "cidrBlockState");
        if let Some(primary) = primary {
            cidr_blocks.retain(|block| *block != primary);
            cidr_blocks.insert(0, primary);
        }
        Vpc {
            id: item.string("vpcId"),
            owner_id: item.string("ownerId"),
            state: item.string("state"),
            cidr_blocks,
            ipv6_cidr_blocks: associated(item, "ipv6CidrBlockAssociationSet", "ipv6CidrBlock", "ipv6CidrBlockState"),
            tags: item.tags(),
        }
    }
}

/// The blocks of an association set that are in use: one that is being taken away, or failed, is not.
pub(super) fn associated(item: &Element, set: &str, block: &str, state: &str) -> Vec<String> {
    let in_use = |member: &&Element| {
        let state = member.child(state).map(|s| s.string("state")).unwrap_or_default();
        matches!(state.as_str(), "" | "associated" | "associating")
    };
    item.items(set).filter(in_use).filter_map(|member| member.text(block)).collect()
}
