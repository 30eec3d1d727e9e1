//! The principals of a chain as they are: who each one is, in which account, and what its own policies say.

use std::sync::Arc;

use futures::future::join_all;

use crate::aws::accounts::AccountError;
use crate::aws::principals::{self, Permissions, Principal, Sort};
use crate::aws::{Account, Arn, Error};
use crate::diagnostics::Diagnostics;
use crate::evaluate;
use crate::provider::RequestContext;

/// The accounts that can be read: those that a question needs.
#[derive(Debug)]
pub(super) struct Accounts {
    cluster: Option<Arc<Account>>,
    workload: Option<Arc<Account>>,
}

impl Accounts {
    /// The cluster's account, and the workload account if a principal of the chain is elsewhere or something else is asked of it
    /// (`needs_workload`). There may be none.
    pub async fn of_cluster(
        context: &RequestContext,
        workload_account: Option<&str>,
        chain: &[String],
        needs_workload: bool,
    ) -> Result<(Arc<Account>, Self), Diagnostics> {
        let cluster = context.provider.cluster().await?;
        let only = Accounts { cluster: Some(cluster.clone()), workload: None };
        if !needs_workload && only.have(chain) {
            return Ok((cluster, only));
        }
        let workload = default_workload(context, workload_account).await?;
        Ok((cluster, Accounts { workload, ..only }))
    }

    /// The workload account, and the cluster's if a principal of the chain is elsewhere. `must_read`: such a principal is expected there, so
    /// that an account that can't be used is an error.
    pub async fn of_workload(
        context: &RequestContext,
        workload_account: Option<&str>,
        chain: &[String],
        must_read: bool,
    ) -> Result<Self, Diagnostics> {
        let only = Accounts { cluster: None, workload: default_workload(context, workload_account).await? };
        if only.have(chain) {
            return Ok(only);
        }
        match context.provider.cluster().await {
            Ok(cluster) => Ok(Accounts { cluster: Some(cluster), ..only }),
            Err(_) if only.workload.is_some() && !must_read => Ok(only),
            Err(error) => Err(error.into()),
        }
    }

    pub fn of(&self, account_id: &str) -> Option<&Arc<Account>> {
        self.all().find(|account| account.identity().account_id == account_id)
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.cluster.iter().chain(&self.workload)
    }

    /// The workload account where a cluster is not found, which it may own: opened for that if nothing else needs it.
    pub async fn other(&self, context: &RequestContext, key: Option<&str>, is_missing: bool) -> Option<Arc<Account>> {
        match &self.workload {
            None if is_missing => default_workload(context, key).await.ok().flatten(),
            known => known.clone(),
        }
    }

    /// The workload account, else the cluster's: a chain may live there alone.
    pub fn workload_or<'a>(&'a self, cluster: &'a Arc<Account>) -> &'a Arc<Account> {
        self.workload.as_ref().unwrap_or(cluster)
    }

    /// Whether every principal of the chain is in one of these accounts.
    fn have(&self, chain: &[String]) -> bool {
        chain.iter().filter_map(|written| Arn::parse(written).ok()).all(|arn| self.of(&arn.account).is_some())
    }
}

/// The workload account; `None` where the configuration has none and the question picks none.
async fn default_workload(context: &RequestContext, key: Option<&str>) -> Result<Option<Arc<Account>>, Diagnostics> {
    match context.provider.workload(key).await {
        Ok(account) => Ok(Some(account)),
        Err(AccountError::NoWorkload { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// One principal of the chain.
#[derive(Debug)]
pub(super) struct Step {
    /// As it was written.
    pub written: String,
    pub arn: Arn,
    pub sort: Sort,
    pub name: String,
    pub found: Found,
}

#[derive(Debug)]
pub(super) enum Found {
    /// Its account is none of the provider's.
    Outside,
    Absent,
    Unreadable(Error),
    Here(Principal, Result<Permissions, Error>),
}

/// Looks all of them up at the same time. What can't be one was refused at validation, and is left out.
pub(super) async fn find(accounts: &Accounts, chain: &[String]) -> Vec<Step> {
    let steps = chain.iter().filter_map(|written| {
        let arn = Arn::parse(written).ok()?;
        let (sort, name) = principals::named(&arn)?;
        Some(async move {
            let found = look(accounts.of(&arn.account), sort, &name).await;
            Step { written: written.clone(), arn, sort, name, found }
        })
    });
    join_all(steps).await
}

async fn look(account: Option<&Arc<Account>>, sort: Sort, name: &str) -> Found {
    let Some(account) = account else { return Found::Outside };
    match principals::find(account, sort, name).await {
        Ok(Some(principal)) => {
            let permissions = principals::permissions(account, &principal).await;
            Found::Here(principal, permissions)
        }
        Ok(None) => Found::Absent,
        Err(error) => Found::Unreadable(error),
    }
}

impl Step {
    pub fn principal(&self) -> Option<&Principal> {
        match &self.found {
            Found::Here(principal, _) => Some(principal),
            _ => None,
        }
    }

    /// The ARN that the cluster and trust policies know it by: with the role's path. A session's own where its role could not be read.
    pub fn known_arn(&self) -> String {
        self.principal().map_or_else(|| self.written.clone(), |principal| principal.arn.clone())
    }

    /// The ARN that an access entry of it is for, where that is known: the ARN of a session leaves the role's path out.
    pub fn entry_arn(&self) -> Option<String> {
        (self.principal().is_some() || self.arn.session().is_none()).then(|| self.known_arn())
    }

    /// Such as `role app`.
    pub fn title(&self) -> String {
        match self.sort {
            Sort::Role => format!("role {}", self.name),
            Sort::User => format!("user {}", self.name),
        }
    }

    /// Whether IAM Identity Center made the role: its trust and policies are the permission set's.
    pub fn is_of_identity_center(&self) -> bool {
        self.arn.session().is_some() && self.name.starts_with("AWSReservedSSO_")
            || self.known_arn().contains(":role/aws-reserved/sso.amazonaws.com/")
    }

    /// The caller, for the evaluation. The tags of an Identity Center session can't be read.
    pub fn caller(&self) -> evaluate::Principal {
        let principal = self.principal();
        let named = match (principal, self.arn.session()) {
            (None, Some((role, _))) => evaluate::Principal::of_pathless_role(&self.arn.partition, &self.arn.account, role),
            _ => evaluate::Principal::of_arn(&self.known_arn()).unwrap_or_default(),
        };
        evaluate::Principal {
            unique_id: principal.map(|p| p.id.clone()),
            session_name: self.arn.session().map(|(_, session)| session.to_owned()),
            tags: principal.filter(|_| !self.is_of_identity_center()).map(|p| p.tags.clone()),
            ..named
        }
    }

    /// Its policies; those that can't be read say why, and make answers unknown.
    pub fn identity(&self) -> evaluate::Identity {
        let source = |document: &principals::Document| {
            evaluate::Source::new(format!("policy {} of the {}", short(&document.name), self.title()), document.document.clone())
        };
        match &self.found {
            Found::Here(_, Ok(permissions)) => evaluate::Identity {
                policies: permissions.documents.iter().map(source).collect(),
                boundary: permissions.boundary.as_ref().map(|b| {
                    evaluate::Source::new(
                        format!("the permissions boundary {} of the {}", short(&b.name), self.title()),
                        b.document.clone(),
                    )
                }),
                // The role is judged. Whether a session was given policies of its own, only who asked for it knows.
                has_session_policies: false,
            },
            Found::Here(_, Err(error)) | Found::Unreadable(error) => {
                self.unread(&format!("the provider's credentials for {} lack {}", error.account, error.call))
            }
            Found::Outside => self.unread(&format!("account {} is not one of the provider's accounts", self.arn.account)),
            Found::Absent => evaluate::Identity::default(),
        }
    }

    fn unread(&self, why: &str) -> evaluate::Identity {
        let source = evaluate::Source::unread(format!("the policies of the {}", self.title()), why);
        evaluate::Identity { policies: vec![source], ..evaluate::Identity::default() }
    }
}

/// The name of a policy; a managed one's ARN tells only that.
fn short(name: &str) -> &str {
    name.rsplit_once(":policy/").map_or(name, |(_, name)| name)
}
