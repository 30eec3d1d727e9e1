//! Profiles of the shared files on the way to an account's credentials: which ones the SDK goes through, and what it would pass over in silence.
//!
//! The order is the SDK's (aws-config, `profile/credentials/repr.rs`). It leaves `mfa_serial` unread, and goes on to an instance's
//! credentials where a profile does not exist.

use std::path::PathBuf;

#[allow(deprecated)] // The new name of the type is in a crate that aws-config does not export.
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
use aws_config::profile::{Profile, ProfileSet};
use aws_types::os_shim_internal::{Env, Fs};

use crate::aws::credentials::{home, profile_files};
use crate::aws::error::chain;
use crate::aws::settings::Settings;
use crate::secrets;

/// The shared files as an account reads them.
#[derive(Debug)]
pub(super) struct Profiles {
    all: ProfileSet,
    /// Each file by itself; those that do not exist define nothing.
    files: Vec<(PathBuf, ProfileSet)>,
}

/// The profiles from the one that was chosen to where its credentials start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The profile that was chosen.
    pub name: String,
    pub file: String,
    /// ARNs of the roles that profiles assume, the last one first.
    pub roles: Vec<String>,
    /// The profile where the credentials start, and its file: often the same.
    pub base: (String, String),
    pub start: Start,
}

/// What a profile has as credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// IAM Identity Center: the name of the `sso_session`, where the profile has one.
    Sso {
        session: Option<String>,
    },
    /// A console session (`aws login`).
    Login,
    /// Keys, a process, a token or a named source.
    Other,
    Nothing,
}

/// Why a profile can't be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// `by` is the profile that names it as its source; `None` for the chosen one.
    Unknown {
        name: String,
        by: Option<(String, String)>,
    },
    UnknownSession {
        profile: (String, String),
        session: String,
    },
    /// A person has to give a code.
    Code {
        profile: (String, String),
        serial: String,
    },
}

impl Profiles {
    #[allow(deprecated)]
    /// Reads the files. The secrets in them are hidden from now on: the SDK does not show what it signs with on the way to a profile's role.
    pub async fn load(settings: &Settings) -> Result<Self, String> {
        let unreadable = |e: &(dyn std::error::Error + 'static)| format!("the shared configuration files can't be read: {}", chain(e));
        let all = read(&profile_files(settings).unwrap_or_default()).await.map_err(|e| unreadable(&e))?;
        let mut files = Vec::new();
        for (kind, path) in paths(settings) {
            let alone = match path.exists() {
                true => read(&ProfileFiles::builder().with_file(kind, &path).build()).await.map_err(|e| unreadable(&e))?,
                false => ProfileSet::default(),
            };
            files.push((path, alone));
        }
        for profile in all.profiles().filter_map(|name| all.get_profile(name)) {
            ["aws_secret_access_key", "aws_session_token"].iter().filter_map(|key| profile.get(key)).for_each(secrets::remember);
        }
        Ok(Profiles { all, files })
    }

    /// What is known of files that nothing is read from.
    pub fn none(settings: &Settings) -> Self {
        Profiles { all: ProfileSet::default(), files: paths(settings).into_iter().map(|(_, path)| (path, ProfileSet::default())).collect() }
    }

    pub fn has(&self, name: &str) -> bool {
        self.all.get_profile(name).is_some()
    }

    /// The profiles in alphabetical order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.all.profiles().collect();
        names.sort_unstable();
        names
    }

    /// The paths of all files.
    pub fn searched(&self) -> String {
        listed(self.files.iter().map(|(path, _)| path.display().to_string()))
    }

    /// The profiles that the SDK goes through from that one.
    pub fn chain(&self, chosen: &str) -> Result<Chain, Problem> {
        let (mut roles, mut visited, mut name) = (Vec::new(), Vec::<&str>::new(), chosen);
        let (base, start) = loop {
            let by = visited.last().map(|by| self.place(by));
            let profile = self.all.get_profile(name).ok_or_else(|| Problem::Unknown { name: name.to_owned(), by })?;
            let has_keys = profile.get("aws_access_key_id").is_some() && profile.get("aws_secret_access_key").is_some();
            let seen = visited.contains(&name);
            visited.push(name);
            let role = profile.get("role_arn").filter(|_| profile.get("web_identity_token_file").is_none());
            // A source's keys come before its role. The SDK refuses a loop itself.
            let Some(role) = role.filter(|_| !(seen || has_keys && visited.len() > 1)) else { break (name, self.start(profile)?) };
            if let Some(serial) = profile.get("mfa_serial") {
                return Err(Problem::Code { profile: self.place(name), serial: serial.to_owned() });
            }
            roles.push(role.to_owned());
            match profile.get("source_profile") {
                Some(source) if source != name => name = source,
                _ => break (name, self.start(profile)?),
            }
        };
        let (name, file) = self.place(chosen);
        Ok(Chain { name, file, roles, base: self.place(base), start })
    }

    fn start(&self, profile: &Profile) -> Result<Start, Problem> {
        let has = |names: &[&str]| names.iter().any(|name| profile.get(name).is_some());
        let session = profile.get("sso_session").map(str::to_owned);
        if let Some(session) = session.as_ref().filter(|session| self.all.sso_session(session).is_none()) {
            return Err(Problem::UnknownSession { profile: self.place(profile.name()), session: session.clone() });
        }
        Ok(match () {
            () if has(&["credential_source", "web_identity_token_file"]) => Start::Other,
            () if has(&["sso_session", "sso_start_url"]) => Start::Sso { session },
            () if has(&["login_session"]) => Start::Login,
            () if has(&["credential_process", "aws_access_key_id"]) => Start::Other,
            () => Start::Nothing,
        })
    }

    /// A profile and the files that define it.
    fn place(&self, name: &str) -> (String, String) {
        let defining = self.files.iter().filter(|(_, alone)| alone.get_profile(name).is_some());
        (name.to_owned(), listed(defining.map(|(path, _)| path.display().to_string())))
    }
}

#[allow(deprecated)]
async fn read(files: &ProfileFiles) -> Result<ProfileSet, aws_config::profile::ProfileFileLoadError> {
    aws_config::profile::load(&Fs::real(), &Env::real(), files, None).await
}

/// The files, in the order in which they are read (AWS SDKs and Tools Reference Guide, "Location of the shared config and credentials files").
#[allow(deprecated)]
fn paths(settings: &Settings) -> Vec<(ProfileFileKind, PathBuf)> {
    let default = |variable: &str, usual: &str| vec![home(&std::env::var_os(variable).map_or_else(|| usual.into(), PathBuf::from))];
    let chosen = |own: &[PathBuf], variable: &str, usual: &str| match own {
        [] => default(variable, usual),
        own => own.iter().map(|path| home(path)).collect(),
    };
    let config = chosen(&settings.shared_config_files, "AWS_CONFIG_FILE", "~/.aws/config");
    let credentials = chosen(&settings.shared_credentials_files, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
    let of = |kind: ProfileFileKind| move |path| (kind, path);
    config.into_iter().map(of(ProfileFileKind::Config)).chain(credentials.into_iter().map(of(ProfileFileKind::Credentials))).collect()
}

fn listed(paths: impl Iterator<Item = String>) -> String {
    paths.collect::<Vec<_>>().join(" and ")
}
