//! Texts of AWS and of an API server in the hops of a chain (`crate::fuzzing`): in the text for a terminal and in the Mermaid flowchart,
//! each stays in its hop.

use super::mermaid::CLASSES;
use super::{Chain, Hop, Status};
use crate::terminal::{is_control, visible};

/// Between the texts of an input: no text has this byte.
pub const SEPARATOR: u8 = 0xff;

const NAMES: [&str; 3] = ["identity", "assume_role", "access_entry"];
const STATUSES: [Status; 4] = [Status::Ok, Status::Broken, Status::External, Status::Unknown];

/// The first byte says how the hops are; the rest is texts, four of each hop: object, reason, fix, account.
pub fn chains(data: &[u8]) {
    let Some((options, rest)) = data.split_first() else { return };
    let texts: Vec<String> = rest.split(|byte| *byte == SEPARATOR).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    let hop = |(number, texts): (usize, &[String])| {
        let text = |at: usize| texts.get(at).cloned();
        let pick = usize::from(*options) + number;
        Hop {
            name: NAMES[pick % NAMES.len()],
            account_id: text(3),
            object: text(0).unwrap_or_default(),
            status: STATUSES[pick % STATUSES.len()],
            reason: text(1).unwrap_or_default(),
            fix: text(2),
        }
    };
    let chain: Chain = texts.chunks(4).take(4).enumerate().map(hop).collect();
    let value = chain.to_value();
    let said = |name: &str| value.get(name).as_str().unwrap_or_else(|| panic!("{name} is no text")).to_owned();
    for text in [said("text"), said("mermaid")] {
        assert!(!text.chars().any(|c| is_control(c) && c != '\n' && c != '\t'), "{text:?}");
    }
    text(&chain, &said("text"));
    mermaid(&chain, &said("mermaid"));
}

/// A head for each hop, as none of them is a network's; the verdict, alone at the margin; what else there is, is indented further.
fn text(chain: &Chain, text: &str) {
    let (hops, last) = text.trim_end_matches('\n').rsplit_once('\n').unwrap_or(("", text));
    assert!(["Allowed.", "Not allowed.", "Not confirmed."].iter().any(|begin| last.starts_with(begin)), "{text:?}");
    let heads: Vec<&str> = hops.split('\n').filter(|line| !line.starts_with("      ")).collect();
    assert_eq!(heads.len(), chain.0.len(), "{text:?}");
    for (head, hop) in heads.iter().zip(&chain.0) {
        let rest = head.strip_prefix("  ").unwrap_or_else(|| panic!("{head:?}"));
        let (_, rest) = rest.split_at(rest.chars().next().map_or(0, char::len_utf8));
        assert!(rest.trim_start().starts_with(hop.name), "{head:?}");
    }
}

/// A node for each hop, whose label reads as what the hop says; the arrows between them; and the classes. Nothing else.
fn mermaid(chain: &Chain, text: &str) {
    let rest = text.strip_prefix("flowchart TD\n").and_then(|rest| rest.strip_suffix(CLASSES)).unwrap_or_else(|| panic!("{text:?}"));
    let lines: Vec<&str> = rest.lines().collect();
    assert_eq!(lines.len(), 2 * chain.0.len() - 1, "{text:?}");
    for (number, (line, hop)) in lines.iter().zip(&chain.0).enumerate() {
        let label = line
            .strip_prefix(&format!("    hop{number}[\""))
            .and_then(|rest| rest.strip_suffix(&format!("\"]:::{}", hop.status)))
            .unwrap_or_else(|| panic!("{line:?}"));
        assert_eq!(read(label), label_of(hop), "{line:?}");
    }
    for (number, line) in lines[chain.0.len()..].iter().enumerate() {
        let arrow = line.strip_prefix(&format!("    hop{number} ")).and_then(|rest| rest.strip_suffix(&format!(" hop{}", number + 1)));
        assert!(["-->", "--x", "-.->"].map(Some).contains(&arrow), "{line:?}");
    }
}

/// What a hop's label says: name and account, the object, and the reason unless all is well.
fn label_of(hop: &Hop) -> Vec<String> {
    let line = |text: &str| visible(text).replace('\n', " ");
    let head = hop.account_id.as_ref().map_or_else(|| hop.name.to_owned(), |account| format!("{} in {}", hop.name, line(account)));
    let mut lines = vec![head, line(&hop.object)];
    if hop.status != Status::Ok {
        lines.extend(visible(&hop.reason).lines().map(str::to_owned));
    }
    lines
}

/// The lines of a label as Mermaid shows them. Nothing may be left in it that Mermaid reads itself: quotes, HTML, entities, directives,
/// formulas, icons, styles.
fn read(label: &str) -> Vec<String> {
    let rest = label.strip_prefix("<b>").unwrap_or_else(|| panic!("{label:?}"));
    rest.replacen("</b>", "", 1).split("<br/>").map(line).collect()
}

fn line(line: &str) -> String {
    let mut parts = line.split('#');
    let mut out = parts.next().unwrap_or_default().to_owned();
    let mut plain = out.clone();
    for part in parts {
        let (code, rest) = part.split_once(';').unwrap_or_else(|| panic!("{line:?} has a code without an end"));
        let c = code.parse().ok().and_then(char::from_u32).unwrap_or_else(|| panic!("{code:?} is no code"));
        out.push(c);
        out.push_str(rest);
        plain.push(' ');
        plain.push_str(rest);
    }
    assert!(!plain.contains(['"', '<', '>', '&', '`', ';', '\\', '%', '{', '}', '$']), "{line:?}");
    assert!(!["style", "classDef", ":fa-"].iter().any(|word| plain.contains(word)), "{line:?}");
    out
}
