//! The hop `peering`: the peering connection between the two VPCs, where the way leads over one.

use crate::aws::ec2::PeeringConnection;
use crate::data_sources::hops::Hop;

use super::facts::{Facts, Family};
use super::routes;

const NAME: &str = "peering";

pub(super) fn hop(facts: &Facts, family: Family) -> Hop {
    decided(facts, family).in_account(&facts.here.account_id)
}

fn decided(facts: &Facts, family: Family) -> Hop {
    let (here, there) = (&facts.here.vpc_id, &facts.there.vpc_id);
    if facts.same_vpc() {
        return Hop::ok(NAME, here, "The source is in the cluster's VPC, so no peering connection is needed.");
    }
    if !facts.is_private() {
        let reason = format!(
            "Not used: public access is enabled, so the API server's name resolves to public addresses in {here}, which no peering \
             connection routes to."
        );
        return Hop::ok(NAME, format!("{here}, {there}"), reason);
    }
    // Whoever goes another way needs no peering connection.
    let gateways = routes::gateways(facts, family);
    let peerings = match &facts.peerings {
        Ok(peerings) => peerings,
        Err(_) if !gateways.is_empty() => return beyond(&gateways),
        Err(error) => return Hop::unreadable(NAME, format!("{here}, {there}"), error),
    };
    match best(peerings, &routes::peerings(facts, family)) {
        Some(peering) if peering.is_active() => Hop::ok(NAME, &peering.id, format!("{} between {here} and {there} is active.", peering.id)),
        _ if !gateways.is_empty() => beyond(&gateways),
        Some(peering) => not_active(facts, peering),
        None => {
            let reason = format!("No peering connection exists between {here} and {there}.");
            Hop::broken(
                NAME,
                format!("{here}, {there}"),
                reason,
                "Create one with xeks_cluster_peering, or route the traffic through a transit gateway.",
            )
        }
    }
}

/// The one that a route names; else the active one; else the one that can still become active; else the latest that was.
fn best<'a>(peerings: &'a [PeeringConnection], routed: &[String]) -> Option<&'a PeeringConnection> {
    let rank = |peering: &&PeeringConnection| {
        let waiting = matches!(peering.status.as_str(), "pending-acceptance" | "provisioning" | "initiating-request");
        (routed.contains(&peering.id) && (peering.is_active() || waiting), peering.is_active(), waiting, peering.status == "failed")
    };
    peerings.iter().max_by_key(rank)
}

fn beyond(gateways: &[String]) -> Hop {
    let gateways = gateways.join(", ");
    Hop::external(
        NAME,
        &gateways,
        format!("The route uses {gateways} instead of a peering connection; what is behind it can't be read from here."),
    )
}

fn not_active(facts: &Facts, peering: &PeeringConnection) -> Hop {
    let PeeringConnection { id, status, .. } = peering;
    let said = peering.status_message.as_ref().map_or_else(String::new, |message| format!(": {}", message.trim_end_matches('.')));
    let fix = match status.as_str() {
        "pending-acceptance" => {
            format!("Accept {id} in account {}, region {} (xeks_cluster_peering does).", peering.accepter.owner_id, peering.accepter.region)
        }
        "initiating-request" | "provisioning" => "Wait until the connection is active.".to_owned(),
        "failed" => {
            "Create another connection. The most common cause is overlapping IPv4 CIDR blocks; in that case, one VPC needs different \
             addresses."
                .to_owned()
        }
        _ => format!(
            "Create another connection between {} and {}, for example with xeks_cluster_peering.",
            facts.here.vpc_id, facts.there.vpc_id
        ),
    };
    Hop::broken(NAME, id, format!("{id} is {status}, not active{said}."), fix)
}
