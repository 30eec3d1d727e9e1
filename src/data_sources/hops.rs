//! What explains access: a chain of hops, each with what was found there, and its renderings for people.
//!
//! Knows no AWS object and calls nothing: a data source finds out what a hop is and says it here. Everything in a hop goes into
//! the state, so it must be the same on every read of the same world: no time, no request id, no session, nothing secret.

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod mermaid;
mod text;

use std::fmt;

use crate::aws::{Error, Kind};
use crate::schema::{Attribute, Nesting, Value};
use crate::terminal::visible;

/// What is known of a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It lets through.
    Ok,
    /// It does not.
    Broken,
    /// It depends on what can't be read from here, such as an organization's policies. It does not make the chain broken.
    External,
    /// It could be decided, but was not: a permission to read is missing, or a condition can't be evaluated.
    Unknown,
}

impl Status {
    /// As the state has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Broken => "broken",
            Status::External => "external",
            Status::Unknown => "unknown",
        }
    }

    /// Whether the chain is not allowed because of it.
    pub fn holds_up(self) -> bool {
        matches!(self, Status::Broken | Status::Unknown)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One step of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Such as `access_entry`. The same name may come more than once, as `assume_role` does.
    pub name: &'static str,
    /// The account whose object decides.
    pub account_id: Option<String>,
    /// What was looked at: an ARN, or a name that the user knows it by.
    pub object: String,
    pub status: Status,
    /// One or more sentences: what was found, and what follows from it.
    pub reason: String,
    /// The exact thing to change.
    pub fix: Option<String>,
}

impl Hop {
    pub fn ok(name: &'static str, object: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(Status::Ok, name, object.into(), reason.into(), None)
    }

    pub fn broken(name: &'static str, object: impl Into<String>, reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Status::Broken, name, object.into(), reason.into(), Some(fix.into()))
    }

    pub fn external(name: &'static str, object: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(Status::External, name, object.into(), reason.into(), None)
    }

    pub fn unknown(name: &'static str, object: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(Status::Unknown, name, object.into(), reason.into(), None)
    }

    /// A hop that could not be looked at. A missing permission is named; what AWS says of it is left out, since it holds the session.
    pub fn unreadable(name: &'static str, object: impl Into<String>, error: &Error) -> Self {
        let Error { call, account, .. } = error;
        if error.kind == Kind::Denied {
            let reason = format!("Unknown: the provider's credentials for {account} lack {call}.");
            let fix = format!("Grant {call} to the provider's caller in {account}.");
            return Hop { fix: Some(fix), ..Self::unknown(name, object, reason) };
        }
        let code = error.code.as_ref().map_or_else(String::new, |code| format!("{code}: "));
        Self::unknown(name, object, format!("Unknown: {call} in {account} failed: {code}{}", error.message))
    }

    pub fn in_account(mut self, account_id: impl Into<String>) -> Self {
        self.account_id = Some(account_id.into());
        self
    }

    pub fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Another fix, where there is one.
    pub fn or_fix(self, fix: Option<String>) -> Self {
        Hop { fix: fix.or(self.fix), ..self }
    }

    fn new(status: Status, name: &'static str, object: String, reason: String, fix: Option<String>) -> Self {
        Hop { name, account_id: None, object, status, reason, fix }
    }

    /// Without what a terminal would obey: objects, reasons and fixes repeat what AWS, EKS and the API server say.
    fn shown(&self) -> Self {
        let shown = |text: &String| visible(text).into_owned();
        Hop {
            account_id: self.account_id.as_ref().map(shown),
            object: shown(&self.object),
            reason: shown(&self.reason),
            fix: self.fix.as_ref().map(shown),
            ..*self
        }
    }

    fn to_value(&self) -> Value {
        Value::object([
            ("name", Value::string(self.name)),
            ("status", Value::string(self.status.as_str())),
            ("account_id", Value::optional_string(self.account_id.as_deref())),
            ("object", Value::string(&self.object)),
            ("reason", Value::string(&self.reason)),
            ("fix", Value::optional_string(self.fix.as_deref())),
        ])
    }
}

/// The hops, in the order in which a request passes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain(pub Vec<Hop>);

impl Chain {
    /// No hop is broken or unknown.
    pub fn allowed(&self) -> bool {
        self.broken().is_none()
    }

    /// The first hop that is broken or unknown.
    pub fn broken(&self) -> Option<&Hop> {
        self.0.iter().find(|hop| hop.status.holds_up())
    }

    /// The chain for a terminal.
    pub fn text(&self) -> String {
        text::render(&self.shown())
    }

    /// The chain as a Mermaid flowchart, for Markdown.
    pub fn mermaid(&self) -> String {
        mermaid::render(&self.shown())
    }

    fn shown(&self) -> Self {
        Chain(self.0.iter().map(Hop::shown).collect())
    }

    /// The values of `attributes`.
    pub fn to_value(&self) -> Value {
        Value::object([
            ("hops", Value::List(self.shown().0.iter().map(Hop::to_value).collect())),
            ("allowed", Value::Bool(self.allowed())),
            ("broken", Value::optional_string(self.broken().map(|hop| hop.name))),
            ("text", Value::string(self.text())),
            ("mermaid", Value::string(self.mermaid())),
        ])
    }

    /// A data source's configuration with the values of `attributes` filled in: its state.
    pub fn state(&self, mut config: Value) -> Value {
        for (name, value) in self.to_value().entries().into_iter().flatten() {
            config.insert(name, value.clone());
        }
        config
    }
}

impl Extend<Hop> for Chain {
    fn extend<T: IntoIterator<Item = Hop>>(&mut self, hops: T) {
        self.0.extend(hops);
    }
}

impl FromIterator<Hop> for Chain {
    fn from_iter<T: IntoIterator<Item = Hop>>(hops: T) -> Self {
        Chain(hops.into_iter().collect())
    }
}

/// What every data source with a chain computes.
pub fn attributes() -> Vec<Attribute> {
    let hop = vec![
        Attribute::string("name", "Name of the hop, such as `access_entry`.").computed(),
        Attribute::string(
            "status",
            "`ok`; `broken`; `external`: depends on something that can't be read from here; `unknown`: could not be evaluated, and \
             `reason` says why.",
        )
        .computed(),
        Attribute::string("account_id", "ID of the account whose object determines the result.").computed(),
        Attribute::string("object", "The object that was checked.").computed(),
        Attribute::string("reason", "What the check found, and what it means.").computed(),
        Attribute::string("fix", "What to change if the hop is broken.").computed(),
    ];
    vec![
        Attribute::nested("hops", Nesting::List, hop, "The hops of the chain, in the order that a request passes them.").computed(),
        Attribute::bool("allowed", "Whether no hop is `broken` or `unknown`.").computed(),
        Attribute::string("broken", "Name of the first hop that is `broken` or `unknown`; null if there is none.").computed(),
        Attribute::string("text", "The chain as plain text, one hop after another.").computed(),
        Attribute::string("mermaid", "The chain as a Mermaid flowchart, for Markdown.").computed(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, msgpack};

    /// One hop of each status.
    pub(super) fn chain() -> Chain {
        Chain(vec![
            Hop::ok("identity", "arn:aws:iam::185863138492:role/app", "The role exists.").in_account("185863138492"),
            Hop::external("access_policy", "groups", "Kubernetes decides what groups may do."),
            Hop::broken("access_entry", "prac-eks", "No entry.\nNone at all.", "Create one.").in_account("183295435445"),
            Hop::unknown("route", "subnet-1", "Not decided."),
        ])
    }

    #[test]
    fn only_what_is_broken_or_unknown_holds_a_chain_up() {
        let with = |hop: Hop| Chain(vec![Hop::ok("identity", "a", "b"), hop]);
        assert!(with(Hop::external("route", "tgw", "far side")).allowed());
        let broken = with(Hop::broken("route", "rtb", "none", "add"));
        assert_eq!((broken.allowed(), broken.broken().map(|hop| hop.name)), (false, Some("route")));
        assert!(!with(Hop::unknown("route", "rtb", "?")).allowed());
        assert_eq!(chain().broken().map(|hop| hop.name), Some("access_entry"));
    }

    #[test]
    fn the_values_fit_the_attributes() {
        let schema = Schema::new("", attributes());
        let value = chain().to_value();
        let wire = msgpack::encode(&value, &schema.value_type());
        assert_eq!(msgpack::decode(&wire, &schema.value_type()).unwrap(), value);
        assert_eq!(value.get("broken").as_str(), Some("access_entry"));
        assert_eq!(Chain::default().to_value().get("broken"), &Value::Null);
    }

    #[test]
    fn a_state_is_the_configuration_and_the_results() {
        let config = Value::object([("cluster_name", Value::string("prac-eks")), ("allowed", Value::Null)]);
        let state = chain().state(config);
        assert_eq!(state.get("cluster_name").as_str(), Some("prac-eks"));
        assert_eq!(state.get("allowed").as_bool(), Some(false));
    }

    #[test]
    fn a_missing_permission_is_unknown_and_named_without_the_session() {
        let message =
            "User: arn:aws:sts::185863138492:assumed-role/ci/run-17 is not authorized to perform: iam:GetRole on resource: role app";
        let error = Error::from_code("iam:GetRole", "185863138492 (workload)", "AccessDenied", message, Some("1b2c"));
        let hop = Hop::unreadable("identity", "role/app", &error);
        assert_eq!(hop.status, Status::Unknown);
        assert_eq!(hop.reason, "Unknown: the provider's credentials for 185863138492 (workload) lack iam:GetRole.");
        assert_eq!(hop.fix.as_deref(), Some("Grant iam:GetRole to the provider's caller in 185863138492 (workload)."));
        let error = Error::from_code("iam:GetRole", "185863138492 (workload)", "Throttling", "Rate exceeded", Some("1b2c"));
        let reason = Hop::unreadable("identity", "role/app", &error).reason;
        assert_eq!(reason, "Unknown: iam:GetRole in 185863138492 (workload) failed: Throttling: Rate exceeded");
    }

    #[test]
    fn no_escape_sequence_of_an_answer_is_in_what_a_terminal_prints() {
        let reason = "The API server answers 403: \u{1b}[1A\u{1b}[2KAllowed.\r\u{9b}8m\u{202e}";
        let hop = Hop::broken("api_server", "https://\u{1b}]8;;x\u{7}", reason, "\u{1b}c").in_account("1\u{85}");
        let value = Chain(vec![hop]).to_value();
        let obeyed = |text: &str| text.chars().any(|c| crate::terminal::is_control(c) && c != '\n');
        for name in ["text", "mermaid"] {
            assert!(!obeyed(value.get(name).as_str().unwrap()), "{value:?}");
        }
        let hop = &value.get("hops").members()[0];
        for name in ["object", "reason", "fix", "account_id"] {
            assert!(!obeyed(hop.get(name).as_str().unwrap()), "{hop:?}");
        }
        assert_eq!(hop.get("fix").as_str(), Some(r"\u001bc"));
    }
}
