use super::*;
use std::string::{String, ToString};

fn uri(text: &str) -> Result<String> {
    let mut out = [0; limits::URI];
    Udi::parse(text)?.uri(&mut out).map(str::to_string)
}

#[test]
fn label_and_barcode_give_one_link() {
    let link = "https://id.gs1.org/01/09521234543213/10/A213B1/21/1234?11=141231&17=150707";
    assert_eq!(uri("(01)09521234543213(11)141231(17)150707(10)A213B1(21)1234").unwrap(), link);
    for barcode in ["", "]d2", "]C1", "]Q3", "\u{1D}", "]d2\u{1D}"] {
        let scan = std::format!("{barcode}01095212345432131114123117150707{}\u{1D}211234", "10A213B1");
        assert_eq!(uri(&scan).unwrap(), link);
    }
    assert_eq!(uri("(01)09521234543213").unwrap(), "https://id.gs1.org/01/09521234543213");
    assert_eq!(uri("(01)09521234543213(17)300100").unwrap(), "https://id.gs1.org/01/09521234543213?17=300100");
}

/// GTINs of products on the market and of GS1's own texts, as an independent source of check digits.
#[test]
fn check_digits_of_known_numbers_hold_and_every_other_digit_fails() {
    for gtin in ["09506000134352", "09521234543213", "00012345678905", "04006381333931", "10614141000415"] {
        Udi::parse(&std::format!("(01){gtin}")).unwrap();
        for at in 0..14 {
            for digit in '0'..='9' {
                let mut other: std::vec::Vec<char> = gtin.chars().collect();
                other[at] = digit;
                let other: String = other.into_iter().collect();
                let expected = if other == gtin { Ok(()) } else { Err(Reason::UdiInvalid) };
                assert_eq!(Udi::parse(&std::format!("(01){other}")).map(drop), expected, "{other}");
            }
        }
    }
}

#[test]
fn reserved_characters_are_escaped_in_the_link() {
    assert_eq!(
        uri("(01)09521234543213(21)A/B%C_d?&").unwrap(),
        "https://id.gs1.org/01/09521234543213/21/A%2FB%25C_d%3F%26"
    );
}

#[test]
fn wrong_forms_are_refused() {
    for text in [
        "",
        "(01)",
        "(01)0952123454321",
        "(01)0952123454321X",
        "(01)095212345432133",
        "(21)1(01)09521234543213",
        "(01)09521234543213(21)",
        "(01)09521234543213(21)123456789012345678901",
        "(01)09521234543213(21)a b",
        "(01)09521234543213(21)ä",
        "(01)09521234543213(21)1(21)1",
        "(01)09521234543213(17)251301",
        "(01)09521234543213(17)2512",
        "(01)09521234543213(99)1",
        "(01)09521234543213(01)09521234543213",
        "010952123454321321",
        "01ä9521234543213",
        "https://id.gs1.org/01/09521234543213",
    ] {
        assert_eq!(Udi::parse(text), Err(Reason::UdiInvalid), "{text:?}");
    }
}

#[test]
fn a_short_buffer_is_told() {
    let udi = Udi::parse("(01)09521234543213(21)1234").unwrap();
    for room in 0..udi.uri(&mut [0; 256]).unwrap().len() {
        assert_eq!(udi.uri(&mut std::vec![0; room]), Err(Reason::BufferTooSmall));
    }
}

/// The example that the standard of HIBCC prints, and each form of secondary data with a check character made here.
#[test]
fn labels_of_hibcc_are_read_in_all_their_dates_and_each_wrong_character_is_found() {
    let short = "+A123BJC5D6E71G";
    let udi = Udi::parse(short).unwrap();
    assert_eq!((udi.agency(), udi.device(), udi.serial()), (Agency::Hibcc, "A123BJC5D6E71", None));
    assert_eq!(uri(short).unwrap(), "data:,%2BA123BJC5D6E71G");
    assert_eq!(uri("*+A123BJC5D6E71G*").unwrap(), uri(short).unwrap());
    for at in 0..short.len() {
        for other in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%".chars() {
            let mut changed: std::vec::Vec<char> = short.chars().collect();
            changed[at] = other;
            let changed: String = changed.into_iter().collect();
            assert_eq!(Udi::parse(&changed).is_ok(), changed == short, "{changed}");
        }
    }
    let with = |secondary: &str| {
        let body = std::format!("+A123BJC5D6E71{secondary}");
        std::format!("{body}{}", check(&body))
    };
    for (secondary, lot, serial, made, expires) in [
        ("/$3C4", Some("3C4"), None, None, None),
        ("/$+77", None, Some("77"), None, None),
        ("/$$09233C4", Some("3C4"), None, None, Some("0923")),
        ("/$$20928233C4", Some("3C4"), None, None, Some("092823")),
        ("/$$32309283C4", Some("3C4"), None, None, Some("230928")),
        ("/$$4230928223C4", Some("3C4"), None, None, Some("23092822")),
        ("/$$5232713C4", Some("3C4"), None, None, Some("23271")),
        ("/$$623271223C4", Some("3C4"), None, None, Some("2327122")),
        ("/$$73C4", Some("3C4"), None, None, None),
        ("/$$82409233C4", Some("3C4"), None, None, Some("0923")),
        ("/$$90000509233C4", Some("3C4"), None, None, Some("0923")),
        ("/$$+3230928S-1", None, Some("S-1"), None, Some("230928")),
        ("/$$3230928", None, None, None, Some("230928")),
        (
            "/$$420020216LOT123456789012345/SXYZ456789012345678/16D20130202",
            Some("LOT123456789012345"),
            Some("XYZ456789012345678"),
            Some("20130202"),
            Some("20020216"),
        ),
        ("/$L/S7/16D20130202/14D20200131", Some("L"), Some("7"), Some("20130202"), Some("20200131")),
    ] {
        let text = with(secondary);
        let udi = Udi::parse(&text).unwrap_or_else(|reason| panic!("{secondary}: {reason}"));
        assert_eq!((udi.lot(), udi.serial(), udi.made(), udi.expires()), (lot, serial, made, expires), "{secondary}");
    }
    for wrong in [
        "/",
        "/$",
        "/$+",
        "/S",
        "/$$",
        "/$$13233C4",
        "/$$3231328",
        "/$$5233673C4",
        "/$$424013225X",
        "/16D20131302",
        "/16D2013020",
        "/S1/S2",
        "/$A/$B",
        "/Z1",
        "/$ABCDEFGHIJKLMNOPQRS",
        "/$$8X09231",
    ] {
        assert_eq!(Udi::parse(&with(wrong)), Err(Reason::UdiInvalid), "{wrong}");
    }
    for wrong in ["+", "+A123", "+1123BJC5D6E71", "+A123BJC5D6E7X", "+A123BJC5D6E71BJC5D6E71BJC5"] {
        assert_eq!(Udi::parse(&std::format!("{wrong}{}", check(wrong))), Err(Reason::UdiInvalid), "{wrong}");
    }
}

fn check(body: &str) -> char {
    let alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%";
    let sum: usize = body.chars().map(|character| alphabet.find(character).unwrap()).sum();
    alphabet.chars().nth(sum % 43).unwrap()
}

/// The example that the FDA prints.
#[test]
fn labels_of_iccbba_are_read_structure_by_structure() {
    let label = "=/A9999XYZ100T0944=,000025=A99971312345600=>014032=}013032&,1000000000000XYZ123";
    let udi = Udi::parse(label).unwrap();
    assert_eq!((udi.agency(), udi.device()), (Agency::Iccbba, "A9999XYZ100T0944"));
    assert_eq!((udi.serial(), udi.lot()), (Some("000025"), Some("000000000000XYZ123")));
    assert_eq!((udi.made(), udi.expires()), (Some("013032"), Some("014032")));
    assert_eq!(uri("=/A9999XYZ100T0944=,000025").unwrap(), "data:,%3D%2FA9999XYZ100T0944%3D%2C000025");
    for cut in 1..label.len() {
        let whole = ["=/A9999XYZ100T0944", "=,000025", "=A99971312345600", "=>014032", "=}013032"];
        let mut at = 0;
        let boundary = whole.iter().any(|part| {
            at += part.len();
            at == cut
        });
        let part = label.get(..cut).unwrap();
        assert_eq!(Udi::parse(part).is_ok(), boundary, "{part}");
    }
    for wrong in ["=,000025=,000026", "=>014367", "=>014000", "=>01403A", "=a99971312345600", "&,2000000000000XYZ123"] {
        assert_eq!(Udi::parse(&std::format!("=/A9999XYZ100T0944{wrong}")), Err(Reason::UdiInvalid), "{wrong}");
    }
}
