//! The hops `access_entry` and `access_policy`: whether the cluster knows the last principal, and as whom.

use std::collections::BTreeMap;

use super::access_policy;
use super::question::Question;
use crate::aws::{Account, Arn, Error};
use crate::data_sources::hops::Hop;
use crate::data_sources::steps::{Found, Step};
use crate::diagnostics::sentence;
use crate::objects::eks::admission;
use crate::objects::eks::cluster::ClusterDescription;
use crate::objects::eks::entries::{EntryFacts, Reach};

const ENTRY: &str = "access_entry";
const POLICY: &str = "access_policy";

/// How the reason ends where only the cluster knows whether it admits a principal without an entry.
pub(super) const MAY_BE_MAPPED: &str = ". The authentication mode is API_AND_CONFIG_MAP: the aws-auth ConfigMap may contain the principal, \
                                        which only the cluster knows.";
/// The type of an entry for people and programs.
const STANDARD: &str = "STANDARD";

/// What the cluster account contains about the cluster and its access entries.
#[derive(Debug)]
pub(super) struct Door<'a> {
    cluster: &'a Result<Option<ClusterDescription>, Error>,
    entry: Result<Option<EntryFacts>, Error>,
    policies: Result<BTreeMap<String, Reach>, Error>,
    /// Principals of all entries; none where they can't be listed, since they only help to explain.
    others: Vec<String>,
}

/// Looks at the cluster's door for this principal; without one, at the cluster only.
pub(super) async fn look<'a>(
    account: &Account,
    region: &str,
    cluster_name: &str,
    principal: Option<&str>,
    cluster: &'a Result<Option<ClusterDescription>, Error>,
) -> Door<'a> {
    let open = cluster.as_ref().is_ok_and(|c| c.as_ref().is_some_and(takes_entries));
    let Some(principal) = principal.filter(|_| open) else {
        return Door { cluster, entry: Ok(None), policies: Ok(BTreeMap::new()), others: Vec::new() };
    };
    let (entry, policies, others) = futures::join!(
        admission::entry(account, region, cluster_name, principal),
        admission::policies(account, region, cluster_name, principal),
        admission::principals(account, region, cluster_name),
    );
    Door { cluster, entry, policies, others: others.unwrap_or_default() }
}

impl Door<'_> {
    /// When the access entry was created, in seconds since 1970.
    pub fn created_at(&self) -> Option<i64> {
        self.entry.as_ref().ok()?.as_ref().map(|entry| entry.created_at)
    }

    /// `access_entry` and `access_policy`. `elsewhere` is what to do where another account has the cluster.
    pub fn hops(&self, question: &Question, account_id: &str, region: &str, steps: &[Step], elsewhere: Option<String>) -> Vec<Hop> {
        let Some(last) = steps.last() else { return Vec::new() };
        let entry = self.entry(question, account_id, region, steps, last).or_fix(elsewhere);
        let policy = self.policy(question, last);
        [entry, policy].into_iter().map(|hop| hop.in_account(account_id)).collect()
    }

    fn entry(&self, question: &Question, account_id: &str, region: &str, steps: &[Step], last: &Step) -> Hop {
        let (name, principal) = (&question.cluster, last.known_arn());
        let object = format!("{name}: {principal}");
        let cluster = match self.cluster {
            Err(error) => return Hop::unreadable(ENTRY, object, error),
            Ok(None) => {
                let reason = format!("No cluster {name} exists in region {region} of account {account_id}.");
                return Hop::broken(ENTRY, object, reason, "Correct cluster_name or region, or the provider's cluster_account.");
            }
            Ok(Some(cluster)) => cluster,
        };
        match cluster.status.as_deref() {
            Some("ACTIVE" | "UPDATING") => {}
            status => {
                let reason = format!("Cluster {name} is {}: it authenticates no principal.", status.unwrap_or("in an unknown state"));
                return Hop::broken(ENTRY, object, reason, "Wait until the cluster is ACTIVE, or repair it.");
            }
        }
        if !takes_entries(cluster) {
            let reason = format!(
                "The authentication mode of cluster {name} is CONFIG_MAP, which does not support access entries. Only the cluster knows \
                 whether its aws-auth ConfigMap contains {principal}."
            );
            let fix = format!(
                "Set on_config_map = \"upgrade\" on xeks_cross_account_access, or run aws eks update-cluster-config --name {name} --region {region} \
                 --access-config authenticationMode=API_AND_CONFIG_MAP."
            );
            return Hop::broken(ENTRY, object, reason, fix);
        }
        if last.entry_arn().is_none() {
            return pathless(&object, last);
        }
        match &self.entry {
            Err(error) => Hop::unreadable(ENTRY, object, error),
            Ok(None) => self.no_entry(cluster, &object, &principal, steps, question.live),
            Ok(Some(entry)) => standing(name, &object, &principal, entry, last),
        }
    }

    /// A cluster that takes entries only answers 401. One that reads its aws-auth ConfigMap too may know the principal by that.
    fn no_entry(&self, cluster: &ClusterDescription, object: &str, principal: &str, steps: &[Step], live: bool) -> Hop {
        let mut reason = format!("Cluster {} has no access entry for {principal}", cluster.name);
        let before = steps.iter().rev().skip(1).map(Step::known_arn).find(|arn| self.others.contains(arn));
        if let Some(before) = before {
            reason.push_str(&format!(
                ". It has one for {before}, but the chain continues from there, and the cluster sees only the last principal"
            ));
        } else if let Some(like) = self.others.iter().find(|other| same_name(other, principal)) {
            reason.push_str(&format!(". It has one for {like}, which is a different principal with the same name"));
        }
        let create = format!(
            "configure kubernetes in xeks_cross_account_access, which creates the entry, or run aws eks create-access-entry \
             --cluster-name {} --principal-arn {principal}.",
            cluster.name
        );
        if cluster.authentication_mode.as_deref() != Some("API_AND_CONFIG_MAP") {
            return Hop::broken(ENTRY, object, format!("{reason}, so it answers 401."), sentence(&create));
        }
        let ask = if live { "" } else { "Set live = true to ask the cluster. " };
        let fix = format!("{ask}To grant access with an entry, {create}");
        Hop::unknown(ENTRY, object, format!("{reason}{MAY_BE_MAPPED}")).with_fix(fix)
    }

    fn policy(&self, question: &Question, last: &Step) -> Hop {
        let (name, principal) = (&question.cluster, last.known_arn());
        let object = format!("{name}: {principal}");
        match (&self.entry, &self.policies) {
            (Ok(Some(entry)), Ok(policies)) => {
                let fix = format!(
                    "Set kubernetes.policies of xeks_cross_account_access, or run aws eks associate-access-policy --cluster-name {name} --principal-arn \
                     {principal}."
                );
                access_policy::hop(&object, policies, &entry.groups, &question.actions, &fix)
            }
            (Ok(Some(_)), Err(error)) => Hop::unreadable(POLICY, object, error),
            _ => Hop::unknown(POLICY, object, format!("Not checked: {}.", self.without_entry(last))),
        }
    }

    /// Why no entry was found that policies could be associated with.
    fn without_entry(&self, last: &Step) -> &'static str {
        match (self.cluster, &self.entry) {
            (Err(_), _) => "the cluster could not be read",
            (Ok(None), _) => "the cluster does not exist",
            (Ok(Some(cluster)), _) if !takes_entries(cluster) => "the cluster does not support access entries",
            (_, Err(_)) => "the access entry could not be read",
            _ if last.entry_arn().is_none() => "the ARN of the role's access entry is not known",
            _ => "the access entry does not exist",
        }
    }
}

/// An entry that is there.
fn standing(cluster: &str, object: &str, principal: &str, entry: &EntryFacts, last: &Step) -> Hop {
    let again = format!(
        "Apply xeks_cross_account_access again, or run aws eks delete-access-entry --cluster-name {cluster} --principal-arn {principal} \
         and create the entry and its policies again."
    );
    if entry.entry_type != STANDARD {
        let reason = format!("The access entry has type {}, which is for nodes and can't be changed.", entry.entry_type);
        return Hop::broken(ENTRY, object, reason, format!("{again} Its type must be {STANDARD}."));
    }
    match last.principal() {
        Some(found) if found.created_at > entry.created_at => {
            let reason = format!(
                "The access entry is older than the {}: it was created for a deleted role or user of the same name, and no longer grants \
                 access, although EKS still shows it. The cluster answers 401.",
                last.title()
            );
            Hop::broken(ENTRY, object, reason, again)
        }
        Some(_) => Hop::ok(ENTRY, object, format!("The access entry authenticates the principal as {}.", entry.username)),
        None => unseen(object, entry, last, again),
    }
}

/// An entry that is there, for a principal that could not be looked at: EKS binds it to the id that was the principal's then.
fn unseen(object: &str, entry: &EntryFacts, last: &Step, again: String) -> Hop {
    let bound = format!(
        "The access entry would authenticate the principal as {}. Whether it is bound to the current {}",
        entry.username,
        last.title()
    );
    match &last.found {
        Found::Unreadable(error) => {
            let hop = Hop::unreadable(ENTRY, object, error);
            Hop { reason: format!("{bound} can't be determined. {}", hop.reason), ..hop }
        }
        Found::Absent => {
            let reason = format!(
                "The access entry exists, but no {} exists in account {}, so the entry grants no access.",
                last.title(),
                last.arn.account
            );
            Hop::broken(ENTRY, object, reason, format!("Create the {} first. {again}", last.title()))
        }
        _ => Hop::external(ENTRY, object, format!("{bound} can't be read from here.")),
    }
}

/// A session's ARN leaves the role's path out, and an entry is for the role with its path: they can't be matched.
fn pathless(object: &str, last: &Step) -> Hop {
    let title = last.title();
    let hidden = format!("The access entry is for the {title} including its path, which a session's ARN does not contain");
    match &last.found {
        Found::Unreadable(error) => {
            let hop = Hop::unreadable(ENTRY, object, error);
            Hop { reason: format!("{hidden}. {}", hop.reason), ..hop }
        }
        Found::Absent => Hop::unknown(ENTRY, object, format!("Not checked: the {title} does not exist.")),
        _ => Hop::external(ENTRY, object, format!("{hidden}, and account {} can't be read from here.", last.arn.account)),
    }
}

fn takes_entries(cluster: &ClusterDescription) -> bool {
    cluster.authentication_mode.as_deref() != Some("CONFIG_MAP")
}

fn same_name(one: &str, other: &str) -> bool {
    let last = |text: &str| Arn::parse(text).ok().and_then(|arn| crate::aws::principals::named(&arn));
    one != other && last(one).is_some() && last(one) == last(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::principals::{Permissions, Principal, Sort};
    use crate::data_sources::hops::Status;

    const ACCESS: &str = "arn:aws:iam::183295435445:role/access";

    fn step(created_at: i64) -> Step {
        let principal = Principal {
            sort: Sort::Role,
            name: "access".into(),
            arn: ACCESS.into(),
            id: "AROAEXAMPLE000000001".into(),
            created_at,
            trust: serde_json::Value::Null,
            boundary: None,
            tags: BTreeMap::new(),
        };
        let found = Found::Here(principal, Ok(Permissions::default()));
        Step { written: ACCESS.into(), arn: Arn::parse(ACCESS).unwrap(), sort: Sort::Role, name: "access".into(), found }
    }

    fn entry(created_at: i64, kind: &str) -> EntryFacts {
        EntryFacts { username: "ops".into(), created_at, entry_type: kind.into(), ..EntryFacts::default() }
    }

    fn status(entry: &EntryFacts, step: &Step) -> Status {
        standing("prod", "prod", ACCESS, entry, step).status
    }

    #[test]
    fn a_principal_without_an_entry_may_be_in_the_config_map_of_a_cluster_that_reads_it() {
        let cluster = |mode: &str| {
            let status = Some("ACTIVE".into());
            ClusterDescription { name: "prod".into(), status, authentication_mode: Some(mode.into()), ..ClusterDescription::default() }
        };
        let of = |mode: &str, live| {
            let found = Ok(Some(cluster(mode)));
            let door = Door { cluster: &found, entry: Ok(None), policies: Ok(BTreeMap::new()), others: Vec::new() };
            let question = Question { cluster: "prod".into(), live, ..Question::default() };
            door.hops(&question, "183295435445", "ap-south-1", &[step(1)], None).swap_remove(0)
        };
        let hop = of("API", false);
        assert!(hop.status == Status::Broken && hop.reason.ends_with("so it answers 401."), "{hop:?}");
        let hop = of("API_AND_CONFIG_MAP", false);
        assert!(hop.status == Status::Unknown && hop.reason.contains("the aws-auth ConfigMap may contain the principal"), "{hop:?}");
        assert!(hop.fix.unwrap().starts_with("Set live = true"));
        assert!(of("API_AND_CONFIG_MAP", true).fix.unwrap().starts_with("To grant access with an entry, configure kubernetes"));
    }

    #[test]
    fn an_entry_that_is_older_than_its_role_is_dead() {
        assert_eq!(status(&entry(100, STANDARD), &step(101)), Status::Broken);
        assert_eq!(status(&entry(100, STANDARD), &step(100)), Status::Ok);
        assert_eq!(status(&entry(100, STANDARD), &step(1)), Status::Ok);
    }

    #[test]
    fn an_entry_of_a_role_that_was_not_seen_is_not_called_sound() {
        let of = |found| status(&entry(100, STANDARD), &Step { found, ..step(1) });
        let denied = Error::from_code("iam:GetRole", "183295435445 (cluster)", "AccessDenied", "no", None);
        assert_eq!(of(Found::Outside), Status::External);
        assert_eq!(of(Found::Unreadable(denied)), Status::Unknown);
        assert_eq!(of(Found::Absent), Status::Broken);
    }

    #[test]
    fn the_entry_of_a_session_is_not_guessed_where_its_role_was_not_seen() {
        let written = "arn:aws:sts::183295435445:assumed-role/access/ann";
        let of = |found| Step { written: written.into(), arn: Arn::parse(written).unwrap(), found, ..step(1) };
        assert_eq!(of(step(1).found).entry_arn().as_deref(), Some(ACCESS));
        let denied = Error::from_code("iam:GetRole", "183295435445 (cluster)", "AccessDenied", "no", None);
        for (found, expected) in
            [(Found::Outside, Status::External), (Found::Unreadable(denied), Status::Unknown), (Found::Absent, Status::Unknown)]
        {
            let last = of(found);
            assert_eq!((last.entry_arn(), pathless("prod", &last).status), (None, expected));
        }
    }

    #[test]
    fn an_entry_for_nodes_admits_no_people() {
        let hop = standing("prod", "prod", ACCESS, &entry(100, "EC2_LINUX"), &step(1));
        assert_eq!(hop.status, Status::Broken);
        assert!(hop.fix.unwrap().contains("delete-access-entry --cluster-name prod"));
    }

    #[test]
    fn a_name_is_the_same_under_any_path_and_in_any_account() {
        assert!(same_name("arn:aws:iam::183295435445:role/x/access", ACCESS));
        assert!(same_name("arn:aws:iam::185863138492:role/access", ACCESS));
        assert!(!same_name("arn:aws:iam::183295435445:user/access", ACCESS));
        assert!(!same_name(ACCESS, ACCESS));
    }
}
