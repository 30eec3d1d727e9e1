//! IAM's quotas of an account, as far as objects of this provider come near them.

use crate::aws::{Error, Side};
use crate::objects::Context;

/// `None` where IAM does not name a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Characters of a role's trust policy, white space not counted.
    pub trust_policy_size: Option<usize>,
    /// Managed policies that one role may have.
    pub attached_policies: Option<usize>,
    /// How many roles there are.
    pub roles: Option<usize>,
}

/// The account's own quotas (IAM, GetAccountSummary).
pub async fn of(cx: &Context, side: Side) -> Result<Quotas, Error> {
    let quotas = cx.account(side).answers().once("quotas", || async { ask(cx, side).await.map(Some) }).await?;
    Ok(quotas.unwrap_or_default())
}

async fn ask(cx: &Context, side: Side) -> Result<Quotas, Error> {
    let iam = cx.iam(side);
    let answer = cx.ask("iam:GetAccountSummary", side, || iam.get_account_summary().send()).await?;
    let quota = |name: &str| {
        let all = answer.summary_map()?;
        let (_, value) = all.iter().find(|(key, _)| key.as_str() == name)?;
        usize::try_from(*value).ok()
    };
    let roles = quota("Roles");
    Ok(Quotas { roles, trust_policy_size: quota("AssumeRolePolicySizeQuota"), attached_policies: quota("AttachedPoliciesPerRoleQuota") })
}
