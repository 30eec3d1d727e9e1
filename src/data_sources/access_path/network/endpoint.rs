//! The hop `endpoint`: which address the API server's name has for the source, and whether the endpoint takes requests from there.

use crate::aws::cidr::Cidr;
use crate::data_sources::hops::Hop;

use super::facts::{Facts, Family};
use super::routes;
use super::traffic::{Share, internet, listed, share};

const NAME: &str = "endpoint";

pub(super) fn hop(facts: &Facts, family: Family) -> Hop {
    decided(facts, family).in_account(&facts.there.account_id)
}

fn decided(facts: &Facts, family: Family) -> Hop {
    let cluster = &facts.cluster;
    let object = cluster.endpoint.as_deref().unwrap_or(&cluster.name);
    if facts.is_private() {
        if !cluster.endpoint_private_access {
            let reason = format!("Neither public nor private access is enabled on cluster {}.", cluster.name);
            return Hop::broken(NAME, object, reason, "Enable private access.");
        }
        let reason = if facts.same_vpc() {
            "Private access is enabled: in the cluster's VPC, the endpoint name resolves to private addresses if enableDnsSupport and \
             enableDnsHostnames are enabled there, which is not checked."
        } else {
            "Only private access is enabled: the endpoint name resolves to private addresses in the cluster's VPC, from anywhere."
        };
        return Hop::ok(NAME, object, reason);
    }
    let resolves = if facts.same_vpc() {
        "Private access is disabled: the endpoint name resolves to public addresses even in the cluster's VPC.".to_owned()
    } else {
        // A private hosted zone answers in the cluster's VPC alone; who forwards questions there can't be seen from here.
        let unless =
            if cluster.endpoint_private_access { " (unless your own resolver forwards the query to the cluster's VPC)" } else { "" };
        format!(
            "Public access is enabled: the endpoint name resolves to public addresses in {}{unless}, and the traffic does not use a \
             peering connection.",
            facts.here.vpc_id
        )
    };
    let admitted = &cluster.public_access_cidrs;
    let blocks: Vec<Cidr> = admitted.iter().filter_map(|text| Cidr::parse(text)).collect();
    let everyone = internet(family == Family::Ipv4);
    if admitted.is_empty() || share(&everyone, &blocks) == Share::All {
        return Hop::ok(NAME, object, format!("{resolves} publicAccessCidrs allows every address."));
    }
    let admitted = listed(admitted);
    let fix = |address: &str| {
        format!("Add {address} to publicAccessCidrs of cluster {}, or make its endpoint private only and peer the VPCs.", cluster.name)
    };
    match outward(facts, family) {
        Outward::Addresses(addresses) => {
            let refused: Vec<&String> = addresses.iter().filter(|address| !is_admitted(address, &blocks)).collect();
            if refused.is_empty() {
                let reason = format!("{resolves} Requests come from {}, which publicAccessCidrs ({admitted}) allows.", listed(&addresses));
                return Hop::ok(NAME, object, reason);
            }
            let reason =
                format!("{resolves} Requests come from {}, which publicAccessCidrs ({admitted}) does not allow.", listed(&refused));
            Hop::broken(NAME, object, reason, fix(&listed(refused.iter().map(|address| format!("{address}/32")))))
        }
        Outward::Hidden(gateway) => {
            let reason = format!(
                "{resolves} publicAccessCidrs allows {admitted}. The public address of the requests depends on what is behind {gateway}, \
                 which can't be read from here."
            );
            Hop::external(NAME, object, reason)
        }
        Outward::Unknown(why) => {
            let reason = format!("{resolves} publicAccessCidrs allows {admitted}. The public address of the requests is unknown: {why}");
            Hop::unknown(NAME, object, reason).with_fix(fix("the public address of the requests"))
        }
    }
}

/// By which public addresses the source's requests reach the internet.
enum Outward {
    Addresses(Vec<String>),
    Hidden(String),
    Unknown(String),
}

fn outward(facts: &Facts, family: Family) -> Outward {
    let routes = routes::taken(facts, family);
    let mut addresses = Vec::new();
    for route in &routes {
        let target = &route.target;
        match target.split('-').next() {
            Some("nat") => {
                let gateways = match &facts.nat_gateways {
                    Ok(gateways) => gateways,
                    Err(error) => return Outward::Unknown(format!("{} in {} failed.", error.call, error.account)),
                };
                match gateways.iter().find(|gateway| gateway.id == *target) {
                    Some(gateway) if gateway.connectivity == "private" => return Outward::Hidden(target.clone()),
                    Some(gateway) if !gateway.public_ips.is_empty() => addresses.extend(gateway.public_ips.iter().cloned()),
                    _ => return Outward::Unknown(format!("{target} has no public address.")),
                }
            }
            Some("igw" | "eigw") => return Outward::Unknown(format!("through {target}, each sender uses its own public address.")),
            Some("pcx") => return Outward::Unknown(format!("{target} does not route to the internet.")),
            _ => return Outward::Hidden(target.clone()),
        }
    }
    if addresses.is_empty() { Outward::Unknown("no route leads to the internet.".to_owned()) } else { Outward::Addresses(addresses) }
}

fn is_admitted(address: &str, blocks: &[Cidr]) -> bool {
    let width = if address.contains(':') { 128 } else { 32 };
    Cidr::parse(&format!("{address}/{width}")).is_some_and(|own| blocks.iter().any(|block| block.contains(&own)))
}
