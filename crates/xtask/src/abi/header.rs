//! What the header declares, read from its text.

/// A structure and its fields, in their order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Structure<'h> {
    pub(super) name: &'h str,
    pub(super) fields: Vec<&'h str>,
}

/// Every structure of the header.
pub(super) fn structures(header: &str) -> Vec<Structure<'_>> {
    let mut found = Vec::new();
    let mut fields = None;
    for line in header.lines() {
        let text = line.trim();
        if text == "typedef struct {" {
            fields = Some(Vec::new());
        } else if let Some(name) = text.strip_prefix("} ").and_then(|rest| rest.strip_suffix(';')) {
            found.extend(fields.take().map(|fields| Structure { name, fields }));
        } else if let Some(fields) = &mut fields {
            fields.extend(field(text));
        }
    }
    found
}

/// The functions that the library exports: all that the header declares without a condition, but the one that a program
/// defines.
pub(super) fn exported(header: &str) -> Vec<&str> {
    let mut hosted = false;
    let mut names = Vec::new();
    for line in header.lines() {
        match line {
            "#if defined(ASEPTIC_HOSTED)" => hosted = true,
            "#endif" => hosted = false,
            _ if hosted => {}
            line => names.extend(function(line).filter(|name| *name != "aseptic_fault")),
        }
    }
    names.sort_unstable();
    names
}

fn function(line: &str) -> Option<&str> {
    let (before, _) = line.split_once('(')?;
    let name = before.rsplit([' ', '*']).next()?;
    (name.starts_with("aseptic_") && !line.starts_with([' ', '#', '/', '*'])).then_some(name)
}

/// The field that begins on this line; the later lines of a long function pointer begin none.
fn field(line: &str) -> Option<&str> {
    if line.starts_with(['/', '*']) || line.is_empty() {
        return None;
    }
    if let Some((_, rest)) = line.split_once("(*") {
        return rest.split_once(')').map(|(name, _)| name);
    }
    let declared = line.strip_suffix(';')?;
    if declared.contains(')') {
        return None;
    }
    let name = declared.rsplit([' ', '*']).next()?;
    name.split('[').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "/**\n * A table; with (words) in its comment;\n */\ntypedef struct {\n  /**\n   * Its size;\n   */\n  \
         uint32_t size;\n  const uint8_t *ptr;\n  uint8_t reserved[6];\n  aseptic_status (*key_public)(void *ctx,\n      \
                           uint8_t *usage);\n  void (*on_event)(void *ctx);\n} aseptic_table;\n\nextern void \
         aseptic_fault(void);\n\nASEPTIC_MUST_USE\naseptic_status aseptic_b(aseptic_table *table,\n                   \
         uint8_t x);\nvoid aseptic_a(void);\n#define aseptic_macro(x)\n#if \
         defined(ASEPTIC_HOSTED)\nvoid aseptic_c(void);\n#endif\n";

    #[test]
    fn structures_and_functions_are_read() {
        let fields = vec!["size", "ptr", "reserved", "key_public", "on_event"];
        assert_eq!(structures(HEADER), [Structure { name: "aseptic_table", fields }]);
        assert_eq!(exported(HEADER), ["aseptic_a", "aseptic_b"]);
    }

    #[test]
    fn nothing_of_the_header_is_overlooked() {
        let header = std::fs::read_to_string(crate::shell::root().join("include/aseptic.h")).unwrap();
        let structures = structures(&header);
        assert_eq!(structures.len(), header.matches("typedef struct {").count());
        assert!(structures.iter().all(|structure| !structure.fields.is_empty()));
        let symbols = std::fs::read_to_string(super::super::folder().join("symbols.txt")).unwrap();
        assert_eq!(exported(&header), symbols.lines().collect::<Vec<_>>(), "run `cargo xtask abi --accept`");
    }
}
