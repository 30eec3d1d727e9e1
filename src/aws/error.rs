//! What AWS answers when it refuses: one table that distinguishes absent from denied, throttled from malformed, and one error type that
//! names the call, the account, the code and the request id.
//!
//! Knows no object and no resource. Nothing secret may get in here: no credential, token or external id.

mod kind;
mod permission;

use std::error::Error as StdError;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_types::request_id::RequestId;

use crate::secrets::hidden;

pub use kind::Kind;
use kind::kind_of;
pub use permission::MissingPermission;

/// A call to AWS that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Service and operation, such as `iam:PutRolePolicy`.
    pub call: String,
    /// The account's label, such as `185863138492 (workload)`.
    pub account: String,
    pub kind: Kind,
    /// AWS's error code; `None` where there was no answer.
    pub code: Option<String>,
    pub message: String,
    pub request_id: Option<Box<str>>,
}

impl Error {
    /// The error of an SDK call.
    pub fn from_sdk<E>(call: &str, account: impl fmt::Display, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        if let Some((kind, message)) = credentials_failure(error) {
            return Error { call: call.to_owned(), account: account.to_string(), kind, code: None, message, request_id: None };
        }
        let code = error.code().map(str::to_owned);
        let message = match error {
            SdkError::ServiceError(_) => error.message().map_or_else(|| status_text(error), str::to_owned),
            // The body was no answer of AWS: a proxy's page, or an endpoint that is something else.
            SdkError::ResponseError(_) => format!("the response can't be read: {}", chain(error)),
            other => chain(other),
        };
        let kind = match (&code, error) {
            (Some(code), _) => kind_of(call, code, &message, status(error)),
            (None, SdkError::TimeoutError(_) | SdkError::DispatchFailure(_)) => Kind::Unreachable,
            (None, SdkError::ConstructionFailure(_)) => Kind::Invalid,
            (None, _) if status(error).is_some_and(|s| s >= 500) => Kind::Unreachable,
            (None, _) => Kind::Other,
        };
        Error {
            call: call.to_owned(),
            account: account.to_string(),
            kind,
            code,
            message: clean(&message),
            request_id: error.request_id().map(Into::into),
        }
    }

    /// The error of a call that was answered with a code outside the SDK's own types.
    pub fn from_code(call: &str, account: impl fmt::Display, code: &str, message: &str, request_id: Option<&str>) -> Self {
        Error {
            call: call.to_owned(),
            account: account.to_string(),
            kind: kind_of(call, code, message, None),
            code: Some(code.to_owned()),
            message: clean(message),
            request_id: request_id.map(Into::into),
        }
    }

    /// A failure that AWS's answer does not name: a wait that ended, an answer that lacks what it must hold.
    pub fn of_kind(kind: Kind, call: &str, account: impl fmt::Display, message: impl Into<String>) -> Self {
        let message = hidden(&message.into()).into_owned();
        Error { call: call.to_owned(), account: account.to_string(), kind, code: None, message, request_id: None }
    }

    pub fn is(&self, kind: Kind) -> bool {
        self.kind == kind
    }

    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, Kind::NotYet | Kind::Busy | Kind::Conflict | Kind::Throttled)
    }

    /// The permission that a refused call lacked, as AWS's message names it.
    pub fn missing_permission(&self) -> Option<MissingPermission> {
        (self.kind == Kind::Denied).then(|| MissingPermission::parse(&self.message))?
    }

    /// What the user can do about it; `None` where AWS's own message says all there is.
    pub fn advice(&self) -> Option<String> {
        let account = &self.account;
        match self.kind {
            Kind::Denied => Some(match self.missing_permission() {
                Some(missing) => missing.advice(account),
                None => format!("Grant {} to the caller in {account}.", self.call),
            }),
            Kind::Throttled => Some("AWS throttled the calls. Run Terraform again, or run it with a lower -parallelism.".into()),
            Kind::NotYet if self.message.to_ascii_lowercase().contains("invalid principal") => Some(
                "IAM and EKS did not know the principal within the time that a new one needs. Check that it exists, and that its account, path \
                 and name are right."
                    .into(),
            ),
            Kind::Busy => Some(
                "Another process kept changing the same object for as long as this operation may take. Stop it, or raise `timeouts`, then run \
                 Terraform again."
                    .into(),
            ),
            Kind::IssuerUnreachable => Some(
                "AWS can't reach the OIDC issuer. Check that its URL answers https requests from the internet, with a certificate of a public \
                 authority and the path /.well-known/openid-configuration."
                    .into(),
            ),
            Kind::Conflict => Some(
                "Another change is in progress, or the object is still in use. Wait until it is finished, then run Terraform again."
                    .into(),
            ),
            Kind::Quota => Some(format!(
                "The request exceeds a service quota of {account}. Delete resources that you no longer need, or request a quota increase in the \
                 Service Quotas console of that account if the quota is adjustable. Then run Terraform again."
            )),
            Kind::Expired => Some(format!(
                "The credentials for {account} have expired. Renew them (for example with `aws sso login`), then run Terraform again."
            )),
            Kind::Unreachable => Some(format!(
                "{account} returned no usable response. Check the network, proxies and endpoints of that account, then run Terraform \
                 again. The next run finds whatever took effect."
            )),
            Kind::Credentials => Some(format!("Check the profile, keys or assume_role of {account} in the provider's configuration.")),
            Kind::NotYet | Kind::Absent | Kind::Exists | Kind::Invalid | Kind::Other => None,
        }
    }

    fn answer(&self) -> String {
        let mut text = match &self.code {
            Some(code) => format!("{code}: {}", self.message),
            None => self.message.clone(),
        };
        if let Some(id) = &self.request_id {
            text.push_str(&format!(" (request id {id})"));
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}: {}", self.call, self.account, self.answer())
    }
}

impl StdError for Error {}

/// Gives the error of an SDK call its name: `client.get_role().send().await.named("iam:GetRole", account)?`.
pub trait Named<T> {
    fn named(self, call: &str, account: impl fmt::Display) -> Result<T, Error>;
}

impl<T, E> Named<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn named(self, call: &str, account: impl fmt::Display) -> Result<T, Error> {
        self.map_err(|error| Error::from_sdk(call, account, &error))
    }
}

/// Turns expected refusals into answers.
pub trait Answer<T> {
    /// Absent is an answer: `None`.
    fn absent_is_none(self) -> Result<Option<T>, Error>;
    /// "Exists already" is an answer: `None`.
    fn exists_is_none(self) -> Result<Option<T>, Error>;
}

impl<T> Answer<T> for Result<T, Error> {
    fn absent_is_none(self) -> Result<Option<T>, Error> {
        none_if(self, Kind::Absent)
    }

    fn exists_is_none(self) -> Result<Option<T>, Error> {
        none_if(self, Kind::Exists)
    }
}

fn none_if<T>(result: Result<T, Error>, kind: Kind) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == kind => Ok(None),
        Err(error) => Err(error),
    }
}

/// The failure to obtain credentials, if that is what went wrong below an SDK call: what it means for that call, and its message.
fn credentials_failure(error: &(dyn StdError + 'static)) -> Option<(Kind, String)> {
    let mut found = None;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(own) = error.downcast_ref::<Error>() {
            return Some((kind_of_credentials(own.kind), format!("no credentials: {} failed: {}", own.call, own.answer())));
        }
        // Below a failure of credentials; else it is the call's own answer.
        if let Some((call, code, message, id)) = role_refused(error).filter(|_| found.is_some()) {
            let refused = Error::from_code(call, "", code, message, id);
            return Some((kind_of_credentials(refused.kind), format!("no credentials: {call} failed: {}", refused.answer())));
        }
        // The way to where the SDK asks for credentials itself: STS for the role of a profile, or IAM Identity Center.
        if let (Some((kind, _)), Some(lost)) = (&mut found, error.downcast_ref::<ConnectorError>())
            && (lost.is_io() || lost.is_timeout())
        {
            *kind = Kind::Unreachable;
        }
        if let Some(credentials) = error.downcast_ref::<CredentialsError>() {
            let timed_out = matches!(credentials, CredentialsError::ProviderTimedOut(_));
            let kind = if timed_out { Kind::Unreachable } else { Kind::Credentials };
            found = Some((kind, clean(&format!("no credentials: {}", chain(credentials)))));
        }
        next = error.source();
    }
    found
}

/// What the failure to obtain credentials means for the call that needs them.
fn kind_of_credentials(kind: Kind) -> Kind {
    match kind {
        Kind::Unreachable | Kind::Throttled | Kind::Expired | Kind::IssuerUnreachable => kind,
        _ => Kind::Credentials,
    }
}

/// STS's answer to the SDK, which assumes the role of a profile itself: call, code, message and request id.
fn role_refused<'a>(error: &'a (dyn StdError + 'static)) -> Option<(&'static str, &'a str, &'a str, Option<&'a str>)> {
    fn answer<'a, E: ProvideErrorMetadata + RequestId>(
        call: &'static str,
        e: &'a E,
    ) -> Option<(&'static str, &'a str, &'a str, Option<&'a str>)> {
        Some((call, e.code()?, e.message()?, e.request_id()))
    }
    let role = error.downcast_ref::<AssumeRoleError>().and_then(|e| answer("sts:AssumeRole", e));
    role.or_else(|| error.downcast_ref::<AssumeRoleWithWebIdentityError>().and_then(|e| answer("sts:AssumeRoleWithWebIdentity", e)))
}

/// An error with its causes, each said once.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !cause_text.is_empty() && !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|r| r.status().as_u16())
}

fn status_text<E>(error: &SdkError<E, HttpResponse>) -> String {
    status(error).map_or_else(|| "no message".to_owned(), |s| format!("HTTP status {s} without a message"))
}

/// One line, without EC2's encoded authorization message (kilobytes), the request that a wrong signature was of (kilobytes), and
/// secrets.
fn clean(message: &str) -> String {
    const BLOBS: [&str; 2] = ["Encoded authorization failure message:", "The Canonical String for this request"];
    let readable = BLOBS.iter().filter_map(|blob| message.find(blob)).min().map_or(message, |blob| &message[..blob]);
    // Before lines are joined: a header ends with its line.
    hidden(readable).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_iam::operation::get_role::GetRoleError;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    const LABEL: &str = "185863138492 (workload)";

    fn answered(status: u16, code: &str, message: &str) -> SdkError<GetRoleError, HttpResponse> {
        let mut raw = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        raw.headers_mut().insert("x-amzn-requestid", "r-1");
        SdkError::service_error(GetRoleError::generic(ErrorMetadata::builder().code(code).message(message).build()), raw)
    }

    #[test]
    fn an_error_names_call_account_code_and_request_id() {
        let error = Error::from_sdk("iam:GetRole", LABEL, &answered(403, "AccessDenied", "no"));
        assert_eq!(error.to_string(), "iam:GetRole in 185863138492 (workload): AccessDenied: no (request id r-1)");
    }

    #[test]
    fn absent_is_an_answer_and_nothing_else_is() {
        let gone: Result<(), _> = Err(answered(404, "NoSuchEntity", "gone"));
        assert_eq!(gone.named("iam:GetRole", LABEL).absent_is_none(), Ok(None));
        let denied: Result<(), _> = Err(answered(403, "AccessDenied", "no"));
        assert_eq!(denied.named("iam:GetRole", LABEL).absent_is_none().unwrap_err().kind, Kind::Denied);
    }

    #[test]
    fn a_404_that_aws_did_not_name_is_never_absent() {
        let raw = HttpResponse::new(404.try_into().unwrap(), SdkBody::empty());
        let error: SdkError<GetRoleError, _> = SdkError::response_error("not XML", raw);
        assert_eq!(Error::from_sdk("iam:GetRole", LABEL, &error).kind, Kind::Other);
        let raw = HttpResponse::new(404.try_into().unwrap(), SdkBody::empty());
        let error = SdkError::service_error(GetRoleError::generic(ErrorMetadata::builder().build()), raw);
        assert_eq!(Error::from_sdk("iam:GetRole", LABEL, &error).kind, Kind::Other);
    }

    #[test]
    fn no_answer_and_a_failing_service_leave_the_effect_open() {
        let lost: SdkError<GetRoleError, HttpResponse> = SdkError::dispatch_failure(ConnectorError::io("connection reset".into()));
        let error = Error::from_sdk("iam:GetRole", LABEL, &lost);
        assert_eq!((error.kind, error.code.as_deref()), (Kind::Unreachable, None));
        assert!(error.message.contains("connection reset"), "{error}");
        assert_eq!(Error::from_sdk("iam:GetRole", LABEL, &answered(500, "ServiceFailure", "")).kind, Kind::Unreachable);
        assert_eq!(Error::from_sdk("iam:GetRole", LABEL, &answered(502, "Unheard", "")).kind, Kind::Unreachable);
    }

    #[test]
    fn failing_credentials_keep_the_cause_and_are_not_a_denied_call() {
        let cause = Error::from_code("sts:AssumeRole", LABEL, "AccessDenied", "not you", Some("r-2"));
        let source = CredentialsError::provider_error(cause);
        let failed: SdkError<GetRoleError, HttpResponse> = SdkError::dispatch_failure(ConnectorError::other(source.into(), None));
        let error = Error::from_sdk("iam:GetRole", LABEL, &failed);
        assert_eq!(error.kind, Kind::Credentials);
        assert_eq!(error.message, "no credentials: sts:AssumeRole failed: AccessDenied: not you (request id r-2)");
    }

    #[test]
    fn a_role_that_a_profile_can_not_assume_is_told_in_sts_own_words() {
        let refused = AssumeRoleError::generic(ErrorMetadata::builder().code("AccessDenied").message("not you").build());
        let source = CredentialsError::provider_error(refused);
        let failed: SdkError<GetRoleError, HttpResponse> = SdkError::dispatch_failure(ConnectorError::other(source.into(), None));
        let error = Error::from_sdk("iam:GetRole", LABEL, &failed);
        assert_eq!(
            (error.kind, error.message.as_str()),
            (Kind::Credentials, "no credentials: sts:AssumeRole failed: AccessDenied: not you")
        );
        let own = AssumeRoleError::generic(ErrorMetadata::builder().code("AccessDenied").message("not you").build());
        let own = SdkError::service_error(own, HttpResponse::new(403.try_into().unwrap(), SdkBody::empty()));
        assert_eq!(Error::from_sdk("sts:AssumeRole", LABEL, &own).kind, Kind::Denied, "the call itself is no failure of its credentials");
    }

    #[test]
    fn credentials_that_can_not_be_asked_for_say_nothing_of_the_credentials() {
        let lost: SdkError<AssumeRoleError, HttpResponse> = SdkError::dispatch_failure(ConnectorError::io("connection refused".into()));
        let source = CredentialsError::provider_error(lost);
        let failed: SdkError<GetRoleError, HttpResponse> = SdkError::dispatch_failure(ConnectorError::other(source.into(), None));
        let error = Error::from_sdk("iam:GetRole", LABEL, &failed);
        assert!(error.kind == Kind::Unreachable && error.message.contains("connection refused"), "{error}");
    }

    #[test]
    fn a_message_is_one_line_without_credentials_or_encoded_blobs() {
        let message = "can't connect\n to http://user:secret@proxy:3128/ now. Encoded authorization failure message: AbCd";
        assert_eq!(Error::from_code("ec2:X", LABEL, "Y", message, None).message, "can't connect to http://(secret)@proxy:3128/ now.");
    }
}
