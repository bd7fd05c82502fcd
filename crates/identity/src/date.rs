//! Dates of HTTP (RFC 9110 section 5.6.7).

use aseptic_core::bytes::cut;

/// Seconds since 1970 of an HTTP-date in any of its three forms; none for anything else. The name of the day is not held
/// against the date.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let mut words = text.split_ascii_whitespace();
    let (first, second) = (words.next()?, words.next()?);
    let (day, month, year, time, zone) = if let Some(dashed) = dashed(second) {
        // Sunday, 06-Nov-94 08:49:37 GMT
        let (day, month, year) = dashed;
        (day, month, short_year(year)?, words.next()?, words.next()?)
    } else if first.ends_with(',') {
        // Sun, 06 Nov 1994 08:49:37 GMT
        (second, words.next()?, number(words.next()?, 4)?, words.next()?, words.next()?)
    } else {
        // Sun Nov  6 08:49:37 1994
        let (day, time) = (words.next()?, words.next()?);
        (day, second, number(words.next()?, 4)?, time, "GMT")
    };
    if zone != "GMT" || words.next().is_some() {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)?.checked_add(1)?;
    let days = aseptic_certs::der::days_since_1970(year, u64::try_from(month).ok()?, number(day, 2)?)?;
    let (hour, rest) = cut(time, b':')?;
    let (minute, second) = cut(rest, b':')?;
    let (hour, minute, second) = (two(hour)?, two(minute)?, two(second)?);
    // 60 is a leap second.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    [(24, hour), (60, minute), (60, second)]
        .into_iter()
        .try_fold(days, |sum, (factor, part)| sum.checked_mul(factor)?.checked_add(part))
}

fn dashed(word: &str) -> Option<(&str, &str, &str)> {
    let (day, rest) = cut(word, b'-')?;
    let (month, year) = cut(rest, b'-')?;
    Some((day, month, year))
}

/// Two digits; those over 69 lie in the last century, for no date before 1970 matters here.
fn short_year(text: &str) -> Option<u64> {
    let year = two(text)?;
    year.checked_add(if year < 70 { 2000 } else { 1900 })
}

fn two(text: &str) -> Option<u64> {
    if text.len() == 2 { number(text, 2) } else { None }
}

fn number(text: &str, most: usize) -> Option<u64> {
    let digits = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the RFC, and what `date -d` says of some others.
    #[test]
    fn the_three_forms_of_a_date_are_read_and_nothing_else() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Tue, 29 Feb 2028 12:00:00 GMT", Some(1_835_438_400)),
            ("Tue, 19 Jan 2038 03:14:08 GMT", Some(2_147_483_648)),
            ("Mon, 29 Feb 2027 12:00:00 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("Sun, 06 Nov 1994 8:49:37 GMT", None),
            ("Sun, 06 nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT x", None),
            ("Sun, 06 Nov +994 08:49:37 GMT", None),
            ("120", None),
            ("", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
