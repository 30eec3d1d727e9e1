//! Peering connections between VPCs.

use super::request::Parameters;
use super::xml::Element;
use super::{Ec2, Error, Select, Tags};

const TYPE: &str = "vpc-peering-connection";

/// A peering connection as DescribeVpcPeeringConnections returns it. Both accounts see it; tags are the caller's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeeringConnection {
    pub id: String,
    /// `initiating-request`, `pending-acceptance`, `provisioning`, `active`, `failed`, `rejected`, `expired`, `deleting`, `deleted`.
    pub status: String,
    pub status_message: Option<String>,
    pub requester: PeerVpc,
    pub accepter: PeerVpc,
    pub tags: Tags,
}

impl PeeringConnection {
    pub fn is_active(&self) -> bool {
        self.status == "active"
    }

    /// Whether it connects these two VPCs, whichever of them is the requester.
    pub fn connects(&self, one: &str, other: &str) -> bool {
        let pair = (self.requester.vpc_id.as_str(), self.accepter.vpc_id.as_str());
        pair == (one, other) || pair == (other, one)
    }
}

/// One side of a peering connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerVpc {
    pub vpc_id: String,
    pub owner_id: String,
    pub region: String,
    /// EC2 shows it to the other side only once the connection is active.
    pub cidr_blocks: Vec<String>,
    pub ipv6_cidr_blocks: Vec<String>,
    /// Whether this VPC's host names resolve to private addresses from the other side. `None`: EC2 does not say (not active yet, or the
    /// other region's).
    pub dns_resolution: Option<bool>,
}

/// What to ask for, from the caller's account and region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeeringRequest {
    pub vpc_id: String,
    pub peer_vpc_id: String,
    pub peer_owner_id: String,
    pub peer_region: String,
    pub tags: Tags,
}

impl Ec2 {
    pub async fn describe_peering_connections(&self, select: &Select) -> Result<Vec<PeeringConnection>, Error> {
        let parameters = select.parameters("VpcPeeringConnectionId");
        self.all("DescribeVpcPeeringConnections", parameters, "vpcPeeringConnectionSet", PeeringConnection::read).await
    }

    /// The request; a failed one (such as for overlapping blocks) is an answer with status `failed`, not an error.
    pub async fn create_peering_connection(&self, request: &PeeringRequest) -> Result<PeeringConnection, Error> {
        let action = "CreateVpcPeeringConnection";
        let parameters = Parameters::new()
            .with("VpcId", &request.vpc_id)
            .with("PeerVpcId", &request.peer_vpc_id)
            .with("PeerOwnerId", &request.peer_owner_id)
            .with("PeerRegion", &request.peer_region)
            .tagged(TYPE, &request.tags);
        self.the(action, &self.call(action, parameters).await?, "vpcPeeringConnection", PeeringConnection::read)
    }

    /// By the accepter, in the accepter's region.
    pub async fn accept_peering_connection(&self, id: &str) -> Result<PeeringConnection, Error> {
        let action = "AcceptVpcPeeringConnection";
        self.the(action, &self.call(action, named(id)).await?, "vpcPeeringConnection", PeeringConnection::read)
    }

    pub async fn delete_peering_connection(&self, id: &str) -> Result<(), Error> {
        self.call("DeleteVpcPeeringConnection", named(id)).await.map(drop)
    }

    /// Sets whether host names of the requester's (or accepter's) VPC resolve to private addresses from the other side. Each option
    /// is set by the account of its side; `None` leaves it.
    pub async fn modify_peering_options(&self, id: &str, requester: Option<bool>, accepter: Option<bool>) -> Result<(), Error> {
        let parameters = named(id)
            .some("RequesterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc", requester)
            .some("AccepterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc", accepter);
        self.call("ModifyVpcPeeringConnectionOptions", parameters).await.map(drop)
    }
}

impl PeeringConnection {
    pub(super) fn read(item: &Element) -> Self {
        let status = item.child("status");
        let side = |name: &str| item.child(name).map(PeerVpc::read).unwrap_or_default();
        PeeringConnection {
            id: item.string("vpcPeeringConnectionId"),
            status: status.map(|s| s.string("code")).unwrap_or_default(),
            status_message: status.and_then(|s| s.text("message")),
            requester: side("requesterVpcInfo"),
            accepter: side("accepterVpcInfo"),
            tags: item.tags(),
        }
    }
}

impl PeerVpc {
    pub(super) fn read(item: &Element) -> Self {
        let mut cidr_blocks = item.strings("cidrBlockSet", "cidrBlock");
        if let (true, Some(block)) = (cidr_blocks.is_empty(), item.text("cidrBlock")) {
            cidr_blocks.push(block);
        }
        PeerVpc {
            vpc_id: item.string("vpcId"),
            owner_id: item.string("ownerId"),
            region: item.string("region"),
            cidr_blocks,
            ipv6_cidr_blocks: item.strings("ipv6CidrBlockSet", "ipv6CidrBlock"),
            dns_resolution: item.child("peeringOptions").and_then(|o| o.flag("allowDnsResolutionFromRemoteVpc")),
        }
    }
}

fn named(id: &str) -> Parameters {
    Parameters::new().with("VpcPeeringConnectionId", id)
}
