//! Thumbprints and tags of an OIDC provider: what a trust wants of them, what it may change, and what it may not.
//!
//! Several trusts share a provider, and AWS keeps one value of each setting. A trust changes what its `oidc_provider` names, and only on a
//! provider that xeks created. A mark on the provider, a tag for each trust that wrote a setting, lists what it wrote: no trust changes
//! back what another one wrote, so that two configurations that differ are an error and not an endless exchange. Tags of `tags` and
//! `default_tags` are the creator's: the trust that created the provider keeps them up to date, but for keys that another trust names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_sdk_iam::operation::get_open_id_connect_provider::GetOpenIdConnectProviderOutput as Found;
use serde_json::Value;

use crate::engine::{Added, Entry, Tags};
use crate::objects::ownership::{Ownership, digest};
use crate::objects::tags::{self, Change};
use crate::schema::placeholder;

/// The tag that says which resource created the provider.
const TAG_CREATOR: &str = "xeks:creator";
/// Beginning of the key of a mark; the connection of the trust follows. Its value: digests of what it wrote, `/`, and which trust it is.
const MARK: &str = "xeks:settings:";
const DIGITS: usize = 6;
/// A tag's value has at most 256 characters (IAM, Tag); the trust's name gets the rest.
const MAX_DIGESTS: usize = 30;
const MAX_VALUE: usize = 256;

/// What a trust wants of a provider beyond its client IDs.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// None: those that it has.
    pub thumbprints: Option<Vec<String>>,
    /// The tags that the trust's `oidc_provider` names.
    pub tags: Tags,
    /// The tags that the trust's objects have otherwise: for a provider that it creates.
    pub inherited_tags: Tags,
}

/// One setting of a provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    Thumbprints,
    /// A tag, by its key.
    Tag(String),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Thumbprints => f.write_str("thumbprints"),
            Setting::Tag(key) => write!(f, "tag {key:?}"),
        }
    }
}

/// Settings by name, each as one text. A tag that is not there has none.
pub type Values = BTreeMap<Setting, String>;

/// Thumbprints as one text: IAM ignores their order, and stores them in lower case.
fn text_of(thumbprints: &[String]) -> String {
    normal(thumbprints).into_iter().collect::<Vec<_>>().join(", ")
}

pub(super) fn normal(thumbprints: &[String]) -> BTreeSet<String> {
    thumbprints
        .iter()
        .map(|thumbprint| if placeholder::is_in(thumbprint) { thumbprint.clone() } else { thumbprint.to_lowercase() })
        .collect()
}

/// Whether two lists are the same thumbprints.
pub fn are_same_thumbprints(one: &[String], other: &[String]) -> bool {
    normal(one) == normal(other)
}

impl Settings {
    /// What `oidc_provider` names; without what is unknown.
    pub fn named(&self) -> Values {
        let thumbprints = self.thumbprints.iter().map(|list| (Setting::Thumbprints, text_of(list)));
        let tags = self.tags.iter().map(|(key, value)| (Setting::Tag(key.clone()), value.clone()));
        let is_known = |(setting, value): &(Setting, String)| !placeholder::is_in(value) && !placeholder::is_in(&setting.to_string());
        thumbprints.chain(tags).filter(is_known).collect()
    }

    /// The tags that this trust sees to.
    pub(super) fn tags_of(&self, is_creator: bool) -> Tags {
        let mut tags = if is_creator { self.inherited_tags.clone() } else { Tags::new() };
        tags.extend(self.tags.clone());
        tags
    }

    /// The tags of a provider that this trust creates, besides those that every trust's has.
    pub(super) fn tags_at_creation(&self, ownership: &Ownership) -> Tags {
        let mut tags = self.tags_of(true);
        tags.insert(TAG_CREATOR.to_owned(), ownership.resource.clone());
        tags.extend(mark(ownership, self.named().iter().map(|(setting, value)| digest_of(setting, value)).collect()));
        tags
    }

    /// What the ledger says of those tags.
    pub(super) fn added(&self, is_creator: bool) -> BTreeSet<Added> {
        let creation = is_creator.then_some(Added::Creation);
        self.tags_of(is_creator).into_keys().map(Added::Tag).chain(creation).collect()
    }
}

/// What the ledger's entry says that the settings were.
pub(super) fn recorded_in(entry: &Entry) -> Values {
    let document: Option<Value> = entry.document.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let listed = document.as_ref().and_then(|document| document["ThumbprintList"].as_array());
    let listed = listed.map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>());
    let tags = entry.tags.iter().flatten().map(|(key, value)| (Setting::Tag(key.clone()), value.clone()));
    listed.map(|list| (Setting::Thumbprints, text_of(&list))).into_iter().chain(tags).collect()
}

/// A provider as it is, beside what a trust wants.
pub(super) struct Compared<'a> {
    settings: &'a Settings,
    ownership: &'a Ownership,
    /// Whether xeks created it, and the configuration does not call it existing.
    is_ours: bool,
    is_creator: bool,
    thumbprints: &'a [String],
    tags: Tags,
}

/// A setting that the trust may not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub setting: Setting,
    wanted: String,
    found: Option<String>,
    /// The mark and the name of the trust that wrote it; `None` where xeks did not create the provider.
    writer: Option<(String, String)>,
}

/// What an apply has to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Writes {
    pub tags: Change,
    pub thumbprints: Option<Vec<String>>,
}

impl<'a> Compared<'a> {
    pub(super) fn new(settings: &'a Settings, ownership: &'a Ownership, is_ours: bool, is_creator: bool, found: &'a Found) -> Self {
        let tags = tags::from_iam(found.tags()).collect();
        Compared { settings, ownership, is_ours, is_creator, thumbprints: found.thumbprint_list(), tags }
    }

    fn found(&self, setting: &Setting) -> Option<String> {
        match setting {
            Setting::Thumbprints => Some(text_of(self.thumbprints)),
            Setting::Tag(key) => self.tags.get(key).cloned(),
        }
    }

    /// The named settings that AWS has otherwise: wanted, and found.
    fn differing(&self) -> impl Iterator<Item = (Setting, String, Option<String>)> {
        let named = self.settings.named().into_iter().map(|(setting, wanted)| (self.found(&setting), setting, wanted));
        named.filter(|(found, _, wanted)| found.as_ref() != Some(wanted)).map(|(found, setting, wanted)| (setting, wanted, found))
    }

    /// The mark of another trust that wrote exactly this, and that trust's name.
    fn writer(&self, setting: &Setting, value: &str) -> Option<(String, String)> {
        let written = digest_of(setting, value);
        let others = marks(&self.tags).filter(|(connection, ..)| *connection != self.ownership.connection());
        others
            .filter(|(_, digests, _)| digests.contains(&written))
            .map(|(connection, _, name)| (format!("{MARK}{connection}"), name))
            .next()
    }

    fn has_written(&self, setting: &Setting, value: &str) -> bool {
        let own = marks(&self.tags).find(|(connection, ..)| *connection == self.ownership.connection());
        own.is_some_and(|(_, digests, _)| digests.contains(&digest_of(setting, value)))
    }

    /// What this trust's mark says that it wrote, as it is: for an import.
    pub(super) fn written(&self) -> Values {
        let thumbprints = (Setting::Thumbprints, text_of(self.thumbprints));
        let tags = self.tags.iter().map(|(key, value)| (Setting::Tag(key.clone()), value.clone()));
        tags.chain([thumbprints]).filter(|(setting, value)| self.has_written(setting, value)).collect()
    }

    /// The other tags of a provider that this trust created, as its objects have them otherwise: for an import.
    pub(super) fn inherited(&self) -> Option<Tags> {
        let (_, mut tags) = self.ownership.split(self.tags.clone());
        tags.retain(|key, value| !self.has_written(&Setting::Tag(key.clone()), value) && !self.is_yielded(key, value));
        (self.is_ours && self.is_creator).then_some(tags)
    }

    /// The named settings that this trust may not change. What it knew before, its user has since decided to change.
    pub(super) fn refused(&self, known: &Values) -> Vec<Refused> {
        let refused = self.differing().filter_map(|(setting, wanted, found)| {
            let value = found.as_deref().unwrap_or_default();
            let writer = self.writer(&setting, value).filter(|_| known.get(&setting) != found.as_ref());
            (!self.is_ours || writer.is_some()).then_some(Refused { setting, wanted, found, writer: writer.filter(|_| self.is_ours) })
        });
        refused.collect()
    }

    /// The named settings that someone changed, for the attributes that the user wrote: as they are now. What another trust wrote is not
    /// among them: there the attributes keep what this trust knew.
    pub(super) fn drifted(&self) -> BTreeMap<Setting, Option<String>> {
        let is_drift =
            |(setting, _, found): &(Setting, String, Option<String>)| self.writer(setting, found.as_deref().unwrap_or_default()).is_none();
        self.differing().filter(is_drift).map(|(setting, _, found)| (setting, found)).collect()
    }

    /// A tag that another trust names: it decides its value.
    fn is_yielded(&self, key: &str, found: &str) -> bool {
        !self.settings.tags.contains_key(key) && self.writer(&Setting::Tag(key.to_owned()), found).is_some()
    }

    /// Tags that this trust wrote and no longer wants.
    fn unwanted(&self, recorded: &BTreeSet<Added>) -> Vec<String> {
        let wanted = self.settings.tags_of(self.is_creator);
        let is_own = |key: &String, value: &String| {
            let setting = Setting::Tag(key.clone());
            let is_creators = self.is_creator && recorded.contains(&Added::Tag(key.clone())) && self.writer(&setting, value).is_none();
            is_creators || self.has_written(&setting, value)
        };
        let unwanted = self.tags.iter().filter(|(key, value)| !wanted.contains_key(*key) && is_own(key, value));
        unwanted.map(|(key, _)| key.clone()).collect()
    }

    /// The tags that the ledger shows: those that this trust sees to.
    pub(super) fn shown_tags(&self, recorded: &BTreeSet<Added>) -> Tags {
        let seen_to = self.settings.tags_of(self.is_creator);
        let wanted = seen_to.iter().filter_map(|(key, wanted)| {
            let found = self.tags.get(key)?;
            Some((key.clone(), if self.is_yielded(key, found) { wanted.clone() } else { found.clone() }))
        });
        let unwanted = self.unwanted(recorded).into_iter().filter_map(|key| Some((key.clone(), self.tags.get(&key)?.clone())));
        wanted.chain(unwanted).collect()
    }

    /// What the ledger says of a provider of xeks: whether this resource created it, and the tags that it sees to and that are there.
    pub(super) fn added(&self) -> BTreeSet<Added> {
        let is_there = |added: &Added| !matches!(added, Added::Tag(key) if !self.tags.contains_key(key));
        let all = if self.is_ours { self.settings.added(self.is_creator) } else { BTreeSet::new() };
        all.into_iter().filter(is_there).collect()
    }

    /// What brings the provider to what this trust wants.
    pub(super) fn writes(&self, recorded: &BTreeSet<Added>) -> Writes {
        if !self.is_ours {
            return Writes::default();
        }
        let is_due = |(key, wanted): &(&String, &String)| match self.tags.get(*key) {
            None => true,
            Some(found) => found != *wanted && !self.is_yielded(key, found),
        };
        let wanted = self.settings.tags_of(self.is_creator);
        let set = wanted.iter().filter(is_due).map(|(key, value)| (key.clone(), value.clone())).collect();
        let differing: BTreeSet<Setting> = self.differing().map(|(setting, ..)| setting).collect();
        let named = self.settings.named();
        let writes = |(setting, value): &(&Setting, &String)| differing.contains(*setting) || self.has_written(setting, value);
        let written = named.iter().filter(writes).map(|(setting, value)| digest_of(setting, value)).collect();
        let thumbprints = self.settings.thumbprints.clone().filter(|_| differing.contains(&Setting::Thumbprints));
        Writes { tags: Change { set, unset: self.unwanted(recorded) }.and(self.mark_change(written)), thumbprints }
    }

    fn mark_change(&self, written: BTreeSet<String>) -> Change {
        let before = self.tags.get_key_value(&own_mark(self.ownership));
        match (mark(self.ownership, written), before) {
            (Some((key, value)), before) if before.map(|(_, value)| value) != Some(&value) => {
                Change { set: [(key, value)].into(), unset: Vec::new() }
            }
            (None, Some((key, _))) => Change { set: Tags::new(), unset: vec![key.clone()] },
            _ => Change::default(),
        }
    }
}

impl Writes {
    pub(super) fn is_none(&self) -> bool {
        self.tags.is_none() && self.thumbprints.is_none()
    }
}

impl Refused {
    /// What AWS has, why it stays, and what to do.
    pub fn detail(&self, arn: &str, account: &str, is_called_existing: bool) -> String {
        let Refused { setting, wanted, found, writer } = self;
        let (attribute, what) = match setting {
            Setting::Thumbprints => ("oidc_provider.thumbprints".to_owned(), "thumbprints".to_owned()),
            Setting::Tag(key) => (format!("oidc_provider.tags[{key:?}]"), format!("tag {key:?}")),
        };
        let shown = |value: &str| if *setting == Setting::Thumbprints { format!("[{value}]") } else { format!("{value:?}") };
        let has = found.as_deref().map_or_else(|| "not set".to_owned(), shown);
        let differs =
            format!("{arn} in {account} has other settings than configured: its {what} is {has}, and {attribute} says {}.", shown(wanted));
        let differs = if *setting == Setting::Thumbprints { differs.replace("its thumbprints is", "its thumbprints are") } else { differs };
        match writer {
            Some((mark, name)) => format!(
                "{differs} {name} set that (tag {mark}), and the OIDC provider is shared: it has one value for all. Set {attribute} to the same value \
                 in all resources that share the provider, or in one of them only. If that resource no longer exists, remove the tag {mark} from the \
                 provider."
            ),
            None => {
                let whose = match is_called_existing {
                    true => {
                        "The configuration says that the provider exists (oidc_provider.manage = \"existing\"), and xeks changes no setting of such a one."
                    }
                    false => "xeks did not create that provider (it has no tag xeks:managed), and changes no setting of a foreign one.",
                };
                format!(
                    "{differs} {whose} Set {attribute} to what AWS has, remove it to leave the provider as it is, or change the provider where it \
                     is managed."
                )
            }
        }
    }
}

/// Whether this resource created the provider.
pub(super) fn is_creator(ownership: &Ownership, found: &Found) -> bool {
    found.tags().iter().any(|tag| tag.key() == TAG_CREATOR && tag.value() == ownership.resource)
}

/// The key of the trust's mark, where the provider has one.
pub(super) fn mark_in(ownership: &Ownership, found: &Found) -> Option<String> {
    let key = own_mark(ownership);
    found.tags().iter().any(|tag| tag.key() == key).then_some(key)
}

fn own_mark(ownership: &Ownership) -> String {
    format!("{MARK}{}", ownership.connection())
}

fn mark(ownership: &Ownership, digests: BTreeSet<String>) -> Option<(String, String)> {
    if digests.is_empty() {
        return None;
    }
    let listed = digests.into_iter().take(MAX_DIGESTS).collect::<String>();
    let name: String = ownership.resource.chars().take(MAX_VALUE - listed.len() - 1).collect();
    Some((own_mark(ownership), format!("{listed}/{name}")))
}

/// Connection, digests and name of each trust that wrote a setting.
fn marks(tags: &Tags) -> impl Iterator<Item = (&str, BTreeSet<String>, String)> {
    tags.iter().filter_map(|(key, value)| {
        let (digests, name) = value.split_once('/')?;
        let digests = digests.as_bytes().chunks(DIGITS).map(|digest| String::from_utf8_lossy(digest).into_owned()).collect();
        Some((key.strip_prefix(MARK)?, digests, name.to_owned()))
    })
}

fn digest_of(setting: &Setting, value: &str) -> String {
    digest(&format!("{setting}={value}"))[..DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "AAAAaaaaAAAAaaaaAAAAaaaaAAAAaaaaAAAAaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn settings(thumbprints: &[&str], named: &[(&str, &str)], inherited: &[(&str, &str)]) -> Settings {
        let thumbprints = (!thumbprints.is_empty()).then(|| thumbprints.iter().map(|text| (*text).to_owned()).collect());
        Settings { thumbprints, tags: tags(named), inherited_tags: tags(inherited) }
    }

    fn trust(name: &str) -> Ownership {
        Ownership::new(&["xeks_irsa_trust", name])
    }

    fn found(thumbprints: &[&str], tags: Tags) -> Found {
        let listed = thumbprints.iter().map(|text| text.to_lowercase()).collect();
        Found::builder().set_thumbprint_list(Some(listed)).set_tags(Some(tags::to_iam(&tags))).build()
    }

    /// The provider after a trust's writes.
    fn written(settings: &Settings, ownership: &Ownership, is_creator: bool, before: &Found) -> Found {
        let writes = Compared::new(settings, ownership, true, is_creator, before).writes(&settings.added(is_creator));
        let mut tags: Tags = tags::from_iam(before.tags()).collect();
        tags.retain(|key, _| !writes.tags.unset.contains(key));
        tags.extend(writes.tags.set);
        let thumbprints = writes.thumbprints.unwrap_or_else(|| before.thumbprint_list().to_vec());
        found(&thumbprints.iter().map(String::as_str).collect::<Vec<_>>(), tags)
    }

    #[test]
    fn thumbprints_in_another_order_or_case_are_the_same() {
        let (one, wanted) = (trust("one"), settings(&[B, A], &[], &[]));
        let provider = found(&[A, B], wanted.tags_at_creation(&one));
        assert!(Compared::new(&wanted, &one, true, true, &provider).writes(&wanted.added(true)).is_none());
        assert!(are_same_thumbprints(&[A.into()], &[A.to_lowercase()]) && !are_same_thumbprints(&[A.into()], &[A.into(), B.into()]));
    }

    #[test]
    fn a_setting_that_another_trust_wrote_is_refused_until_both_agree() {
        let (one, two) = (trust("one"), trust("two"));
        let (a, b) = (settings(&[A], &[("x", "1")], &[]), settings(&[B], &[("x", "2")], &[]));
        let provider = found(&[A], a.tags_at_creation(&one));
        let refused = Compared::new(&b, &two, true, false, &provider).refused(&Values::new());
        assert_eq!(
            refused.iter().map(|refused| refused.setting.clone()).collect::<Vec<_>>(),
            [Setting::Thumbprints, Setting::Tag("x".into())]
        );
        assert!(refused[0].detail("arn", "account", false).contains("xeks_irsa_trust:one set that (tag xeks:settings:"), "{refused:?}");
        // What it knew before, it may change, and then the first one may not change it back.
        assert_eq!(Compared::new(&b, &two, true, false, &provider).refused(&a.named()), []);
        let changed = written(&b, &two, false, &provider);
        assert_eq!(Compared::new(&a, &one, true, true, &changed).refused(&a.named()).len(), 2);
        assert_eq!(Compared::new(&a, &one, true, true, &changed).drifted(), BTreeMap::new(), "its attributes keep what it knew");
        assert_eq!(Compared::new(&b, &one, true, true, &changed).refused(&a.named()), [], "it agrees");
    }

    #[test]
    fn what_was_changed_by_hand_is_drift_for_all_and_is_corrected() {
        let (one, two, a) = (trust("one"), trust("two"), settings(&[A], &[("x", "1")], &[]));
        let provider = found(&[B], [a.tags_at_creation(&one), tags(&[("x", "by hand"), ("theirs", "y")])].into_iter().flatten().collect());
        for (ownership, is_creator) in [(&one, true), (&two, false)] {
            let compared = Compared::new(&a, ownership, true, is_creator, &provider);
            assert_eq!(compared.refused(&a.named()), []);
            assert_eq!(compared.drifted().into_values().collect::<Vec<_>>(), [Some(B.to_owned()), Some("by hand".to_owned())]);
            let corrected = written(&a, ownership, is_creator, &provider);
            assert_eq!(corrected.thumbprint_list(), [A.to_lowercase()]);
            let now: Tags = tags::from_iam(corrected.tags()).collect();
            assert_eq!((now["x"].as_str(), now["theirs"].as_str()), ("1", "y"), "a tag of others stays");
        }
    }

    #[test]
    fn nothing_is_changed_on_a_foreign_provider() {
        let (one, wanted) = (trust("one"), settings(&[A], &[("x", "1")], &[("team", "z")]));
        let provider = found(&[B], Tags::new());
        let compared = Compared::new(&wanted, &one, false, false, &provider);
        assert!(compared.writes(&BTreeSet::new()).is_none());
        let refused = compared.refused(&wanted.named());
        assert_eq!(refused.len(), 2, "known or not");
        let detail = refused[1].detail("arn", "account", true);
        assert!(detail.contains("its tag \"x\" is not set") && detail.contains("manage = \"existing\""), "{detail}");
        let equal = found(&[A], tags(&[("x", "1")]));
        assert_eq!(Compared::new(&wanted, &one, false, false, &equal).refused(&Values::new()), []);
    }

    #[test]
    fn inherited_tags_follow_the_creator_and_yield_to_tags_that_are_named() {
        let (one, two) = (trust("one"), trust("two"));
        let (first, other) = (settings(&[], &[], &[("team", "a")]), settings(&[], &[("team", "b")], &[("team", "c"), ("app", "c")]));
        let provider = found(&[], first.tags_at_creation(&one));
        let named = written(&other, &two, false, &provider);
        let of = |found: &Found, key: &str| tags::from_iam(found.tags()).collect::<Tags>().get(key).cloned();
        assert_eq!((of(&named, "team"), of(&named, "app")), (Some("b".into()), None));
        let changed = settings(&[], &[], &[("team", "z"), ("env", "prod")]);
        let compared = Compared::new(&changed, &one, true, true, &named);
        assert_eq!(compared.shown_tags(&first.added(true)), tags(&[("team", "z")]), "shown as wanted, kept as the other one has it");
        let after = written(&changed, &one, true, &named);
        assert_eq!((of(&after, "team"), of(&after, "env")), (Some("b".into()), Some("prod".into())));
    }

    #[test]
    fn tags_that_are_no_longer_wanted_are_removed_by_who_wrote_them() {
        let (one, two) = (trust("one"), trust("two"));
        let (with, without) = (settings(&[], &[("x", "1")], &[("team", "a")]), settings(&[], &[], &[]));
        let provider = found(&[], with.tags_at_creation(&one));
        let unset = |ownership: &Ownership, is_creator: bool| {
            Compared::new(&without, ownership, true, is_creator, &provider).writes(&with.added(is_creator)).tags.unset
        };
        let mark = own_mark(&one);
        assert_eq!(unset(&one, true), ["team", "x", &mark]);
        assert_eq!(unset(&two, false), [""; 0], "it agreed with the first one's");
    }
}
