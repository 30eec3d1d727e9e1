//! Sound worlds: two peered VPCs with a private endpoint, one VPC, and a public endpoint over a NAT gateway.

use crate::aws::Error;
use crate::aws::ec2::{
    AclEntry, NatGateway, NetworkAcl, PeerVpc, PeeringConnection, ReferencedGroup, Route, RouteTable, RouteTableAssociation, SecurityGroup,
    SecurityGroupRule, Subnet,
};
use crate::objects::eks::cluster::ClusterDescription;

use super::super::Source;
use super::super::facts::{Facts, Place};

/// The workload account's VPC peered with the cluster's, which has private access only.
pub fn peered() -> Facts {
    let here = Place {
        account: "185863138492 (workload)".into(),
        account_id: "185863138492".into(),
        region: "ap-south-1".into(),
        vpc_id: "vpc-source".into(),
        subnets: Ok(vec![subnet("subnet-source", "vpc-source", "10.30.0.0/24")]),
        tables: Ok(vec![table_of("rtb-source", &["subnet-source"], vec![route("10.30.0.0/16", "local"), route("10.20.0.0/16", "pcx-1")])]),
        acls: Ok(vec![acl("acl-source", "vpc-source", &["subnet-source"])]),
        groups: Ok(vec![group("sg-source", "vpc-source")]),
        rules: Ok(vec![rule("sgr-out", true, "0.0.0.0/0")]),
    };
    let back = || vec![route("10.20.0.0/16", "local"), route("10.30.0.0/16", "pcx-1")];
    let there = Place {
        account: "183295435445 (cluster)".into(),
        account_id: "183295435445".into(),
        region: "ap-south-1".into(),
        vpc_id: "vpc-cluster".into(),
        subnets: Ok(vec![subnet("subnet-a", "vpc-cluster", "10.20.0.0/24"), subnet("subnet-b", "vpc-cluster", "10.20.1.0/24")]),
        tables: Ok(vec![table_of("rtb-a", &["subnet-a"], back()), table_of("rtb-b", &["subnet-b"], back())]),
        acls: Ok(vec![acl("acl-cluster", "vpc-cluster", &["subnet-a", "subnet-b"])]),
        groups: Ok(vec![group("sg-cluster", "vpc-cluster"), group("sg-extra", "vpc-cluster")]),
        rules: Ok(vec![rule("sgr-in", false, "10.30.0.0/16")]),
    };
    let side = |vpc_id: &str| PeerVpc { vpc_id: vpc_id.into(), ..PeerVpc::default() };
    let peering = PeeringConnection {
        id: "pcx-1".into(),
        status: "active".into(),
        requester: side("vpc-source"),
        accepter: side("vpc-cluster"),
        ..PeeringConnection::default()
    };
    let mut facts = Facts {
        source: Source { vpc_id: "vpc-source".into(), subnet_id: "subnet-source".into(), security_group_ids: vec!["sg-source".into()] },
        cluster: ClusterDescription {
            name: "prac-eks-abhi".into(),
            endpoint: Some("https://0123.gr7.ap-south-1.eks.amazonaws.com".into()),
            vpc_id: Some("vpc-cluster".into()),
            subnet_ids: vec!["subnet-a".into(), "subnet-b".into()],
            security_group_id: Some("sg-cluster".into()),
            security_group_ids: vec!["sg-extra".into()],
            ip_family: Some("ipv4".into()),
            ..ClusterDescription::default()
        },
        here,
        there,
        peerings: Ok(vec![peering]),
        other_peerings: vec![],
        prefix_lists: Default::default(),
        nat_gateways: Ok(vec![]),
    };
    private(&mut facts, true);
    facts
}

/// A source in another subnet of the cluster's VPC; public access is on as well.
pub fn same_vpc() -> Facts {
    let mut facts = peered();
    facts.source = Source { vpc_id: "vpc-cluster".into(), subnet_id: "subnet-c".into(), security_group_ids: vec!["sg-source".into()] };
    facts.cluster.endpoint_public_access = true;
    facts.here = Place {
        subnets: Ok(vec![subnet("subnet-c", "vpc-cluster", "10.20.2.0/24")]),
        tables: Ok(vec![main(table_of("rtb-main", &[], vec![route("10.20.0.0/16", "local")]))]),
        acls: Ok(vec![acl("acl-main", "vpc-cluster", &["subnet-c"])]),
        groups: Ok(vec![group("sg-source", "vpc-cluster")]),
        rules: facts.here.rules.clone(),
        ..facts.there.clone()
    };
    facts.there.rules = Ok(vec![group_rule("sgr-in", false, "sg-source")]);
    facts.peerings = Ok(vec![]);
    facts
}

/// A source behind a NAT gateway; the endpoint is public.
pub fn internet() -> Facts {
    let mut facts = peered();
    facts.cluster.endpoint_public_access = true;
    facts.cluster.endpoint_private_access = false;
    facts.cluster.public_access_cidrs = vec!["0.0.0.0/0".into()];
    let own = route("10.30.0.0/16", "local");
    facts.here.tables = Ok(vec![
        table_of("rtb-source", &["subnet-source"], vec![own.clone(), route("0.0.0.0/0", "nat-1")]),
        table_of("rtb-public", &["subnet-public"], vec![own, route("0.0.0.0/0", "igw-1")]),
    ]);
    facts.nat_gateways = Ok(vec![nat_gateway("nat-1")]);
    facts.here.acls.as_mut().unwrap().push(acl("acl-public", "vpc-source", &["subnet-public"]));
    let nothing_read =
        Place { subnets: Ok(vec![]), tables: Ok(vec![]), acls: Ok(vec![]), groups: Ok(vec![]), rules: Ok(vec![]), ..facts.there };
    Facts { there: nothing_read, peerings: Ok(vec![]), ..facts }
}

pub fn private(facts: &mut Facts, on: bool) {
    (facts.cluster.endpoint_public_access, facts.cluster.endpoint_private_access) = (false, on);
}

/// IPv6 blocks, routes and rules on both sides, beside the others.
pub fn dual_stack(facts: &mut Facts) {
    let (source, cluster) = ("2001:db8:30::/56", "2001:db8:20::/56");
    facts.here.subnets.as_mut().unwrap()[0].ipv6_cidr_blocks = vec!["2001:db8:30::/64".into()];
    for (subnet, block) in facts.there.subnets.as_mut().unwrap().iter_mut().zip(["2001:db8:20:a::/64", "2001:db8:20:b::/64"]) {
        subnet.ipv6_cidr_blocks = vec![block.into()];
    }
    let cluster = &cluster.replace("20::/56", "20::/48");
    for (place, other, rule_id, egress) in
        [(&mut facts.here, cluster.as_str(), "sgr-out6", true), (&mut facts.there, source, "sgr-in6", false)]
    {
        for table in place.tables.as_mut().unwrap() {
            table.routes.push(route(other, "pcx-1"));
        }
        for acl in place.acls.as_mut().unwrap() {
            for egress in [true, false] {
                let all = AclEntry { cidr_ipv4: None, cidr_ipv6: Some("::/0".into()), ..acl_entry(101, egress, "") };
                acl.entries.push(all);
            }
        }
        let rules = place.rules.as_mut().unwrap();
        rules.push(SecurityGroupRule { cidr_ipv4: None, cidr_ipv6: Some(other.into()), ..rule(rule_id, egress, "") });
    }
}

pub fn subnet(id: &str, vpc_id: &str, block: &str) -> Subnet {
    Subnet { id: id.into(), vpc_id: vpc_id.into(), cidr_block: Some(block.into()), ..Subnet::default() }
}

pub fn route(destination: &str, target: &str) -> Route {
    Route { destination: destination.into(), target: target.into(), state: "active".into(), origin: "CreateRoute".into() }
}

pub fn table_of(id: &str, subnets: &[&str], routes: Vec<Route>) -> RouteTable {
    let association = |subnet: &&str| RouteTableAssociation { subnet_id: Some((*subnet).to_owned()), ..RouteTableAssociation::default() };
    RouteTable { id: id.into(), routes, associations: subnets.iter().map(association).collect(), ..RouteTable::default() }
}

pub fn main(mut table: RouteTable) -> RouteTable {
    table.associations.push(RouteTableAssociation { main: true, ..RouteTableAssociation::default() });
    table
}

/// The routes of a place's table.
pub fn table(place: &mut Place, number: usize) -> &mut Vec<Route> {
    &mut place.tables.as_mut().unwrap()[number].routes
}

/// A rule for TCP 443.
pub fn rule(id: &str, egress: bool, block: &str) -> SecurityGroupRule {
    SecurityGroupRule {
        id: id.into(),
        egress,
        protocol: "tcp".into(),
        from_port: 443,
        to_port: 443,
        cidr_ipv4: Some(block.into()),
        ..SecurityGroupRule::default()
    }
}

/// A rule for TCP 443 that names a group.
pub fn group_rule(id: &str, egress: bool, group_id: &str) -> SecurityGroupRule {
    let referenced_group = Some(ReferencedGroup { group_id: group_id.into(), ..ReferencedGroup::default() });
    SecurityGroupRule { cidr_ipv4: None, referenced_group, ..rule(id, egress, "") }
}

/// An entry that allows everything to and from a block.
pub fn acl_entry(number: i64, egress: bool, block: &str) -> AclEntry {
    AclEntry { number, egress, allow: true, protocol: "-1".into(), cidr_ipv4: Some(block.into()), ..AclEntry::default() }
}

pub fn nat_gateway(id: &str) -> NatGateway {
    NatGateway {
        id: id.into(),
        vpc_id: "vpc-source".into(),
        subnet_id: Some("subnet-public".into()),
        state: "available".into(),
        connectivity: "public".into(),
        public_ips: vec!["198.51.100.7".into()],
    }
}

/// A missing permission.
pub fn refused(action: &str) -> Error {
    Error::from_code(&format!("ec2:{action}"), "185863138492 (workload)", "UnauthorizedOperation", "You are not authorized.", Some("r-1"))
}

fn acl(id: &str, vpc_id: &str, subnets: &[&str]) -> NetworkAcl {
    let entry = |number, egress, allow| AclEntry { allow, ..acl_entry(number, egress, "0.0.0.0/0") };
    NetworkAcl {
        id: id.into(),
        vpc_id: vpc_id.into(),
        default: true,
        subnet_ids: subnets.iter().map(|id| (*id).to_owned()).collect(),
        entries: vec![entry(100, true, true), entry(32767, true, false), entry(100, false, true), entry(32767, false, false)],
    }
}

fn group(id: &str, vpc_id: &str) -> SecurityGroup {
    SecurityGroup { id: id.into(), vpc_id: Some(vpc_id.into()), ..SecurityGroup::default() }
}
