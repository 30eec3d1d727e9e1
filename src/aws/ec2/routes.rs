//! Route tables and their routes.

use super::request::Parameters;
use super::xml::Element;
use super::{Ec2, Error, Select, Tags};
use crate::aws::cidr;

/// A route table as DescribeRouteTables returns it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    pub id: String,
    pub vpc_id: String,
    pub owner_id: String,
    pub routes: Vec<Route>,
    pub associations: Vec<RouteTableAssociation>,
    pub tags: Tags,
}

impl RouteTable {
    /// Whether it serves the VPC's subnets that have no association of their own.
    pub fn is_main(&self) -> bool {
        self.associations.iter().any(|a| a.main)
    }

    pub fn serves(&self, subnet_id: &str) -> bool {
        self.associations.iter().any(|a| a.subnet_id.as_deref() == Some(subnet_id))
    }

    /// The route to exactly this destination, however it is written: IPv6 blocks have several forms.
    pub fn route_to(&self, destination: &str) -> Option<&Route> {
        let wanted = cidr::canonical(destination);
        self.routes.iter().find(|route| cidr::canonical(&route.destination) == wanted)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// An IPv4 or IPv6 block, or a prefix list's id.
    pub destination: String,
    /// The id of what the traffic goes to, such as `pcx-…`, `nat-…`, `tgw-…` or `local`; empty where EC2 names none.
    pub target: String,
    /// `active`, `blackhole` (the target is gone) or `filtered`.
    pub state: String,
    /// `CreateRouteTable`, `CreateRoute`, or `EnableVgwRoutePropagation` and `Advertisement` for propagated ones.
    pub origin: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTableAssociation {
    pub id: String,
    pub main: bool,
    pub subnet_id: Option<String>,
    pub gateway_id: Option<String>,
}

impl Ec2 {
    pub async fn describe_route_tables(&self, select: &Select) -> Result<Vec<RouteTable>, Error> {
        self.all("DescribeRouteTables", select.parameters("RouteTableId"), "routeTableSet", RouteTable::read).await
    }

    /// A route over a peering connection. `destination` is an IPv4 or IPv6 block.
    pub async fn create_route(&self, table_id: &str, destination: &str, peering_connection_id: &str) -> Result<(), Error> {
        let parameters = at(table_id, destination).with("VpcPeeringConnectionId", peering_connection_id);
        self.call("CreateRoute", parameters).await.map(drop)
    }

    /// Lets a route that exists go over a peering connection.
    pub async fn replace_route(&self, table_id: &str, destination: &str, peering_connection_id: &str) -> Result<(), Error> {
        let parameters = at(table_id, destination).with("VpcPeeringConnectionId", peering_connection_id);
        self.call("ReplaceRoute", parameters).await.map(drop)
    }

    pub async fn delete_route(&self, table_id: &str, destination: &str) -> Result<(), Error> {
        self.call("DeleteRoute", at(table_id, destination)).await.map(drop)
    }
}

impl RouteTable {
    pub(super) fn read(item: &Element) -> Self {
        RouteTable {
            id: item.string("routeTableId"),
            vpc_id: item.string("vpcId"),
            owner_id: item.string("ownerId"),
            routes: item.items("routeSet").map(Route::read).collect(),
            associations: item.items("associationSet").filter_map(RouteTableAssociation::read).collect(),
            tags: item.tags(),
        }
    }
}

impl Route {
    pub(super) fn read(item: &Element) -> Self {
        // An instance's route names its interface as well: the instance says more.
        const TARGETS: [&str; 12] = [
            "vpcPeeringConnectionId",
            "transitGatewayId",
            "natGatewayId",
            "instanceId",
            "networkInterfaceId",
            "egressOnlyInternetGatewayId",
            "carrierGatewayId",
            "localGatewayId",
            "coreNetworkArn",
            "odbNetworkArn",
            "ipAddress",
            "gatewayId",
        ];
        const DESTINATIONS: [&str; 3] = ["destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"];
        let first = |names: &[&str]| names.iter().find_map(|name| item.text(name)).unwrap_or_default();
        Route { destination: first(&DESTINATIONS), target: first(&TARGETS), state: item.string("state"), origin: item.string("origin") }
    }
}

impl RouteTableAssociation {
    /// An association that is being taken away counts no more.
    pub(super) fn read(item: &Element) -> Option<Self> {
        let state = item.child("associationState").map(|s| s.string("state")).unwrap_or_default();
        matches!(state.as_str(), "" | "associated" | "associating").then(|| RouteTableAssociation {
            id: item.string("routeTableAssociationId"),
            main: item.flag("main").unwrap_or(false),
            subnet_id: item.text("subnetId"),
            gateway_id: item.text("gatewayId"),
        })
    }
}

fn at(table_id: &str, destination: &str) -> Parameters {
    let name = match destination {
        list if list.starts_with("pl-") => "DestinationPrefixListId",
        block if block.contains(':') => "DestinationIpv6CidrBlock",
        _ => "DestinationCidrBlock",
    };
    Parameters::new().with("RouteTableId", table_id).with(name, destination)
}
