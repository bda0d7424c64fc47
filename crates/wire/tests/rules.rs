//! The rules of names, codes, reasons and encoders that one frame alone does not show.
#![allow(clippy::unwrap_used)]

use corecast_wire::native::{self, Frame, MAX_PING, MAX_REASON, Reason};
use corecast_wire::{ChannelName, Code, InvalidChannel};
use std::time::Duration;

#[test]
fn code_numbers_are_ascending_and_so_unique() {
    assert!(Code::ALL.windows(2).all(|pair| pair[0].number() < pair[1].number()), "{:?}", Code::ALL);
}

#[test]
fn code_numbers_and_names_lead_back_to_their_code() {
    for &code in Code::ALL {
        assert_eq!(Code::from_number(code.number()), Some(code));
        assert_eq!(Code::ALL.iter().filter(|other| other.name() == code.name()).count(), 1, "{}", code.name());
        assert!(code.name().bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()), "{}", code.name());
    }
    assert_eq!(Code::from_number(0), None);
    assert_eq!(Code::from_number(99), None);
    assert_eq!(Code::from_number(u16::MAX), None);
}

#[test]
fn code_classes_split_at_200() {
    for &code in Code::ALL {
        assert_eq!(code.is_violation(), (100..200).contains(&code.number()), "{}", code.name());
        assert!((100..300).contains(&code.number()), "{}", code.name());
    }
}

#[test]
fn reason_keeps_a_text_up_to_the_limit() {
    let text = "t".repeat(MAX_REASON);
    assert_eq!(Reason::new(Code::Normal, &text), Reason { code: 200, text: &text });
    assert_eq!(Reason::new(Code::Normal, ""), Reason { code: 200, text: "" });
}

#[test]
fn reason_is_cut_on_a_character_boundary() {
    assert_eq!(Reason::new(Code::Normal, &"t".repeat(MAX_REASON + 1)).text.len(), MAX_REASON);
    for (character, kept) in [("é", 254), ("東", 255), ("🌧", 252)] {
        let text = character.repeat(MAX_REASON);
        let reason = Reason::new(Code::Malformed, &text);
        assert_eq!(reason.text.len(), kept, "{character}");
        native::encode(&Frame::Error(reason), &mut Vec::new());
    }
}

#[test]
fn a_reconnect_delay_stands_behind_words_that_are_cut_for_it() {
    for (words, delay) in [("bye", 0), ("", 1), (&*"é".repeat(200), u32::MAX)] {
        let delay = Duration::from_millis(delay.into());
        let text = native::text_with_reconnect_delay(words, delay);
        let reason = Reason::new(Code::GoingAway, &text);
        assert_eq!(reason.text, text, "it fits");
        let (kept, told) = reason.words_and_reconnect_delay();
        assert!(words.starts_with(kept) && kept.len() >= words.len().min(240), "{kept}");
        assert_eq!(told, Some(delay));
    }
    assert!(native::text_with_reconnect_delay("bye", Duration::MAX).ends_with("\u{0}4294967295"));
}

#[test]
fn what_is_no_reconnect_delay_belongs_to_the_words() {
    for text in
        ["bye", "bye\x00", "bye\x00+1", "bye\x00-1", "bye\x001s", "bye\x004294967296", "bye\x001\x002", "bye 25"]
    {
        assert_eq!(Reason { code: 201, text }.words_and_reconnect_delay(), (text, None), "{text:?}");
    }
}

#[test]
fn channel_lengths() {
    assert_eq!(ChannelName::new(""), Err(InvalidChannel::Empty));
    assert_eq!(ChannelName::from_bytes(b""), Err(InvalidChannel::Empty));
    assert!(ChannelName::new("a").is_ok());
    let longest = "c".repeat(ChannelName::MAX_LEN);
    assert_eq!(ChannelName::new(&longest).unwrap().as_str(), longest);
    let over = "c".repeat(256);
    assert_eq!(ChannelName::new(&over), Err(InvalidChannel::TooLong(256)));
    assert_eq!(ChannelName::new(&"é".repeat(128)), Err(InvalidChannel::TooLong(256)), "bytes count, not characters");
    assert_eq!(ChannelName::from_bytes(&[0xff; 256]), Err(InvalidChannel::TooLong(256)), "the length comes first");
}

#[test]
fn a_channel_is_shown_as_its_name() {
    assert_eq!(ChannelName::new("lobby é").unwrap().to_string(), "lobby é");
}

#[test]
fn channel_characters() {
    for character in ('\0'..='\u{ff}').chain(['\u{2028}', '\u{feff}', '\u{10ffff}']) {
        let name = format!("a{character}b");
        let control = matches!(u32::from(character), 0..=0x1f | 0x7f..=0x9f);
        let expected = if control { Err(InvalidChannel::Control) } else { Ok(name.as_str()) };
        assert_eq!(ChannelName::new(&name).map(ChannelName::as_str), expected, "{character:?}");
        assert_eq!(ChannelName::from_bytes(name.as_bytes()), ChannelName::new(&name));
    }
    assert_eq!(ChannelName::from_bytes(&[0xff]), Err(InvalidChannel::NotUtf8));
    assert_eq!(ChannelName::from_bytes(b"\xff\0"), Err(InvalidChannel::NotUtf8), "UTF-8 comes before characters");
}

#[test]
#[should_panic(expected = "over 125 bytes")]
fn encoding_a_ping_over_the_limit_panics() {
    native::encode(&Frame::Ping(&[0; MAX_PING + 1]), &mut Vec::new());
}

#[test]
#[should_panic(expected = "over 255 bytes")]
fn encoding_a_reason_over_the_limit_panics() {
    native::encode(&Frame::Close(Reason { code: 200, text: &"t".repeat(MAX_REASON + 1) }), &mut Vec::new());
}

#[test]
#[should_panic(expected = "at least one message")]
fn encoding_a_gap_of_none_panics() {
    native::encode(&Frame::Gap { count: 0, channel: ChannelName::new("lobby").unwrap() }, &mut Vec::new());
}
