//! The hops `egress` and `security_group`: what the source's security groups let out, and the cluster's let in. Security groups only
//! allow, and all of an interface's groups count together.

use std::collections::BTreeSet;

use crate::aws::cidr::Cidr;
use crate::aws::ec2::SecurityGroupRule;
use crate::data_sources::hops::Hop;

use super::facts::{Facts, Family, Place, Target};
use super::traffic::{Share, listed, share};

const EGRESS: &str = "egress";
const INGRESS: &str = "security_group";
const PORT: i64 = 443;

/// Whether the source's groups let TCP 443 out to where the API server is.
pub(super) fn egress(facts: &Facts, family: Family) -> Hop {
    egress_of(facts, family).unwrap_or_else(|hop| hop).in_account(&facts.here.account_id)
}

/// Whether the cluster's groups let TCP 443 in from the source.
pub(super) fn ingress(facts: &Facts, family: Family) -> Hop {
    if !facts.is_private() {
        let object = cluster_groups(facts).join(", ");
        let reason = "The cluster's security groups do not apply to the public endpoint; publicAccessCidrs does.";
        return Hop::ok(INGRESS, object, reason).in_account(&facts.there.account_id);
    }
    ingress_of(facts, family).unwrap_or_else(|hop| hop).in_account(&facts.there.account_id)
}

fn egress_of(facts: &Facts, family: Family) -> Result<Hop, Hop> {
    let ids = &facts.source.security_group_ids;
    if ids.is_empty() {
        let reason = "Unknown: source.security_group_ids contains no security group.";
        return Err(Hop::unknown(EGRESS, &facts.source.subnet_id, reason).with_fix("Set it to the security groups of the instance."));
    }
    let object = ids.join(", ");
    check_groups(EGRESS, &facts.here, ids, "Correct source.security_group_ids.")?;
    let rules = rules(EGRESS, &facts.here, &object, true)?;
    let targets = facts.targets(EGRESS, family)?;
    let allowed = Allowed::of(facts, &rules, family, &cluster_groups(facts));
    let where_to = destination(facts, &targets);
    let shares: Vec<Share> = targets.iter().map(|target| allowed.share(&target.blocks)).collect();
    let fix = format!("Add an outbound rule for TCP 443 to {where_to} to {}.", ids[0]);
    allowed.judge(
        EGRESS,
        object.clone(),
        &shares,
        facts,
        Words {
            passes: format!("{object} allows outbound TCP 443 to {where_to}"),
            refuses: format!("No outbound rule of {} allows TCP 443 to {where_to}.", listed(ids)),
            partly: format!("The outbound rules of {} allow TCP 443 only to a part of {where_to}.", listed(ids)),
            fix,
        },
    )
}

fn ingress_of(facts: &Facts, family: Family) -> Result<Hop, Hop> {
    let ids = cluster_groups(facts);
    let object = ids.join(", ");
    if ids.is_empty() {
        let reason = format!("Unknown: EKS reports no security group of cluster {}.", facts.cluster.name);
        return Err(Hop::unknown(INGRESS, &facts.cluster.name, reason));
    }
    check_groups(INGRESS, &facts.there, &ids, "Restore the security group: EKS requires it.")?;
    let rules = rules(INGRESS, &facts.there, &object, false)?;
    let wanted = facts.source_blocks(INGRESS, family)?;
    let allowed = Allowed::of(facts, &rules, family, &facts.source.security_group_ids);
    let from = listed(&wanted);
    let fix = format!("Add an inbound rule for TCP 443 from {from} to {}.", ids[0]);
    let shares = [allowed.share(&wanted)];
    allowed.judge(
        INGRESS,
        object,
        &shares,
        facts,
        Words {
            passes: format!("The cluster's security groups allow inbound TCP 443 from {from}"),
            refuses: format!("No inbound rule of {} allows TCP 443 from {from}, the source's subnet.", listed(&ids)),
            partly: format!("The inbound rules of {} allow TCP 443 only from a part of {from}, the source's subnet.", listed(&ids)),
            fix,
        },
    )
}

/// Those of the API server's interfaces: the cluster's own, and the additional ones.
fn cluster_groups(facts: &Facts) -> Vec<String> {
    facts.cluster.security_group_id.iter().chain(&facts.cluster.security_group_ids).cloned().collect()
}

fn destination(facts: &Facts, targets: &[Target]) -> String {
    if facts.is_private() { listed(targets.iter().flat_map(|target| &target.blocks)) } else { "the internet".to_owned() }
}

/// A group that does not exist has no rules, which looks like one that lets nothing through.
fn check_groups(hop: &'static str, place: &Place, ids: &[String], fix: &str) -> Result<(), Hop> {
    let groups = place.groups.as_ref().map_err(|error| Hop::unreadable(hop, ids.join(", "), error))?;
    for id in ids {
        match groups.iter().find(|group| group.id == *id) {
            None => {
                let reason = format!("No security group {id} exists in {}, region {}.", place.account, place.region);
                return Err(Hop::broken(hop, id, reason, fix));
            }
            Some(group) if group.vpc_id.as_deref().is_some_and(|vpc| vpc != place.vpc_id) => {
                let vpc = group.vpc_id.as_deref().unwrap_or_default();
                let reason = format!("Security group {id} belongs to {vpc}, not to {}.", place.vpc_id);
                return Err(Hop::broken(hop, id, reason, fix));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The rules of one direction that TCP 443 may pass by.
fn rules<'a>(hop: &'static str, place: &'a Place, object: &str, egress: bool) -> Result<Vec<&'a SecurityGroupRule>, Hop> {
    let rules = place.rules.as_ref().map_err(|error| Hop::unreadable(hop, object, error))?;
    Ok(rules.iter().filter(|rule| rule.egress == egress && takes_https(rule)).collect())
}

fn takes_https(rule: &SecurityGroupRule) -> bool {
    let ports = rule.from_port == -1 || (rule.from_port..=rule.to_port).contains(&PORT);
    match rule.protocol.as_str() {
        "-1" | "all" => true,
        "tcp" | "6" => ports,
        _ => false,
    }
}

/// What rules of one direction allow.
struct Allowed<'a> {
    blocks: Vec<(Cidr, &'a str)>,
    /// A rule that names a group of the other side: all of its interfaces.
    by_group: Option<&'a SecurityGroupRule>,
    /// Lists whose blocks could not be read.
    unread: Vec<&'a str>,
    /// References to the other side's groups that may not apply.
    unsure: Vec<&'a str>,
}

struct Words {
    passes: String,
    refuses: String,
    partly: String,
    fix: String,
}

impl<'a> Allowed<'a> {
    /// `others`: the groups of the other side's interfaces.
    fn of(facts: &Facts, rules: &[&'a SecurityGroupRule], family: Family, others: &[String]) -> Self {
        let mut allowed = Allowed { blocks: Vec::new(), by_group: None, unread: Vec::new(), unsure: Vec::new() };
        for rule in rules {
            let block = if family == Family::Ipv4 { &rule.cidr_ipv4 } else { &rule.cidr_ipv6 };
            allowed.blocks.extend(block.as_deref().and_then(Cidr::parse).map(|block| (block, rule.id.as_str())));
            if let Some(list) = &rule.prefix_list_id {
                match facts.prefix_list(list) {
                    Some(blocks) => allowed.blocks.extend(blocks.into_iter().map(|block| (block, rule.id.as_str()))),
                    None => allowed.unread.push(list),
                }
            }
            let Some(group) = rule.referenced_group.as_ref().filter(|group| facts.is_private() && others.contains(&group.group_id)) else {
                continue;
            };
            // VPC peering guide, "Update your security groups to reference peer security groups": not across regions, and while the
            // connection is active. Through a transit gateway only if the attachment enables it, which can't be read from here.
            if facts.same_vpc() || facts.same_region() && facts.active_peering().is_some() {
                allowed.by_group = Some(rule);
            } else if facts.same_region() {
                allowed.unsure.push(&group.group_id);
            }
        }
        allowed
    }

    fn share(&self, wanted: &[Cidr]) -> Share {
        if self.by_group.is_some() {
            return Share::All;
        }
        let blocks: Vec<Cidr> = self.blocks.iter().map(|(block, _)| *block).collect();
        share(wanted, &blocks)
    }

    /// The hop for what each target's share is.
    fn judge(&self, hop: &'static str, object: String, shares: &[Share], facts: &Facts, words: Words) -> Result<Hop, Hop> {
        if shares.iter().all(|share| *share == Share::All) {
            let rules: BTreeSet<&str> = match self.by_group {
                Some(rule) => BTreeSet::from([rule.id.as_str()]),
                None => self.blocks.iter().map(|(_, rule)| *rule).collect(),
            };
            let rules = if rules.len() == 1 { format!("rule {}", listed(&rules)) } else { format!("rules {}", listed(&rules)) };
            return Ok(Hop::ok(hop, object, format!("{} ({rules}).", words.passes)));
        }
        let lists = (!self.unread.is_empty()).then(|| facts.unread_lists(&self.unread));
        let groups = (!self.unsure.is_empty()).then(|| {
            let groups = listed(&self.unsure);
            format!("a rule that references {groups} may not apply without an active peering connection")
        });
        if let Some(why) = lists.or(groups) {
            return Err(Hop::unknown(hop, object, format!("Unknown: {why}; no other rule allows all of the traffic.")).with_fix(words.fix));
        }
        if shares.contains(&Share::None) {
            return Err(Hop::broken(hop, object, words.refuses, words.fix));
        }
        Err(Hop::unknown(hop, object, format!("{} Whether the traffic uses that part is not known.", words.partly)).with_fix(words.fix))
    }
}
