//! The access policies of an entry of this resource that the configuration does not want: associated by hand, by another program, or by a
//! create that was killed.
//!
//! A read takes them into the ledger, and an apply deletes what the ledger has. These are the ones that no read has seen: an apply with
//! `-refresh=false`, or of a saved plan, removes them too. What another connection noted on the entry (`uses`) is that one's.

use std::collections::BTreeSet;

use super::{AccessEntry, policy_name};
use crate::aws::Error;
use crate::objects::eks::entries::{self, Association, EntryFacts};
use crate::objects::{Context, locks};

impl AccessEntry {
    /// The ARNs of the policies to remove. Those in the ledger are deleted by their own entries.
    pub(super) fn surplus(&self, cx: &Context, facts: &EntryFacts) -> BTreeSet<String> {
        let unshared = facts.unshared_policies();
        let is_surplus =
            |arn: &&String| !self.policies.contains_key(*arn) && cx.recorded.get(&self.association_key(policy_name(arn))).is_none();
        unshared.keys().chain(&facts.unknown_scopes).filter(is_surplus).cloned().collect()
    }

    /// Disassociates them. A connection notes a policy before it associates it, so the policies are listed before the notes are read; one
    /// that is noted only after that gets its policy back.
    pub(super) async fn remove_surplus(&self, cx: &Context, principal: &str) -> Result<(), Error> {
        let _exclusive = locks::exclusive(&locks::access_entry(&self.cluster, principal)).await;
        let policies = entries::policies(cx, Some(&self.region), &self.cluster, principal).await?;
        let Some(entry) = entries::describe(cx, Some(&self.region), &self.cluster, principal).await? else { return Ok(()) };
        let surplus = self.surplus(cx, &EntryFacts::new(&entry, Default::default(), &policies, principal));
        for policy_arn in &surplus {
            tracing::info!(cluster = self.cluster, role = self.role, policy_arn, "disassociating an access policy that is not configured");
            entries::disassociate(cx, &self.region, &self.cluster, principal, policy_arn).await?;
        }
        let uses = entries::uses(cx, Some(&self.region), &self.cluster, principal).await?;
        let removed = policies.iter().filter_map(Association::of).filter(|association| surplus.contains(&association.policy_arn));
        for association in removed.filter(|a| uses.others_use(cx.ownership.connection(), policy_name(&a.policy_arn))) {
            entries::associate(cx, &self.region, &self.cluster, principal, &association).await?;
        }
        Ok(())
    }
}
