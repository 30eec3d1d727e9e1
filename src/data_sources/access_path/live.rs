//! The chain tried out: roles are assumed, a token is signed and the API server asked. What came of it goes into the hops that
//! the documents gave, and into `api_server`.
//!
//! Credentials and tokens live as long as the read. Nothing of them, and nothing that differs from one read to the next, gets into a hop.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::entry::MAY_BE_MAPPED;
use super::question::{Action, Question};
use crate::aws::api_server::{ApiServer, Attempt, Silence, User};
use crate::aws::sessions::{self, Credentials};
use crate::aws::token::Token;
use crate::aws::{Account, Arn, Error, Kind, principals, token};
use crate::data_sources::hops::{Chain, Hop, Status};
use crate::data_sources::steps::Step;
use crate::objects::eks::cluster::ClusterDescription;

const API_SERVER: &str = "api_server";
/// How the reason begins where the API server knows no such identity.
const UNRECOGNIZED: &str = "The API server answers 401";

/// For how many seconds an access entry is new: its own apply may still be running.
const NEW: i64 = 120;
/// How long and how often the API server is asked while the access entry is new.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(2);

/// Where the question goes: the cluster, and with whose credentials.
pub(super) struct Trial<'a> {
    pub question: &'a Question,
    pub account: Arc<Account>,
    pub cluster: Option<&'a ClusterDescription>,
    pub cluster_account: &'a str,
    pub region: &'a str,
    pub steps: &'a [Step],
    /// In seconds since 1970.
    pub entry_created_at: Option<i64>,
    pub stop: &'a CancellationToken,
}

impl Trial<'_> {
    /// Tries the chain; `chain` holds the hops of the documents.
    pub async fn run(&self, chain: &mut Chain) {
        let is_principal = self.check_caller(chain);
        let Some(session) = self.sessions(chain, is_principal).await else {
            chain.0.push(self.unasked("Not checked: no session is available."));
            return;
        };
        let (user, mut hop) = self.ask_patiently(&session, chain, is_principal).await;
        if user.is_some() {
            admitted(chain, hop.status == Status::Ok && !self.question.actions.is_empty());
        } else if hop.reason.starts_with(UNRECOGNIZED) {
            unrecognized(chain);
        }
        if !is_principal && hop.status == Status::Broken {
            (hop.status, hop.fix) = (Status::Unknown, None);
            hop.reason = format!("Of another caller than the principal (see the identity hop): {}", hop.reason);
        }
        chain.0.push(hop.in_account(self.cluster_account));
    }

    /// Whether the caller of live_as is the principal: the result applies to the caller, and one of another caller proves nothing.
    fn check_caller(&self, chain: &mut Chain) -> bool {
        let (caller, Some(first)) = (&self.account.identity().arn, self.steps.first()) else { return true };
        let same = Arn::parse(caller)
            .ok()
            .is_some_and(|arn| arn.account == first.arn.account && principals::named(&arn) == Some((first.sort, first.name.clone())));
        if same {
            return true;
        }
        if let Some(hop) = chain.0.iter_mut().find(|hop| hop.name == "identity") {
            let who = Arn::parse(caller)
                .ok()
                .and_then(|arn| Some(arn.session()?.0.to_owned()))
                .map_or(caller.clone(), |role| format!("the role {role}"));
            hop.status = if hop.status == Status::Broken { Status::Broken } else { Status::Unknown };
            hop.reason = format!(
                "{} However, the live check ran as {who}, the caller of {}: its results apply to that caller, not to {}.",
                hop.reason, self.account, first.written
            );
            hop.fix = Some(format!(
                "Set live_as to an entry of workload_accounts whose last assume_role is {}, or set principal_arn to the caller.",
                first.written
            ));
        }
        false
    }

    /// Assumes role after role, and records the result in each hop. `is_principal`: whether the caller is who the documents are about.
    async fn sessions(&self, chain: &mut Chain, is_principal: bool) -> Option<Credentials> {
        let mut session = sessions::own(&self.account).await.ok()?;
        let mut hops = chain.0.iter_mut().filter(|hop| hop.name == "assume_role");
        for role in self.question.chain.iter().skip(1) {
            let answer = sessions::assume(&self.account, &session, role, self.question.external_id.as_ref()).await;
            if let Some(hop) = hops.next() {
                correct_assume_role(hop, answer.as_ref().err(), is_principal);
            }
            session = answer.ok()?;
        }
        Some(session)
    }

    /// What the credentials that sign the token call their session; empty for a user's.
    fn session_name(&self) -> String {
        if self.question.chain.len() > 1 {
            return sessions::SESSION_NAME.to_owned();
        }
        let own = Arn::parse(&self.account.identity().arn).ok();
        own.and_then(|arn| arn.session().map(|(_, session)| session.to_owned())).unwrap_or_default()
    }

    /// The API servers of EKS know a new access entry and its policies some seconds late: until then, they are asked again, if the hops
    /// promise the principal another answer.
    async fn ask_patiently(&self, session: &Credentials, chain: &Chain, is_principal: bool) -> (Option<User>, Hop) {
        let (session_name, until) = (self.session_name(), Instant::now() + PATIENCE);
        let is_ok = |name| chain.0.iter().any(|hop| hop.name == name && hop.status == Status::Ok);
        let may_pass = |hop: &Hop| {
            let is_late = hop.reason.starts_with(UNRECOGNIZED) || is_ok("access_policy");
            hop.status == Status::Broken && is_late && is_ok("access_entry") && is_principal && self.is_entry_new()
        };
        loop {
            let answer = self.ask(session, &session_name).await;
            if !may_pass(&answer.1) || Instant::now() >= until {
                return answer;
            }
            tracing::info!(cluster = self.question.cluster, "waiting for the API server to know the new access entry");
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.stop.cancelled() => return answer,
            }
        }
    }

    fn is_entry_new(&self) -> bool {
        let now =
            self.account.sdk_config().time_source().unwrap_or_default().now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let age = |created: i64| i64::try_from(now.as_secs()).unwrap_or(i64::MAX).saturating_sub(created);
        self.entry_created_at.is_some_and(|created| age(created) < NEW)
    }

    async fn ask(&self, session: &Credentials, session_name: &str) -> (Option<User>, Hop) {
        let Some((cluster, endpoint, authority)) =
            self.cluster.and_then(|c| Some((c, c.endpoint.as_deref()?, c.certificate_authority.as_deref()?)))
        else {
            return (None, self.unasked("Not checked: the endpoint and certificate authority of the cluster are not known."));
        };
        let token = match token::cluster_token(&self.account, session, self.region, &cluster.name).await {
            Ok(token) => token,
            Err(error) => return (None, Hop::unreadable(API_SERVER, endpoint, &error)),
        };
        let server = match ApiServer::new(&self.account, endpoint, authority) {
            Ok(server) => server,
            Err(silence) => return (None, self.silent(&silence)),
        };
        let user = match server.who_am_i(&token).await {
            Ok(user) => user,
            Err(silence) => return (None, self.silent(&silence)),
        };
        let actions = match self.actions(&server, &token).await {
            Ok(actions) => actions,
            Err(hop) => return (Some(user), *hop),
        };
        let (mut granted, mut refused) = (Vec::new(), Vec::new());
        for action in &actions {
            match server.may(&token, attempt(action)).await {
                Ok(true) => granted.push(action.to_string()),
                Ok(false) => refused.push(action.to_string()),
                Err(silence) => return (None, self.silent(&silence)),
            }
        }
        let hop = self.answer_hop(&nameless(&user.name, session_name), &user.groups, &granted, &refused);
        (Some(user), hop)
    }

    /// What is asked, with each resource in its API group: the cluster knows those of its own.
    async fn actions(&self, server: &ApiServer, token: &Token) -> Result<Vec<Action>, Box<Hop>> {
        let mut actions = self.question.actions.clone();
        // All of them are about the same resource.
        let Some(written) = actions.first().filter(|action| action.group.is_none()).map(|action| action.resource.clone()) else {
            return Ok(actions);
        };
        let (name, sub) = written.split_once('/').map_or((written.as_str(), None), |(name, sub)| (name, Some(sub)));
        let found = server.find_resource(token, name).await.map_err(|silence| self.silent(&silence))?;
        let Some((group, plural)) = found else {
            let reason = format!("The cluster authenticates the principal. It has no resource named {name}.");
            let fix = "Set resource to a name that kubectl api-resources lists.";
            return Err(Box::new(Hop::broken(API_SERVER, self.endpoint(), reason, fix)));
        };
        for action in &mut actions {
            action.group = Some(group.clone());
            action.resource = sub.map_or_else(|| plural.clone(), |sub| format!("{plural}/{sub}"));
        }
        Ok(actions)
    }

    fn answer_hop(&self, user: &str, groups: &[String], granted: &[String], refused: &[String]) -> Hop {
        let mut reason = format!("The cluster authenticates the principal as {user}");
        match groups {
            [] => reason.push('.'),
            groups => reason.push_str(&format!(", in the groups {}.", listed(groups))),
        }
        if !granted.is_empty() {
            reason.push_str(&format!(" It can {}.", granted.join(" and ")));
        }
        if refused.is_empty() {
            return Hop::ok(API_SERVER, self.endpoint(), reason);
        }
        reason.push_str(&format!(" It can't {}.", refused.join(", nor ")));
        let fix = "Give its access entry a policy and a scope that allow it (kubernetes.policies of xeks_cross_account_access), or bind a \
                   Kubernetes role to one of its groups.";
        Hop::broken(API_SERVER, self.endpoint(), reason, fix)
    }

    /// Why there was no answer, and what that means.
    fn silent(&self, silence: &Silence) -> Hop {
        let endpoint = self.endpoint();
        match silence {
            Silence::Unauthorized => {
                let reason = format!(
                    "{UNRECOGNIZED}: it does not recognize this identity. The access entry does not exist, or it was created for an earlier \
                     role of the same name."
                );
                Hop::broken(API_SERVER, endpoint, reason, "See the access_entry hop; create the access entry, or recreate it.")
            }
            Silence::Forbidden(why) => {
                let reason = format!("The API server answers 403 to a request that every user is allowed to make: {why}.");
                let fix = "Restore the cluster role binding system:basic-user, or check for an authorizer or a proxy between Terraform \
                           and the API server.";
                Hop::broken(API_SERVER, endpoint, reason, fix)
            }
            Silence::Certificate(why) => {
                let reason = format!(
                    "The endpoint does not present a certificate of the cluster's certificate authority ({why}): a proxy intercepts the \
                     connection, or the endpoint belongs to another cluster."
                );
                Hop::broken(
                    API_SERVER,
                    endpoint,
                    reason,
                    "Check for a proxy that terminates TLS, and add the cluster's endpoint to no_proxy.",
                )
            }
            Silence::Unreachable(why) => {
                let reason = format!(
                    "The API server can't be reached from the machine that runs Terraform ({why}). A private endpoint can be reached only \
                     from the cluster's VPC and connected networks, and a public endpoint only from its public access CIDRs."
                );
                let fix = "Run Terraform where it can reach the endpoint, or remove live and set source to check the network path of \
                           another machine.";
                Hop::unknown(API_SERVER, endpoint, reason).with_fix(fix)
            }
            Silence::Settings(why) | Silence::Other(why) => {
                Hop::unknown(API_SERVER, endpoint, format!("The request to the API server failed: {why}."))
            }
        }
    }

    fn unasked(&self, why: &str) -> Hop {
        Hop::unknown(API_SERVER, self.endpoint(), why).in_account(self.cluster_account)
    }

    fn endpoint(&self) -> String {
        self.cluster.and_then(|c| c.endpoint.clone()).unwrap_or_else(|| self.question.cluster.clone())
    }
}

/// Combines the answer of STS with what the documents say. `is_principal`: whether both are about the same caller.
fn correct_assume_role(hop: &mut Hop, refusal: Option<&Error>, is_principal: bool) {
    let said = hop.reason.clone();
    match (refusal, hop.status) {
        (Some(error), status) if !is_principal && status != Status::Broken && error.is(Kind::Denied) => {
            hop.status = Status::Unknown;
            hop.reason = format!("STS denies it to the live caller, which is not the principal. According to the documents: {said}");
        }
        (None, Status::Ok) => hop.reason = format!("{said} STS returned a session."),
        (None, _) => {
            hop.status = Status::Ok;
            hop.reason = format!("STS returned a session to the live caller. According to the documents: {said}");
            hop.fix = None;
        }
        (Some(error), Status::Broken) if error.is(Kind::Denied) => hop.reason = format!("{said} STS denies it, too."),
        (Some(error), Status::Ok) if error.is(Kind::Denied) => {
            hop.status = Status::Broken;
            hop.reason = format!(
                "STS denies it, although the documents on both sides allow it: {said} An organization policy (SCP or RCP) or a session \
                 policy denies it, or a change has not propagated yet."
            );
            hop.fix = Some(
                "Try again in a minute. If it still fails, ask the administrator of the organization's policies about sts:AssumeRole."
                    .into(),
            );
        }
        (Some(error), _) if error.is(Kind::Denied) => {
            hop.status = Status::Broken;
            hop.reason = format!("STS denies it. {said}");
        }
        (Some(error), Status::Broken) => hop.reason = format!("{said} The call to STS also failed: {}.", brief(error)),
        (Some(error), _) => {
            hop.status = Status::Unknown;
            hop.reason = format!("The call to STS failed: {}. According to the documents: {said}", brief(error));
        }
    }
}

/// The cluster answered: it knows the principal, by an entry or by its aws-auth, and `may` do what was asked. Where it has an entry
/// that allows nothing, being known is not enough.
fn admitted(chain: &mut Chain, may: bool) {
    let entry = chain.0.iter().find(|hop| hop.name == "access_entry").map(|hop| hop.status);
    for hop in &mut chain.0 {
        let otherwise = match hop.name {
            "access_entry" => "The cluster authenticates the principal anyway, through its aws-auth ConfigMap or otherwise.",
            // An entry whose principal could not be read may well be the one that admits it: its policies count.
            "access_policy" if entry == Some(Status::Broken) || entry == Some(Status::Unknown) && hop.status == Status::Unknown => {
                "Access policies do not determine what the principal can do."
            }
            "access_policy" if may => "The cluster allows the request anyway, through its RBAC.",
            _ => continue,
        };
        if hop.status.holds_up() {
            hop.status = Status::External;
            hop.reason = format!("{otherwise} {}", hop.reason);
            hop.fix = None;
        }
    }
}

/// The cluster does not know the principal: its aws-auth ConfigMap does not contain it either. Another caller's answer says nothing of that.
fn unrecognized(chain: &mut Chain) {
    let is_another = chain.0.iter().any(|hop| hop.name == "identity" && hop.status == Status::Unknown);
    let entries = chain.0.iter_mut().filter(|hop| hop.name == "access_entry" && hop.reason.ends_with(MAY_BE_MAPPED));
    for hop in entries.filter(|_| !is_another) {
        hop.status = Status::Broken;
        hop.reason = format!("{}, so it answers 401.", hop.reason.trim_end_matches(MAY_BE_MAPPED));
    }
}

fn attempt(action: &Action) -> Attempt<'_> {
    Attempt {
        verb: &action.verb,
        group: action.group.as_deref().unwrap_or_default(),
        resource: &action.resource,
        namespace: action.namespace.as_deref(),
    }
}

/// A user name without its session, which is another on each read. In a name of the entry's own it stands behind a colon (EKS user
/// guide, "Create access entries"), with `-` for `@` unless the entry asks for it raw.
fn nameless(user: &str, session: &str) -> String {
    const NAME: &str = "{{SessionName}}";
    if let Some(session) = Arn::parse(user).ok().and_then(|arn| arn.session().map(|(_, session)| session.len())) {
        return format!("{}{NAME}", &user[..user.len() - session]);
    }
    match user.split_once(':') {
        Some((before, after)) if !session.is_empty() => {
            format!("{before}:{}", after.replace(session, NAME).replace(&session.replace('@', "-"), NAME))
        }
        _ => user.to_owned(),
    }
}

/// The first groups, and how many more: a server can name any number.
fn listed(groups: &[String]) -> String {
    const SHOWN: usize = 50;
    match groups.len().saturating_sub(SHOWN) {
        0 => groups.join(", "),
        more => format!("{} and {more} more", groups[..SHOWN].join(", ")),
    }
}

fn brief(error: &Error) -> String {
    error.code.clone().unwrap_or_else(|| error.message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(status: Status, refusal: Option<(&str, &str)>) -> Hop {
        let mut hop = Hop { status, fix: Some("fix".into()), ..Hop::ok("assume_role", "role", "The trust policy allows it.") };
        let error = refusal.map(|(code, message)| Error::from_code("sts:AssumeRole", "1 (workload)", code, message, None));
        correct_assume_role(&mut hop, error.as_ref(), true);
        hop
    }

    #[test]
    fn what_sts_does_counts_more_than_what_documents_say() {
        assert_eq!(settled(Status::Unknown, None).status, Status::Ok);
        assert_eq!(settled(Status::Broken, None).status, Status::Ok);
        let refused = settled(Status::Ok, Some(("AccessDenied", "no")));
        assert_eq!(refused.status, Status::Broken);
        assert!(refused.reason.contains("SCP"), "{}", refused.reason);
        assert_eq!(settled(Status::External, Some(("AccessDenied", "no"))).status, Status::Broken);
        assert_eq!(settled(Status::Ok, Some(("ExpiredToken", "old"))).status, Status::Unknown);
    }

    #[test]
    fn a_documents_reason_outlasts_a_refusal_that_agrees_with_it() {
        let hop = settled(Status::Broken, Some(("AccessDenied", "no")));
        assert_eq!((hop.reason.as_str(), hop.fix.as_deref()), ("The trust policy allows it. STS denies it, too.", Some("fix")));
    }

    #[test]
    fn a_denial_of_another_caller_says_nothing_of_the_principal() {
        let denied = Error::of_kind(Kind::Denied, "sts:AssumeRole", "1 (workload)", "no");
        let mut hop = Hop::ok("assume_role", "a", "The trust policy allows it.");
        correct_assume_role(&mut hop, Some(&denied), false);
        assert_eq!(hop.status, Status::Unknown);
        assert!(hop.reason.ends_with("According to the documents: The trust policy allows it."), "{}", hop.reason);
    }

    #[test]
    fn who_is_admitted_otherwise_is_not_held_up_by_a_missing_entry() {
        let entry = Hop::broken("access_entry", "a", "No entry.", "make");
        let mut chain = Chain(vec![Hop::ok("identity", "a", "b"), entry, Hop::unknown("access_policy", "a", "Not looked at.")]);
        admitted(&mut chain, false);
        assert!(chain.allowed());
        assert_eq!(chain.0[1].fix, None);
    }

    #[test]
    fn who_is_not_recognized_is_in_no_config_map_either_unless_another_was_asked_for() {
        let of = |identity| {
            let entry = Hop::unknown("access_entry", "a", format!("Cluster c has no access entry for a{MAY_BE_MAPPED}")).with_fix("make");
            let mut chain = Chain(vec![Hop { status: identity, ..Hop::ok("identity", "a", "b") }, entry]);
            unrecognized(&mut chain);
            (chain.0[1].status, chain.0[1].reason.clone())
        };
        assert_eq!(of(Status::Ok), (Status::Broken, "Cluster c has no access entry for a, so it answers 401.".to_owned()));
        assert_eq!(of(Status::Unknown).0, Status::Unknown);
    }

    #[test]
    fn being_known_is_not_being_allowed() {
        let of = |may| {
            let policy = Hop::broken("access_policy", "a", "Neither policy nor group.", "associate");
            let mut chain = Chain(vec![Hop::ok("access_entry", "a", "b"), policy]);
            admitted(&mut chain, may);
            chain.0[1].status
        };
        assert_eq!((of(false), of(true)), (Status::Broken, Status::External));
    }

    #[test]
    fn a_long_list_of_groups_is_cut_and_says_so() {
        let groups: Vec<String> = (0..60).map(|n| format!("g{n}")).collect();
        assert_eq!(listed(&groups[..2]), "g0, g1");
        assert!(listed(&groups).ends_with(", g49 and 10 more"));
    }

    #[test]
    fn a_user_name_is_shown_without_its_session() {
        let arn = |session| format!("arn:aws:sts::185863138492:assumed-role/app/{session}");
        assert_eq!(nameless(&arn("i-1"), "other"), arn("{{SessionName}}"));
        assert_eq!(nameless("arn:aws:sts::1:assumed-role/app/i-1", ""), "arn:aws:sts::1:assumed-role/app/i-1");
        assert_eq!(nameless("ops", "ops"), "ops");
    }

    #[test]
    fn a_user_name_of_the_entrys_own_is_shown_without_its_session_too() {
        assert_eq!(nameless("team:ann@corp.example:x", "ann@corp.example"), "team:{{SessionName}}:x");
        assert_eq!(nameless("team:ann-corp.example", "ann@corp.example"), "team:{{SessionName}}");
        assert_eq!(nameless("xeks:xeks", "xeks"), "xeks:{{SessionName}}");
        assert_eq!(nameless("team:ann", ""), "team:ann");
    }
}
