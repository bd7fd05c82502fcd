//! CBOR diagnostic notation (RFC 8949 section 8), as far as the examples of RFCs use it.

/// Encodes the one item that `text` describes, in preferred serialization.
pub(super) fn encode(text: &str) -> Result<Vec<u8>, String> {
    let text = without_comments(text)?;
    let (mut parser, mut out) = (Parser { rest: text.trim() }, Vec::new());
    parser.item(&mut out)?;
    if parser.rest.is_empty() { Ok(out) } else { Err(format!("unread: {:.40}", parser.rest)) }
}

/// Some examples say in a comment what the string before it holds, `/ << ... >>`, with comments in it.
fn without_comments(text: &str) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, comment)) = rest.split_once('/') {
        let end = if comment.trim_start().starts_with("<<") { ">>" } else { "/" };
        out.push_str(before);
        rest = comment.split_once(end).ok_or("a comment without end")?.1;
    }
    out.push_str(rest);
    Ok(out)
}

struct Parser<'t> {
    rest: &'t str,
}

impl Parser<'_> {
    fn item(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        if self.taken("h'") {
            let digits: String = self.until('\'')?.split_whitespace().collect();
            string(2, &hex::decode(digits).map_err(|cause| cause.to_string())?, out);
        } else if self.taken("'") {
            string(2, self.until('\'')?.as_bytes(), out);
        } else if self.taken("<<") {
            let mut inside = Vec::new();
            self.item(&mut inside)?;
            string(2, &inside, out);
            return if self.taken(">>") { Ok(()) } else { Err("an encoded item without end".into()) };
        } else if self.taken("\"") {
            // In the examples some key identifiers stand in the quotes of texts; there is no text in them.
            string(2, self.until('"')?.as_bytes(), out);
        } else if self.taken("[") {
            let (count, items) = self.items("]", 1)?;
            head(4, count, out);
            out.extend(items);
        } else if self.taken("{") {
            let (count, items) = self.items("}", 2)?;
            head(5, count, out);
            out.extend(items);
        } else if self.taken("true") {
            out.push(0xF5);
        } else if self.taken("null") {
            out.push(0xF6);
        } else {
            self.number(out)?;
        }
        Ok(())
    }

    /// An integer, or a tag with its item.
    fn number(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let negative = self.taken("-");
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        let value: u64 = digits.parse().map_err(|_| format!("not an item: {:.40}", self.rest))?;
        self.rest = rest.trim_start();
        if self.taken("(") {
            head(6, value, out);
            self.item(out)?;
            return if self.taken(")") { Ok(()) } else { Err("a tag without end".into()) };
        }
        match (negative, value.checked_sub(1)) {
            (true, Some(value)) => head(1, value, out),
            _ => head(0, value, out),
        }
        Ok(())
    }

    /// Items up to the closing bracket, `each` to an entry, and the number of entries.
    fn items(&mut self, close: &str, each: usize) -> Result<(u64, Vec<u8>), String> {
        let (mut count, mut out) = (0, Vec::new());
        while !self.taken(close) {
            for part in 0..each {
                if part > 0 && !self.taken(":") {
                    return Err(format!("a key without value: {:.40}", self.rest));
                }
                self.item(&mut out)?;
            }
            self.taken(",");
            count += 1;
        }
        Ok((count, out))
    }

    fn taken(&mut self, start: &str) -> bool {
        let rest = self.rest.strip_prefix(start);
        self.rest = rest.map_or(self.rest, str::trim_start);
        rest.is_some()
    }

    fn until(&mut self, end: char) -> Result<&str, String> {
        let (inside, rest) = self.rest.split_once(end).ok_or("a string without end")?;
        self.rest = rest.trim_start();
        Ok(inside)
    }
}

fn string(major: u8, bytes: &[u8], out: &mut Vec<u8>) {
    head(major, bytes.len() as u64, out);
    out.extend(bytes);
}

fn head(major: u8, value: u64, out: &mut Vec<u8>) {
    let first = major << 5;
    let bytes = value.to_be_bytes();
    match value {
        0..=0x17 => out.push(first | bytes[7]),
        0x18..=0xFF => out.extend([first | 24, bytes[7]]),
        0x100..=0xFFFF => out.extend([&[first | 25], &bytes[6..]].concat()),
        0x1_0000..=0xFFFF_FFFF => out.extend([&[first | 26], &bytes[4..]].concat()),
        _ => out.extend([&[first | 27], &bytes[..]].concat()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_shape_of_the_examples_is_encoded() {
        let text = "98([ / protected / h'a1 01', {/ kid / 4:'11', -1:true}, h'' / << { / alg / 1:-7 } >>, << 5 >>, null, \"a\", 300])";
        let wanted = "d8628742a101a20442313120f5404105f64161 19012c".replace(' ', "");
        assert_eq!(hex::encode(super::encode(text).unwrap()), wanted);
        assert!(super::encode("[1, 2").is_err() && super::encode("1 2").is_err() && super::encode("x").is_err());
    }
}
