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
        let _ = writeln!(out, "{:indent$}{}{separator}{}{meaning}", "", self.name, self.value, indent = level * 2);
        for child in &self.children {
            child.write(level + 1, out);
        }
    }
}

/// Bytes for people: at most 32 of them, as text if they are printable.
pub(crate) fn show(bytes: &[u8]) -> String {
    const MOST: usize = 32;
    let hex: String = bytes.iter().take(MOST).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > MOST { format!("... ({} bytes)", bytes.len()) } else { String::new() };
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && text.len() <= 80 && !text.chars().any(char::is_control) => {
            format!("\"{text}\" ({hex}{more})")
        }
        _ => format!("{hex}{more}"),
    }
}
