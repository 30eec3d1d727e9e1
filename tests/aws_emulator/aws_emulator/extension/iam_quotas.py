"""The quotas of an account that concern roles, and GetAccountSummary, which answers them.

IAM user guide, "IAM and AWS STS quotas": a role's trust policy holds 2,048 characters, up to 8,192 on request; a role
has 10 managed policies, up to 25 on request. Owns: what each account's quotas are. Must not know: who enforces them.
"""

from ministack.services import iam

from .call import handles

TRUST_POLICY = "AssumeRolePolicySizeQuota"
MANAGED_POLICIES = "AttachedPoliciesPerRoleQuota"

#: The default, and the most that AWS raises it to.
_ADJUSTABLE = {TRUST_POLICY: (2048, 8192), MANAGED_POLICIES: (10, 25)}
#: The quotas page's defaults of what nothing here enforces.
_FIXED = {
    "AccessKeysPerUserQuota": 2,
    "AttachedPoliciesPerGroupQuota": 10,
    "AttachedPoliciesPerUserQuota": 10,
    "GroupPolicySizeQuota": 5120,
    "GroupsPerUserQuota": 10,
    "GroupsQuota": 300,
    "InstanceProfilesQuota": 1000,
    "PoliciesQuota": 1500,
    "PolicySizeQuota": 6144,
    "PolicyVersionsInUseQuota": 10000,
    "RolePolicySizeQuota": 10240,
    "RolesQuota": 1000,
    "ServerCertificatesQuota": 20,
    "SigningCertificatesPerUserQuota": 2,
    "UserPolicySizeQuota": 2048,
    "UsersQuota": 5000,
    "VersionsPerPolicyQuota": 5,
}
#: What these accounts have none of. Their root users sign in without a password and without MFA.
_NONE = (
    "AccountAccessKeysPresent",
    "AccountMFAEnabled",
    "AccountPasswordPresent",
    "AccountSigningCertificatesPresent",
    "MFADevices",
    "MFADevicesInUse",
    "ServerCertificates",
)

_raised: dict[str, dict[str, int]] = {}


def of(account: str, quota: str) -> int:
    return _raised.get(account, {}).get(quota, _ADJUSTABLE[quota][0])


def raise_quotas(account: str, quotas: dict[str, int]) -> None:
    """For the tests: what Service Quotas grants on request."""
    for quota, value in quotas.items():
        low, high = _ADJUSTABLE[quota]
        if not low <= value <= high:
            raise ValueError(f"{quota} is between {low} and {high}")
    _raised[account] = _raised.get(account, {}) | quotas


def reset() -> None:
    _raised.clear()


@handles("iam", "GetAccountSummary")
def summary(call):
    """API reference; the keys are those of the service model's summaryKeyType. GlobalEndpointTokenVersion: 1 unless an
    account asks STS for version 2."""
    policies = iam._policies.values()
    counted = {
        "Groups": len(iam._groups),
        "InstanceProfiles": len(iam._instance_profiles),
        "Policies": len(policies),
        "PolicyVersionsInUse": sum(len(policy["Versions"]) for policy in policies),
        "Providers": len(iam._oidc_providers) + len(iam._saml_providers),
        "Roles": len(iam._roles),
        "Users": len(iam._users),
    }
    adjustable = {quota: of(call.account, quota) for quota in _ADJUSTABLE}
    none = dict.fromkeys(_NONE, 0)
    return {"SummaryMap": counted | adjustable | _FIXED | none | {"GlobalEndpointTokenVersion": 1}}
