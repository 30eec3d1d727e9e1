//! Why an account can't be used.
//!
//! Knows the facts alone: what a user reads of them is written in `provider`, which knows how accounts are configured.

use super::{Caller, SignIn};
use crate::aws::error::{Error, Kind};

/// Why an account can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountError {
    /// How the account is reached is not known yet.
    Unknown,
    /// No account was picked, and there is no default one.
    NoWorkload {
        keys: Vec<String>,
    },
    UnknownKey {
        key: String,
        keys: Vec<String>,
    },
    /// Both sides are one account.
    SameAccount {
        account_id: String,
        cluster: Box<Caller>,
        workload: Box<Caller>,
        /// How the configuration names the workload account.
        name: String,
    },
    NotAllowed {
        account: String,
        caller: Box<Caller>,
        rule: Rule,
    },
    NoRegion {
        account: String,
    },
    /// A profile, file or URL of the configuration can't be used.
    Settings {
        account: String,
        message: String,
    },
    /// The caller could not be asked for.
    Aws {
        error: Box<Error>,
        sign_in: Box<SignIn>,
    },
}

/// The list that refuses an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `allowed_account_ids` of the account contains only these.
    Account(Vec<String>),
    /// `allowed_account_ids` of the provider contains only these.
    Provider(Vec<String>),
    Forbidden,
}

impl AccountError {
    /// Whether the account may be right but did not answer.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, AccountError::Aws { error, .. } if error.kind == Kind::Unreachable)
    }
}
