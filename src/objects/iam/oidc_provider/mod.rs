//! The OIDC provider of a cluster's issuer, named by the issuer without `https://`. One per issuer and account, shared by every role that
//! trusts it, so that it belongs to no resource: the last one to use it deletes it, if its tag says that xeks created it.
//!
//! Ledger: `arn`, `document` (which of the configured client IDs it has, its thumbprints if they are configured, and whether it is to be
//! retained), `tags` (those that this resource sees to; null on an existing one), `added` (the client IDs that a foreign provider lacked;
//! of one that xeks created those tags, and whether this resource created it).
//!
//! On a foreign provider a tag for each client ID says that it was added, before it is: so what a killed run added is known again, and of
//! several resources that rely on a client ID the last one removes it.

mod settings;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput as Found;
use aws_sdk_iam::types::Tag;
use serde_json::{Value, json};

use self::settings::Compared;
pub use self::settings::{Refused, Setting, Settings, Values, are_same_thumbprints};
use super::federation::{audiences, takes, trusts_in};
use crate::aws::{Answer, Error, Kind as ErrorKind, Side, arn};
use crate::diagnostics::Path;
use crate::engine::{
    Added, BadName, Contention, Deleted, Entry, Facts, Key, Kind, Ledger, Object, Observed, OnExisting, Origin, Planned, Reconcile, Tags,
    Written, parts,
};
use crate::objects::ownership::digest;
use crate::objects::{Context, Env, locks, tags};
use crate::schema::placeholder;

pub const KIND: &str = "iam_oidc_provider";

/// Tag of a provider that xeks created, to be shared.
const TAG_MANAGED: &str = "xeks:managed";
const SHARED: &str = "shared";
/// Beginning of the key of a tag that says that a client ID was added: a digest of the client ID follows, which may be longer than a key.
const MARK: &str = "xeks:client-id:";
const MARK_DIGITS: usize = 16;

/// What happens to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manage {
    /// Created if missing, deleted on the last use.
    Shared,
    /// It must exist, and is kept.
    Existing,
    /// Created if missing, and kept.
    Retain,
}

#[derive(Clone, Debug)]
pub struct OidcProvider {
    pub side: Side,
    /// With or without `https://`.
    pub issuer: String,
    pub client_ids: BTreeSet<String>,
    pub settings: Settings,
    pub manage: Manage,
    pub attribute: Path,
}

/// What a provider is, beyond what the ledger has.
#[derive(Default)]
struct ProviderFacts {
    client_ids: BTreeSet<String>,
    /// Those of the configured client IDs that a tag says were added.
    marked: BTreeSet<String>,
    /// Whether xeks created it.
    is_managed: bool,
    /// Whether xeks did, and this resource may change its settings.
    is_ours: bool,
    /// Whether this resource created it.
    is_creator: bool,
    /// Whether its thumbprints or tags are others than this resource wants.
    settings_differ: bool,
    /// What the ledger said of its settings when it was read.
    known: Values,
    /// The settings that were changed since, other than by another trust.
    drifted: BTreeMap<Setting, Option<String>>,
    /// The settings that this resource's mark lists.
    written: Values,
    /// The tags that the provider has like the other objects of the resource that created it; None where another one did.
    inherited_tags: Option<Tags>,
}

pub fn key(side: Side, issuer: &str) -> Key {
    Key::new(side, KIND, arn::issuer_host(issuer))
}

/// What the ledger says of a provider. `thumbprints`: None where the configuration names none.
pub fn document<'a>(client_ids: impl IntoIterator<Item = &'a String>, manage: Manage, thumbprints: Option<&[String]>) -> String {
    let mut document = json!({"ClientIDList": client_ids.into_iter().collect::<BTreeSet<_>>()});
    if let Some(thumbprints) = thumbprints {
        document["ThumbprintList"] = json!(settings::normal(thumbprints));
    }
    if manage == Manage::Retain {
        document["Retain"] = json!(true);
    }
    document.to_string()
}

#[async_trait]
impl Object<Context> for OidcProvider {
    fn kind(&self) -> &'static dyn Kind<Context> {
        &OidcProviderKind
    }

    fn key(&self) -> Key {
        key(self.side, &self.issuer)
    }

    fn attribute(&self) -> Path {
        self.attribute.clone()
    }

    fn on_existing(&self) -> OnExisting {
        if self.manage == Manage::Existing { OnExisting::MustExist } else { OnExisting::Share }
    }

    /// A resource that no longer uses it deletes it or removes client IDs, and reads afterwards whether another one came to use it.
    fn contention(&self, _: &Reconcile) -> Contention {
        Contention::Cooperative
    }

    fn leaves_last_look(&self, cx: &Context) -> bool {
        cx.held.is_done(&provider_arn(cx, &self.key()))
    }

    fn planned(&self, env: &Env) -> Planned {
        let identity = env.identity(self.side);
        let document = placeholder::value(self.document());
        let is_creator = env.ledger.get(&self.key()).is_some_and(|entry| entry.added.contains(&Added::Creation));
        Planned {
            arn: placeholder::value(arn::oidc_provider(&identity.partition, &identity.account_id, arn::issuer_host(&self.issuer))),
            adopted_document: document.clone(),
            document,
            tags: placeholder::map_value(&self.settings.tags_of(is_creator)),
            ..Planned::default()
        }
    }

    fn if_missing(&self) -> String {
        format!(
            "the OIDC provider of https://{} does not exist, and the configuration says that it does (oidc_provider.manage = \"existing\"). \
             Create it first, or leave manage out to have xeks create it.",
            arn::issuer_host(&self.issuer)
        )
    }

    async fn read(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let arn = provider_arn(cx, &self.key());
        // An apply is about to rely on the provider, and must not see it deleted; a read relies on nothing.
        if reconcile.instance.is_some() {
            cx.held.hold(&arn).await;
        }
        Ok(get(cx, self.side, &arn).await?.map(|found| self.observed(cx, reconcile, arn, &found)))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile, instance: &str) -> Result<Written, Error> {
        let arn = provider_arn(cx, &self.key());
        // Of several resources of an apply one creates it.
        let one = locks::exclusive(&locks::creation(&arn)).await;
        if let Some(found) = get(cx, self.side, &arn).await? {
            drop(one);
            return self.update(cx, reconcile, instance, &self.observed(cx, reconcile, arn, &found)).await;
        }
        match self.make(cx).await {
            // Another resource created it in the meantime, often one of this very apply.
            Err(error) if error.is(ErrorKind::Exists) => {
                let read =
                    || async { get_now(cx, self.side, &arn).await?.ok_or_else(|| Error { kind: ErrorKind::NotYet, ..error.clone() }) };
                let found = cx.until_propagated(|e| e.is(ErrorKind::NotYet), read).await?;
                self.update(cx, reconcile, instance, &self.observed(cx, reconcile, arn.clone(), &found)).await
            }
            made => made,
        }
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, _: &str, observed: &Observed) -> Result<Written, Error> {
        let is_as_wanted = |facts: &ProviderFacts| !facts.settings_differ && self.client_ids.is_subset(&facts.client_ids);
        // What changes nothing leaves the other resources of the run what they know.
        let changes = !observed.facts.get().is_some_and(is_as_wanted);
        let _forget = changes.then(|| Forget { cx, side: self.side, arn: provider_arn(cx, &self.key()) });
        let attempt = || async {
            match Box::pin(self.add(cx, reconcile, observed)).await {
                // The last user before this one deleted it since it was read.
                Err(gone) if gone.is(ErrorKind::Absent) && self.manage != Manage::Existing => match Box::pin(self.make(cx)).await {
                    // Or it was created a moment ago, and not every call knows of it.
                    Err(error) if error.is(ErrorKind::Exists) => Err(Error { kind: ErrorKind::NotYet, ..gone }),
                    made => made,
                },
                added => added,
            }
        };
        cx.until_propagated(|e| e.is(ErrorKind::NotYet), attempt).await
    }
}

pub struct OidcProviderKind;

#[async_trait]
impl Kind<Context> for OidcProviderKind {
    fn name(&self) -> &'static str {
        KIND
    }

    /// After the roles that trust it.
    fn delete_order(&self, _: Origin) -> u8 {
        4
    }

    fn parse(&self, name: &str) -> Result<(), BadName> {
        parts::<1>(name, "ISSUER_HOST").map(drop)
    }

    /// Deletes a provider that xeks created once no role trusts it; removes the added client IDs from a foreign one.
    async fn delete(&self, cx: &Context, key: &Key, entry: &Entry) -> Result<Deleted, Error> {
        let arn = provider_arn(cx, key);
        let _forget = Forget { cx, side: key.side, arn: arn.clone() };
        // Resources that are destroyed at the same time come here one after the other: the last one sees that no user is left.
        let _exclusive = locks::exclusive(&arn).await;
        let is_last = !cx.held.leave(&arn);
        if !is_last && !is_noted(entry) {
            return Ok(Deleted::Now);
        }
        let Some(found) = get_now(cx, key.side, &arn).await? else { return Ok(Deleted::Now) };
        if is_retained(entry) || !is_last && is_managed(&found) {
            return remove_mark(cx, key, &arn, &found).await;
        }
        if entry.origin == Origin::Shared && is_managed(&found) {
            return delete_if_unused(cx, key, entry, &arn, &found).await;
        }
        remove_client_ids(cx, key, entry, &arn, &found).await?;
        Ok(Deleted::Now)
    }

    async fn still_visible(&self, cx: &Context, key: &Key, _: &Entry) -> Result<bool, Error> {
        Ok(get_now(cx, key.side, &provider_arn(cx, key)).await?.is_some_and(|found| is_managed(&found)))
    }
}

impl OidcProvider {
    async fn make(&self, cx: &Context) -> Result<Written, Error> {
        let mut all = self.settings.tags_at_creation(&cx.ownership);
        all.insert(TAG_MANAGED.into(), SHARED.into());
        let (client_ids, thumbprints) = (self.client_ids.iter().cloned().collect(), self.settings.thumbprints.clone());
        make(cx, self.side, arn::issuer_host(&self.issuer), client_ids, thumbprints, tags::to_iam(&all)).await?;
        Ok(Written {
            arn: Some(provider_arn(cx, &self.key())),
            document: Some(self.document()),
            tags: Some(self.settings.tags_of(true)),
            added: self.settings.added(true),
            ..Written::default()
        })
    }

    /// As the configuration wants it.
    fn document(&self) -> String {
        document(&self.client_ids, self.manage, self.settings.thumbprints.as_deref())
    }

    /// Whether a trust may set thumbprints and tags of the provider.
    fn is_ours(&self, found: &Found) -> bool {
        self.manage != Manage::Existing && is_managed(found)
    }

    /// Adds the client IDs that it lacks, and brings thumbprints and tags to what is configured.
    async fn add(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Written, Error> {
        let none = ProviderFacts::default();
        let facts = observed.facts.get().unwrap_or(&none);
        let mut added = reconcile.added();
        self.write_settings(cx, facts, &added).await?;
        added.retain(|added| matches!(added, Added::ClientId(_)));
        if facts.is_ours {
            added.extend(self.settings.added(facts.is_creator));
        }
        added.extend(facts.marked.iter().cloned().map(Added::ClientId));
        let arn = provider_arn(cx, &self.key());
        let iam = cx.iam(self.side);
        for id in self.client_ids.difference(&facts.client_ids) {
            if !facts.is_managed {
                added.insert(Added::ClientId(id.clone()));
                let tag = tags::to_iam(&[(mark(id), "added".to_owned())].into());
                let send = || iam.tag_open_id_connect_provider().open_id_connect_provider_arn(&arn).set_tags(Some(tag.clone())).send();
                cx.ask_until_visible("iam:TagOpenIDConnectProvider", self.side, send).await?;
            }
            let send = || iam.add_client_id_to_open_id_connect_provider().open_id_connect_provider_arn(&arn).client_id(id).send();
            cx.ask_until_visible("iam:AddClientIDToOpenIDConnectProvider", self.side, send).await?;
        }
        let tags = observed.tags.as_ref().map(|_| self.settings.tags_of(facts.is_creator));
        Ok(Written { arn: Some(arn), id: None, document: Some(self.document()), tags, added })
    }

    /// Tags first: the mark says who wrote the thumbprints.
    async fn write_settings(&self, cx: &Context, facts: &ProviderFacts, recorded: &BTreeSet<Added>) -> Result<(), Error> {
        if !facts.settings_differ {
            return Ok(());
        }
        let arn = provider_arn(cx, &self.key());
        // Of several trusts with the same new value, one writes it.
        let _exclusive = locks::exclusive(&locks::settings(&arn)).await;
        let Some(found) = get_now(cx, self.side, &arn).await? else {
            let gone = format!("the OIDC provider {arn} was deleted");
            return Err(Error::of_kind(ErrorKind::Absent, "iam:GetOpenIDConnectProvider", cx.label(self.side), gone));
        };
        let compared = Compared::new(&self.settings, &cx.ownership, self.is_ours(&found), facts.is_creator, &found);
        // What this request wrote may not show yet.
        let is_new = |refused: &Refused| !cx.held.has_written(&arn, &refused.setting.to_string());
        if let Some(refused) = compared.refused(&facts.known).into_iter().find(is_new) {
            let detail = refused.detail(&arn, cx.label(self.side), self.manage == Manage::Existing);
            return Err(Error::of_kind(ErrorKind::Invalid, KIND, cx.label(self.side), detail));
        }
        let writes = compared.writes(recorded);
        self.settings.named().keys().for_each(|setting| cx.held.mark_written(&arn, &setting.to_string()));
        let iam = cx.iam(self.side);
        if !writes.tags.set.is_empty() {
            let tags = tags::to_iam(&writes.tags.set);
            let send = || iam.tag_open_id_connect_provider().open_id_connect_provider_arn(&arn).set_tags(Some(tags.clone())).send();
            cx.ask_until_visible("iam:TagOpenIDConnectProvider", self.side, send).await?;
        }
        if !writes.tags.unset.is_empty() {
            let keys = &writes.tags.unset;
            let send = || iam.untag_open_id_connect_provider().open_id_connect_provider_arn(&arn).set_tag_keys(Some(keys.clone())).send();
            cx.ask_until_visible("iam:UntagOpenIDConnectProvider", self.side, send).await?;
        }
        if let Some(list) = &writes.thumbprints {
            let send = || {
                let call = iam.update_open_id_connect_provider_thumbprint().open_id_connect_provider_arn(&arn);
                call.set_thumbprint_list(Some(list.clone())).send()
            };
            cx.ask_until_visible("iam:UpdateOpenIDConnectProviderThumbprint", self.side, send).await?;
        }
        Ok(())
    }

    fn observed(&self, cx: &Context, reconcile: &Reconcile, arn: String, found: &Found) -> Observed {
        let client_ids: BTreeSet<String> = found.client_id_list().iter().cloned().collect();
        let marked: BTreeSet<String> = self.client_ids.iter().filter(|id| is_marked(found, id)).cloned().collect();
        let (mut recorded, is_ours) = (reconcile.added(), self.is_ours(found));
        let is_creator = is_ours && settings::is_creator(&cx.ownership, found);
        recorded.remove(&Added::Creation);
        let compared = Compared::new(&self.settings, &cx.ownership, is_ours, is_creator, found);
        recorded.extend(compared.added());
        let known = reconcile.entry.as_ref().map(settings::recorded_in).unwrap_or_default();
        let settings_differ = !compared.writes(&recorded).is_none() || !compared.refused(&known).is_empty();
        // A resource that comes to rely on what others added is as responsible for it as they are.
        let relies = reconcile.entry.is_none() && !marked.is_empty();
        let differs = !self.client_ids.is_subset(&client_ids) || relies || settings_differ;
        let thumbprints = self.settings.thumbprints.as_ref().map(|_| found.thumbprint_list());
        Observed {
            arn: Some(arn),
            document: Some(document(self.client_ids.intersection(&client_ids), self.manage, thumbprints)),
            tags: (reconcile.origin != Origin::Adopted).then(|| compared.shown_tags(&recorded)),
            added: Some(recorded),
            facts: Facts::new(ProviderFacts {
                client_ids,
                marked,
                is_managed: is_managed(found),
                is_ours,
                is_creator,
                settings_differ,
                known,
                drifted: compared.drifted(),
                written: compared.written(),
                inherited_tags: compared.inherited(),
            }),
            // Never refused: it belongs to no resource alone.
            ..Observed::attached(differs)
        }
    }
}

/// The resource is about to rely on those of these objects that are providers.
pub fn will_hold(cx: &Context, objects: &[Box<dyn Object<Context>>]) {
    let providers = objects.iter().map(|object| object.key()).filter(|key| key.kind == KIND);
    providers.for_each(|key| cx.held.will_hold(&provider_arn(cx, &key)));
}

/// The resource is about to leave the providers that its ledger names: of several that are destroyed together, the last one asks who still uses
/// a provider.
pub fn will_leave(cx: &Context, ledger: &Ledger) {
    let shared = ledger.0.iter().filter(|(key, entry)| key.kind == KIND && entry.origin == Origin::Shared);
    shared.for_each(|(key, _)| cx.held.will_leave(&provider_arn(cx, key)));
}

/// Whether this resource may have left more on the provider than its own use: client IDs, or a mark of settings.
fn is_noted(entry: &Entry) -> bool {
    let is_more = |added: &Added| matches!(added, Added::ClientId(_) | Added::Tag(_));
    let has_thumbprints = entry.document.as_ref().is_some_and(|document| document.contains("ThumbprintList"));
    entry.added.iter().any(is_more) || has_thumbprints
}

async fn remove_client_ids(cx: &Context, key: &Key, entry: &Entry, arn: &str, found: &Found) -> Result<(), Error> {
    let ids: Vec<&String> = entry.added.iter().filter_map(|added| if let Added::ClientId(id) = added { Some(id) } else { None }).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let Some(trusts) = trusts_in(cx, key.side, arn).await? else { return Ok(()) };
    let iam = cx.iam(key.side);
    for id in ids.into_iter().filter(|id| !trusts.iter().any(|trust| takes(trust, arn, &key.name, id))) {
        let send = || iam.remove_client_id_from_open_id_connect_provider().open_id_connect_provider_arn(arn).client_id(id).send();
        cx.ask("iam:RemoveClientIDFromOpenIDConnectProvider", key.side, send).await.absent_is_none()?;
        // Another process may have begun to rely on it between the read and the call: then it is added again.
        if trusts_in(cx, key.side, arn).await?.iter().flatten().any(|trust| takes(trust, arn, &key.name, id)) {
            let send = || iam.add_client_id_to_open_id_connect_provider().open_id_connect_provider_arn(arn).client_id(id).send();
            cx.ask("iam:AddClientIDToOpenIDConnectProvider", key.side, send).await.absent_is_none()?;
        } else if is_marked(found, id) {
            let send = || iam.untag_open_id_connect_provider().open_id_connect_provider_arn(arn).tag_keys(mark(id)).send();
            cx.ask("iam:UntagOpenIDConnectProvider", key.side, send).await.absent_is_none()?;
        }
    }
    Ok(())
}

async fn delete_if_unused(cx: &Context, key: &Key, entry: &Entry, arn: &str, found: &Found) -> Result<Deleted, Error> {
    let side = key.side;
    let in_use = |trusts: &Option<Vec<Value>>| trusts.as_ref().is_none_or(|t| !t.is_empty());
    // Roles are listed while no request of this process comes to hold the provider: one that held it may have created its role.
    let Some(_exclusive) = locks::try_exclusive(arn) else { return remove_mark(cx, key, arn, found).await };
    if in_use(&trusts_in(cx, side, arn).await?) {
        return remove_mark(cx, key, arn, found).await;
    }
    let _forget = Forget { cx, side, arn: arn.to_owned() };
    let iam = cx.iam(side);
    let send = || iam.delete_open_id_connect_provider().open_id_connect_provider_arn(arn).send();
    cx.ask("iam:DeleteOpenIDConnectProvider", side, send).await.absent_is_none()?;
    // The lock is this process's alone. A role that another process created in the meantime gets the provider back.
    let trusts = trusts_in(cx, side, arn).await?;
    if in_use(&trusts) {
        restore(cx, key, found, &trusts.unwrap_or_default()).await?;
        return Ok(Deleted::Now);
    }
    Ok(Deleted::Eventually(Box::new(entry.clone())))
}

/// The provider stays, with the settings that it has; other trusts may change what this one wrote.
async fn remove_mark(cx: &Context, key: &Key, arn: &str, found: &Found) -> Result<Deleted, Error> {
    if let Some(mark) = settings::mark_in(&cx.ownership, found) {
        let iam = cx.iam(key.side);
        let send = || iam.untag_open_id_connect_provider().open_id_connect_provider_arn(arn).tag_keys(&mark).send();
        cx.ask("iam:UntagOpenIDConnectProvider", key.side, send).await.absent_is_none()?;
    }
    Ok(Deleted::Now)
}

/// Creates a provider again as it was, and with the client IDs that the trust policies ask for: one may have come since it was read.
async fn restore(cx: &Context, key: &Key, found: &Found, trusts: &[Value]) -> Result<(), Error> {
    tracing::info!(provider = key.name, "a role began to use the OIDC provider while it was deleted: creating it again");
    let thumbprints = (!found.thumbprint_list().is_empty()).then(|| found.thumbprint_list().to_vec());
    let arn = provider_arn(cx, key);
    let mut client_ids: BTreeSet<String> = found.client_id_list().iter().cloned().collect();
    let named = |text: &String| !text.contains(['*', '?']);
    client_ids.extend(trusts.iter().flat_map(|trust| audiences(trust, &arn, &key.name)).flatten().filter(named));
    let made = make(cx, key.side, &key.name, client_ids.into_iter().collect(), thumbprints, found.tags().to_vec()).await;
    made.exists_is_none().map(drop)
}

/// Creates the provider of an issuer, given by its host.
async fn make(
    cx: &Context,
    side: Side,
    issuer_host: &str,
    client_ids: Vec<String>,
    thumbprints: Option<Vec<String>>,
    tags: Vec<Tag>,
) -> Result<(), Error> {
    let (iam, url) = (cx.iam(side), format!("https://{issuer_host}"));
    let send = || {
        let call = iam.create_open_id_connect_provider().url(&url).set_client_id_list(Some(client_ids.clone()));
        call.set_thumbprint_list(thumbprints.clone()).set_tags(Some(tags.clone())).send()
    };
    let identity = cx.pair.identity(side);
    let _forget = Forget { cx, side, arn: arn::oidc_provider(&identity.partition, &identity.account_id, issuer_host) };
    cx.ask_issuer("iam:CreateOpenIDConnectProvider", side, send).await.map(drop)
}

/// The settings of a provider that exists and that this trust may not change. `known`: what it knew them to be.
pub async fn refused(cx: &Context, provider: &OidcProvider, known: &Values) -> Result<Vec<(Setting, String)>, Error> {
    let arn = provider_arn(cx, &provider.key());
    let Some(found) = get(cx, provider.side, &arn).await? else { return Ok(Vec::new()) };
    let compared = Compared::new(&provider.settings, &cx.ownership, provider.is_ours(&found), false, &found);
    let detail = |refused: &Refused| refused.detail(&arn, cx.label(provider.side), provider.manage == Manage::Existing);
    Ok(compared.refused(known).into_iter().map(|refused| (refused.setting.clone(), detail(&refused))).collect())
}

/// The settings that the configuration names and that someone changed, as they are now.
pub fn drifted(observed: &Observed) -> BTreeMap<Setting, Option<String>> {
    observed.facts.get::<ProviderFacts>().map(|facts| facts.drifted.clone()).unwrap_or_default()
}

/// The settings that the configuration of the trust named when it wrote them.
pub fn written(observed: &Observed) -> Values {
    observed.facts.get::<ProviderFacts>().map(|facts| facts.written.clone()).unwrap_or_default()
}

/// The tags of a provider that this resource created, without those that its `oidc_provider` named.
pub fn inherited_tags(observed: &Observed) -> Option<Tags> {
    observed.facts.get::<ProviderFacts>()?.inherited_tags.clone()
}

/// What this process knows of a provider that it is about to change: no longer true at the end.
struct Forget<'a> {
    cx: &'a Context,
    side: Side,
    arn: String,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.cx.account(self.side).answers().forget(&self.arn);
    }
}

/// The provider as this process saw it a moment ago, and in a last look as it is now.
async fn get(cx: &Context, side: Side, arn: &str) -> Result<Option<Found>, Error> {
    if cx.look.is_fresh() {
        return get_now(cx, side, arn).await;
    }
    let ask = || async { get_now(cx, side, arn).await.map(Some) };
    cx.look.share();
    Ok(cx.account(side).answers().once(arn, ask).await?.flatten())
}

async fn get_now(cx: &Context, side: Side, arn: &str) -> Result<Option<Found>, Error> {
    let iam = cx.iam(side);
    let send = || iam.get_open_id_connect_provider().open_id_connect_provider_arn(arn).send();
    cx.ask("iam:GetOpenIDConnectProvider", side, send).await.absent_is_none()
}

fn provider_arn(cx: &Context, key: &Key) -> String {
    let identity = cx.pair.identity(key.side);
    arn::oidc_provider(&identity.partition, &identity.account_id, &key.name)
}

fn is_managed(found: &Found) -> bool {
    found.tags().iter().any(|tag| tag.key() == TAG_MANAGED && tag.value() == SHARED)
}

/// The key of the tag that says that the client id was added.
fn mark(client_id: &str) -> String {
    format!("{MARK}{}", &digest(client_id)[..MARK_DIGITS])
}

fn is_marked(found: &Found, client_id: &str) -> bool {
    found.tags().iter().any(|tag| tag.key() == mark(client_id))
}

fn is_retained(entry: &Entry) -> bool {
    let document: Option<Value> = entry.document.as_deref().and_then(|text| serde_json::from_str(text).ok());
    document.is_some_and(|d| d["Retain"] == json!(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::found;

    const ISSUER: &str = "oidc.eks.ap-south-1.amazonaws.com/id/ABC";

    #[test]
    fn the_entry_alone_says_whether_a_provider_is_retained() {
        let ids = BTreeSet::from(["b".to_owned(), "a".to_owned()]);
        let mut entry = found("185863138492", None, Origin::Shared);
        assert!(!is_retained(&entry));
        entry.document = Some(document(&ids, Manage::Shared, None));
        assert!(!is_retained(&entry));
        entry.document = Some(document(&ids, Manage::Retain, None));
        assert!(is_retained(&entry));
    }

    #[test]
    fn an_issuer_is_the_same_with_and_without_its_scheme() {
        assert_eq!(key(Side::Workload, &format!("https://{ISSUER}")), key(Side::Workload, ISSUER));
    }
}
