//! How deep a function of an image goes, by its disassembly.
//!
//! Counted is what the function and those it calls by name take of the stack; what is called through a pointer (a hash engine, a
//! function of the platform) comes on top of it. An emulator counts what really happens, this what could.

use crate::shell;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A function of the image.
#[derive(Default)]
struct Function {
    frame: u64,
    calls: BTreeSet<u64>,
}

/// The bytes that the function takes whose readable name `names` says yes to.
pub(crate) fn deepest(image: &Path, names: impl Fn(&str) -> bool) -> Result<u64> {
    let text = shell::output(shell::program("arm-none-eabi-objdump").args(["-dC", "--no-show-raw-insn"]).arg(image))?;
    let mut functions: BTreeMap<u64, Function> = BTreeMap::new();
    let (mut current, mut wanted) = (None, None);
    for line in text.lines() {
        if let Some((address, name)) = head(line) {
            current = Some(address);
            functions.entry(address).or_default();
            wanted = wanted.or(names(name).then_some(address));
        } else if let Some(function) = current.and_then(|address| functions.get_mut(&address)) {
            let instruction = line.split_once(":\t").map_or("", |(_, instruction)| instruction);
            function.frame += taken(instruction);
            function.calls.extend(called(instruction));
        }
    }
    let wanted = wanted.with_context(|| format!("the function is not in {}", image.display()))?;
    Ok(depth(&functions, wanted, &mut Vec::new()))
}

fn depth(functions: &BTreeMap<u64, Function>, address: u64, above: &mut Vec<u64>) -> u64 {
    // What calls itself is counted once: no function of the library does so but over nested data, which has a bound.
    let Some(function) = functions.get(&address).filter(|_| !above.contains(&address)) else { return 0 };
    above.push(address);
    let deepest = function.calls.iter().map(|callee| depth(functions, *callee, above)).max().unwrap_or(0);
    above.pop();
    function.frame + deepest
}

/// `00008000 <name>:`
fn head(line: &str) -> Option<(u64, &str)> {
    let (address, name) = line.strip_suffix(">:")?.split_once(" <")?;
    Some((u64::from_str_radix(address, 16).ok()?, name))
}

/// Bytes that an instruction takes: registers pushed, or room made.
fn taken(instruction: &str) -> u64 {
    let (name, operands) = instruction.split_once('\t').unwrap_or((instruction, ""));
    let name = name.trim_end_matches(".w").trim_end_matches(".n");
    if name == "push" || name == "stmdb" && operands.starts_with("sp!") || name == "vpush" {
        let size = if name == "vpush" { 8 } else { 4 };
        return operands.split_once('{').map_or(0, |(_, list)| size * registers(list.trim_end_matches('}')));
    }
    let room = operands.rsplit_once('#').filter(|_| name.starts_with("sub") && operands.starts_with("sp,"));
    room.and_then(|(_, bytes)| bytes.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// How many there are in `r4, r5-r7, lr`.
fn registers(list: &str) -> u64 {
    let number = |name: &str| name.trim_start_matches(char::is_alphabetic).parse::<u64>().unwrap_or(0);
    let counted = list.split(',').map(|item| match item.trim().split_once('-') {
        Some((first, last)) => number(last).saturating_sub(number(first)) + 1,
        None => 1,
    });
    counted.sum()
}

/// The function that an instruction calls, or goes on in.
fn called(instruction: &str) -> Option<u64> {
    let (name, target) = instruction.split_once('\t')?;
    let plain = matches!(name, "bl" | "b" | "b.w" | "b.n" | "blx") && !target.contains("+0x");
    u64::from_str_radix(target.split_once(" <").filter(|_| plain)?.0.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_calls_are_read_off_instructions() {
        assert_eq!(taken("push\t{r4, r5, r7, lr}"), 16);
        assert_eq!(taken("stmdb\tsp!, {r4, r5, r6, r7, r8, lr}"), 24);
        assert_eq!(taken("stmdb\tr0!, {r4, r5}"), 0);
        assert_eq!(taken("vpush\t{d8-d11}"), 32);
        assert_eq!(taken("sub\tsp, #392\t@ 0x188"), 392);
        assert_eq!(taken("sub.w\tsp, sp, #1024\t@ 0x400"), 1024);
        assert_eq!(taken("subs\tr0, #4"), 0);
        assert_eq!(called("bl\tde64 <aseptic::verify>"), Some(0xDE64));
        assert_eq!(called("b.w\t9000 <memcpy>"), Some(0x9000));
        assert_eq!(called("b.n\t9010 <memcpy+0x10>"), None);
        assert_eq!(called("blx\tr3"), None);
        assert_eq!(head("0000de64 <a::b>:"), Some((0xDE64, "a::b")));
    }
}
