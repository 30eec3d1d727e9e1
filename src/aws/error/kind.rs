//! The table of AWS's error codes: what each means for the caller.

/// What a failed call means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The object does not exist.
    Absent,
    /// An object of that name exists already.
    Exists,
    /// Too many calls, or a service that asks to come back later. The call had no effect.
    Throttled,
    /// Something made a moment ago is not visible everywhere yet: IAM is eventually consistent.
    NotYet,
    /// The caller lacks a permission.
    Denied,
    /// Another change of the same object is being made at this moment. The call had no effect.
    Busy,
    /// Another change is under way, or something still depends on the object.
    Conflict,
    /// The request breaks a rule; the same request will fail again.
    Invalid,
    /// The request exceeds a quota of the account; the same request will fail again until the quota is raised or something is deleted.
    Quota,
    /// The credentials have expired and could not be renewed.
    Expired,
    /// No answer (connection, DNS, timeout), or the service itself failed: the call may or may not have taken effect.
    Unreachable,
    /// AWS could not reach an OIDC issuer: for a moment, or because the issuer answers nothing.
    IssuerUnreachable,
    /// No credentials, or credentials that AWS does not accept.
    Credentials,
    Other,
}

/// The table. Codes as the services' API models give them (IAM 2010-05-08, STS 2011-06-15, EKS 2017-11-01); EC2 models no errors,
/// its codes are those of the EC2 API reference's list of error codes.
pub(super) fn kind_of(call: &str, code: &str, message: &str, status: Option<u16>) -> Kind {
    // EC2 documents its client errors with the prefix, and sends them without.
    match code.strip_prefix("Client.").unwrap_or(code) {
        "NoSuchEntity" | "ResourceNotFoundException" | "NotFoundException" => Kind::Absent,
        code if code.ends_with(".NotFound") || code.ends_with(".NotFoundException") => Kind::Absent,

        "EntityAlreadyExists" | "RouteAlreadyExists" | "InvalidPermission.Duplicate" | "VpcPeeringConnectionAlreadyExists" => Kind::Exists,
        // EKS says the same for a name that is taken and for a cluster that is being changed.
        "ResourceInUseException" if call.starts_with("eks:Create") => Kind::Exists,
        "ResourceInUseException" => Kind::Conflict,

        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "ServiceUnavailableException"
        | "ServiceUnavailable"
        | "Unavailable" => Kind::Throttled,

        // IAM could not reach the issuer (CreateOpenIDConnectProvider); STS could not get its keys (AssumeRoleWithWebIdentity).
        "OpenIdIdpCommunicationError" | "OpenIdIdpCommunicationErrorException" => Kind::IssuerUnreachable,
        "InvalidIdentityToken" if message.contains("retrieve verification key") => Kind::IssuerUnreachable,

        // A principal that was made a moment ago, named in a trust policy, an access entry or a cluster.
        "MalformedPolicyDocument" | "MalformedPolicyDocumentException" if message.contains("Invalid principal in policy") => Kind::NotYet,
        "InvalidParameterException" if call.starts_with("eks:") && names_unseen_principal(message) => Kind::NotYet,
        "ResourcePropagationDelayException" => Kind::NotYet,

        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "NotAuthorized" | "UnauthorizedAccess" => Kind::Denied,

        "ConcurrentModification" | "ConcurrentModificationException" | "EntityTemporarilyUnmodifiable" => Kind::Busy,

        "DeleteConflict"
        | "DependencyViolation"
        | "IncorrectState"
        | "InvalidStateException"
        | "InvalidStateTransition"
        | "OperationInProgress" => Kind::Conflict,

        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => Kind::Expired,

        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "AuthFailure"
        | "OptInRequired"
        | "RegionDisabledException"
        | "InvalidIdentityToken"
        | "IDPRejectedClaim" => Kind::Credentials,

        "ServerException" | "ServiceFailure" | "InternalFailure" | "InternalError" | "InternalServerError" | "IDPCommunicationError" => {
            Kind::Unreachable
        }

        "InvalidInput"
        | "ValidationError"
        | "ValidationException"
        | "MalformedPolicyDocument"
        | "MalformedPolicyDocumentException"
        | "PackedPolicyTooLarge"
        | "UnmodifiableEntity"
        | "PolicyNotAttachable"
        | "InvalidRequestException"
        | "InvalidParameterException"
        | "BadRequestException"
        | "ClientException" => Kind::Invalid,
        code if code.starts_with("InvalidParameter") || code.ends_with(".Malformed") => Kind::Invalid,

        // One code in IAM and EKS, one for each quota in EC2.
        "ResourceLimitExceededException" => Kind::Quota,
        code if code.ends_with("LimitExceeded") => Kind::Quota,

        _ if status.is_some_and(|s| s >= 500) => Kind::Unreachable,
        _ => Kind::Other,
    }
}

/// EKS CreateAccessEntry: `The specified principalArn is invalid: invalid principal.` It says the same of a principal that will
/// never exist: a wait for it must be bounded.
fn names_unseen_principal(message: &str) -> bool {
    message.contains("invalid principal")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(call: &str, code: &str, message: &str) -> Kind {
        kind_of(call, code, message, None)
    }

    #[test]
    fn each_code_has_its_meaning() {
        assert_eq!(kind("eks:DescribeCluster", "ResourceNotFoundException", ""), Kind::Absent);
        assert_eq!(kind("ec2:DescribeVpcs", "InvalidVpcID.NotFound", ""), Kind::Absent);
        assert_eq!(kind("iam:CreateRole", "EntityAlreadyExists", ""), Kind::Exists);
        assert_eq!(kind("eks:CreateAccessEntry", "ResourceInUseException", ""), Kind::Exists);
        assert_eq!(kind("eks:UpdateClusterConfig", "ResourceInUseException", ""), Kind::Conflict);
        assert_eq!(kind("iam:DeleteRole", "DeleteConflict", ""), Kind::Conflict);
        assert_eq!(kind("iam:PutRolePolicy", "ConcurrentModification", ""), Kind::Busy);
        let unreachable = "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements";
        assert_eq!(kind("sts:AssumeRoleWithWebIdentity", "InvalidIdentityToken", unreachable), Kind::IssuerUnreachable);
        assert_eq!(kind("sts:AssumeRoleWithWebIdentity", "InvalidIdentityToken", "Incorrect token audience"), Kind::Credentials);
        assert_eq!(kind("iam:CreateOpenIDConnectProvider", "OpenIdIdpCommunicationError", ""), Kind::IssuerUnreachable);
        assert_eq!(kind("iam:CreateRole", "Throttling", ""), Kind::Throttled);
        assert_eq!(kind("iam:CreateRole", "LimitExceeded", ""), Kind::Quota);
        assert_eq!(kind("eks:CreateAccessEntry", "ResourceLimitExceededException", ""), Kind::Quota);
        assert_eq!(kind("ec2:AuthorizeSecurityGroupIngress", "RulesPerSecurityGroupLimitExceeded", ""), Kind::Quota);
        assert_eq!(kind("ec2:CreateRoute", "RequestLimitExceeded", ""), Kind::Throttled);
        assert_eq!(kind("ec2:CreateRoute", "Client.UnauthorizedOperation", ""), Kind::Denied);
        assert_eq!(kind("eks:CreateAccessEntry", "InvalidRequestException", "mode"), Kind::Invalid);
        assert_eq!(kind("sts:AssumeRole", "ExpiredToken", ""), Kind::Expired);
        assert_eq!(kind("sts:GetCallerIdentity", "InvalidClientTokenId", ""), Kind::Credentials);
        assert_eq!(kind("iam:CreateRole", "SomethingNew", ""), Kind::Other);
    }

    #[test]
    fn a_principal_not_visible_yet_differs_from_a_malformed_document() {
        let message = "Invalid principal in policy: \"AWS\":\"arn:aws:iam::185863138492:role/app\"";
        assert_eq!(kind("iam:CreateRole", "MalformedPolicyDocument", message), Kind::NotYet);
        assert_eq!(kind("iam:CreateRole", "MalformedPolicyDocument", "Syntax errors in policy."), Kind::Invalid);
        let message = "The specified principalArn is invalid: invalid principal.";
        assert_eq!(kind("eks:CreateAccessEntry", "InvalidParameterException", message), Kind::NotYet);
        assert_eq!(kind("eks:CreateAccessEntry", "InvalidParameterException", "The username is invalid"), Kind::Invalid);
    }

    #[test]
    fn an_unknown_code_counts_by_its_status() {
        assert_eq!(kind_of("iam:GetRole", "SomethingNew", "", Some(503)), Kind::Unreachable);
        assert_eq!(kind_of("iam:GetRole", "SomethingNew", "", Some(400)), Kind::Other);
    }
}
