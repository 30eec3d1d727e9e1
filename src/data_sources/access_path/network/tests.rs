//! The network's hops on a sound world, and on that world with one thing broken.

mod ways;
mod world;

use crate::aws::ec2::{AclEntry, PeeringConnection, Route, SecurityGroupRule};
use crate::aws::{Error, Kind};
use crate::data_sources::hops::{Hop, Status};

use super::evaluate;
use super::facts::Facts;
use world::{acl_entry, group_rule, internet, nat_gateway, peered, private, refused, route, rule, same_vpc, subnet, table, table_of};

/// What a set-up comes to: the first hop that is not `ok`.
fn first_trouble(facts: &Facts) -> Option<Hop> {
    evaluate(facts).into_iter().find(|hop| hop.status != Status::Ok)
}

/// The hop of this name.
fn hop(facts: &Facts, name: &str) -> Hop {
    evaluate(facts).into_iter().find(|hop| hop.name == name).unwrap()
}

type Change = fn(&mut Facts);

/// Each set-up, changed in one way, is reported by the hop of that name, with this status and these words.
fn each(sound: fn() -> Facts, table: &[(Change, &str, Status, &str)]) {
    for (change, name, status, words) in table {
        let mut facts = sound();
        change(&mut facts);
        let found = first_trouble(&facts).unwrap_or_else(|| panic!("all ok, where {name} should say {words:?}"));
        assert_eq!((found.name, found.status), (*name, *status), "{words:?}: {found:?}");
        assert!(found.reason.contains(words), "{words:?} is not in: {}", found.reason);
        assert!(status == &Status::External || found.fix.is_some() || status == &Status::Unknown, "no fix: {found:?}");
        assert!(found.reason.ends_with('.') && !found.reason.ends_with(".."), "no sentence: {}", found.reason);
    }
}

#[test]
fn sound_worlds_are_ok_in_every_hop() {
    let names = ["egress", "network_acl", "route", "peering", "security_group", "endpoint"];
    for (what, facts) in [("peered", peered()), ("same VPC", same_vpc()), ("by the internet", internet())] {
        let hops = evaluate(&facts);
        assert_eq!(hops.iter().map(|hop| hop.name).collect::<Vec<_>>(), names);
        for hop in hops {
            assert_eq!(hop.status, Status::Ok, "{what}: {hop:?}");
            assert!(hop.account_id.is_some() && !hop.object.is_empty() && hop.reason.ends_with('.'), "{what}: {hop:?}");
        }
    }
}

#[test]
fn what_the_hops_say_names_the_objects() {
    let facts = peered();
    assert_eq!(hop(&facts, "egress").reason, "sg-source allows outbound TCP 443 to 10.20.0.0/24 and 10.20.1.0/24 (rule sgr-out).");
    assert_eq!(
        hop(&facts, "route").reason,
        "rtb-source, which serves subnet-source, routes to 10.20.0.0/24 through pcx-1. rtb-source, which serves subnet-source, routes to \
         10.20.1.0/24 through pcx-1. rtb-a, which serves subnet-a, routes to 10.30.0.0/24 through pcx-1. rtb-b, which serves subnet-b, routes to \
         10.30.0.0/24 through pcx-1."
    );
    assert_eq!(hop(&facts, "route").object, "rtb-source, rtb-a, rtb-b");
    assert_eq!(hop(&facts, "peering").reason, "pcx-1 between vpc-source and vpc-cluster is active.");
    let rule = "The cluster's security groups allow inbound TCP 443 from 10.30.0.0/24 (rule sgr-in).";
    assert_eq!(hop(&facts, "security_group").reason, rule);
}

#[test]
fn egress_is_what_the_sources_groups_let_out() {
    each(
        peered,
        &[
            (
                |f| f.here.rules = Ok(vec![]),
                "egress",
                Status::Broken,
                "No outbound rule of sg-source allows TCP 443 to 10.20.0.0/24 and 10.20.1.0/24",
            ),
            (|f| out(f, |r| r.to_port = 80), "egress", Status::Broken, "No outbound rule"),
            (|f| out(f, |r| r.protocol = "udp".into()), "egress", Status::Broken, "No outbound rule"),
            (|f| out(f, |r| r.cidr_ipv4 = Some("10.30.0.0/16".into())), "egress", Status::Broken, "No outbound rule"),
            (|f| out(f, |r| r.cidr_ipv4 = Some("10.20.0.0/24".into())), "egress", Status::Broken, "No outbound rule"),
            (|f| out(f, |r| r.cidr_ipv4 = Some("10.20.0.0/25".into())), "egress", Status::Broken, "No outbound rule"),
            (
                |f| f.here.groups = Ok(vec![]),
                "egress",
                Status::Broken,
                "No security group sg-source exists in 185863138492 (workload), region ap-south-1",
            ),
            (
                |f| f.here.groups.as_mut().unwrap()[0].vpc_id = Some("vpc-other".into()),
                "egress",
                Status::Broken,
                "sg-source belongs to vpc-other, not to vpc-source",
            ),
            (|f| f.source.security_group_ids.clear(), "egress", Status::Unknown, "contains no security group"),
            (
                |f| f.here.rules = Err(refused("DescribeSecurityGroupRules")),
                "egress",
                Status::Unknown,
                "lack ec2:DescribeSecurityGroupRules",
            ),
            (|f| out(f, |r| list(r, "pl-1")), "egress", Status::Unknown, "the contents of pl-1 are unknown"),
        ],
    );
    let mut facts = peered();
    out(&mut facts, |rule| rule.cidr_ipv4 = Some("10.20.0.0/23".into()));
    assert_eq!(first_trouble(&facts), None, "one block may cover both subnets");
    facts.here.rules.as_mut().unwrap()[0].cidr_ipv4 = Some("10.20.0.0/24".into());
    facts.here.rules.as_mut().unwrap().push(rule("sgr-2", true, "10.20.1.128/25"));
    assert_eq!(hop(&facts, "egress").status, Status::Unknown, "half of a subnet may or may not hold the API server");
    facts.here.rules.as_mut().unwrap().push(rule("sgr-3", true, "10.20.1.0/25"));
    assert_eq!(first_trouble(&facts), None, "rules count together");
}

#[test]
fn prefix_lists_count_once_they_are_read() {
    let mut facts = peered();
    out(&mut facts, |rule| list(rule, "pl-1"));
    facts.prefix_lists.insert("pl-1".into(), Ok(vec!["10.20.0.0/16".into()]));
    assert_eq!(first_trouble(&facts), None);
    facts.prefix_lists.insert("pl-1".into(), Ok(vec!["10.21.0.0/16".into()]));
    assert_eq!(hop(&facts, "egress").status, Status::Broken);
    facts.prefix_lists.insert("pl-1".into(), Err(refused("GetManagedPrefixListEntries")));
    let found = hop(&facts, "egress");
    assert_eq!(found.status, Status::Unknown);
    assert!(found.reason.contains("the contents of pl-1 are unknown (ec2:GetManagedPrefixListEntries in"), "{}", found.reason);
}

#[test]
fn network_acls_decide_in_order_both_ways_on_both_sides() {
    fn deny(entries: &mut Vec<AclEntry>, egress: bool, number: i64, block: &str, ports: Option<(i64, i64)>) {
        let protocol = if ports.is_some() { "6" } else { "-1" }.into();
        entries.push(AclEntry { allow: false, ports, protocol, ..acl_entry(number, egress, block) });
    }
    fn near(facts: &mut Facts) -> &mut Vec<AclEntry> {
        &mut facts.here.acls.as_mut().unwrap()[0].entries
    }
    fn far(facts: &mut Facts) -> &mut Vec<AclEntry> {
        &mut facts.there.acls.as_mut().unwrap()[0].entries
    }
    each(
        peered,
        &[
            (
                |f| deny(near(f), true, 50, "10.20.0.0/16", Some((443, 443))),
                "network_acl",
                Status::Broken,
                "acl-source of subnet-source denies outbound TCP 443 to 10.20.0.0/24 and 10.20.1.0/24 by rule 50",
            ),
            (
                |f| deny(near(f), false, 50, "0.0.0.0/0", Some((1024, 65535))),
                "network_acl",
                Status::Broken,
                "denies inbound TCP 1024-65535",
            ),
            (
                |f| deny(far(f), false, 50, "10.30.0.0/16", None),
                "network_acl",
                Status::Broken,
                "acl-cluster of subnet-a denies inbound TCP 443 from 10.30.0.0/24 by rule 50",
            ),
            (
                |f| deny(far(f), true, 50, "10.30.0.0/24", None),
                "network_acl",
                Status::Broken,
                "acl-cluster of subnet-a denies outbound TCP 1024-65535",
            ),
            (|f| near(f).retain(|entry| !entry.egress), "network_acl", Status::Broken, "by its default rule"),
            (|f| near(f).retain(|entry| entry.egress), "network_acl", Status::Broken, "inbound TCP 1024-65535"),
            (
                |f| deny(near(f), false, 50, "0.0.0.0/0", Some((1024, 32767))),
                "network_acl",
                Status::Unknown,
                "allows only a part of inbound TCP 1024-65535",
            ),
            (|f| deny(near(f), true, 50, "10.20.1.0/25", None), "network_acl", Status::Unknown, "allows only a part of outbound TCP 443"),
            (|f| f.here.acls = Err(refused("DescribeNetworkAcls")), "network_acl", Status::Unknown, "lack ec2:DescribeNetworkAcls"),
            (|f| f.there.acls = Ok(vec![]), "network_acl", Status::Unknown, "no network ACL of subnet-a was found"),
            (|f| f.here.subnets = Ok(vec![]), "network_acl", Status::Broken, "No subnet subnet-source exists"),
            (
                |f| f.here.subnets.as_mut().unwrap()[0].vpc_id = "vpc-x".into(),
                "network_acl",
                Status::Broken,
                "subnet-source is in vpc-x, not in vpc-source",
            ),
        ],
    );
    let mut facts = peered();
    deny(near(&mut facts), true, 150, "10.20.0.0/16", Some((443, 443)));
    deny(near(&mut facts), true, 60, "10.20.0.0/16", Some((80, 80)));
    near(&mut facts).push(AclEntry { protocol: "17".into(), allow: false, ..acl_entry(61, true, "0.0.0.0/0") });
    assert_eq!(first_trouble(&facts), None, "a later rule, another port and another protocol have no say");
}

#[test]
fn the_clusters_groups_must_let_the_source_in() {
    fn inbound(facts: &mut Facts, change: impl Fn(&mut SecurityGroupRule)) {
        change(&mut facts.there.rules.as_mut().unwrap()[0]);
    }
    each(
        peered,
        &[
            (
                |f| f.there.rules = Ok(vec![]),
                "security_group",
                Status::Broken,
                "No inbound rule of sg-cluster and sg-extra allows TCP 443 from 10.30.0.0/24",
            ),
            (|f| inbound(f, |r| r.cidr_ipv4 = Some("10.31.0.0/16".into())), "security_group", Status::Broken, "No inbound rule"),
            (|f| inbound(f, |r| r.from_port = 444), "security_group", Status::Broken, "No inbound rule"),
            (|f| inbound(f, |r| r.egress = true), "security_group", Status::Broken, "No inbound rule"),
            (
                |f| inbound(f, |r| r.cidr_ipv4 = Some("10.30.0.7/32".into())),
                "security_group",
                Status::Unknown,
                "only from a part of 10.30.0.0/24",
            ),
            (|f| inbound(f, |r| list(r, "pl-2")), "security_group", Status::Unknown, "the contents of pl-2 are unknown"),
            (
                |f| f.there.groups = Err(refused("DescribeSecurityGroups")),
                "security_group",
                Status::Unknown,
                "lack ec2:DescribeSecurityGroups",
            ),
            (
                |f| f.there.groups.as_mut().unwrap().truncate(1),
                "security_group",
                Status::Broken,
                "No security group sg-extra exists in 183295435445 (cluster)",
            ),
        ],
    );
    let mut facts = peered();
    facts.there.rules = Ok(vec![SecurityGroupRule { group_id: "sg-extra".into(), ..rule("sgr-1", false, "10.30.0.0/16") }]);
    assert_eq!(first_trouble(&facts), None, "an additional group will do");
}

#[test]
fn a_reference_to_the_sources_group_counts_over_an_active_peering_in_one_region() {
    let mut facts = peered();
    facts.there.rules = Ok(vec![group_rule("sgr-in", false, "sg-source")]);
    assert_eq!(first_trouble(&facts), None);
    facts.there.region = "eu-west-1".into();
    let found = hop(&facts, "security_group");
    assert_eq!(found.status, Status::Broken, "references do not cross regions: {found:?}");
    let mut facts = peered();
    facts.there.rules = Ok(vec![group_rule("sgr-in", false, "sg-other")]);
    assert_eq!(hop(&facts, "security_group").status, Status::Broken, "another group is no help");
    facts.there.rules = Ok(vec![group_rule("sgr-in", false, "sg-source")]);
    facts.peerings = Ok(vec![]);
    assert_eq!(hop(&facts, "security_group").status, Status::Unknown, "over a transit gateway that depends on its settings");
    let mut facts = peered();
    facts.here.rules = Ok(vec![group_rule("sgr-out", true, "sg-cluster")]);
    assert_eq!(first_trouble(&facts), None, "outbound too");
}

#[test]
fn inside_the_clusters_vpc_private_access_needs_no_peering() {
    let facts = same_vpc();
    assert!(hop(&facts, "route").reason.contains("inside the VPC"));
    let mut neighbour = same_vpc();
    neighbour.source.subnet_id = "subnet-a".into();
    neighbour.here.subnets = Ok(vec![subnet("subnet-a", "vpc-cluster", "10.20.0.0/24")]);
    neighbour.cluster.subnet_ids = vec!["subnet-a".into()];
    neighbour.there.subnets.as_mut().unwrap().truncate(1);
    assert!(hop(&neighbour, "network_acl").reason.contains("network ACLs do not apply"));
}

#[test]
fn an_endpoint_with_neither_access_is_broken() {
    let mut facts = peered();
    private(&mut facts, false);
    assert_eq!(hop(&facts, "endpoint").status, Status::Broken);
}

#[test]
fn a_failed_read_is_reported_with_its_code() {
    let mut facts = peered();
    let error = Error::from_code("ec2:DescribeSubnets", "185863138492 (workload)", "RequestLimitExceeded", "Slow down.", Some("r-1"));
    assert_eq!(error.kind, Kind::Throttled);
    facts.here.subnets = Err(error);
    let found = first_trouble(&facts).unwrap();
    assert_eq!((found.name, found.status), ("network_acl", Status::Unknown));
    assert_eq!(found.reason, "Unknown: ec2:DescribeSubnets in 185863138492 (workload) failed: RequestLimitExceeded: Slow down.");
    facts = peered();
    facts.cluster.subnet_ids.push("subnet-gone".into());
    assert!(first_trouble(&facts).unwrap().reason.contains("subnet-gone of the cluster can't be found"));
    facts = internet();
    facts.nat_gateways = Ok(vec![nat_gateway("nat-2")]);
    assert!(first_trouble(&facts).unwrap().reason.contains("nat-1 does not exist"));
}

fn out(facts: &mut Facts, change: impl Fn(&mut SecurityGroupRule)) {
    change(&mut facts.here.rules.as_mut().unwrap()[0]);
}

fn list(rule: &mut SecurityGroupRule, id: &str) {
    (rule.cidr_ipv4, rule.prefix_list_id) = (None, Some(id.into()));
}
