//! Our evaluation of IAM policies against another's, on generated cases, and the page in docs/ that says how far they agree.
//!
//! The other is the npm package @cloud-copilot/iam-simulate, installed into the folder that XEKS_SIMULATOR names (`make unit` does both).
//! Where that is not set the test says so loudly and passes over. XEKS_WRITE=1 writes the page instead of comparing it.

mod cases;
mod conditions;
mod dice;
mod page;
mod rules;
mod simulator;

use xeks::evaluate::{self, Answer, Denial, Source};

use cases::{Case, Kind};
use rules::Verdict;
use simulator::Simulator;

const CASES: usize = 2000;
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/evaluation-agreement.md");

/// A case, both answers, and what is made of them.
pub struct Judged {
    case: Case,
    ours: Answer,
    theirs: Vec<String>,
    verdict: Verdict,
}

#[test]
fn our_evaluation_agrees_with_another_or_a_documented_rule_says_why_not() {
    let Some(simulator) = Simulator::installed() else { return };
    let cases = cases::generate(CASES);
    let theirs = simulator.ask(&cases);
    let mut judged: Vec<Judged> = cases
        .into_iter()
        .zip(theirs)
        .map(|(case, theirs)| {
            let ours = decide(&case);
            let verdict = rules::compare(&case, &ours, &theirs);
            Judged { case, ours, theirs, verdict }
        })
        .collect();
    ask_again(&simulator, &mut judged);

    let unexplained: Vec<String> = judged.iter().filter(|j| j.verdict == Verdict::Unexplained).map(describe).collect();
    assert!(unexplained.is_empty(), "{} disagreements that no rule explains:\n{}", unexplained.len(), unexplained.join("\n\n"));

    for (index, rule) in rules::RULES.iter().enumerate() {
        assert!(judged.iter().any(|j| j.verdict == Verdict::Explained(index)), "no case needs the rule {:?}", rule.title);
    }

    let text = page::render(&judged);
    if std::env::var_os("XEKS_WRITE").is_some() {
        std::fs::write(PAGE, &text).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        written == text,
        "docs/evaluation-agreement.md is not what the test finds: write it with XEKS_WRITE=1 cargo test --test evaluate"
    );
}

#[test]
fn the_cases_are_no_trivial_ones() {
    let cases = cases::generate(CASES);
    let answers: Vec<Answer> = cases.iter().map(decide).collect();
    let share = |is: fn(&Answer) -> bool| answers.iter().filter(|a| is(a)).count() * 100 / CASES;
    let shares = [
        share(Answer::is_allowed),
        share(Answer::is_unknown),
        share(|a| matches!(a, Answer::Denied(Denial::Explicit { .. }))),
        share(|a| matches!(a, Answer::Denied(Denial::NoMatch { .. }))),
    ];
    assert!(shares.iter().all(|percent| *percent >= 8), "allowed, unknown, explicitly and implicitly denied: {shares:?} percent");
    for kind in [Kind::AssumeRole, Kind::WebIdentity, Kind::Permissions] {
        let allowed = cases.iter().zip(&answers).filter(|(case, answer)| case.kind == kind && answer.is_allowed()).count();
        assert!(allowed >= 50, "{kind:?}: {allowed} allowed");
    }
}

fn decide(case: &Case) -> Answer {
    match &case.trust {
        Some(trust) => evaluate::assume_role(&Source::new("the trust policy", trust.clone()), &case.identity(), &case.request),
        None => evaluate::permissions(&case.identity(), &case.request),
    }
}

/// A rule that explains a disagreement away must explain it completely: with the policy reworded for the simulator, both agree.
fn ask_again(simulator: &Simulator, judged: &mut [Judged]) {
    let (which, reworded): (Vec<usize>, Vec<Case>) =
        judged.iter().enumerate().filter_map(|(index, j)| Some((index, rules::reworded(&j.case, j.verdict)?))).unzip();
    for ((index, case), theirs) in which.into_iter().zip(&reworded).zip(simulator.ask(&reworded)) {
        if rules::compare(case, &judged[index].ours, &theirs) == Verdict::Unexplained {
            judged[index].verdict = Verdict::Unexplained;
            judged[index].theirs.extend(theirs);
        }
    }
}

fn describe(Judged { case, ours, theirs, .. }: &Judged) -> String {
    let own: Vec<String> = case.policies.iter().map(ToString::to_string).collect();
    format!(
        "case {} {:?}: {:?} {} on {}\n  trust {}\n  policies {}\n  boundary {}\n  keys {:?}\n  ours: {ours}\n  theirs: {theirs:?}",
        case.id,
        case.kind,
        case.request.caller,
        case.request.action,
        case.request.resource,
        case.trust.as_ref().map(ToString::to_string).unwrap_or_default(),
        own.join(" and "),
        case.boundary.as_ref().map(ToString::to_string).unwrap_or_default(),
        case.keys
    )
}
