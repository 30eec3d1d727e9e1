//! HTTPS from one block, allowed by the cluster security group: `GROUP/443/BLOCK`. A group has one rule at most for a port and a block
//! (EC2, AuthorizeSecurityGroupIngress), so an existing one serves: a foreign rule is not changed, and a rule that another resource of this
//! provider created gets this resource's mark, so that the last resource to be destroyed deletes it.
//!
//! A rule that was changed in AWS keeps its tags: it is found as `GROUP/PORTS/SOURCE`. Ledger: `id`, `arn`, `tags` (null on a rule of
//! others), `added` (the mark).

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::peering::link::retag;
use super::peering::note::{self, USER};
use crate::aws::ec2::{IngressRule, SecurityGroupRule as Found, Select};
use crate::aws::{Answer, Error, Kind as ErrorKind, Side, cidr};
use crate::diagnostics::Path;
use crate::engine::{
    Added, BadName, Contention, Deleted, Entry, Facts, Key, Kind, Object, Observed, OnExisting, Origin, Owner, Planned, Reconcile, Tags,
    Written, parts,
};
use crate::objects::tags::Keys;
use crate::objects::{Context, Env, TAG_INSTANCE, TAG_RESOURCE, ownership, tags};
use crate::schema::{Value, placeholder};

pub const KIND: &str = "ec2_security_group_rule";
/// The API server's port.
pub const PORT: u16 = 443;

const FORM: &str = "GROUP/PORTS/SOURCE";

#[derive(Clone, Debug)]
pub struct SecurityGroupRule {
    pub region: String,
    pub group: String,
    /// A canonical IPv4 or IPv6 block.
    pub block: String,
    pub tags: Tags,
    pub attribute: Path,
}

/// What a rule is, beyond what the ledger has.
#[derive(Clone, Debug, Default)]
pub struct RuleFacts {
    /// Whether a resource of this provider created the rule or marked it as used.
    pub of_provider: bool,
    /// Keys of the marks that earlier creates of this resource left, which were killed or taken over.
    pub earlier: Vec<String>,
}

pub fn key(group: &str, block: &str) -> Key {
    Key::new(Side::Cluster, KIND, format!("{group}/{PORT}/{block}"))
}

/// The key of a rule with the tags of this create, whatever it was changed to: that of the object where it still is what one needs.
pub fn key_of(group: &str, rule: &Found) -> Key {
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

/// The rules of the group.
pub async fn rules_of(cx: &Context, region: &str, group: &str) -> Result<Vec<Found>, Error> {
    let ec2 = cx.ec2(Side::Cluster, Some(region));
    let select = Select::by("group-id", [group]);
    cx.look.once(format!("{region} rules of {group}"), || cx.patiently(|| ec2.describe_security_group_rules(&select))).await
}

/// The blocks that the group lets in by rules that this resource created or noted that it uses.
pub async fn own_blocks(cx: &Context, region: &str, group: &str) -> Result<BTreeSet<String>, Error> {
    let resource = &cx.ownership.resource;
    let is_own =
        |rule: &Found| rule.tags.get(TAG_RESOURCE) == Some(resource) || !note::earlier_creates(&rule.tags, None, resource).is_empty();
    let rules = rules_of(cx, region, group).await?;
    let blocks = rules.iter().filter(|rule| is_own(rule)).filter_map(|rule| Some((rule, block_of(rule)?)));
    Ok(blocks.filter(|(rule, block)| is_https_from(rule, block)).map(|(_, block)| cidr::canonical(block)).collect())
}

#[async_trait]
impl Object<Context> for SecurityGroupRule {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &SecurityGroupRuleKind
    }

    fn key(&self) -> Key {
        key(&self.group, &self.block)
    }

    fn attribute(&self) -> Path {
        self.attribute.clone()
    }

    fn region(&self) -> Option<String> {
        Some(self.region.clone())
    }

    fn on_existing(&self) -> OnExisting {
        OnExisting::Adopt
    }

    fn create_is_refused_if_it_exists(&self) -> bool {
        true
    }

    /// The last resource that uses a rule deletes it, and this one's mark may come between that one's read and its call.
    fn contention(&self, reconcile: &Reconcile) -> Contention {
        let marked = reconcile.entry.as_ref().is_some_and(|entry| entry.added.contains(&Added::UseMark));
        if marked { Contention::LastWriteWins } else { Contention::Exclusive }
    }

    fn planned(&self, _: &Env) -> Planned {
        // AWS decides the id, which the ARN ends in.
        Planned { arn: Value::Unknown, tags: placeholder::map_value(&self.tags), has_id: true, ..Planned::default() }
    }

    async fn read(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let rules = rules_of(cx, &self.region, &self.group).await?;
        let found = rules.into_iter().find(|rule| is_https_from(rule, &self.block));
        Ok(found.map(|rule| self.observed(cx, reconcile, rule)))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile, instance: &str) -> Result<Written, Error> {
        let mut tags = self.tags.clone();
        tags.extend(cx.ownership.tags(instance));
        let rule = IngressRule {
            group_id: self.group.clone(),
            port: PORT,
            cidr: self.block.clone(),
            description: format!("HTTPS to the EKS API from {}", self.block),
            tags,
        };
        let ec2 = cx.ec2(Side::Cluster, Some(&self.region));
        match cx.patiently(|| ec2.authorize_security_group_ingress(&rule)).await {
            Ok(created) => {
                let (arn, tags) = (Some(arn(cx, &self.region, &created.id)), Some(self.tags.clone()));
                Ok(Written { arn, id: Some(created.id), tags, ..Written::default() })
            }
            // The answer to a first attempt was lost, and that one created the rule.
            Err(error) if error.is(ErrorKind::Exists) => match self.read(cx, reconcile).await? {
                Some(observed) if ownership::is_made_by(&observed.owner, &cx.ownership, instance) => {
                    self.update(cx, reconcile, instance, &observed).await
                }
                // Another process created the rule at this moment: the engine reads it again and adopts it.
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, instance: &str, observed: &Observed) -> Result<Written, Error> {
        let own = reconcile.origin.is_own();
        let mut added = BTreeSet::new();
        if let Some(id) = &observed.id {
            let mut change = tags::Change::default();
            if own {
                change = tags::own(Keys::Exact, &cx.ownership, reconcile, instance, &self.tags, observed);
            } else if let Some(facts) = observed.facts.get::<RuleFacts>().filter(|facts| facts.of_provider) {
                change.set.insert(format!("{USER}{instance}"), cx.ownership.resource.clone());
                // The mark of a create that was killed would outlive this resource, and the rule with it.
                change.unset.extend(facts.earlier.iter().cloned());
                added.insert(Added::UseMark);
            }
            retag(cx, Side::Cluster, &self.region, id, &change).await?;
        }
        let tags = own.then(|| self.tags.clone());
        Ok(Written { arn: observed.arn.clone(), id: observed.id.clone(), document: None, tags, added })
    }
}

pub struct SecurityGroupRuleKind;

#[async_trait]
impl Kind<Context> for SecurityGroupRuleKind {
    fn name(&self) -> &'static str {
        KIND
    }

    /// After the accepter, which refuses to delete a connection that is in use, so that nothing is deleted where it refuses.
    fn delete_order(&self, _: Origin) -> u8 {
        1
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        parts::<3>(name, FORM).map(drop)
    }

    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        let [group, _, source] = parts(&key.name, FORM)?;
        delete_where_owned(cx, group, source, entry).await?;
        Ok(Deleted::Now)
    }

    async fn still_visible(&self, _: &Context, _: &Key, _: &Entry) -> Result<bool, Error> {
        // A create that EC2 answers with "exists" reads the rule again.
        Ok(false)
    }
}

/// Removes this resource's part in the rule, and the rule itself with the last part.
async fn delete_where_owned(cx: &Context, group: &str, source: &str, entry: &Entry) -> Result<(), Error> {
    let region = entry.region.as_deref().unwrap_or(&cx.region);
    let mut rules = rules_of(cx, region, group).await?.into_iter();
    let found = match &entry.id {
        Some(id) => rules.find(|rule| rule.id == *id),
        None => rules.find(|rule| is_https_from(rule, source)),
    };
    let Some(rule) = found else { return Ok(()) };
    let (owner, _) = cx.ownership.split(rule.tags.clone());
    let own_mark = entry.instance.as_ref().map(|instance| format!("{USER}{instance}"));
    let is_used_elsewhere = rule.tags.keys().any(|key| key.starts_with(USER) && own_mark.as_ref() != Some(key));
    let is_owned = matches!(&owner, Owner::Tagged { resource: Some(_), .. });
    let keep = match entry.origin {
        Origin::Adopted if !entry.added.contains(&Added::UseMark) => return Ok(()),
        Origin::Adopted => is_owned || is_used_elsewhere,
        // A rule of this resource that was changed into another one.
        Origin::Found => match &owner {
            Owner::Tagged { instance: Some(instance), .. } if entry.instance.as_ref() == Some(instance) => false,
            _ => return Ok(()),
        },
        _ if !cx.ownership.is_ours(entry, &owner) => return Ok(()),
        _ => is_used_elsewhere,
    };
    if !keep {
        return revoke(cx, region, group, &rule.id).await;
    }
    // Only the tags of this resource are removed: the rule is handed over to the resources that still use it.
    let written: Vec<String> = match entry.origin {
        Origin::Adopted => own_mark.into_iter().collect(),
        _ => {
            [TAG_RESOURCE, TAG_INSTANCE].map(str::to_owned).into_iter().chain(entry.tags.iter().flatten().map(|(k, _)| k.clone())).collect()
        }
    };
    let unset = written.into_iter().filter(|key| rule.tags.contains_key(key)).collect();
    retag(cx, Side::Cluster, region, &rule.id, &tags::Change { set: Tags::new(), unset }).await?;
    // The other resources may have been destroyed at the same moment, and have left the rule to this one.
    cx.look.end();
    let now = rules_of(cx, region, group).await?.into_iter().find(|now| now.id == rule.id);
    match now {
        Some(now) if !is_used(&now) => revoke(cx, region, group, &rule.id).await,
        _ => Ok(()),
    }
}

async fn revoke(cx: &Context, region: &str, group: &str, rule: &str) -> Result<(), Error> {
    let ec2 = cx.ec2(Side::Cluster, Some(region));
    let rules = [rule];
    cx.patiently(|| ec2.revoke_security_group_ingress(group, &rules)).await.absent_is_none().map(drop)
}

/// Whether a resource of this provider created the rule or marked it as used.
fn is_used(rule: &Found) -> bool {
    rule.tags.keys().any(|key| key == TAG_RESOURCE || key.starts_with(USER))
}

fn block_of(rule: &Found) -> Option<&str> {
    rule.cidr_ipv4.as_deref().or(rule.cidr_ipv6.as_deref())
}

fn is_https_from(rule: &Found, block: &str) -> bool {
    let ports = rule.from_port == i64::from(PORT) && rule.to_port == i64::from(PORT);
    !rule.egress && rule.protocol == "tcp" && ports && block_of(rule) == Some(block)
}

impl SecurityGroupRule {
    fn observed(&self, cx: &Context, reconcile: &Reconcile, rule: Found) -> Observed {
        let own = reconcile.origin.is_own();
        let instance = note::instance(reconcile);
        let marked = instance.is_some_and(|instance| rule.tags.contains_key(&format!("{USER}{instance}")));
        let (owner, tags) = cx.ownership.split(rule.tags.clone());
        let tags = tags::owned(Keys::Exact, &self.tags, tags, reconcile, &owner);
        let of_provider = is_used(&rule);
        let earlier = note::earlier_creates(&rule.tags, instance, &cx.ownership.resource);
        let earlier = earlier.into_iter().map(|instance| format!("{USER}{instance}")).collect();
        Observed {
            arn: Some(arn(cx, &self.region, &rule.id)),
            id: Some(rule.id),
            document: None,
            differs: if own { !tags::exclusive(Keys::Exact, &self.tags, &tags).is_none() } else { of_provider && !marked },
            tags: own.then_some(tags),
            owner,
            // A rule is found by all that it allows: who tags one gives it to this resource.
            unexpected: Vec::new(),
            created: None,
            label: None,
            if_foreign: None,
            added: None,
            facts: Facts::new(RuleFacts { of_provider, earlier }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn https() -> Found {
        Found { protocol: "tcp".into(), from_port: 443, to_port: 443, cidr_ipv4: Some("10.30.0.0/16".into()), ..Found::default() }
    }

    #[test]
    fn a_rule_for_https_has_the_key_of_its_object_and_a_changed_one_a_key_of_its_own() {
        assert_eq!(key_of("sg-1", &https()), key("sg-1", "10.30.0.0/16"));
        let changed = Found { to_port: 444, ..https() };
        assert_eq!(key_of("sg-1", &changed).name, "sg-1/443-444/10.30.0.0/16");
        let of_group = Found { cidr_ipv4: None, ..https() };
        assert_eq!(key_of("sg-1", &of_group).name, "sg-1/443-443/another source");
    }

    #[test]
    fn only_a_rule_for_https_alone_serves() {
        let rule = https();
        assert!(is_https_from(&rule, "10.30.0.0/16"));
        assert!(!is_https_from(&rule, "10.31.0.0/16"));
        assert!(!is_https_from(&Found { egress: true, ..rule.clone() }, "10.30.0.0/16"));
        assert!(!is_https_from(&Found { to_port: 444, ..rule.clone() }, "10.30.0.0/16"));
        assert!(!is_https_from(&Found { protocol: "-1".into(), ..rule }, "10.30.0.0/16"));
    }
}
