//! The page in docs/: what was compared, how far it agrees, and each disagreement with its rule.

use xeks::evaluate::{Answer, Denial};

use crate::Judged;
use crate::cases::Kind;
use crate::rules::{RULES, Verdict};

const HEAD: &str = "\
# Evaluation of IAM policies: agreement with another evaluation

<!-- Written by `XEKS_WRITE=1 cargo test --test evaluate`; the test fails where this page is out of date. -->

`xeks_access_path` and `xeks_irsa_path` evaluate trust policies, permissions and boundaries themselves (`src/evaluate`). Here the same
requests are put to that evaluation and to [iam-simulate](https://www.npmjs.com/package/@cloud-copilot/iam-simulate), which shares no line with it,
on generated cases with a fixed seed: principals of both accounts against trust policies, service account tokens against trust policies, and
permissions with boundaries; Allow and Deny, Action and NotAction, Resource and NotResource, every form of Principal, conditions with
all operators, sets, IfExists and policy variables.

iam-simulate knows no unknown. A case in which keys of the request are not known (or a session's name is not) is put to it once for
every way in which they may turn out. *Allowed* agrees where all of those are allowed, *denied* where all are denied (and explicitly
where ours is), *unknown* where some are and some are not.
";

pub fn render(judged: &[Judged]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n| | allowed | denied: explicit | denied: nothing allows it | unknown | all |\n|---|---:|---:|---:|---:|---:|\n");
    for (kind, title) in [
        (Some(Kind::AssumeRole), "a principal assumes a role"),
        (Some(Kind::WebIdentity), "a web identity assumes a role"),
        (Some(Kind::Permissions), "permissions and boundary"),
        (None, "**all**"),
    ] {
        let of: Vec<&Judged> = judged.iter().filter(|j| kind.is_none_or(|kind| j.case.kind == kind)).collect();
        let count = |is: fn(&Answer) -> bool| of.iter().filter(|j| is(&j.ours)).count();
        text.push_str(&format!(
            "| {title} | {} | {} | {} | {} | {} |\n",
            count(Answer::is_allowed),
            count(|a| matches!(a, Answer::Denied(Denial::Explicit { .. }))),
            count(|a| matches!(a, Answer::Denied(Denial::NoMatch { .. }))),
            count(Answer::is_unknown),
            of.len()
        ));
    }
    let agree = judged.iter().filter(|j| j.verdict == Verdict::Agree).count();
    text.push_str(&format!("\n{agree} of {} cases agree. The others, by the rule that explains them:\n", judged.len()));
    for (index, rule) in RULES.iter().enumerate() {
        let cases: Vec<&Judged> = judged.iter().filter(|j| j.verdict == Verdict::Explained(index)).collect();
        if cases.is_empty() {
            continue;
        }
        text.push_str(&format!("\n## {} ({})\n\n{}\n", rule.title, cases.len(), rule.why));
        if rule.is_asked_again() {
            text.push_str("Reworded so that the simulator reads the policy as AWS does, it agrees in each of these cases.\n");
        }
        text.push_str("\n| case | ours | the simulator |\n|---:|---|---|\n");
        for judged in cases {
            text.push_str(&format!("| {} | {} | {} |\n", judged.case.id, word(&judged.ours), theirs(&judged.theirs)));
        }
    }
    text
}

fn word(answer: &Answer) -> String {
    match answer {
        Answer::Allowed(_) => "allowed".to_owned(),
        Answer::Denied(Denial::Explicit { .. }) => "denied: explicit".to_owned(),
        Answer::Denied(Denial::NoMatch { .. }) => "denied: nothing allows it".to_owned(),
        Answer::Unknown(why) => format!("unknown: {}", why.replace('|', "\\|")),
    }
}

/// Each distinct result with its count.
fn theirs(results: &[String]) -> String {
    let mut distinct: Vec<&String> = results.iter().collect();
    distinct.sort();
    distinct.dedup();
    let one = |result: &&String| match results.len() {
        1 => result.to_string(),
        _ => format!("{} × {result}", results.iter().filter(|r| r == result).count()),
    };
    distinct.iter().map(one).collect::<Vec<_>>().join(", ")
}
