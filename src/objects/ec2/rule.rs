//! HTTPS from one block, let in by the cluster security group: `GROUP/443/BLOCK`. A group has one rule for a port and block at most
//! (EC2, AuthorizeSecurityGroupIngress), so what is there serves: a rule of somebody else is left as it is, and a rule that another
//! resource of this provider made gets our mark, so that whoever leaves last removes it.
//!
//! Ledger: `id`, `arn`, `tags` (null on a rule that is not ours), `added` (our mark).

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::json;

use super::note::{USER, earlier_creates};
use super::peering::retag;
use super::usage::instance;
use crate::aws::ec2::{IngressRule, SecurityGroupRule, Select};
use crate::aws::{Answer, Error, Kind, Side};
use crate::engine::{Contention, Entry, Key, Made, Object, Observed, OnExisting, Origin, Owner, Reconcile, Tags};
use crate::objects::context::Context;
use crate::objects::{TAG_INSTANCE, TAG_RESOURCE, removal, tags};

pub const KIND: &str = "ec2_security_group_rule";
/// The API server's port.
pub const PORT: u16 = 443;

/// What the entry of such a rule says was added.
const MARKED: &str = "use";

#[derive(Clone, Debug)]
pub struct Rule {
    pub region: String,
    pub group: String,
    /// A canonical IPv4 or IPv6 block.
    pub block: String,
    pub tags: Tags,
}

pub fn key(group: &str, block: &str) -> Key {
    Key::new(Side::Cluster, KIND, format!("{group}/{PORT}/{block}"))
}

#[async_trait]
impl Object<Context> for Rule {
    fn key(&self) -> Key {
        key(&self.group, &self.block)
    }

    fn region(&self) -> Option<String> {
        Some(self.region.clone())
    }

    fn on_existing(&self) -> OnExisting {
        OnExisting::Adopt
    }

    /// Whoever leaves last removes a rule that several resources use, and our mark may come between that one's look and call.
    fn contention(&self, reconcile: &Reconcile) -> Contention {
        let marked = reconcile.entry.as_ref().is_some_and(|entry| entry.added.contains(MARKED));
        if marked { Contention::LastWriteWins } else { Contention::Exclusive }
    }

    async fn observe(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let rules = rules_of(cx, &self.region, &self.group).await?;
        let found = rules.into_iter().find(|rule| self.is(rule));
        Ok(found.map(|rule| self.observed(cx, reconcile, rule)))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        let mut tags = self.tags.clone();
        tags.extend(cx.ownership.tags(&reconcile.instance));
        let rule = IngressRule {
            group_id: self.group.clone(),
            port: PORT,
            cidr: self.block.clone(),
            description: format!("HTTPS to the EKS API from {}", self.block),
            tags,
        };
        let ec2 = cx.ec2(Side::Cluster, Some(&self.region));
        match cx.patiently(|| ec2.authorize_security_group_ingress(&rule)).await {
            Ok(made) => Ok(Made { arn: Some(self.arn(cx, &made.id)), id: Some(made.id), tags: Some(self.tags.clone()), ..Made::default() }),
            // The answer to a first attempt was lost: what that one made is there.
            Err(error) if error.is(Kind::Exists) => match self.observe(cx, reconcile).await? {
                Some(observed) if removal::is_made_by(&observed.owner, cx, reconcile) => self.update(cx, reconcile, &observed).await,
                // Somebody made the rule in this very moment: that one is used.
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        let own = reconcile.origin.is_own();
        let mut added = BTreeSet::new();
        if let Some(id) = &observed.id {
            let mut change = tags::Change::default();
            if own {
                change = tags::own(&cx.ownership, reconcile, &self.tags, observed);
            } else if observed.facts["of_provider"] == true {
                change.set.insert(format!("{USER}{}", instance(reconcile)), cx.ownership.resource.clone());
                // The mark of a create that was killed would outlive this resource, and the rule with it.
                change
                    .unset
                    .extend(observed.facts["earlier"].as_array().into_iter().flatten().filter_map(|key| key.as_str().map(str::to_owned)));
                added.insert(MARKED.to_owned());
            }
            retag(cx, Side::Cluster, &self.region, id, &change).await?;
        }
        let tags = own.then(|| self.tags.clone());
        Ok(Made { arn: observed.arn.clone(), id: observed.id.clone(), document: None, tags, added })
    }
}

/// Takes our part in the rule away, and the rule itself with the last part.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    let mut names = key.name.splitn(3, '/');
    let (Some(group), _, Some(block)) = (names.next(), names.next(), names.next()) else { return Ok(()) };
    let region = entry.region.as_deref().unwrap_or(&cx.region);
    let mut rules = rules_of(cx, region, group).await?.into_iter();
    let found = match &entry.id {
        Some(id) => rules.find(|rule| rule.id == *id),
        None => rules.find(|rule| is_https_from(rule, block)),
    };
    let Some(rule) = found else { return Ok(()) };
    let (owner, _) = cx.ownership.split(rule.tags.clone());
    let mine = entry.instance.as_ref().map(|instance| format!("{USER}{instance}"));
    let others = rule.tags.keys().any(|key| key.starts_with(USER) && mine.as_ref() != Some(key));
    let owned = matches!(&owner, Owner::Tagged { resource: Some(_), .. });
    let stays = match entry.origin {
        Origin::Adopted if !entry.added.contains(MARKED) => return Ok(()),
        Origin::Adopted => owned || others,
        // A rule of ours that somebody changed into another one.
        Origin::Found => !matches!(&owner, Owner::Tagged { instance: Some(i), .. } if entry.instance.as_ref() == Some(i)),
        _ if !removal::is_ours(entry, &owner) => return Ok(()),
        _ => others,
    };
    if stays && entry.origin == Origin::Found {
        return Ok(());
    }
    if !stays {
        return revoke(cx, region, group, &rule.id).await;
    }
    // What we wrote on it goes; the rule is handed over to those who still use it.
    let written: Vec<String> = match entry.origin {
        Origin::Adopted => mine.into_iter().collect(),
        _ => {
            [TAG_RESOURCE, TAG_INSTANCE].map(str::to_owned).into_iter().chain(entry.tags.iter().flatten().map(|(k, _)| k.clone())).collect()
        }
    };
    let unset = written.into_iter().filter(|key| rule.tags.contains_key(key)).collect();
    retag(cx, Side::Cluster, region, &rule.id, &tags::Change { set: Tags::new(), unset }).await?;
    // Those others may have left in the same moment, and have left it to us.
    let now = rules_of(cx, region, group).await?.into_iter().find(|now| now.id == rule.id);
    match now {
        Some(now) if !is_used(&now) => revoke(cx, region, group, &rule.id).await,
        _ => Ok(()),
    }
}

/// Whether a resource of this provider made the rule or marked it as used.
fn is_used(rule: &SecurityGroupRule) -> bool {
    rule.tags.keys().any(|key| key == TAG_RESOURCE || key.starts_with(USER))
}

async fn revoke(cx: &Context, region: &str, group: &str, rule: &str) -> Result<(), Error> {
    let ec2 = cx.ec2(Side::Cluster, Some(region));
    let rules = [rule];
    cx.patiently(|| ec2.revoke_security_group_ingress(group, &rules)).await.absent_is_none().map(drop)
}

/// The rules of the group.
pub async fn rules_of(cx: &Context, region: &str, group: &str) -> Result<Vec<SecurityGroupRule>, Error> {
    let ec2 = cx.ec2(Side::Cluster, Some(region));
    let select = Select::by("group-id", [group]);
    cx.patiently(|| ec2.describe_security_group_rules(&select)).await
}

/// The key of a rule that carries the mark of this create, in whatever form it is by now: that of the object which it serves, if it does.
pub fn key_of(group: &str, rule: &SecurityGroupRule) -> Key {
    match block_of(rule) {
        Some(block) if is_https_from(rule, block) => key(group, block),
        block => {
            let source = block.unwrap_or("another source");
            Key::new(Side::Cluster, KIND, format!("{group}/{}-{}/{source}", rule.from_port, rule.to_port))
        }
    }
}

/// The ARN of a rule in the cluster's account.
pub fn arn(cx: &Context, region: &str, id: &str) -> String {
    let identity = cx.pair.identity(Side::Cluster);
    format!("arn:{}:ec2:{region}:{}:security-group-rule/{id}", identity.partition, identity.account_id)
}

fn block_of(rule: &SecurityGroupRule) -> Option<&str> {
    rule.cidr_ipv4.as_deref().or(rule.cidr_ipv6.as_deref())
}

fn is_https_from(rule: &SecurityGroupRule, block: &str) -> bool {
    let ports = rule.from_port == i64::from(PORT) && rule.to_port == i64::from(PORT);
    !rule.egress && rule.protocol == "tcp" && ports && block_of(rule) == Some(block)
}

impl Rule {
    fn is(&self, rule: &SecurityGroupRule) -> bool {
        is_https_from(rule, &self.block)
    }

    fn arn(&self, cx: &Context, id: &str) -> String {
        arn(cx, &self.region, id)
    }

    fn observed(&self, cx: &Context, reconcile: &Reconcile, rule: SecurityGroupRule) -> Observed {
        let own = reconcile.origin.is_own();
        let marked = rule.tags.contains_key(&format!("{USER}{}", instance(reconcile)));
        let (owner, tags) = cx.ownership.split(rule.tags.clone());
        let of_provider = is_used(&rule);
        let earlier = earlier_creates(&rule.tags, instance(reconcile), &cx.ownership.resource);
        let earlier: Vec<String> = earlier.into_iter().map(|instance| format!("{USER}{instance}")).collect();
        let differs = if own { !tags::exclusive(&self.tags, &tags).is_none() } else { of_provider && !marked };
        Observed {
            arn: Some(self.arn(cx, &rule.id)),
            id: Some(rule.id),
            document: None,
            tags: own.then_some(tags),
            owner,
            differs,
            facts: json!({ "of_provider": of_provider, "earlier": earlier }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn https() -> SecurityGroupRule {
        SecurityGroupRule {
            protocol: "tcp".into(),
            from_port: 443,
            to_port: 443,
            cidr_ipv4: Some("10.30.0.0/16".into()),
            ..SecurityGroupRule::default()
        }
    }

    #[test]
    fn a_rule_that_serves_has_the_key_of_its_piece_whoever_finds_it() {
        assert_eq!(key_of("sg-1", &https()), key("sg-1", "10.30.0.0/16"));
        let changed = SecurityGroupRule { to_port: 444, ..https() };
        assert_eq!(key_of("sg-1", &changed).name, "sg-1/443-444/10.30.0.0/16");
        let of_group = SecurityGroupRule { cidr_ipv4: None, ..https() };
        assert_eq!(key_of("sg-1", &of_group).name, "sg-1/443-443/another source");
    }

    #[test]
    fn only_a_rule_for_https_alone_serves() {
        let rule = https();
        assert!(is_https_from(&rule, "10.30.0.0/16"));
        assert!(!is_https_from(&rule, "10.31.0.0/16"));
        assert!(!is_https_from(&SecurityGroupRule { egress: true, ..rule.clone() }, "10.30.0.0/16"));
        assert!(!is_https_from(&SecurityGroupRule { to_port: 444, ..rule.clone() }, "10.30.0.0/16"));
        assert!(!is_https_from(&SecurityGroupRule { protocol: "-1".into(), ..rule }, "10.30.0.0/16"));
    }
}
