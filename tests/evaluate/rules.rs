//! Whether two evaluations agree on a case, and where they do not, the documented rule that says why.

use serde_json::Value as Json;
use xeks::evaluate::{Answer, Caller, Denial, Known};

use crate::cases::{Case, ROLE_ID};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The same decision, or unknown where the decision depends on what is unknown.
    Agree,
    /// A documented rule, an index into `RULES`.
    Explained(usize),
    Unexplained,
}

pub struct Rule {
    pub title: &'static str,
    /// What AWS documents, and where.
    pub why: &'static str,
    applies: fn(&Case, &Answer, &[String]) -> bool,
    /// The case reworded so that the simulator reads it as AWS does: asked again, it must agree.
    reword: Option<fn(&Case) -> Case>,
}

impl Rule {
    pub fn is_asked_again(&self) -> bool {
        self.reword.is_some()
    }
}

pub const RULES: &[Rule] = &[
    Rule {
        title: "A principal named by its unique id",
        why: "IAM user guide, *AWS JSON policy elements: Principal*, IAM role principals: a role's ARN in a trust policy is kept as the \
              role's unique id, and shows as that id (`AROA…`) where the ARN does not stand for it any more. It is the principal of that \
              id. The simulator knows no ids, and denies.",
        applies: |case, _, _| {
            let trust = case.trust.as_ref().map(Json::to_string).unwrap_or_default();
            trust.contains(ROLE_ID)
        },
        reword: Some(|case| {
            let Caller::Aws(caller) = &case.request.caller else { return case.clone() };
            let arn = if caller.is_role() { &caller.arn } else { "arn:aws:iam::210987654321:role/other" };
            rewritten(case, |_, text| text.replace(ROLE_ID, arn))
        }),
    },
    Rule {
        title: "Everyone, within a boundary",
        why: "IAM user guide, *Permissions boundaries for IAM entities*, resource-based policies: says what a boundary does to a grant to a \
              user's, a role's and a session's ARN, and not what it does to a grant to `*`. Ours is unknown; the simulator takes `*` for \
              the ARN.",
        applies: |_, ours, _| matches!(ours, Answer::Unknown(why) if why.contains("boundary limits")),
        reword: None,
    },
    Rule {
        title: "A Deny of an account, and a web identity",
        why: "IAM user guide, *AWS JSON policy elements: Principal*, AWS account principals: an account as principal means the identities in it. A \
              call of AssumeRoleWithWebIdentity is not signed (STS API reference), and no page says whether its caller is one of an \
              account's. Ours is unknown; the simulator counts the token among the account of its provider.",
        applies: |case, ours, _| {
            matches!(case.request.caller, Caller::Federated(_)) && matches!(ours, Answer::Unknown(why) if why.contains("belongs to one"))
        },
        reword: None,
    },
    Rule {
        title: "Variables in a document of version 2008-10-17",
        why: "IAM user guide, *IAM policy elements: Variables and tags* and *Version*: variables came with version 2012-10-17; in a \
              document of an earlier one, or of none, `${…}` is plain text. The simulator replaces them in any version.",
        applies: |case, _, _| documents(case).any(|document| document["Version"] == "2008-10-17" && document.to_string().contains("${")),
        reword: Some(|case| {
            rewritten(case, |document, text| if document["Version"] == "2008-10-17" { text.replace("${", "$-{") } else { text })
        }),
    },
    Rule {
        title: "A variable before an ARN's fifth colon",
        why: "IAM user guide, *IAM policy elements: Variables and tags*, where you can use policy variables: only after the fifth colon of \
              a Resource. What becomes of one before it is not documented. Ours is unknown; the simulator matches nothing.",
        applies: |case, ours, _| {
            let misplaced = documents(case).any(|document| document.to_string().contains("${aws:PrincipalAccount}:"));
            misplaced && matches!(ours, Answer::Unknown(_))
        },
        reword: None,
    },
    Rule {
        title: "One unknown key that two statements ask for",
        why: "No difference of rules: ours judges each condition by itself and calls the whole unknown; whatever the key turns out to be, \
              the outcome is the same (an Allow and a Deny on the same condition, say). Cautious, never wrong.",
        applies: |case, ours, theirs| {
            let same = theirs.iter().all(|r| (r == "Allowed") == (theirs[0] == "Allowed"));
            let text: String = documents(case).map(Json::to_string).collect();
            let twice = case.keys.iter().any(|(key, known)| *known == Known::Unknown && text.matches(key.as_str()).count() > 1);
            matches!(ours, Answer::Unknown(_)) && same && twice
        },
        reword: None,
    },
];

fn documents(case: &Case) -> impl Iterator<Item = &Json> {
    case.trust.iter().chain(&case.policies).chain(&case.boundary)
}

fn rewritten(case: &Case, change: impl Fn(&Json, String) -> String) -> Case {
    // A document stays one: only text within its strings is replaced.
    let change = |document: &Json| serde_json::from_str(&change(document, document.to_string())).unwrap();
    Case {
        trust: case.trust.as_ref().map(change),
        policies: case.policies.iter().map(change).collect(),
        boundary: case.boundary.as_ref().map(change),
        ..case.clone()
    }
}

/// The case to ask again, for a verdict whose rule has one.
pub fn reworded(case: &Case, verdict: Verdict) -> Option<Case> {
    match verdict {
        Verdict::Explained(rule) => RULES[rule].reword.map(|reword| reword(case)),
        _ => None,
    }
}

pub fn compare(case: &Case, ours: &Answer, theirs: &[String]) -> Verdict {
    if agree(ours, theirs) {
        return Verdict::Agree;
    }
    match RULES.iter().position(|rule| (rule.applies)(case, ours, theirs)) {
        Some(rule) => Verdict::Explained(rule),
        None => Verdict::Unexplained,
    }
}

fn agree(ours: &Answer, theirs: &[String]) -> bool {
    let allowed = theirs.iter().filter(|r| *r == "Allowed").count();
    match ours {
        Answer::Allowed(_) => allowed == theirs.len(),
        Answer::Unknown(_) => allowed > 0 && allowed < theirs.len(),
        Answer::Denied(Denial::Explicit { .. }) => theirs.iter().all(|r| r == "ExplicitlyDenied"),
        // With something unknown, what no statement allows may be denied by one as well.
        Answer::Denied(Denial::NoMatch { .. }) => {
            allowed == 0 && theirs.iter().all(|r| r.ends_with("Denied")) && theirs.iter().any(|r| r == "ImplicitlyDenied")
        }
    }
}
