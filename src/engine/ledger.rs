//! The ledger: what exists of a composite, and whose it is. It is the computed attribute `objects`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::key::Key;
use crate::diagnostics::Path;
use crate::schema::{Attribute, DecodeError, Type, Value};

pub type Tags = BTreeMap<String, String>;

/// How an object came to be in the ledger; it decides what a destroy does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Created by this resource: deleted with it.
    Created,
    /// Existed before: kept at destroy, without what this resource added.
    Adopted,
    /// Used by several resources: the last one deletes it.
    Shared,
    /// Taken in by `terraform import`: deleted with the resource.
    Imported,
    /// Added to an object of this resource by something else, where only what the configuration lists may be: the next apply deletes it.
    Found,
}

impl Origin {
    const ALL: [Origin; 5] = [Origin::Created, Origin::Adopted, Origin::Shared, Origin::Imported, Origin::Found];

    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Created => "created",
            Origin::Adopted => "adopted",
            Origin::Shared => "shared",
            Origin::Imported => "imported",
            Origin::Found => "found",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == text)
    }

    /// Whether the object is this resource's alone, to be rewritten and deleted.
    pub fn is_own(self) -> bool {
        matches!(self, Origin::Created | Origin::Imported)
    }
}

/// What this resource added to an object that is not its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Added {
    /// A tag, by its key.
    Tag(String),
    /// A client ID of an OIDC provider.
    ClientId(String),
    /// The mark that says that this resource uses the object.
    UseMark,
    /// All of it: this resource created an object that others use too.
    Creation,
    /// Nothing added: the instance that the object carried before it was taken over, until the new one is written on it.
    PreviousInstance(String),
}

impl Added {
    /// Reads what `Display` writes; `None` for anything else.
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "use" => Some(Added::UseMark),
            None if text == "creation" => Some(Added::Creation),
            Some(("tag", key)) => Some(Added::Tag(key.to_owned())),
            Some(("client-id", id)) => Some(Added::ClientId(id.to_owned())),
            Some(("instance", instance)) => Some(Added::PreviousInstance(instance.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Added::Tag(key) => write!(f, "tag:{key}"),
            Added::ClientId(id) => write!(f, "client-id:{id}"),
            Added::UseMark => f.write_str("use"),
            Added::Creation => f.write_str("creation"),
            Added::PreviousInstance(instance) => write!(f, "instance:{instance}"),
        }
    }
}

/// One object in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The account that the object lives in: a caller of another account must not take its absence for a deletion.
    pub account_id: String,
    pub region: Option<String>,
    pub arn: Option<String>,
    /// The id that AWS gave: a role's RoleId, say. For an access entry the RoleId that it is bound to.
    pub id: Option<String>,
    pub origin: Origin,
    /// The IAM document, canonical, where the object has one.
    pub document: Option<String>,
    /// Tags other than the ownership tags and those that the provider ignores, where the object has tags. In a state, no tags are null.
    pub tags: Option<Tags>,
    /// Which create made the object: the value of its tag `xeks:instance`.
    pub instance: Option<String>,
    /// What was added to an object that is not this resource's alone.
    pub added: BTreeSet<Added>,
    /// True from before the call that creates or changes the object until its answer.
    pub pending: bool,
}

impl Entry {
    /// Whether an object that carries this instance is the one that the entry has. Until a take-over has had its answer, the instance that
    /// the object carried before counts too.
    pub fn is_of(&self, instance: Option<&str>) -> bool {
        let previous = |i: &str| self.added.contains(&Added::PreviousInstance(i.to_owned()));
        self.instance.as_deref() == instance || (self.pending && instance.is_some_and(previous))
    }
}

/// What exists of a composite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger(pub BTreeMap<Key, Entry>);

impl Ledger {
    /// The ledger of a state. Entries that are no entries are left out: they come from a defect, not from a user.
    pub fn of_state(state: &Value) -> Self {
        let entries = state.get("objects").entries().into_iter().flatten();
        let own = state.get("instance").as_str();
        Ledger(entries.filter_map(|(key, value)| Some((Key::parse(key)?, entry_of(value, own)?))).collect())
    }

    /// The ledger of a state that was just read from where it is stored. What older entries do not say has the value that it had then:
    /// nothing was added, and no call was left without an answer.
    ///
    /// # Errors
    /// An entry that this version does not understand. To leave it out would lose the object.
    pub fn stored(state: &Value) -> Result<Self, DecodeError> {
        let path = Path::of("objects");
        let own = state.get("instance").as_str();
        let read = |(key, value): (&String, &Value)| {
            let unknown = |what: &str| DecodeError::new(&path.key(key), format!("{what} that this version of the provider does not know"));
            let parsed = Key::parse(key).ok_or_else(|| unknown("a name"))?;
            Ok((parsed, entry_of(value, own).ok_or_else(|| unknown("an account, an origin or an addition"))?))
        };
        Ok(Ledger(state.get("objects").entries().into_iter().flatten().map(read).collect::<Result<_, _>>()?))
    }

    /// Writes the attributes `objects` and `instance` of a state. The instance stays once there is one.
    pub fn write_to(&self, state: &mut Value) {
        let own = state.get("instance").as_str().or_else(|| self.instance()).map(str::to_owned);
        let entries = self.0.iter().map(|(key, entry)| (key.to_string(), value_of(entry, own.as_deref())));
        state.insert("objects", Value::map(entries));
        state.insert("instance", Value::optional_string(own));
    }

    pub fn get(&self, key: &Key) -> Option<&Entry> {
        self.0.get(key)
    }

    /// The instance that this composite's create minted: its own, or that of the create whose objects were imported.
    pub fn instance(&self) -> Option<&str> {
        let of = |origins: &[Origin]| self.0.values().filter(|e| origins.contains(&e.origin)).find_map(|e| e.instance.as_deref());
        of(&[Origin::Created, Origin::Adopted]).or_else(|| of(&[Origin::Imported]))
    }

    /// The entries of the keys that it has.
    pub fn select(&self, keys: impl IntoIterator<Item = Key>) -> BTreeMap<Key, Entry> {
        keys.into_iter().filter_map(|key| self.get(&key).cloned().map(|entry| (key, entry))).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The attributes of one entry, as the schema of `objects` declares them.
pub fn entry_attributes() -> Vec<Attribute> {
    vec![
        Attribute::string("account_id", "ID of the AWS account that contains the object.").computed(),
        Attribute::string("region", "Region that contains the object; null for IAM.").computed(),
        Attribute::string("arn", "ARN of the object, if it has one.").computed(),
        Attribute::string(
            "id",
            "ID that AWS assigned: for a role its RoleId, for an access entry the RoleId of the role that it is bound to.",
        )
        .computed(),
        Attribute::string(
            "origin",
            "How this resource came to manage the object: `created` (by this resource), `adopted` (existed before; a destroy keeps it), \
             `shared` (other resources use it too; the last one deletes it), `imported` (a destroy deletes it), or `found` (this \
             resource did not create it, but it is attached to an object that this resource created; the next apply removes it).",
        )
        .computed(),
        Attribute::string(
            "document",
            "The IAM document as canonical JSON, if the object has one. For an adopted role: only the statement \
                                       of this resource.",
        )
        .computed(),
        Attribute::map_of_strings("tags", "Tags of the object without the ownership tags; null if it has none.").computed(),
        Attribute::string(
            "instance",
            "The create operation that created the object, if it is not that of this resource: the value of its `xeks:instance` tag.",
        )
        .computed(),
        Attribute::plain(
            "added",
            Type::set(Type::String),
            "What this resource added to an object that it does not own alone; null if nothing.",
        )
        .computed(),
        Attribute::bool(
            "pending",
            "`true` while the outcome of a call on the object is unknown, and null otherwise. The next apply reads the object again.",
        )
        .computed(),
    ]
}

/// Whether an object of that origin has the instance of its resource unless its entry says otherwise.
fn has_own_instance(origin: Origin) -> bool {
    matches!(origin, Origin::Created | Origin::Adopted)
}

/// The entry of a resource with that instance.
fn entry_of(value: &Value, own: Option<&str>) -> Option<Entry> {
    let text = |name: &str| value.get(name).as_str().map(str::to_owned);
    let origin = Origin::parse(&text("origin")?)?;
    let instance = match text("instance") {
        None if has_own_instance(origin) => own.map(str::to_owned),
        instance => instance.filter(|instance| instance != NONE),
    };
    Some(Entry {
        account_id: text("account_id")?,
        region: text("region"),
        arn: text("arn"),
        id: text("id"),
        origin,
        document: text("document"),
        tags: value
            .get("tags")
            .entries()
            .map(|tags| tags.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()),
        instance,
        added: value.get("added").strings().iter().map(|added| Added::parse(added)).collect::<Option<_>>()?,
        pending: value.get("pending").as_bool().unwrap_or(false),
    })
}

/// What stands for no instance where null would be the resource's own.
const NONE: &str = "";

/// The instance of an entry as the state of a resource with that instance has it: its own is not repeated.
pub fn instance_value(entry: &Entry, own: Option<&str>) -> Value {
    match entry.instance.as_deref() {
        instance if !has_own_instance(entry.origin) => Value::optional_string(instance),
        instance if instance == own => Value::Null,
        instance => Value::string(instance.unwrap_or(NONE)),
    }
}

/// The entry as the state of a resource with that instance has it.
pub fn value_of(entry: &Entry, own: Option<&str>) -> Value {
    Value::object([
        ("account_id", Value::string(&entry.account_id)),
        ("region", Value::optional_string(entry.region.as_deref())),
        ("arn", Value::optional_string(entry.arn.as_deref())),
        ("id", Value::optional_string(entry.id.as_deref())),
        ("origin", Value::string(entry.origin.as_str())),
        ("document", Value::optional_string(entry.document.as_deref())),
        ("tags", tags_value(entry.tags.as_ref())),
        ("instance", instance_value(entry, own)),
        ("added", added_value(&entry.added)),
        ("pending", if entry.pending { Value::Bool(true) } else { Value::Null }),
    ])
}

/// Null without tags: what says nothing is not shown.
pub fn tags_value(tags: Option<&Tags>) -> Value {
    tags.filter(|tags| !tags.is_empty()).map_or(Value::Null, Value::map_of_strings)
}

/// Null where nothing was added.
pub fn added_value(added: &BTreeSet<Added>) -> Value {
    if added.is_empty() { Value::Null } else { Value::set_of_strings(added.iter().map(Added::to_string)) }
}

/// The ledger as a state gives it back.
#[cfg(test)]
pub fn through_a_state(ledger: &Ledger) -> Ledger {
    let mut state = Value::object([("instance", Value::Unknown)]);
    ledger.write_to(&mut state);
    Ledger::of_state(&state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Side;

    #[test]
    fn a_ledger_reads_back_as_it_was_written() {
        let entry = Entry {
            account_id: "183295435445".into(),
            region: None,
            arn: Some("arn:aws:iam::183295435445:role/a".into()),
            id: Some("AROAA".into()),
            origin: Origin::Adopted,
            document: Some("{}".into()),
            tags: Some(Tags::from([("k".into(), "v".into())])),
            instance: Some("0123".into()),
            added: [
                Added::Tag("k:v".into()),
                Added::ClientId("c".into()),
                Added::UseMark,
                Added::Creation,
                Added::PreviousInstance("i".into()),
            ]
            .into(),
            pending: true,
        };
        let ledger = Ledger(BTreeMap::from([(Key::new(Side::Cluster, "iam_role", "a"), entry)]));
        assert_eq!(through_a_state(&ledger), ledger);
    }

    #[test]
    fn an_entry_shows_an_instance_only_if_it_is_not_its_resources_own() {
        let entry = |name: &str, origin, instance: Option<&str>| {
            let entry = super::super::found("183295435445", None, origin);
            (Key::new(Side::Cluster, "iam_role", name), Entry { instance: instance.map(str::to_owned), ..entry })
        };
        let ledger = Ledger(BTreeMap::from([
            entry("a", Origin::Created, Some("own")),
            entry("b", Origin::Adopted, Some("own")),
            entry("c", Origin::Created, Some("other")),
            entry("d", Origin::Created, None),
            entry("e", Origin::Imported, Some("other")),
            entry("f", Origin::Imported, None),
            entry("g", Origin::Shared, None),
        ]));
        let mut state = Value::object([("instance", Value::Unknown)]);
        ledger.write_to(&mut state);
        assert_eq!(state.get("instance").as_str(), Some("own"));
        let shown = state.get("objects").entries().unwrap().values().map(|entry| entry.get("instance").as_str());
        assert_eq!(shown.collect::<Vec<_>>(), [None, None, Some("other"), Some(""), Some("other"), None, None]);
        assert_eq!(through_a_state(&ledger), ledger);
    }

    /// The entries of a state whose objects say no more than this.
    fn stored(entries: &[(&str, &[(&str, &str)])]) -> Result<Ledger, DecodeError> {
        let entry = |members: &[(&str, &str)]| Value::object(members.iter().map(|(name, text)| (*name, Value::string(*text))));
        Ledger::stored(&Value::object([("objects", Value::map(entries.iter().map(|(key, members)| (*key, entry(members)))))]))
    }

    #[test]
    fn an_old_entry_that_says_little_is_read_as_one_of_a_finished_run() {
        let ledger = stored(&[("cluster/iam_role/a", &[("account_id", "183295435445"), ("origin", "created")])]).unwrap();
        let expected = super::super::found("183295435445", None, Origin::Created);
        assert_eq!(ledger.get(&Key::new(Side::Cluster, "iam_role", "a")), Some(&expected));
        assert_eq!(Ledger::stored(&Value::Null), Ok(Ledger::default()));
    }

    #[test]
    fn an_entry_that_is_not_understood_is_refused_and_not_left_out() {
        let of_later: [(&str, &[(&str, &str)]); 3] = [
            ("moon/iam_role/a", &[("account_id", "1"), ("origin", "created")]),
            ("cluster/iam_role/a", &[("account_id", "1"), ("origin", "borrowed")]),
            ("cluster/iam_role/a", &[("origin", "created")]),
        ];
        for (key, members) in of_later {
            assert_eq!(stored(&[(key, members)]).unwrap_err().path, Path::of("objects").key(key));
        }
    }
}
