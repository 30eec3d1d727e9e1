//! The hop `route`: whether the source's route table leads to the API server, and the tables of the cluster's subnets lead back.

use crate::aws::cidr::Cidr;
use crate::aws::ec2::{Route, RouteTable};
use crate::data_sources::hops::{Hop, Status};

use super::facts::{Facts, Family, Place};
use super::together;
use super::traffic::{HTTPS, Traffic, internet, listed};

mod leads;

use leads::{Lead, lead};

const NAME: &str = "route";

pub(super) fn hop(facts: &Facts, family: Family) -> Hop {
    decided(facts, family).unwrap_or_else(|hop| hop)
}

/// What the source's requests go to that is neither in one of the VPCs nor a peering connection: a transit gateway, say.
pub(super) fn gateways(facts: &Facts, family: Family) -> Vec<String> {
    let mut found = taken(facts, family);
    found.retain(|route| lead(facts, &facts.here, route).status == Status::External);
    distinct(found.into_iter().map(|route| route.target.clone()))
}

/// The peering connections that the source's requests are led over.
pub(super) fn peerings(facts: &Facts, family: Family) -> Vec<String> {
    distinct(taken(facts, family).into_iter().map(|route| route.target.clone()).filter(|target| target.starts_with("pcx-")))
}

/// The routes by which requests leave the source's subnet; none where that is not known.
pub(super) fn taken(facts: &Facts, family: Family) -> Vec<&Route> {
    let (Ok(subnet), Ok(targets)) = (facts.subnet(NAME), facts.targets(NAME, family)) else { return Vec::new() };
    let Ok(table) = serving(&facts.here, &subnet.id) else { return Vec::new() };
    let blocks: Vec<Cidr> = targets.into_iter().flat_map(|target| target.blocks).collect();
    let (choices, _) = choices(facts, table, &blocks);
    let mut routes: Vec<&Route> = Vec::new();
    for (route, _) in choices {
        if let Some(route) = route.filter(|route| !routes.contains(route)) {
            routes.push(route);
        }
    }
    routes
}

/// The table that serves a subnet: its own, else the VPC's main one, which no association names.
pub(super) fn serving<'a>(place: &'a Place, subnet_id: &str) -> Result<&'a RouteTable, Hop> {
    let unreadable = |error| Hop::unreadable(NAME, subnet_id, error).in_account(&place.account_id);
    let tables = place.tables.as_ref().map_err(unreadable)?;
    tables.iter().find(|table| table.serves(subnet_id)).or_else(|| tables.iter().find(|table| table.is_main())).ok_or_else(|| {
        let reason = format!("Unknown: no route table of {subnet_id} was found in {}.", place.account);
        Hop::unknown(NAME, subnet_id, reason).in_account(&place.account_id)
    })
}

fn decided(facts: &Facts, family: Family) -> Result<Hop, Hop> {
    let subnet = facts.subnet(NAME)?;
    let source = facts.source_blocks(NAME, family)?;
    let mut checks = Vec::new();
    for target in facts.targets(NAME, family)? {
        checks.push(way(facts, &facts.here, &subnet.id, &target.blocks)?);
    }
    if facts.is_private() {
        for id in &facts.cluster.subnet_ids {
            checks.push(way(facts, &facts.there, id, &source)?);
        }
    }
    together(checks).ok_or_else(|| Hop::unknown(NAME, &subnet.id, "Unknown: the cluster has no subnets."))
}

/// From one subnet to blocks elsewhere.
fn way(facts: &Facts, place: &Place, subnet_id: &str, blocks: &[Cidr]) -> Result<Hop, Hop> {
    let table = serving(place, subnet_id)?;
    let inside = facts.is_private();
    let to = if inside { listed(blocks) } else { "the internet".to_owned() };
    let (choices, unread) = choices(facts, table, blocks);
    let leads: Vec<(Lead, Vec<Cidr>)> = choices
        .into_iter()
        .map(|(route, part)| match route {
            Some(route) => (lead(facts, place, route), part),
            None => (Lead::broken("it has no matching route."), part),
        })
        .collect();
    let from = format!("{}, which serves {subnet_id},", table.id);
    let hop = judged(facts, &table.id, &from, &to, &leads);
    let hop = hop.in_account(&place.account_id);
    if !unread.is_empty() && hop.status != Status::External {
        let reason = format!("Unknown: {} has routes to prefix lists, and {}.", table.id, facts.unread_lists(&unread));
        return Ok(Hop { reason, status: Status::Unknown, fix: None, ..hop });
    }
    Ok(hop)
}

fn judged(facts: &Facts, table_id: &str, from: &str, to: &str, leads: &[(Lead, Vec<Cidr>)]) -> Hop {
    let of = |status: Status| leads.iter().find(|(lead, _)| lead.status == status);
    let fix = of(Status::Broken).and_then(|(lead, _)| lead.fix.clone()).unwrap_or_else(|| match facts.active_peering() {
        Some(peering) if facts.is_private() => {
            format!("Add a route to {to} through {} to {table_id} (xeks_cluster_peering does this).", peering.id)
        }
        None if facts.is_private() => {
            format!("Connect the two VPCs with xeks_cluster_peering, which also adds a route to {to} through the connection to {table_id}.")
        }
        _ => format!(
            "Route 0.0.0.0/0 in {table_id} to an available NAT gateway, or make the cluster's endpoint private only, so that its name \
             resolves to addresses in its VPC."
        ),
    });
    match of(Status::Broken) {
        Some((lead, _)) if leads.iter().all(|(lead, _)| lead.status == Status::Broken) => {
            return Hop::broken(NAME, table_id, format!("{from} does not route to {to}: {}", lead.reason), fix).sentence();
        }
        Some((lead, part)) => {
            let reason = format!(
                "{from} routes only a part of {to}, not {}: {} Whether the traffic uses that part is not known.",
                listed(part),
                lead.reason
            );
            return Hop::unknown(NAME, table_id, reason).with_fix(fix).sentence();
        }
        None => {}
    }
    if let Some((lead, _)) = of(Status::Unknown) {
        let hop = Hop::unknown(NAME, table_id, format!("Unknown: {}", lead.reason));
        return lead.fix.iter().fold(hop, |hop, fix| hop.with_fix(fix)).sentence();
    }
    if let Some((lead, _)) = of(Status::External) {
        return Hop::external(NAME, table_id, format!("{from} routes to {to} {}", lead.reason)).sentence();
    }
    let reasons = distinct(leads.iter().map(|(lead, _)| lead.reason.clone()));
    Hop::ok(NAME, table_id, format!("{from} routes to {to} {}.", listed(reasons))).sentence()
}

/// The route, if any, that takes these blocks.
type Choice<'a> = (Option<&'a Route>, Vec<Cidr>);

/// Which route takes which part of the blocks: the longest prefix that matches; of two alike a static route to a block, then one to a
/// prefix list, then a propagated one (VPC user guide, "Route priority"). And the prefix lists that could not be read. A gateway
/// endpoint's list (S3, DynamoDB) holds no address of an API server: it need not be read.
fn choices<'a>(facts: &Facts, table: &'a RouteTable, blocks: &[Cidr]) -> (Vec<Choice<'a>>, Vec<&'a str>) {
    let mut ranked: Vec<(Cidr, u8, &Route)> = Vec::new();
    let mut unread = Vec::new();
    for route in &table.routes {
        if route.destination.starts_with("pl-") {
            match facts.prefix_list(&route.destination) {
                Some(blocks) => ranked.extend(blocks.into_iter().map(|block| (block, 1, route))),
                None if route.target.starts_with("vpce-") => {}
                None => unread.push(route.destination.as_str()),
            }
        } else if let Some(block) = Cidr::parse(&route.destination) {
            let propagated = matches!(route.origin.as_str(), "EnableVgwRoutePropagation" | "Advertisement");
            ranked.push((block, if propagated { 2 } else { 0 }, route));
        }
    }
    ranked.sort_by_key(|(block, rank, _)| (std::cmp::Reverse(block.prefix()), *rank));
    let mut rest = Traffic::new(blocks, HTTPS);
    let mut choices = Vec::new();
    for (block, _, route) in ranked {
        let before = rest.clone();
        if rest.take(&block, HTTPS) {
            let part = before.blocks().into_iter().filter(|part| part.overlaps(&block));
            choices.push((Some(route), part.map(|part| if block.contains(&part) { part } else { block }).collect()));
        }
    }
    if !rest.is_empty() {
        choices.push((None, rest.blocks()));
    }
    (choices, unread)
}

/// Whether a subnet's way to the internet is over an internet gateway, as a NAT gateway's must be.
fn is_public(facts: &Facts, place: &Place, subnet_id: &str) -> bool {
    let Ok(table) = serving(place, subnet_id) else { return false };
    let (choices, _) = choices(facts, table, &internet(true));
    choices.iter().any(|(route, _)| route.is_some_and(|route| route.target.starts_with("igw-") && route.state == "active"))
}

fn distinct(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

trait Sentence {
    fn sentence(self) -> Self;
}

impl Sentence for Hop {
    /// A reason that ends with one full stop.
    fn sentence(mut self) -> Self {
        self.reason = format!("{}.", self.reason.trim_end_matches('.'));
        self
    }
}
