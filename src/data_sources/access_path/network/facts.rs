//! What the hops are decided from: both VPCs as EC2 describes them, as far as they could be read.

use std::collections::BTreeMap;

use crate::aws::Error;
use crate::aws::cidr::Cidr;
use crate::aws::ec2::{NatGateway, NetworkAcl, PeeringConnection, RouteTable, SecurityGroup, SecurityGroupRule, Subnet};
use crate::data_sources::hops::Hop;
use crate::objects::eks::cluster::ClusterDescription;

use super::Source;
use super::traffic::{internet, listed};

/// What was read, or why it was not.
pub(super) type Seen<T> = Result<T, Error>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Ipv4,
    Ipv6,
}

#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub source: Source,
    pub cluster: ClusterDescription,
    /// The source's subnet and its surroundings.
    pub here: Place,
    /// The cluster's subnets and their surroundings. Read only if the endpoint name resolves into them.
    pub there: Place,
    /// Those between the two VPCs.
    pub peerings: Seen<Vec<PeeringConnection>>,
    /// Others that routes lead over, with the tags of both accounts' views, as far as they could be read.
    pub other_peerings: Vec<PeeringConnection>,
    /// Blocks of the prefix lists that routes and rules name.
    pub prefix_lists: BTreeMap<String, Seen<Vec<String>>>,
    /// Those that the source's routes name.
    pub nat_gateways: Seen<Vec<NatGateway>>,
}

/// One side: subnets of a VPC with the objects that decide over their traffic.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The account's label.
    pub account: String,
    pub account_id: String,
    pub region: String,
    pub vpc_id: String,
    pub subnets: Seen<Vec<Subnet>>,
    /// All of the VPC.
    pub tables: Seen<Vec<RouteTable>>,
    pub acls: Seen<Vec<NetworkAcl>>,
    pub groups: Seen<Vec<SecurityGroup>>,
    pub rules: Seen<Vec<SecurityGroupRule>>,
}

/// What requests are sent to: blocks of addresses, in a subnet or on the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// `None` on the internet.
    pub subnet_id: Option<String>,
    pub blocks: Vec<Cidr>,
}

impl Facts {
    pub fn same_vpc(&self) -> bool {
        self.here.vpc_id == self.there.vpc_id && self.same_region()
    }

    pub fn same_region(&self) -> bool {
        self.here.region == self.there.region
    }

    /// Whether the API server's name resolves to private addresses for the source.
    pub fn is_private(&self) -> bool {
        resolves_privately(&self.cluster, self.same_vpc())
    }

    /// The kinds of addresses by which requests can go, the likelier one first.
    pub fn families(&self) -> Vec<Family> {
        if self.cluster.ip_family.as_deref() == Some("ipv6") { vec![Family::Ipv4, Family::Ipv6] } else { vec![Family::Ipv4] }
    }

    /// The source's subnet, or the hop that says why nothing is known of it.
    pub fn subnet(&self, hop: &'static str) -> Result<&Subnet, Hop> {
        let (place, id) = (&self.here, &self.source.subnet_id);
        let subnets = place.subnets.as_ref().map_err(|error| Hop::unreadable(hop, id, error).in_account(&place.account_id))?;
        let Some(subnet) = subnets.iter().find(|subnet| subnet.id == *id) else {
            let reason = format!("No subnet {id} exists in {}, region {}.", place.account, place.region);
            return Err(Hop::broken(hop, id, reason, "Correct source.subnet_id, or the workload account or its region.")
                .in_account(&place.account_id));
        };
        if subnet.vpc_id != place.vpc_id {
            let reason = format!("Subnet {id} is in {}, not in {}.", subnet.vpc_id, place.vpc_id);
            return Err(Hop::broken(hop, id, reason, "Correct source.vpc_id or source.subnet_id.").in_account(&place.account_id));
        }
        Ok(subnet)
    }

    /// The source's addresses, or why there are none of this kind.
    pub fn source_blocks(&self, hop: &'static str, family: Family) -> Result<Vec<Cidr>, Hop> {
        let subnet = self.subnet(hop)?;
        let blocks = blocks(subnet, family);
        if blocks.is_empty() {
            let reason = match family {
                Family::Ipv4 => format!("Subnet {} has no IPv4 addresses, but the API server uses IPv4.", subnet.id),
                Family::Ipv6 => format!("Subnet {} has no IPv6 addresses.", subnet.id),
            };
            let fix = "Use a subnet with IPv4 addresses, or a cluster whose IP family is ipv6.";
            return Err(Hop::broken(hop, &subnet.id, reason, fix).in_account(&self.here.account_id));
        }
        Ok(blocks)
    }

    /// Where the API server's addresses are, or the hop that says why that is not known.
    pub fn targets(&self, hop: &'static str, family: Family) -> Result<Vec<Target>, Hop> {
        if !self.is_private() {
            return Ok(vec![Target { subnet_id: None, blocks: internet(family == Family::Ipv4) }]);
        }
        let place = &self.there;
        let object = self.cluster.subnet_ids.join(", ");
        let subnets = place.subnets.as_ref().map_err(|error| Hop::unreadable(hop, &object, error).in_account(&place.account_id))?;
        let missing: Vec<&String> = self.cluster.subnet_ids.iter().filter(|id| !subnets.iter().any(|s| s.id == **id)).collect();
        if !missing.is_empty() || subnets.is_empty() {
            let reason = format!("Unknown: {} of the cluster can't be found in {}.", listed(missing), place.account);
            return Err(Hop::unknown(hop, object, reason).in_account(&place.account_id));
        }
        let targets: Vec<Target> = subnets
            .iter()
            .map(|subnet| Target { subnet_id: Some(subnet.id.clone()), blocks: blocks(subnet, family) })
            .filter(|target| !target.blocks.is_empty())
            .collect();
        if targets.is_empty() {
            let reason = format!("The cluster's subnets {object} have no addresses of the family that the source uses ({family:?}).");
            return Err(
                Hop::broken(hop, object, reason, "Add addresses of that family to the cluster's subnets.").in_account(&place.account_id)
            );
        }
        Ok(targets)
    }

    /// The active peering connection between the two VPCs.
    pub fn active_peering(&self) -> Option<&PeeringConnection> {
        self.peerings.as_ref().ok()?.iter().find(|peering| peering.is_active())
    }

    /// The blocks of a prefix list; `None` where they could not be read.
    pub fn prefix_list(&self, id: &str) -> Option<Vec<Cidr>> {
        let blocks = self.prefix_lists.get(id)?.as_ref().ok()?;
        blocks.iter().map(|block| Cidr::parse(block)).collect()
    }

    /// Why prefix lists could not be read, in a sentence for a reason.
    pub fn unread_lists(&self, ids: &[&str]) -> String {
        let why = ids.iter().find_map(|id| self.prefix_lists.get(*id)?.as_ref().err());
        let why = why.map_or_else(String::new, |error| format!(" ({} in {} was refused)", error.call, error.account));
        format!("the contents of {} are unknown{why}", listed(ids))
    }
}

/// Public access off: the name resolves to private addresses everywhere. Both on: only in the cluster's VPC, by a private hosted zone.
pub(super) fn resolves_privately(cluster: &ClusterDescription, same_vpc: bool) -> bool {
    !cluster.endpoint_public_access || cluster.endpoint_private_access && same_vpc
}

pub(super) fn blocks(subnet: &Subnet, family: Family) -> Vec<Cidr> {
    let texts: Vec<&String> = match family {
        Family::Ipv4 => subnet.cidr_block.iter().collect(),
        Family::Ipv6 => subnet.ipv6_cidr_blocks.iter().collect(),
    };
    texts.into_iter().filter_map(|text| Cidr::parse(text)).collect()
}
