//! Sessions of roles for one request: asked for, used and forgotten. What lasts longer is in `credentials`.
//!
//! Credentials print no secret; nothing here is logged or kept.

use std::time::SystemTime;

pub use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::settings::Secret;
use super::{Account, Error, Kind, Named, credentials};

/// What AWS's logs and the cluster show of a session.
pub const SESSION_NAME: &str = "xeks";
/// The shortest that STS gives (AssumeRole, DurationSeconds).
const SECONDS: i32 = 900;

/// The account's own credentials.
pub async fn own(account: &Account) -> Result<Credentials, Error> {
    const CALL: &str = "xeks:Credentials";
    let provider = account.sdk_config().credentials_provider();
    let provider = provider.ok_or_else(|| Error::of_kind(Kind::Credentials, CALL, account, "no credentials found"))?;
    provider.provide_credentials().await.map_err(|error| Error::of_kind(Kind::Credentials, CALL, account, error.to_string()))
}

/// A session of the role, asked for with these credentials. The account is the one whose STS is asked.
pub async fn assume(account: &Account, with: &Credentials, role_arn: &str, external_id: Option<&Secret>) -> Result<Credentials, Error> {
    const CALL: &str = "sts:AssumeRole";
    let config = account.sts().config().to_builder().credentials_provider(SharedCredentialsProvider::new(with.clone()));
    let sts = aws_sdk_sts::Client::from_conf(config.build());
    let request = sts.assume_role().role_arn(role_arn).role_session_name(SESSION_NAME).duration_seconds(SECONDS);
    let answer = request.set_external_id(external_id.map(|id| id.reveal().to_owned())).send().await.named(CALL, account)?;
    let session = answer.credentials.ok_or_else(|| Error::of_kind(Kind::Other, CALL, account, "the response contains no credentials"))?;
    let expiry = SystemTime::try_from(session.expiration).ok();
    let credentials = Credentials::new(session.access_key_id, session.secret_access_key, Some(session.session_token), expiry, "AssumeRole");
    credentials::remember(&credentials);
    Ok(credentials)
}
