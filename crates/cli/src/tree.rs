//! One field of a tree.

use serde::Serialize;
use std::fmt::Write;

/// A field: its name, its value, what it means, and what it is made of.
#[derive(Debug, Serialize)]
pub(crate) struct Node {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<Node>,
}

impl Node {
    /// A field with parts.
    pub(crate) fn new(name: impl Into<String>, value: impl Into<String>, children: Vec<Self>) -> Self {
        Self { name: name.into(), value: value.into(), meaning: None, children }
    }

    /// A field without parts.
    pub(crate) fn leaf(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(name, value, Vec::new())
    }

    /// A field of bytes: their number, the first of them in hexadecimal, and as text where they are text.
    pub(crate) fn bytes(name: impl Into<String>, bytes: &[u8]) -> Self {
        Self::leaf(name, show(bytes))
    }

    /// Says what the field means.
    pub(crate) fn meaning(mut self, meaning: impl Into<String>) -> Self {
        let meaning = meaning.into();
        self.meaning = (!meaning.is_empty()).then_some(meaning);
        self
    }

    /// Two spaces a level, the meaning behind a dash.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        self.write(0, &mut out);
        out.truncate(out.trim_end().len());
        out
    }

    /// The same tree as JSON.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    fn write(&self, level: usize, out: &mut String) {
        let separator = if self.value.is_empty() { "" } else { ": " };
        let meaning = self.meaning.as_ref().map(|meaning| format!("  - {meaning}")).unwrap_or_default();
        let line = printable(&format!("{}{separator}{}{meaning}", self.name, self.value));
        let _ = writeln!(out, "{:indent$}{line}", "", indent = level.saturating_mul(2));
        for child in &self.children {
            child.write(level.saturating_add(1), out);
        }
    }
}

/// Text for a terminal: what would move the cursor, change colours or turn the direction of writing is escaped, because
/// whoever made the file may want to show something else than it holds.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let steers = matches!(character, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}');
        if character.is_control() || steers { out.extend(character.escape_unicode()) } else { out.push(character) }
    }
    out
}

/// Bytes for people: at most 32 of them, as text if they are printable.
pub(crate) fn show(bytes: &[u8]) -> String {
    const MOST: usize = 32;
    if bytes.is_empty() {
        return "empty".into();
    }
    let first = hex(bytes.get(..MOST).unwrap_or(bytes));
    let more = if bytes.len() > MOST { format!("... ({} bytes)", bytes.len()) } else { String::new() };
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= 80 && !text.chars().any(char::is_control) => {
            format!("\"{text}\" ({first}{more})")
        }
        _ => format!("{first}{more}"),
    }
}

/// All bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_escaped() {
        let node = Node::leaf("name", "\u{1b}[2Jgood\u{202e}exe\n").meaning("as\tgiven");
        assert_eq!(node.text(), r"name: \u{1b}[2Jgood\u{202e}exe\u{a}  - as\u{9}given");
    }
}
