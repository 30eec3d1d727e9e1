//! The chain as a Mermaid flowchart, as GitHub and GitLab render it in Markdown.

use super::{Chain, Hop, Status};

/// Dark text on light grounds: readable where the page around is dark, too.
pub(super) const CLASSES: &str = "\
    classDef ok fill:#dafbe1,stroke:#1a7f37,color:#0b3d1a
    classDef broken fill:#ffebe9,stroke:#cf222e,color:#5c0a10,stroke-width:3px
    classDef external fill:#eaeef2,stroke:#57606a,color:#24292f,stroke-dasharray:4 3
    classDef unknown fill:#fff8c5,stroke:#9a6700,color:#3b2300,stroke-dasharray:4 3
";

pub(super) fn render(chain: &Chain) -> String {
    let mut text = String::from("flowchart TD\n");
    for (i, hop) in chain.0.iter().enumerate() {
        text.push_str(&format!("    hop{i}[\"{}\"]:::{}\n", label(hop), hop.status));
    }
    for (i, hop) in chain.0.iter().enumerate().skip(1) {
        text.push_str(&format!("    hop{} {} hop{i}\n", i - 1, arrow(hop.status)));
    }
    text.push_str(CLASSES);
    text
}

fn arrow(status: Status) -> &'static str {
    match status {
        Status::Ok => "-->",
        Status::Broken => "--x",
        Status::External | Status::Unknown => "-.->",
    }
}

/// Name, account and object; the reason where there is something to explain.
fn label(hop: &Hop) -> String {
    let head = match &hop.account_id {
        Some(account) => format!("{} in {account}", hop.name),
        None => hop.name.to_owned(),
    };
    let mut lines = vec![format!("<b>{}</b>", escaped(&head)), escaped(&hop.object)];
    if hop.status != Status::Ok {
        lines.extend(hop.reason.lines().map(escaped));
    }
    lines.join("<br/>")
}

/// Text as a quoted label takes it: Mermaid's entity codes for all that would end the label, be HTML, or be a code itself.
///
/// Mermaid also reads what is quoted: directives (`%%{init: …}%%`, Directives in its documentation) and formulas (`$$…$$`) anywhere in
/// the text, icons (`fa:fa-lock`) in a label, and the words `style` and `classDef`, after which it removes the end of an entity code
/// (mermaid, src/utils.ts, `encodeEntities`).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        let is_code = match c {
            '"' | '#' | '&' | '<' | '>' | '`' | ';' | '\\' | '%' | '{' | '}' | '$' => true,
            ':' => rest.starts_with(":fa-"),
            's' => rest.starts_with("style"),
            'c' => rest.starts_with("classDef"),
            _ => false,
        };
        match c {
            '\n' | '\r' => out.push(' '),
            c if is_code => out.push_str(&format!("#{};", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::chain;
    use super::*;

    #[test]
    fn each_hop_is_a_node_of_its_status_joined_to_the_one_before() {
        let text = render(&chain());
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(
            lines[..8],
            [
                "flowchart TD",
                "hop0[\"<b>identity in 185863138492</b><br/>arn:aws:iam::185863138492:role/app\"]:::ok",
                "hop1[\"<b>access_policy</b><br/>groups<br/>Kubernetes decides what groups may do.\"]:::external",
                "hop2[\"<b>access_entry in 183295435445</b><br/>prac-eks<br/>No entry.<br/>None at all.\"]:::broken",
                "hop3[\"<b>route</b><br/>subnet-1<br/>Not decided.\"]:::unknown",
                "hop0 -.-> hop1",
                "hop1 --x hop2",
                "hop2 -.-> hop3",
            ]
        );
        for status in [Status::Ok, Status::Broken, Status::External, Status::Unknown] {
            assert!(lines.iter().any(|line| line.starts_with(&format!("classDef {status} "))), "{status}");
        }
    }

    #[test]
    fn a_label_holds_nothing_that_mermaid_would_read() {
        assert_eq!(escaped("\"a\" <b> #1; `c`\nd"), "#34;a#34; #60;b#62; #35;1#59; #96;c#96; d");
        assert_eq!(escaped("arn:aws:iam::1:role/a"), "arn:aws:iam::1:role/a");
    }

    #[test]
    fn what_mermaid_reads_within_quotes_is_escaped_too() {
        assert_eq!(escaped("%%{init: {'theme':'dark'}}%%"), "#37;#37;#123;init: #123;'theme':'dark'#125;#125;#37;#37;");
        assert_eq!(escaped("$$x$$ fa:fa-lock style classDef"), "#36;#36;x#36;#36; fa#58;fa-lock #115;tyle #99;lassDef");
    }
}
