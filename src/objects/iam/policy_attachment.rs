//! A managed policy that is attached to a role: `ROLE/POLICY_ARN`. It has no tags and belongs to the owner of its role.
//!
//! Ledger: nothing beyond its existence.

use async_trait::async_trait;

use super::role;
use crate::aws::{Answer, Error, Side};
use crate::diagnostics::Path;
use crate::engine::{BadName, Deleted, Entry, Key, Kind, Object, Observed, OnExisting, Origin, Planned, Reconcile, Written, parts};
use crate::objects::{Context, Env};

pub const KIND: &str = role::POLICY_ATTACHMENT;

#[derive(Clone, Debug)]
pub struct PolicyAttachment {
    pub side: Side,
    pub role: String,
    pub policy_arn: String,
    pub attribute: Path,
}

pub fn key(side: Side, role: &str, policy_arn: &str) -> Key {
    Key::new(side, KIND, format!("{role}/{policy_arn}"))
}

#[async_trait]
impl Object<Context> for PolicyAttachment {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &PolicyAttachmentKind
    }

    fn key(&self) -> Key {
        key(self.side, &self.role, &self.policy_arn)
    }

    fn attribute(&self) -> Path {
        self.attribute.clone()
    }

    fn depends_on(&self) -> Vec<Key> {
        vec![role::key(self.side, &self.role)]
    }

    fn on_existing(&self) -> OnExisting {
        OnExisting::InheritFrom(role::key(self.side, &self.role))
    }

    fn planned(&self, _: &Env) -> Planned {
        Planned::default()
    }

    async fn read(&self, cx: &Context, _: &Reconcile) -> Result<Option<Observed>, Error> {
        let attached = role::attached_arns(cx, self.side, &self.role).await?;
        Ok(attached.contains(&self.policy_arn).then(|| Observed::attached(false)))
    }

    async fn create(&self, cx: &Context, _: &Reconcile, _: &str) -> Result<Written, Error> {
        let iam = cx.iam(self.side);
        let send = || iam.attach_role_policy().role_name(&self.role).policy_arn(&self.policy_arn).send();
        cx.ask_until_visible("iam:AttachRolePolicy", self.side, cx.in_turn(self.side, &self.role, send)).await?;
        Ok(Written::default())
    }

    /// It is attached or it is not.
    async fn update(&self, _: &Context, _: &Reconcile, _: &str, _: &Observed) -> Result<Written, Error> {
        Ok(Written::default())
    }
}

pub struct PolicyAttachmentKind;

#[async_trait]
impl Kind<Context> for PolicyAttachmentKind {
    fn name(&self) -> &'static str {
        KIND
    }

    fn delete_order(&self, _: Origin) -> u8 {
        0
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        split(name).map(drop)
    }

    fn parents(&self, key: &Key) -> Vec<Key> {
        split(&key.name).map(|[role, _]| role::key(key.side, role)).into_iter().collect()
    }

    /// Detaches the policy, unless another create took its role over.
    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        let [role, policy_arn] = split(&key.name)?;
        let Some(parent) = role::owner(cx, key.side, role).await? else { return Ok(Deleted::Now) };
        if !cx.ownership.may_detach(entry, cx.recorded.get(&role::key(key.side, role)), &parent) {
            return Ok(Deleted::Now);
        }
        let iam = cx.iam(key.side);
        let send = || iam.detach_role_policy().role_name(role).policy_arn(policy_arn).send();
        cx.ask("iam:DetachRolePolicy", key.side, cx.in_turn(key.side, role, send)).await.absent_is_none()?;
        Ok(Deleted::Eventually(Box::new(entry.clone())))
    }

    async fn still_visible(&self, cx: &Context, key: &Key, _: &Entry) -> Result<bool, Error> {
        let [role, policy_arn] = split(&key.name)?;
        Ok(role::attached_arns(cx, key.side, role).await?.iter().any(|attached| attached == policy_arn))
    }
}

/// Role and policy ARN of a name: a role's name has no slash.
fn split(name: &str) -> Result<[&str; 2], BadName> {
    parts(name, "ROLE/POLICY_ARN")
}
/// Whether the managed policy exists.
pub async fn policy_exists(cx: &Context, side: Side, policy_arn: &str) -> Result<bool, Error> {
    let iam = cx.iam(side);
    let answer = cx.ask("iam:GetPolicy", side, || iam.get_policy().policy_arn(policy_arn).send()).await;
    Ok(answer.absent_is_none()?.is_some())
}
