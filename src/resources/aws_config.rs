//! AWS config files, whose every text stays in its place: its section, its setting, its line.
//!
//! AWS SDKs and Tools Reference Guide, "Shared config and credentials files". The format has neither quotes nor escapes, and one of its
//! settings, `credential_process`, is a command: a text that could end its line or its section header can't be written, and is shown as an
//! escape of JSON in its place. The rules of attributes (`aws::names`) refuse such texts; what comes from AWS or from an older state passes
//! here too.

use crate::terminal::visible_line;

/// A profile and its settings, in the order in which they are written.
pub struct Profile<'a> {
    pub name: &'a str,
    pub settings: Vec<(&'static str, &'a str)>,
}

/// The file of these profiles.
pub fn file(profiles: &[Profile<'_>]) -> String {
    profiles.iter().map(section).collect::<Vec<_>>().join("\n")
}

fn section(profile: &Profile<'_>) -> String {
    let name = visible_line(profile.name).replace('[', "\\u005b").replace(']', "\\u005d");
    let header = if name == "default" { "[default]\n".to_owned() } else { format!("[profile {name}]\n") };
    profile.settings.iter().fold(header, |lines, (setting, value)| format!("{lines}{setting} = {}\n", visible_line(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_follow_each_other_with_their_settings() {
        let profiles = [
            Profile { name: "default", settings: vec![("role_arn", "arn:r"), ("source_profile", "pod")] },
            Profile { name: "pod", settings: vec![("role_arn", "arn:p")] },
        ];
        assert_eq!(file(&profiles), "[default]\nrole_arn = arn:r\nsource_profile = pod\n\n[profile pod]\nrole_arn = arn:p\n");
    }

    #[test]
    fn no_text_ends_its_line_or_its_section() {
        let command = "p]\ncredential_process = touch x\r\u{85}\u{2028}[q]";
        let text = file(&[Profile { name: command, settings: vec![("external_id", command)] }]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                r"[profile p\u005d\u000acredential_process = touch x\u000d\u0085\u2028\u005bq\u005d]",
                r"external_id = p]\u000acredential_process = touch x\u000d\u0085\u2028[q]",
            ]
        );
    }
}
