//! Where an account's credentials come from: the provider's configuration, the environment, a profile, or the host.

use std::fmt;

use super::profiles::{Chain, Profiles, Start};
use crate::aws::settings::Settings;

/// The environment's keys, as the SDK reads them.
pub const KEYS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
const PROFILE: &str = "AWS_PROFILE";
const TOKEN: [&str; 2] = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"];
const DEFAULT: &str = "default";

/// Where credentials start, and the roles of the configuration that are assumed from there, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    pub source: Source,
    pub roles: Vec<String>,
}

/// Where credentials start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `access_key` of the configuration.
    Keys,
    /// `assume_role_with_web_identity` of the configuration: the role's ARN.
    WebIdentity(String),
    /// Keys in the environment, and the profile that would be used without them.
    Environment {
        over: Option<String>,
    },
    Profile(Chain),
    /// A token that the environment names.
    Token,
    /// A container or an instance, after these files named no credentials.
    Host {
        searched: String,
    },
}

/// How a profile was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice<'a> {
    Configuration(&'a str),
    Environment(&'a str),
    Default,
}

impl Choice<'_> {
    pub fn name(&self) -> &str {
        match self {
            Choice::Configuration(name) | Choice::Environment(name) => name,
            Choice::Default => DEFAULT,
        }
    }
}

/// The profile that the SDK looks at, unless keys come before it.
pub(super) fn choice<'a>(settings: &'a Settings, of_environment: Option<&'a str>) -> Choice<'a> {
    match (settings.profile.as_deref(), of_environment) {
        (Some(name), _) => Choice::Configuration(name),
        (None, Some(name)) => Choice::Environment(name),
        (None, None) => Choice::Default,
    }
}

/// The environment's profile.
pub(super) fn environments_profile() -> Option<String> {
    given(PROFILE)
}

/// Whether the credentials start at the chosen profile.
pub(super) fn starts_at_a_profile(settings: &Settings) -> bool {
    settings.keys.is_none() && settings.web_identity.is_none() && (settings.profile.is_some() || !has_keys())
}

/// Where the credentials of these settings come from. `chain` is that of the chosen profile, where the profile exists.
pub(super) fn sign_in(settings: &Settings, choice: Choice<'_>, chain: Option<Chain>, profiles: &Profiles) -> SignIn {
    let source = match (&settings.keys, &settings.web_identity) {
        (Some(_), _) if settings.web_identity.is_none() => Source::Keys,
        (_, Some(web)) => Source::WebIdentity(web.role_arn.clone()),
        _ if !starts_at_a_profile(settings) => {
            let is_meant = choice != Choice::Default || profiles.has(DEFAULT);
            Source::Environment { over: is_meant.then(|| choice.name().to_owned()) }
        }
        _ => match chain {
            Some(chain) if chain.start != Start::Nothing || !chain.roles.is_empty() => Source::Profile(chain),
            _ if settings.profile.is_none() && TOKEN.iter().all(|name| given(name).is_some()) => Source::Token,
            _ => Source::Host { searched: profiles.searched() },
        },
    };
    SignIn { source, roles: settings.assume_role.iter().map(|role| role.role_arn.clone()).collect() }
}

fn has_keys() -> bool {
    KEYS.iter().all(|name| given(name).is_some())
}

fn given(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.trim().is_empty())
}

impl fmt::Display for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Keys => f.write_str("access_key in the provider's configuration"),
            Source::WebIdentity(role) => write!(f, "assume_role_with_web_identity of {role}"),
            Source::Environment { .. } => write!(f, "the environment variables {} and {}", KEYS[0], KEYS[1]),
            Source::Profile(chain) => {
                write!(f, "profile {:?} in {}", chain.name, chain.file)?;
                chain.roles.iter().rev().try_for_each(|role| write!(f, ", which assumes {role}"))?;
                if chain.base.0 == chain.name { Ok(()) } else { write!(f, ", from profile {:?} in {}", chain.base.0, chain.base.1) }
            }
            Source::Token => write!(f, "the environment variables {} and {}", TOKEN[0], TOKEN[1]),
            Source::Host { searched } => write!(f, "the container or instance that runs Terraform ({searched} define no credentials)"),
        }?;
        self.roles.iter().try_for_each(|role| write!(f, ", then assume_role of {role}"))
    }
}
