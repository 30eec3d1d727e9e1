//! An IAM OIDC provider as it is: what decides whether an issuer's tokens are taken in an account.
//!
//! Reads only.

use super::{Account, Answer, Error, Named};

/// An OIDC provider as GetOpenIDConnectProvider returns it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OidcProvider {
    pub arn: String,
    /// The issuer, without `https://`.
    pub issuer: String,
    /// The audiences that tokens may have.
    pub client_ids: Vec<String>,
}

/// The provider of that ARN; `None` where there is none.
pub async fn find(account: &Account, arn: &str) -> Result<Option<OidcProvider>, Error> {
    let answer = account.iam().get_open_id_connect_provider().open_id_connect_provider_arn(arn).send().await;
    let answer = answer.named("iam:GetOpenIDConnectProvider", account).absent_is_none()?;
    Ok(answer.map(|found| {
        let mut client_ids = found.client_id_list().to_vec();
        client_ids.sort();
        OidcProvider { arn: arn.to_owned(), issuer: super::arn::issuer_host(found.url().unwrap_or_default()).to_owned(), client_ids }
    }))
}
