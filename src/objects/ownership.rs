//! Whose an object is: the two ownership tags, and the Sid that stands for them where nothing can be tagged.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::aws::policy;
use crate::aws::tags::IgnoreTags;
use crate::engine::{Entry, Origin, Owner, Reconcile, Tags};
use crate::schema::placeholder;

/// Says what the object belongs to: type, cluster, accounts and names. Follows from the configuration, so it survives a kill.
pub const TAG_RESOURCE: &str = "xeks:resource";
/// Says which create made the object. Minted on each create and kept in the ledger.
pub const TAG_INSTANCE: &str = "xeks:instance";
/// Beginning of the keys of the provider's own tags, which are never part of `tags`.
const PREFIX: &str = "xeks:";
/// Beginning of every Sid that the provider writes, and how many hexadecimal digits of the composite's digest follow.
const SID: &str = "Xeks";
const SID_DIGITS: usize = 12;
/// What the digest of a statement that another one relies on follows in its Sid, and its digits.
const RELIED: char = 'w';
const RELIED_DIGITS: usize = 8;
/// A tag's value has at most 256 characters (IAM and EKS, Tag).
const MAX_TAG_VALUE: usize = 256;
/// Beginning of the names of inline policies that belong to this provider on any role.
pub const OWN_POLICIES: &str = "xeks-";

/// What marks the objects of one composite, and which tags it neither sets nor looks at.
#[derive(Clone, Debug, Default)]
pub struct Ownership {
    /// Value of the tag `xeks:resource`.
    pub resource: String,
    /// What the names of this composite's inline policies end in, so that those of several composites on one role differ. A placeholder as
    /// long as a part of the identity is unknown.
    connection: String,
    pub ignored: IgnoreTags,
}

impl Ownership {
    /// The identity of a composite from its type and names, in a tag's alphabet and length. What is unknown counts as empty.
    pub fn new(parts: &[&str]) -> Self {
        let is_known = !parts.iter().any(|part| placeholder::is_in(part));
        let parts: Vec<String> = parts.iter().map(|part| placeholder::without(part)).collect();
        let plain: String = parts.join(":").chars().map(|c| if c.is_alphanumeric() || "_.:/=+-@".contains(c) { c } else { '.' }).collect();
        let resource = if plain.len() <= MAX_TAG_VALUE && plain == parts.join(":") {
            plain
        } else {
            format!("{}:sha256:{}", parts.first().map_or("xeks", String::as_str), digest(&parts.join(":")))
        };
        let connection = if is_known { digest(&resource)[..SID_DIGITS].to_owned() } else { placeholder::unknown() };
        Ownership { resource, connection, ..Self::default() }
    }

    /// The name of an inline policy of this composite, such as `xeks-assume-ROLE-0a1b2c3d4e5f`. Other composites have another one for the
    /// same role.
    pub fn policy_name(&self, verb: &str, what: &str) -> String {
        format!("{OWN_POLICIES}{verb}-{what}-{}", self.connection)
    }

    /// What tells the notes of this composite from those of others on one object: twelve hexadecimal digits.
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// Whether the tag is a note of this composite on a foreign object.
    pub fn is_own_note(&self, key: &str) -> bool {
        key.strip_prefix(PREFIX).is_some_and(|note| note.split(':').any(|part| part == self.connection))
    }

    /// The owner of what the create with that instance made.
    pub fn owner(&self, instance: &str) -> Owner {
        Owner::Tagged { resource: Some(self.resource.clone()), instance: Some(instance.to_owned()) }
    }

    /// Whether the owner is this composite, whichever create it was.
    pub fn is_of_composite(&self, owner: &Owner) -> bool {
        matches!(owner, Owner::Tagged { resource: Some(resource), .. } if *resource == self.resource)
    }

    /// Whether an object may be what a killed create of this composite left: its tags say so, and it is not the one that the ledger has. Then
    /// `Observed::unexpected` decides.
    pub fn may_be_left(&self, reconcile: &Reconcile, owner: &Owner) -> bool {
        let is_recorded = |instance: &Option<String>| reconcile.entry.as_ref().is_some_and(|entry| entry.is_of(instance.as_deref()));
        self.is_of_composite(owner) && !matches!(owner, Owner::Tagged { instance, .. } if is_recorded(instance))
    }

    /// Whether the object is this resource's alone, and still the one that the entry has: it carries the entry's instance, no other resource's
    /// tag, and, if it was created by this resource, this one's.
    pub fn is_ours(&self, entry: &Entry, owner: &Owner) -> bool {
        let Owner::Tagged { resource, instance } = owner else { return false };
        let is_of_resource = entry.origin != Origin::Created || resource.as_ref().is_none_or(|resource| self.is_called(resource));
        entry.origin.is_own() && entry.is_of(instance.as_deref()) && is_of_resource
    }

    /// Whether the value of a tag `xeks:resource` names this composite. That of a peering has one part more once its connection is foreign.
    fn is_called(&self, resource: &str) -> bool {
        let extends = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        extends(resource, &self.resource) || extends(&self.resource, resource)
    }

    /// Whether what is attached to an object may be taken off it. Foreign objects keep what they have, and so does an object that another
    /// create of this composite has taken over, or that something else put in the place of this resource's: `recorded` is the ledger's entry of
    /// the parent, `owner` whose the parent is now.
    pub fn may_detach(&self, entry: &Entry, recorded: Option<&Entry>, owner: &Owner) -> bool {
        let Owner::Tagged { instance, .. } = owner else { return false };
        if recorded.is_some_and(|parent| parent.origin.is_own() && !self.is_ours(parent, owner)) {
            return false;
        }
        match entry.origin {
            Origin::Found => true,
            Origin::Created | Origin::Imported => !self.is_of_composite(owner) || entry.is_of(instance.as_deref()),
            Origin::Adopted | Origin::Shared => false,
        }
    }

    /// The tags that a create or a take-over writes.
    pub fn tags(&self, instance: &str) -> Tags {
        Tags::from([(TAG_RESOURCE.to_owned(), self.resource.clone()), (TAG_INSTANCE.to_owned(), instance.to_owned())])
    }

    /// Splits an object's tags into its owner and the tags that the user sees: without the provider's own, AWS's and the ignored ones.
    pub fn split(&self, all: impl IntoIterator<Item = (String, String)>) -> (Owner, Tags) {
        let (mut resource, mut instance, mut tags) = (None, None, Tags::new());
        for (key, value) in all {
            match key.as_str() {
                TAG_RESOURCE => resource = Some(value),
                TAG_INSTANCE => instance = Some(value),
                _ if self.is_hidden(&key) => {}
                _ => {
                    tags.insert(key, value);
                }
            }
        }
        (Owner::Tagged { resource, instance }, tags)
    }

    /// Beginning of the Sids of this composite's statements in a foreign document, whatever the instance.
    pub fn sid_prefix(&self) -> String {
        format!("{SID}{}", &digest(&self.resource)[..SID_DIGITS])
    }

    /// Sid of a statement of an inline policy, which names the statements of the role's trust policy that it relies on.
    pub fn sid_relying_on(&self, instance: &str, index: usize, statements: &[String]) -> String {
        let relied: String = statements.iter().map(|digest| format!("{RELIED}{digest}")).collect();
        format!("{}{relied}", self.sid(instance, index))
    }

    /// Whether a Sid is that of any composite of this provider.
    pub fn is_sid_of_any(sid: &str) -> bool {
        let rest = sid.strip_prefix(SID).unwrap_or_default().as_bytes();
        rest.len() > SID_DIGITS && rest[..SID_DIGITS].iter().all(u8::is_ascii_hexdigit) && rest[SID_DIGITS] == b'x'
    }

    /// Sid of the statement with that index, of one instance. A Sid has letters and digits only (IAM, policy elements).
    pub fn sid(&self, instance: &str, index: usize) -> String {
        format!("{}x{instance}x{index}", self.sid_prefix())
    }

    /// The instance that a Sid of this composite names; `None` for all other Sids.
    pub fn sid_instance<'a>(&self, sid: &'a str) -> Option<&'a str> {
        let rest = sid.strip_prefix(&self.sid_prefix())?.strip_prefix('x')?;
        rest.rsplit_once('x').map(|(instance, _)| instance)
    }

    /// The statements of a document with a Sid of this composite, with that Sid.
    pub fn marked<'a>(&self, document: &'a Value) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let statements = policy::statements_of(document).into_iter();
        statements.filter_map(move |s| policy::sid_of(s).filter(|sid| self.sid_instance(sid).is_some()).map(|sid| (sid, s)))
    }

    fn is_hidden(&self, key: &str) -> bool {
        key.starts_with(PREFIX) || key.starts_with("aws:") || self.ignored.holds(key)
    }
}

/// What a Sid of any composite of this provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub connection: String,
    pub instance: String,
    /// Digests of the statements that the marked one relies on.
    pub relies_on: Vec<String>,
}

impl Mark {
    pub fn of(sid: &str) -> Option<Self> {
        let rest = sid.strip_prefix(SID).filter(|_| Ownership::is_sid_of_any(sid))?;
        let (connection, rest) = (&rest[..SID_DIGITS], &rest[SID_DIGITS + 1..]);
        let (instance, index) = rest.rsplit_once('x')?;
        let relies_on = index.split(RELIED).skip(1).map(str::to_owned).collect();
        Some(Mark { connection: connection.to_owned(), instance: instance.to_owned(), relies_on })
    }

    /// Sid of a statement of that composite and instance.
    pub fn sid(&self, index: usize) -> String {
        format!("{SID}{}x{}x{index}", self.connection, self.instance)
    }
}

/// What stands for a statement in the Sids of those that rely on it: the same for all statements that mean the same.
pub fn statement_digest(statement: &Value) -> String {
    digest(&policy::canonical_text(&policy::document([policy::without_sid(statement)])))[..RELIED_DIGITS].to_owned()
}

/// Whether the object was created by the create that is running: its first answer was lost.
pub fn is_made_by(owner: &Owner, ownership: &Ownership, instance: &str) -> bool {
    *owner == ownership.owner(instance)
}

/// The hexadecimal digits of a text's SHA-256: what stands for it where it is too long or of another alphabet.
pub fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_identity_reads_as_text_and_becomes_a_digest_only_where_it_is_too_long() {
        let short = Ownership::new(&["xeks_irsa_trust", "185863138492", "nodejs-app"]);
        assert_eq!(short.resource, "xeks_irsa_trust:185863138492:nodejs-app");
        let long = Ownership::new(&["xeks_irsa_trust", &"x".repeat(300)]);
        assert!(long.resource.len() <= MAX_TAG_VALUE && long.resource.starts_with("xeks_irsa_trust:sha256:"));
        assert_ne!(Ownership::new(&["t", "a,b"]).resource, Ownership::new(&["t", "a.b"]).resource);
    }

    #[test]
    fn ownership_tags_and_ignored_tags_are_never_noise() {
        let mut ownership = Ownership::new(&["t"]);
        ownership.ignored.key_prefixes = vec!["cost:".into()];
        let mut all: Tags = ownership.tags("0123");
        for key in ["aws:cloudformation:stack", "cost:center", "owner"] {
            all.insert(key.into(), "v".into());
        }
        let (owner, tags) = ownership.split(all);
        assert_eq!(owner, Owner::Tagged { resource: Some("t".into()), instance: Some("0123".into()) });
        assert_eq!(tags.into_keys().collect::<Vec<_>>(), ["owner"]);
    }

    #[test]
    fn a_sid_tells_its_instance_to_its_own_composite_only() {
        let (one, other) = (Ownership::new(&["one"]), Ownership::new(&["other"]));
        assert_eq!(one.sid_instance(&one.sid("0123abcd", 12)), Some("0123abcd"));
        assert_eq!(other.sid_instance(&one.sid("0123abcd", 12)), None);
        assert_eq!(one.sid_instance("AllowThem"), None);
        assert!(Ownership::is_sid_of_any(&one.sid("0123abcd", 0)));
        assert!(!Ownership::is_sid_of_any("AllowThem") && !Ownership::is_sid_of_any("XeksAccess"));
    }

    #[test]
    fn a_sid_names_the_statements_that_its_own_relies_on() {
        let one = Ownership::new(&["one"]);
        let (a, b) = (statement_digest(&json!({"Sid": "A", "Effect": "Allow"})), statement_digest(&json!({"Effect": "Deny"})));
        assert_eq!(a, statement_digest(&json!({"Effect": "Allow"})), "whatever its Sid");
        let sid = one.sid_relying_on("0123abcd", 0, &[a.clone(), b.clone()]);
        let mark = Mark::of(&sid).unwrap();
        assert_eq!((mark.instance.as_str(), mark.relies_on.clone()), ("0123abcd", vec![a, b]));
        assert_eq!((mark.sid(3), one.sid_instance(&sid)), (one.sid("0123abcd", 3), Some("0123abcd")));
        assert_eq!(Mark::of(&one.sid("0123abcd", 0)).unwrap().relies_on, Vec::<String>::new());
        assert_eq!(Mark::of("XeksAccess"), None);
    }

    #[test]
    fn a_sid_has_letters_and_digits_only() {
        let sid = Ownership::new(&["xeks_irsa_trust", "a/b"]).sid("0123abcd", 0);
        assert!(sid.chars().all(|c| c.is_ascii_alphanumeric()), "{sid}");
    }
}
