//! NAT gateways: the addresses under which a VPC's traffic appears on the internet.

use super::xml::Element;
use super::{Ec2, Error, Select};

/// A NAT gateway as DescribeNatGateways returns it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatGateway {
    pub id: String,
    pub vpc_id: String,
    pub subnet_id: Option<String>,
    pub state: String,
    /// `public` or `private`.
    pub connectivity: String,
    pub public_ips: Vec<String>,
}

impl Ec2 {
    pub async fn describe_nat_gateways(&self, select: &Select) -> Result<Vec<NatGateway>, Error> {
        self.all("DescribeNatGateways", select.parameters("NatGatewayId"), "natGatewaySet", NatGateway::read).await
    }
}

impl NatGateway {
    pub(super) fn read(item: &Element) -> Self {
        NatGateway {
            id: item.string("natGatewayId"),
            vpc_id: item.string("vpcId"),
            subnet_id: item.text("subnetId"),
            state: item.string("state"),
            connectivity: item.string("connectivityType"),
            public_ips: item.strings("natGatewayAddressSet", "publicIp"),
        }
    }
}
