//! Routes, peering connections and the way to the internet: sound, and with one thing broken.

use super::*;
use crate::aws::ec2::PeerVpc;

fn peering_of_another(id: &str) -> PeeringConnection {
    let side = |vpc_id: &str| PeerVpc { vpc_id: vpc_id.into(), ..PeerVpc::default() };
    let tags = [("xeks:resource".to_owned(), "xeks_cluster_peering:other".to_owned())].into();
    PeeringConnection { id: id.into(), requester: side("vpc-other"), accepter: side("vpc-cluster"), tags, ..PeeringConnection::default() }
}

#[test]
fn a_route_of_another_resource_is_not_to_be_changed() {
    let mut facts = peered();
    table(&mut facts.here, 0)[1].target = "pcx-9".into();
    facts.other_peerings = vec![peering_of_another("pcx-9")];
    let fix = |facts: &Facts| evaluate(facts).into_iter().find(|hop| hop.name == "route").and_then(|hop| hop.fix).unwrap();
    let text = fix(&facts);
    assert!(text.starts_with("Leave 10.20.0.0/16 out of the cluster_cidrs of xeks_cluster_peering:other"), "{text}");
    facts.other_peerings[0].tags.clear();
    assert!(fix(&facts).starts_with("Change the target of route 10.20.0.0/16 to pcx-1"), "it is nothing of this provider's");
}

#[test]
fn routes_lead_there_and_back_by_the_longest_prefix() {
    each(
        peered,
        &[
            (
                |f| table(&mut f.here, 0).retain(|r| r.target == "local"),
                "route",
                Status::Broken,
                "rtb-source, which serves subnet-source, does not route to 10.20.0.0/24: it has no matching route",
            ),
            (
                |f| table(&mut f.there, 1).retain(|r| r.target == "local"),
                "route",
                Status::Broken,
                "rtb-b, which serves subnet-b, does not route to 10.30.0.0/24",
            ),
            (
                |f| table(&mut f.here, 0)[1].destination = "10.20.0.0/24".into(),
                "route",
                Status::Broken,
                "does not route to 10.20.1.0/24: it has no matching route",
            ),
            (
                |f| table(&mut f.here, 0).push(route("10.20.1.0/24", "nat-1")),
                "route",
                Status::Broken,
                "its route 10.20.1.0/24 has the target nat-1",
            ),
            (
                |f| table(&mut f.here, 0).push(route("10.20.1.0/25", "igw-1")),
                "route",
                Status::Unknown,
                "routes only a part of 10.20.1.0/24, not 10.20.1.0/25: its route 10.20.1.0/25 has the target igw-1, the internet",
            ),
            (
                |f| table(&mut f.here, 0).push(Route { state: "blackhole".into(), ..route("10.20.0.0/17", "tgw-1") }),
                "route",
                Status::Broken,
                "its route 10.20.0.0/17 is a blackhole: tgw-1 does not exist",
            ),
            (
                |f| table(&mut f.here, 0)[1].target = "pcx-9".into(),
                "route",
                Status::Broken,
                "pcx-9, which is not a peering connection between vpc-source and vpc-cluster. pcx-1 is the connection",
            ),
            (
                |f| {
                    table(&mut f.there, 0)[1].target = "pcx-9".into();
                    f.other_peerings = vec![peering_of_another("pcx-9")];
                },
                "route",
                Status::Broken,
                "pcx-9 connects vpc-other and vpc-cluster and belongs to xeks_cluster_peering:other. pcx-1 is the connection",
            ),
            (|f| table(&mut f.here, 0)[1].target = "igw-1".into(), "route", Status::Broken, "has the target igw-1, the internet"),
            (|f| f.here.tables = Err(refused("DescribeRouteTables")), "route", Status::Unknown, "lack ec2:DescribeRouteTables"),
            (|f| f.there.tables = Ok(vec![]), "route", Status::Unknown, "no route table of subnet-a was found"),
            (
                |f| f.peerings = Err(refused("DescribeVpcPeeringConnections")),
                "route",
                Status::Unknown,
                "lack ec2:DescribeVpcPeeringConnections",
            ),
            (
                |f| table(&mut f.here, 0).push(route("pl-1", "tgw-1")),
                "route",
                Status::Unknown,
                "rtb-source has routes to prefix lists, and the contents of pl-1 are unknown",
            ),
            (
                |f| table(&mut f.here, 0)[1].target = "tgw-1".into(),
                "route",
                Status::External,
                "routes to 10.20.0.0/24 through tgw-1; what is behind it can't be read from here",
            ),
            (|f| table(&mut f.there, 0)[1].target = "eni-1".into(), "route", Status::External, "the appliance"),
        ],
    );
    let mut facts = peered();
    table(&mut facts.here, 0)[1].destination = "0.0.0.0/0".into();
    assert_eq!(first_trouble(&facts), None, "a default route will do");
    table(&mut facts.here, 0).push(route("pl-s3", "vpce-1"));
    assert_eq!(first_trouble(&facts), None, "a gateway endpoint's list is none of the API server's addresses");
    table(&mut facts.here, 0).push(Route { origin: "EnableVgwRoutePropagation".into(), ..route("0.0.0.0/0", "vgw-1") });
    assert_eq!(first_trouble(&facts), None, "a static route comes before a propagated one");
}

#[test]
fn subnets_without_an_association_use_the_main_table() {
    let mut facts = peered();
    facts.here.tables = Ok(vec![
        table_of("rtb-other", &["subnet-elsewhere"], vec![route("10.30.0.0/16", "local")]),
        world::main(table_of("rtb-main", &[], vec![route("10.30.0.0/16", "local"), route("10.20.0.0/16", "pcx-1")])),
    ]);
    assert_eq!(first_trouble(&facts), None);
    assert!(hop(&facts, "route").object.starts_with("rtb-main, "));
    table(&mut facts.here, 1).pop();
    assert!(hop(&facts, "route").reason.contains("rtb-main, which serves subnet-source, does not route"));
}

#[test]
fn overlapping_vpcs_are_reported_by_the_route() {
    let mut facts = peered();
    table(&mut facts.here, 0)[0].destination = "10.20.0.0/15".into();
    table(&mut facts.here, 0)[1].destination = "10.0.0.0/8".into();
    let found = hop(&facts, "route");
    assert_eq!(found.status, Status::Broken);
    assert!(found.reason.contains("10.20.0.0/15 is a CIDR block of vpc-source itself: the two VPCs overlap"), "{}", found.reason);
}

#[test]
fn a_peering_connection_must_be_active_and_between_the_two() {
    fn status(facts: &mut Facts, status: &str) {
        facts.peerings.as_mut().unwrap()[0].status = status.into();
        for place in [&mut facts.here, &mut facts.there] {
            for route in place.tables.as_mut().unwrap().iter_mut().flat_map(|table| &mut table.routes) {
                if route.target == "pcx-1" {
                    route.state = "blackhole".into();
                }
            }
        }
    }
    each(
        peered,
        &[
            (|f| status(f, "pending-acceptance"), "peering", Status::Broken, "pcx-1 is pending-acceptance, not active"),
            (|f| status(f, "provisioning"), "peering", Status::Broken, "pcx-1 is provisioning"),
            (|f| status(f, "failed"), "peering", Status::Broken, "pcx-1 is failed"),
            (|f| status(f, "deleted"), "peering", Status::Broken, "pcx-1 is deleted"),
            (
                |f| {
                    f.peerings = Ok(vec![]);
                    drop_peered_routes(f)
                },
                "route",
                Status::Broken,
                "it has no matching route",
            ),
        ],
    );
    let mut facts = peered();
    facts.peerings = Ok(vec![]);
    drop_peered_routes(&mut facts);
    let found = hop(&facts, "peering");
    assert_eq!((found.status, found.object.as_str()), (Status::Broken, "vpc-source, vpc-cluster"));
    assert!(found.fix.unwrap().contains("xeks_cluster_peering"));
    // What was deleted a while ago is still listed beside what is there now.
    let mut facts = peered();
    let deleted = PeeringConnection { id: "pcx-0".into(), status: "deleted".into(), ..PeeringConnection::default() };
    facts.peerings.as_mut().unwrap().insert(0, deleted);
    assert_eq!(first_trouble(&facts), None);
    table(&mut facts.here, 0)[1].target = "pcx-0".into();
    assert!(hop(&facts, "route").reason.contains("has the target pcx-0, which is deleted. pcx-1 is the connection between them"));
}

#[test]
fn another_way_than_peering_is_external() {
    let mut facts = peered();
    facts.peerings = Ok(vec![]);
    for place in [&mut facts.here, &mut facts.there] {
        for table in place.tables.as_mut().unwrap() {
            table.routes[1].target = "tgw-1".into();
        }
    }
    for name in ["route", "peering"] {
        assert_eq!(hop(&facts, name).status, Status::External, "{name}");
    }
    assert!(!evaluate(&facts).iter().any(|hop| hop.status.holds_up()));
    facts.peerings = Err(refused("DescribeVpcPeeringConnections"));
    assert_eq!(hop(&facts, "peering").status, Status::External, "no peering is needed for that");
    table(&mut facts.there, 0).pop();
    assert_eq!(hop(&facts, "route").status, Status::Broken, "the way back is not there, whatever the transit gateway does");
}

#[test]
fn with_public_access_the_way_to_the_internet_decides() {
    each(
        internet,
        &[
            (
                |f| out(f, |r| r.cidr_ipv4 = Some("10.0.0.0/8".into())),
                "egress",
                Status::Broken,
                "No outbound rule of sg-source allows TCP 443 to the internet",
            ),
            (|f| out(f, |r| r.cidr_ipv4 = Some("52.0.0.0/8".into())), "egress", Status::Unknown, "only to a part of the internet"),
            (
                |f| table(&mut f.here, 0).truncate(1),
                "route",
                Status::Broken,
                "rtb-source, which serves subnet-source, does not route to the internet: it has no matching route",
            ),
            (
                |f| table(&mut f.here, 0)[1].target = "pcx-1".into(),
                "route",
                Status::Broken,
                "a peering connection does not route to the internet",
            ),
            (|f| table(&mut f.here, 0)[1].target = "tgw-1".into(), "route", Status::External, "through tgw-1"),
            (|f| table(&mut f.here, 0)[1].target = "igw-1".into(), "route", Status::Unknown, "only senders with a public address"),
            (|f| table(&mut f.here, 0)[1].state = "blackhole".into(), "route", Status::Broken, "is a blackhole"),
            (
                |f| gateway_acl(f).entries.retain(|entry| entry.egress),
                "network_acl",
                Status::Broken,
                "acl-public of subnet-public denies inbound TCP 443 from 10.30.0.0/24",
            ),
            (
                |f| gateway_acl(f).entries[2].cidr_ipv4 = Some("10.30.0.0/24".into()),
                "network_acl",
                Status::Broken,
                "acl-public of subnet-public denies inbound TCP 1024-65535 (responses) from the internet",
            ),
            (|f| drop(f.here.acls.as_mut().unwrap().pop()), "network_acl", Status::Unknown, "no network ACL of subnet-public was found"),
            (|f| f.nat_gateways.as_mut().unwrap()[0].state = "failed".into(), "route", Status::Broken, "nat-1 is failed"),
            (
                |f| table(&mut f.here, 1).truncate(1),
                "route",
                Status::Broken,
                "nat-1 is in subnet-public, which has no route to an internet gateway",
            ),
            (
                |f| f.cluster.public_access_cidrs = vec!["203.0.113.0/24".into()],
                "endpoint",
                Status::Broken,
                "Requests come from 198.51.100.7, which publicAccessCidrs (203.0.113.0/24) does not allow",
            ),
            (
                |f| {
                    f.cluster.public_access_cidrs = vec!["203.0.113.0/24".into()];
                    f.nat_gateways = Err(refused("DescribeNatGateways"))
                },
                "network_acl",
                Status::Unknown,
                "ec2:DescribeNatGateways",
            ),
            (
                |f| {
                    f.cluster.public_access_cidrs = vec!["203.0.113.0/24".into()];
                    f.nat_gateways.as_mut().unwrap()[0].public_ips.clear()
                },
                "endpoint",
                Status::Unknown,
                "nat-1 has no public address",
            ),
        ],
    );
    let mut facts = internet();
    facts.cluster.public_access_cidrs = vec!["198.51.100.7/32".into()];
    assert_eq!(first_trouble(&facts), None);
    assert!(hop(&facts, "endpoint").reason.contains("Requests come from 198.51.100.7, which publicAccessCidrs (198.51.100.7/32) allows"));
    assert!(hop(&facts, "peering").reason.contains("Not used"));
    table(&mut facts.here, 0)[1].target = "tgw-1".into();
    assert_eq!(hop(&facts, "endpoint").status, Status::External);
    // The peering itself does not matter then, and a private endpoint beside the public one helps only in the cluster's own VPC.
    facts = internet();
    facts.cluster.endpoint_private_access = true;
    facts.peerings = Ok(vec![]);
    assert_eq!(first_trouble(&facts), None);
    assert!(
        !facts.is_private() && {
            facts.here.vpc_id = "vpc-cluster".into();
            facts.is_private()
        }
    );
}

#[test]
fn a_cluster_of_ipv6_is_reached_by_either_kind_of_address() {
    let mut facts = peered();
    facts.cluster.ip_family = Some("ipv6".into());
    assert_eq!(first_trouble(&facts), None, "IPv4 gets through");
    table(&mut facts.here, 0).truncate(1);
    assert_eq!(first_trouble(&facts).unwrap().name, "route", "neither works: IPv4 is reported");
    world::dual_stack(&mut facts);
    assert_eq!(first_trouble(&facts), None, "IPv6 gets through");
    assert!(hop(&facts, "route").reason.contains("2001:db8:20:a::/64"));
    facts.cluster.ip_family = Some("ipv4".into());
    assert_eq!(first_trouble(&facts).unwrap().name, "route", "the API server has no IPv6 address");
    let mut facts = peered();
    facts.here.subnets.as_mut().unwrap()[0].cidr_block = None;
    assert!(first_trouble(&facts).unwrap().reason.contains("has no IPv4 addresses"));
}

fn drop_peered_routes(facts: &mut Facts) {
    for place in [&mut facts.here, &mut facts.there] {
        for table in place.tables.as_mut().unwrap() {
            table.routes.retain(|route| !route.target.starts_with("pcx-"));
        }
    }
}

/// The network ACL of the NAT gateway's subnet.
fn gateway_acl(facts: &mut Facts) -> &mut crate::aws::ec2::NetworkAcl {
    facts.here.acls.as_mut().unwrap().last_mut().unwrap()
}
