//! A managed policy that is attached to a role: `ROLE/POLICY_ARN`. It has no tags and goes with its role.
//!
//! Ledger: nothing beyond its being there.

use async_trait::async_trait;
use serde_json::Value;

use super::role;
use crate::aws::{Answer, Error, Side};
use crate::engine::{Entry, Key, Made, Object, Observed, OnExisting, Owner, Reconcile};
use crate::objects::context::Context;
use crate::objects::removal;

pub const KIND: &str = "iam_role_policy_attachment";

#[derive(Clone, Debug)]
pub struct PolicyAttachment {
    pub side: Side,
    pub role: String,
    pub policy_arn: String,
    pub depends_on: Vec<Key>,
    pub on_existing: OnExisting,
}

pub fn key(side: Side, role: &str, policy_arn: &str) -> Key {
    Key::new(side, KIND, format!("{role}/{policy_arn}"))
}

#[async_trait]
impl Object<Context> for PolicyAttachment {
    fn key(&self) -> Key {
        key(self.side, &self.role, &self.policy_arn)
    }

    fn depends_on(&self) -> Vec<Key> {
        self.depends_on.clone()
    }

    fn on_existing(&self) -> OnExisting {
        self.on_existing.clone()
    }

    async fn observe(&self, cx: &Context, _: &Reconcile) -> Result<Option<Observed>, Error> {
        let attached = role::attached_arns(cx, self.side, &self.role).await?;
        Ok(attached.contains(&self.policy_arn).then_some(Observed {
            arn: None,
            id: None,
            document: None,
            tags: None,
            owner: Owner::Parent,
            differs: false,
            facts: Value::Null,
        }))
    }

    async fn create(&self, cx: &Context, _: &Reconcile) -> Result<Made, Error> {
        let iam = cx.iam(self.side);
        let send = || iam.attach_role_policy().role_name(&self.role).policy_arn(&self.policy_arn).send();
        cx.ask_until_seen("iam:AttachRolePolicy", self.side, send).await?;
        Ok(Made::default())
    }

    /// It is attached or it is not.
    async fn update(&self, _: &Context, _: &Reconcile, _: &Observed) -> Result<Made, Error> {
        Ok(Made::default())
    }
}

/// Detaches the policy, unless its role was taken over by another create.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    // The name of a role has no slash, the ARN of a policy has.
    let Some((role, policy_arn)) = key.name.split_once('/') else { return Ok(()) };
    let Some(parent) = role::owner(cx, key.side, role).await? else { return Ok(()) };
    if !removal::is_ours_on(cx, entry, &role::key(key.side, role), &parent) {
        return Ok(());
    }
    let iam = cx.iam(key.side);
    let send = || iam.detach_role_policy().role_name(role).policy_arn(policy_arn).send();
    cx.ask("iam:DetachRolePolicy", key.side, send).await.absent_is_none()?;
    cx.deleted(key, entry);
    Ok(())
}

/// Whether readers are still shown the policy that was detached.
pub(in crate::objects) async fn is_shown(cx: &Context, key: &Key) -> Result<bool, Error> {
    let Some((role, policy_arn)) = key.name.split_once('/') else { return Ok(false) };
    Ok(role::attached_arns(cx, key.side, role).await?.iter().any(|attached| attached == policy_arn))
}
