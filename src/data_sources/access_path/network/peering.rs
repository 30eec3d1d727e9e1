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
        return Hop::ok(NAME, here, "The source is in the cluster's VPC: no peering connection is needed.");
    }
    if !facts.is_private() {
        let reason = format!(
            "Not used: with public access on, the API server's name resolves to public addresses in {here}, which no peering connection leads to."
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
            let reason = format!("There is no peering connection between {here} and {there}.");
            Hop::broken(
                NAME,
                format!("{here}, {there}"),
                reason,
                "Make one with xeks_cluster_peering, or lead the way over a transit gateway.",
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
        format!("The way leads over {gateways}, not over a peering connection: its far side can't be seen from here."),
    )
}

fn not_active(facts: &Facts, peering: &PeeringConnection) -> Hop {
    let PeeringConnection { id, status, .. } = peering;
    let said = peering.status_message.as_ref().map_or_else(String::new, |message| format!(": {}", message.trim_end_matches('.')));
    let fix = match status.as_str() {
        "pending-acceptance" => {
            format!("Accept {id} in account {}, region {} (xeks_cluster_peering does).", peering.accepter.owner_id, peering.accepter.region)
        }
        "initiating-request" | "provisioning" => "Wait until it is active.".to_owned(),
        "failed" => {
            "Make another one. One fails most often because the VPCs' IPv4 blocks overlap: then one VPC needs other addresses.".to_owned()
        }
        _ => format!("Make another one between {} and {}, such as with xeks_cluster_peering.", facts.here.vpc_id, facts.there.vpc_id),
    };
    Hop::broken(NAME, id, format!("{id} is {status}, not active{said}."), fix)
}
