//! Where one route leads: to the other VPC, to the internet, into nothing, or out of sight.

use crate::aws::ec2::Route;
use crate::data_sources::hops::{Hop, Status};
use crate::objects::ec2::peering::usage;

use super::super::facts::{Facts, Place};
use super::is_public;

/// What a route does for the requests that take it. The reason goes on after "leads to BLOCKS" where it does, and is a sentence where
/// it does not.
pub(super) struct Lead {
    pub status: Status,
    pub reason: String,
    pub fix: Option<String>,
}

impl Lead {
    pub fn broken(reason: impl Into<String>) -> Self {
        Lead { status: Status::Broken, reason: reason.into(), fix: None }
    }

    fn ok(reason: impl Into<String>) -> Self {
        Lead { status: Status::Ok, reason: reason.into(), fix: None }
    }

    fn external(reason: impl Into<String>) -> Self {
        Lead { status: Status::External, reason: reason.into(), fix: None }
    }

    fn unknown(reason: impl Into<String>) -> Self {
        Lead { status: Status::Unknown, reason: reason.into(), fix: None }
    }

    fn unreadable(error: &crate::aws::Error) -> Self {
        let Hop { reason, fix, .. } = Hop::unreadable("", "", error);
        Lead { status: Status::Unknown, reason: reason.trim_start_matches("Unknown: ").to_owned(), fix }
    }
}

/// Where a route of this side leads.
pub(super) fn lead(facts: &Facts, place: &Place, route: &Route) -> Lead {
    let lead = decided(facts, place, route);
    if lead.status != Status::Broken || lead.fix.is_some() || !facts.is_private() {
        return lead;
    }
    let Route { destination, .. } = route;
    let fix = match facts.active_peering() {
        _ if facts.same_vpc() => format!("Delete the route {destination}: inside a VPC, the local route is enough."),
        Some(peering) => format!("Change the target of route {destination} to {}.", peering.id),
        None => format!(
            "Change the target of route {destination} to a peering connection between the two VPCs (xeks_cluster_peering creates one)."
        ),
    };
    Lead { fix: Some(fix), ..lead }
}

fn decided(facts: &Facts, place: &Place, route: &Route) -> Lead {
    let Route { destination, target, state, .. } = route;
    let kind = target.split_once('-').map_or(target.as_str(), |(kind, _)| kind);
    if kind == "pcx" {
        return if facts.is_private() { over_peering(facts, place, route) } else { Lead::broken(not_to_the_internet(route)) };
    }
    if state == "blackhole" {
        return Lead::broken(format!("its route {destination} is a blackhole: {target} does not exist or is not attached."));
    }
    match kind {
        "local" if facts.is_private() && facts.same_vpc() => Lead::ok("inside the VPC"),
        "local" => Lead {
            fix: Some("Use different addresses in one of the VPCs: AWS can't peer VPCs with overlapping CIDR blocks.".into()),
            ..Lead::broken(format!("{destination} is a CIDR block of {} itself: the two VPCs overlap.", place.vpc_id))
        },
        "nat" => over_nat(facts, place, route),
        "igw" | "eigw" if facts.is_private() => Lead::broken(format!("its route {destination} has the target {target}, the internet.")),
        "igw" => over_internet_gateway(facts, target),
        "eigw" => Lead::ok(format!("through {target}")),
        "eni" | "i" | "vpce" => {
            Lead::external(format!("through {target}; what the appliance does with the traffic can't be read from here"))
        }
        "" => Lead::unknown(format!("EC2 reports no target of its route {destination}.")),
        _ => Lead::external(format!("through {target}; what is behind it can't be read from here")),
    }
}

/// The connection itself is the next hop's matter: one that is not active yet is led to all the same, as a blackhole.
fn over_peering(facts: &Facts, place: &Place, route: &Route) -> Lead {
    let Route { destination, target, .. } = route;
    let peerings = match &facts.peerings {
        Ok(peerings) => peerings,
        Err(error) => return Lead::unreadable(error),
    };
    let gone = |status: &str| matches!(status, "deleted" | "deleting" | "rejected" | "expired");
    let another = facts.active_peering().map_or_else(String::new, |active| format!(" {} is the connection between them.", active.id));
    match peerings.iter().find(|peering| peering.id == *target) {
        Some(peering) if gone(&peering.status) && !another.is_empty() => {
            Lead::broken(format!("its route {destination} has the target {target}, which is {}.{another}", peering.status))
        }
        Some(_) => Lead::ok(format!("through {target}")),
        None => {
            let lead = Lead::broken(format!(
                "its route {destination} has the target {target}, which is not a peering connection between {} and {}.{}{another}",
                facts.here.vpc_id,
                facts.there.vpc_id,
                whose(facts, target)
            ));
            Lead { fix: theirs(facts, place, route), ..lead }
        }
    }
}

/// Which VPCs another connection connects, and which resource of this provider has it, by its tags.
fn whose(facts: &Facts, id: &str) -> String {
    let Some(peering) = facts.other_peerings.iter().find(|peering| peering.id == id) else { return String::new() };
    let user = usage::named_in(&peering.tags).map_or_else(String::new, |user| format!(" and belongs to {user}"));
    format!(" {id} connects {} and {}{user}.", peering.requester.vpc_id, peering.accepter.vpc_id)
}

/// What to do about a route of another resource of this provider, which creates it again if it is changed.
fn theirs(facts: &Facts, place: &Place, route: &Route) -> Option<String> {
    let peering = facts.other_peerings.iter().find(|peering| peering.id == route.target)?;
    let user = usage::named_in(&peering.tags)?;
    let (blocks, tables) = match place.vpc_id == facts.here.vpc_id {
        true => ("cluster_cidrs", "workload_route_table_ids"),
        false => ("workload_cidrs", "cluster_route_table_ids"),
    };
    let destination = &route.destination;
    Some(format!(
        "Leave {destination} out of the {blocks} of {user}, or use another route table ({tables}): it would create the route again."
    ))
}

fn over_nat(facts: &Facts, place: &Place, route: &Route) -> Lead {
    let Route { destination, target, .. } = route;
    let gateways = match &facts.nat_gateways {
        Ok(gateways) => gateways,
        // To the internet a NAT gateway leads in any case.
        Err(_) if !facts.is_private() => return Lead::ok(format!("through {target}")),
        Err(error) => return Lead::unreadable(error),
    };
    let Some(gateway) = gateways.iter().find(|gateway| gateway.id == *target) else {
        return if facts.is_private() {
            Lead::broken(format!("its route {destination} has the target {target}, not the other VPC."))
        } else {
            Lead::unknown(format!("{target} does not exist."))
        };
    };
    match (facts.is_private(), gateway.connectivity.as_str()) {
        (_, "private") => Lead::external(format!("through {target}, a private NAT gateway; what is behind it can't be read from here")),
        (true, _) => Lead::broken(format!("its route {destination} has the target {target}, the internet.")),
        (false, _) if gateway.state != "available" => Lead::broken(format!("{target} is {}, not available.", gateway.state)),
        (false, _) if gateway.subnet_id.as_ref().is_some_and(|subnet| !is_public(facts, place, subnet)) => {
            let subnet = gateway.subnet_id.as_deref().unwrap_or_default();
            Lead::broken(format!("{target} is in {subnet}, which has no route to an internet gateway."))
        }
        (false, _) => Lead::ok(format!("through {target}")),
    }
}

fn over_internet_gateway(facts: &Facts, target: &str) -> Lead {
    match facts.subnet("") {
        Ok(subnet) if subnet.map_public_ip_on_launch => {
            Lead::ok(format!("through {target}, if it uses the public address that the subnet assigns"))
        }
        _ => Lead {
            fix: Some("Assign a public address, or route 0.0.0.0/0 to a NAT gateway.".into()),
            ..Lead::unknown(format!(
                "only senders with a public address can use {target}, and the subnet does not assign one automatically."
            ))
        },
    }
}

fn not_to_the_internet(route: &Route) -> String {
    format!("its route {} has the target {}, and a peering connection does not route to the internet.", route.destination, route.target)
}
