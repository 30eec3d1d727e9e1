//! The OIDC provider of a cluster's issuer, named by the issuer without `https://`. One per issuer and account, shared by every
//! role there that trusts it, so it belongs to no resource: whoever leaves last removes it, if its tag says that this provider
//! software made it.
//!
//! Ledger: `arn`, `document` (which of our client ids are there, and whether it is to be retained), `tags` (null on an existing
//! one), `added` (the client ids that a provider of others lacked). Thumbprints and tags are set when it is made, never after.
//!
//! On a provider of others a tag for each client id says that it was added, before it is: so what a killed run added is known again,
//! and of several resources that rely on it the last one takes it out.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput as Found;
use aws_sdk_iam::types::Tag;
use serde_json::{Value, json};

use super::federation::{audiences, takes, trusts_in};
use crate::aws::{Answer, Error, Kind, Side, arn};
use crate::engine::{Contention, Entry, Key, Made, Object, Observed, OnExisting, Origin, Owner, Reconcile, Tags};
use crate::objects::context::Context;
use crate::objects::ownership::digest;
use crate::objects::{locks, tags};

pub const KIND: &str = "iam_oidc_provider";

/// Tag of a provider that this software made, to be shared.
const TAG_MANAGED: &str = "xeks:managed";
const SHARED: &str = "shared";
/// Prefix of what an entry says was added to a provider of others.
const ADDED: &str = "client-id:";
/// Beginning of the key of a tag that says so on the provider: a digest of the client id follows, which may be longer than a key.
const MARK: &str = "xeks:client-id:";
const MARK_DIGITS: usize = 16;

/// What becomes of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manage {
    /// Made if missing, deleted on the last use.
    Shared,
    /// It must be there, and stays.
    Existing,
    /// Made if missing, and stays.
    Retain,
}

#[derive(Clone, Debug)]
pub struct OidcProvider {
    pub side: Side,
    /// With or without `https://`.
    pub issuer: String,
    pub client_ids: BTreeSet<String>,
    /// None: those that IAM finds itself.
    pub thumbprints: Option<Vec<String>>,
    pub tags: Tags,
    pub manage: Manage,
}

pub fn key(side: Side, issuer: &str) -> Key {
    Key::new(side, KIND, arn::issuer_host(issuer))
}

/// What the ledger says of a provider.
pub fn document<'a>(client_ids: impl IntoIterator<Item = &'a String>, manage: Manage) -> String {
    let mut document = json!({"ClientIDList": client_ids.into_iter().collect::<BTreeSet<_>>()});
    if manage == Manage::Retain {
        document["Retain"] = json!(true);
    }
    document.to_string()
}

#[async_trait]
impl Object<Context> for OidcProvider {
    fn key(&self) -> Key {
        key(self.side, &self.issuer)
    }

    fn on_existing(&self) -> OnExisting {
        if self.manage == Manage::Existing { OnExisting::MustExist } else { OnExisting::Share }
    }

    /// Whoever leaves deletes it or takes client ids out, and looks afterwards whether somebody came meanwhile.
    fn contention(&self, _: &Reconcile) -> Contention {
        Contention::Cooperative
    }

    async fn observe(&self, cx: &Context, reconcile: &Reconcile) -> Result<Option<Observed>, Error> {
        let arn = provider_arn(cx, &self.key());
        // Who is about to rely on the provider must not see it go; a read relies on nothing.
        if !reconcile.instance.is_empty() {
            cx.held.hold(&arn).await;
        }
        Ok(get(cx, self.side, &arn).await?.map(|found| self.observed(cx, reconcile, arn, &found)))
    }

    async fn create(&self, cx: &Context, reconcile: &Reconcile) -> Result<Made, Error> {
        match self.make(cx).await {
            // Somebody else made it meanwhile: another resource of this very apply, often.
            Err(error) if error.is(Kind::Exists) => {
                let arn = provider_arn(cx, &self.key());
                let look = || async { get(cx, self.side, &arn).await?.ok_or_else(|| Error { kind: Kind::NotYet, ..error.clone() }) };
                let found = cx.until_propagated(|e| e.is(Kind::NotYet), look).await?;
                self.update(cx, reconcile, &self.observed(cx, reconcile, arn.clone(), &found)).await
            }
            made => made,
        }
    }

    async fn update(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        let attempt = || async {
            match Box::pin(self.add(cx, reconcile, observed)).await {
                // Whoever left last deleted it since it was looked at.
                Err(gone) if gone.is(Kind::Absent) && self.manage != Manage::Existing => match Box::pin(self.make(cx)).await {
                    // Or it was made a moment ago, and not every call knows of it.
                    Err(error) if error.is(Kind::Exists) => Err(Error { kind: Kind::NotYet, ..gone }),
                    made => made,
                },
                added => added,
            }
        };
        cx.until_propagated(|e| e.is(Kind::NotYet), attempt).await
    }
}

impl OidcProvider {
    async fn make(&self, cx: &Context) -> Result<Made, Error> {
        let mut all = self.tags.clone();
        all.insert(TAG_MANAGED.into(), SHARED.into());
        let client_ids = self.client_ids.iter().cloned().collect();
        make(cx, self.side, arn::issuer_host(&self.issuer), client_ids, self.thumbprints.clone(), tags::to_iam(&all)).await?;
        Ok(Made {
            arn: Some(provider_arn(cx, &self.key())),
            document: Some(document(&self.client_ids, self.manage)),
            tags: Some(self.tags.clone()),
            ..Made::default()
        })
    }

    /// Adds the client ids that were not there.
    async fn add(&self, cx: &Context, reconcile: &Reconcile, observed: &Observed) -> Result<Made, Error> {
        let (there, marked) = (strings(&observed.facts["client_ids"]), strings(&observed.facts["marked"]));
        let mut added = reconcile.entry.as_ref().map(|e| e.added.clone()).unwrap_or_default();
        added.extend(marked.iter().map(|id| format!("{ADDED}{id}")));
        let arn = provider_arn(cx, &self.key());
        let iam = cx.iam(self.side);
        for id in self.client_ids.iter().filter(|id| !there.contains(*id)) {
            if observed.facts["made_here"] != json!(true) {
                added.insert(format!("{ADDED}{id}"));
                let tag = tags::to_iam(&[(mark(id), "added".to_owned())].into());
                let send = || iam.tag_open_id_connect_provider().open_id_connect_provider_arn(&arn).set_tags(Some(tag.clone())).send();
                cx.ask_until_seen("iam:TagOpenIDConnectProvider", self.side, send).await?;
            }
            let send = || iam.add_client_id_to_open_id_connect_provider().open_id_connect_provider_arn(&arn).client_id(id).send();
            cx.ask_until_seen("iam:AddClientIDToOpenIDConnectProvider", self.side, send).await?;
        }
        let document = Some(document(&self.client_ids, self.manage));
        Ok(Made { arn: Some(arn), id: None, document, tags: observed.tags.clone(), added })
    }

    fn observed(&self, cx: &Context, reconcile: &Reconcile, arn: String, found: &Found) -> Observed {
        let there: BTreeSet<String> = found.client_id_list().iter().cloned().collect();
        let marked: BTreeSet<&String> = self.client_ids.iter().filter(|id| is_marked(found, id)).collect();
        let (_, tags) = cx.ownership.split(tags::from_iam(found.tags()));
        Observed {
            arn: Some(arn),
            id: None,
            document: Some(document(self.client_ids.intersection(&there), self.manage)),
            tags: (reconcile.origin != Origin::Adopted).then_some(tags),
            // Never refused: it is nobody's alone.
            owner: Owner::Parent,
            // One that comes to rely on what others of us added is as much in charge of it as they are.
            differs: !self.client_ids.is_subset(&there) || (reconcile.entry.is_none() && !marked.is_empty()),
            facts: json!({
                "client_ids": there,
                "marked": marked,
                "thumbprints": found.thumbprint_list(),
                "made_here": is_made_here(found)
            }),
        }
    }
}

/// Deletes a provider that this software made once no role trusts it; takes our client ids out of one that others made.
pub(in crate::objects) async fn remove(cx: &Context, key: &Key, entry: &Entry) -> Result<(), Error> {
    if is_retained(entry) {
        return Ok(());
    }
    let arn = provider_arn(cx, key);
    // Resources that leave at the same time look one after the other: the last one sees that nobody is left.
    let _turn = locks::exclusive(&arn).await;
    let Some(found) = get(cx, key.side, &arn).await? else { return Ok(()) };
    if entry.origin == Origin::Shared && is_made_here(&found) {
        return delete_if_unused(cx, key, entry, &arn, &found).await;
    }
    let ids: Vec<&str> = entry.added.iter().filter_map(|a| a.strip_prefix(ADDED)).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let Some(trusts) = trusts_in(cx, key.side, &arn).await? else { return Ok(()) };
    let iam = cx.iam(key.side);
    for id in ids.into_iter().filter(|id| !trusts.iter().any(|trust| takes(trust, &arn, &key.name, id))) {
        let send = || iam.remove_client_id_from_open_id_connect_provider().open_id_connect_provider_arn(&arn).client_id(id).send();
        cx.ask("iam:RemoveClientIDFromOpenIDConnectProvider", key.side, send).await.absent_is_none()?;
        // Another process may have begun to rely on it between the look and the call: then it comes back.
        if trusts_in(cx, key.side, &arn).await?.iter().flatten().any(|trust| takes(trust, &arn, &key.name, id)) {
            let send = || iam.add_client_id_to_open_id_connect_provider().open_id_connect_provider_arn(&arn).client_id(id).send();
            cx.ask("iam:AddClientIDToOpenIDConnectProvider", key.side, send).await.absent_is_none()?;
        } else if is_marked(&found, id) {
            let send = || iam.untag_open_id_connect_provider().open_id_connect_provider_arn(&arn).tag_keys(mark(id)).send();
            cx.ask("iam:UntagOpenIDConnectProvider", key.side, send).await.absent_is_none()?;
        }
    }
    Ok(())
}

async fn delete_if_unused(cx: &Context, key: &Key, entry: &Entry, arn: &str, found: &Found) -> Result<(), Error> {
    let side = key.side;
    let in_use = |trusts: &Option<Vec<Value>>| trusts.as_ref().is_none_or(|t| !t.is_empty());
    if in_use(&trusts_in(cx, side, arn).await?) {
        return Ok(());
    }
    // Roles are listed again with the door closed: a resource that came in meanwhile may have made its role by now.
    let Some(_alone) = locks::try_exclusive(arn) else { return Ok(()) };
    if in_use(&trusts_in(cx, side, arn).await?) {
        return Ok(());
    }
    let iam = cx.iam(side);
    let send = || iam.delete_open_id_connect_provider().open_id_connect_provider_arn(arn).send();
    cx.ask("iam:DeleteOpenIDConnectProvider", side, send).await.absent_is_none()?;
    // The door is this process's alone. A role that another one made meanwhile gets the provider back.
    let trusts = trusts_in(cx, side, arn).await?;
    if in_use(&trusts) {
        return bring_back(cx, key, found, &trusts.unwrap_or_default()).await;
    }
    cx.deleted(key, entry);
    Ok(())
}

/// Makes a provider again as it was, and with the client ids that the trust policies ask for: one may have come since it was looked at.
async fn bring_back(cx: &Context, key: &Key, found: &Found, trusts: &[Value]) -> Result<(), Error> {
    tracing::info!(provider = key.name, "somebody began to use the OIDC provider while it was deleted: making it again");
    let thumbprints = (!found.thumbprint_list().is_empty()).then(|| found.thumbprint_list().to_vec());
    let arn = provider_arn(cx, key);
    let mut client_ids: BTreeSet<String> = found.client_id_list().iter().cloned().collect();
    let named = |text: &String| !text.contains(['*', '?']);
    client_ids.extend(trusts.iter().flat_map(|trust| audiences(trust, &arn, &key.name)).flatten().filter(named));
    let made = make(cx, key.side, &key.name, client_ids.into_iter().collect(), thumbprints, found.tags().to_vec()).await;
    made.exists_is_none().map(drop)
}

/// Makes the provider of an issuer, given by its host.
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
    cx.ask("iam:CreateOpenIDConnectProvider", side, send).await.map(drop)
}

/// Whether readers are still shown the provider that was deleted.
pub(in crate::objects) async fn is_shown(cx: &Context, key: &Key) -> Result<bool, Error> {
    Ok(get(cx, key.side, &provider_arn(cx, key)).await?.is_some_and(|found| is_made_here(&found)))
}

async fn get(cx: &Context, side: Side, arn: &str) -> Result<Option<Found>, Error> {
    let iam = cx.iam(side);
    let send = || iam.get_open_id_connect_provider().open_id_connect_provider_arn(arn).send();
    cx.ask("iam:GetOpenIDConnectProvider", side, send).await.absent_is_none()
}

fn provider_arn(cx: &Context, key: &Key) -> String {
    let identity = cx.pair.identity(key.side);
    arn::oidc_provider(&identity.partition, &identity.account_id, &key.name)
}

fn is_made_here(found: &Found) -> bool {
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

fn strings(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::found;

    const ISSUER: &str = "oidc.eks.ap-south-1.amazonaws.com/id/ABC";

    #[test]
    fn what_is_to_be_retained_is_told_by_the_entry_alone() {
        let ids = BTreeSet::from(["b".to_owned(), "a".to_owned()]);
        let mut entry = found("185863138492", None, Origin::Shared);
        assert!(!is_retained(&entry));
        entry.document = Some(document(&ids, Manage::Shared));
        assert!(!is_retained(&entry));
        entry.document = Some(document(&ids, Manage::Retain));
        assert!(is_retained(&entry));
    }

    #[test]
    fn an_issuer_is_the_same_with_and_without_its_scheme() {
        assert_eq!(key(Side::Workload, &format!("https://{ISSUER}")), key(Side::Workload, ISSUER));
    }
}
