//! The hop `network_acl`: network ACLs of the source's subnet and of the cluster's, both ways. They know no connections: answers need
//! rules of their own, for the ports that clients and NAT gateways call from.

use crate::aws::cidr::Cidr;
use crate::aws::ec2::{AclEntry, NetworkAcl};
use crate::data_sources::hops::Hop;

use super::facts::{Facts, Family, Place, Target};
use super::routes;
use super::together;
use super::traffic::{EPHEMERAL, HTTPS, Ports, Traffic, listed};

const NAME: &str = "network_acl";

pub(super) fn hop(facts: &Facts, family: Family) -> Hop {
    decided(facts, family).unwrap_or_else(|hop| hop)
}

fn decided(facts: &Facts, family: Family) -> Result<Hop, Hop> {
    let subnet = facts.subnet(NAME)?;
    let targets: Vec<Target> =
        facts.targets(NAME, family)?.into_iter().filter(|target| target.subnet_id.as_ref() != Some(&subnet.id)).collect();
    if targets.is_empty() {
        let reason = "The API server's addresses are in the source's own subnet, where network ACLs do not apply.";
        return Ok(Hop::ok(NAME, &subnet.id, reason).in_account(&facts.here.account_id));
    }
    let source = facts.source_blocks(NAME, family)?;
    let blocks: Vec<Cidr> = targets.iter().flat_map(|target| target.blocks.iter().copied()).collect();
    let far = if facts.is_private() { listed(&blocks) } else { "the internet".to_owned() };
    let mut checks = vec![];
    checks.extend(around(&facts.here, &subnet.id, &blocks, &far, Role::Client));
    for target in targets.iter().filter(|_| facts.is_private()) {
        let id = target.subnet_id.as_deref().unwrap_or_default();
        checks.extend(around(&facts.there, id, &source, &listed(&source), Role::Server));
    }
    if !facts.is_private() {
        checks.extend(gateways(facts, family, &subnet.id, &source, &blocks, &far));
    }
    together(checks).ok_or_else(|| Hop::unknown(NAME, &subnet.id, "Unknown: no network ACL was found."))
}

/// Public NAT gateways on the way: their subnets' ACLs see what comes from the source, and what goes on to the internet.
fn gateways(facts: &Facts, family: Family, own: &str, source: &[Cidr], blocks: &[Cidr], far: &str) -> Vec<Hop> {
    let place = &facts.here;
    let targets: Vec<&str> =
        routes::taken(facts, family).iter().map(|route| route.target.as_str()).filter(|id| id.starts_with("nat-")).collect();
    let mut checks = Vec::new();
    for target in targets {
        let gateway = facts.nat_gateways.as_ref().map(|all| all.iter().find(|gateway| gateway.id == target));
        match gateway {
            Err(error) => checks.push(Hop::unreadable(NAME, target, error).in_account(&place.account_id)),
            // The route hop reports a missing NAT gateway, and a private NAT gateway is external.
            Ok(None) => {}
            Ok(Some(gateway)) => match &gateway.subnet_id {
                Some(id) if id == own => {}
                Some(id) => {
                    checks.extend(around(place, id, source, &listed(source), Role::Server));
                    checks.extend(around(place, id, blocks, far, Role::Client));
                }
                None => checks
                    .push(Hop::unknown(NAME, target, format!("Unknown: EC2 reports no subnet of {target}.")).in_account(&place.account_id)),
            },
        }
    }
    checks
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Client,
    Server,
}

/// Both directions through the ACL of one subnet.
fn around(place: &Place, subnet_id: &str, others: &[Cidr], far: &str, role: Role) -> Vec<Hop> {
    let acls = match &place.acls {
        Ok(acls) => acls,
        Err(error) => return vec![Hop::unreadable(NAME, subnet_id, error).in_account(&place.account_id)],
    };
    let Some(acl) = acls.iter().find(|acl| acl.subnet_ids.iter().any(|id| id == subnet_id)) else {
        let reason = format!("Unknown: no network ACL of {subnet_id} was found in {}.", place.account);
        return vec![Hop::unknown(NAME, subnet_id, reason).in_account(&place.account_id)];
    };
    let (out, into) = match role {
        Role::Client => (HTTPS, EPHEMERAL),
        Role::Server => (EPHEMERAL, HTTPS),
    };
    let check = |egress, ports| through(acl, subnet_id, egress, others, far, ports).in_account(&place.account_id);
    vec![check(true, out), check(false, into)]
}

/// One direction: the first entry that matches decides, by number; what none matches is denied.
fn through(acl: &NetworkAcl, subnet_id: &str, egress: bool, others: &[Cidr], far: &str, ports: Ports) -> Hop {
    let mut entries: Vec<&AclEntry> = acl.entries.iter().filter(|entry| entry.egress == egress).collect();
    entries.sort_by_key(|entry| entry.number);
    let mut rest = Traffic::new(others, ports);
    let (mut allowing, mut denying) = (Vec::new(), Vec::new());
    for entry in entries {
        let Some((block, range)) = covers(entry) else { continue };
        if rest.take(&block, range) {
            if entry.allow { &mut allowing } else { &mut denying }.push(entry.number);
        }
    }
    let (direction, preposition) = if egress { ("outbound", "to") } else { ("inbound", "from") };
    let what = if ports == HTTPS { "TCP 443".to_owned() } else { format!("TCP {}-{} (responses)", ports.0, ports.1) };
    let traffic = format!("{direction} {what} {preposition} {far}");
    let fix = || {
        let before = denying.first().filter(|number| **number < 32767).map_or_else(String::new, |n| format!(", with a number below {n}"));
        format!("Add a rule to {} that allows {direction} TCP {} {preposition} {far}{before}.", acl.id, shown(ports))
    };
    if denying.is_empty() && rest.is_empty() {
        return Hop::ok(NAME, &acl.id, format!("{} of {subnet_id} allows {traffic} (rule {}).", acl.id, listed(&allowing)));
    }
    let by = match denying.first() {
        Some(number) if *number < 32767 => format!("rule {number}"),
        _ => "its default rule".to_owned(),
    };
    if allowing.is_empty() {
        return Hop::broken(NAME, &acl.id, format!("{} of {subnet_id} denies {traffic} by {by}.", acl.id), fix());
    }
    let reason = format!(
        "{} of {subnet_id} allows only a part of {traffic}; {by} denies the rest. Which part the traffic uses is not known.",
        acl.id
    );
    Hop::unknown(NAME, &acl.id, reason).with_fix(fix())
}

/// The block and ports of TCP that an entry applies to.
fn covers(entry: &AclEntry) -> Option<(Cidr, Ports)> {
    let block = Cidr::parse(entry.cidr_ipv4.as_deref().or(entry.cidr_ipv6.as_deref())?)?;
    match entry.protocol.as_str() {
        "-1" => Some((block, (0, 65535))),
        "6" | "tcp" => Some((block, entry.ports.unwrap_or((0, 65535)))),
        _ => None,
    }
}

fn shown((first, last): Ports) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}
