//! However the bytes are split, the operations are the same.

use proptest::prelude::*;

use super::*;

const RULES: Rules = Rules {
    max_control_line: 64,
    max_payload: 100,
    headers: true,
    awaiting_auth: false,
};

/// Feeds the pieces one after the other and writes down what comes out.
fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut parser = Parser::default();
    let mut input = Vec::new();
    let mut log = Vec::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        let mut used = 0;
        loop {
            match parser.next(&input[used..], &RULES) {
                Ok(step) => {
                    used += step.used;
                    let Some(op) = step.op else { break };
                    log.push(format!("{op:?}"));
                }
                Err(closing) => {
                    log.push(format!("{closing:?}"));
                    return log;
                }
            }
        }
        input.drain(..used);
    }
    log
}

fn parse_whole(input: &[u8]) -> Vec<String> {
    parse([input])
}

#[test]
fn a_large_payload_does_not_have_its_control_line_read_again() {
    let mut parser = Parser::default();
    let start = b"PUB foo 50\r\n";
    let step = parser.next(start, &RULES).expect("valid");
    assert!(step.op.is_none());
    assert_eq!(parser.missing(start.len()), 51);
}

/// A stock server of version 2.15 takes HMSG from a client for a message with
/// the arguments of the previous one; refusing it is what its other versions
/// and its protocol documentation say.
#[test]
fn hmsg_is_for_servers() {
    let refused = format!("{:?}", Closing::from(ProtocolError::UnknownOperation));
    assert_eq!(parse_whole(b"HM"), [refused]);
}

#[test]
fn endless_blanks_are_refused_before_they_fill_the_memory() {
    let refused = format!("{:?}", Closing::from(ProtocolError::ControlLineTooLong));
    assert_eq!(parse_whole(format!("PUB {:70}", "").as_bytes()), [refused]);
}

/// Sequences that begin like real traffic, so that the deeper states of the
/// parser are reached, with some noise.
fn traffic() -> impl Strategy<Value = Vec<u8>> {
    let subject = "[a-c*>]{1,3}(\\.[a-c*>]{1,2}){0,2}";
    let blank = "[ \t]{1,3}";
    let end = prop_oneof![Just("\r\n"), Just("\n")];
    let publish = (
        subject,
        blank,
        proptest::collection::vec(any::<u8>(), 0..40),
        end.clone(),
    )
        .prop_map(|(subject, blank, body, end)| {
            let mut bytes = format!("PUB{blank}{subject} {}{end}", body.len()).into_bytes();
            bytes.extend(body);
            bytes.extend(b"\r\n");
            bytes
        });
    let publish_with_header =
        (subject, 0..20_usize, 0..20_usize).prop_map(|(subject, header, payload)| {
            let body = "x".repeat(header + payload);
            format!("hpub {subject} inbox {header} {}\r\n{body}\r\n", body.len()).into_bytes()
        });
    let line = (
        prop_oneof![
            Just("PING"),
            Just("pong"),
            Just("+OK"),
            Just("SUB a 1"),
            Just("SUB a q 1\r"),
            Just("UNSUB 1 2"),
            Just("CONNECT {}"),
            Just("INFO{}"),
            Just("PUB a 101"),
            Just("PUB a b c d"),
            Just("SUB a"),
            Just("-ERR x"),
            Just("PUB a 1\r\nxyz"),
        ],
        end,
    )
        .prop_map(|(line, end)| format!("{line}{end}").into_bytes());
    let noise = proptest::collection::vec(any::<u8>(), 0..4);
    let operation = prop_oneof![
        8 => publish,
        4 => publish_with_header,
        8 => line,
        1 => noise,
    ];
    proptest::collection::vec(operation, 0..8).prop_map(|operations| operations.concat())
}

proptest! {
    #[test]
    fn splits_change_nothing(
        bytes in traffic(),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..10),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]);
        prop_assert_eq!(parse(pieces), parse_whole(&bytes));
    }

    #[test]
    fn one_byte_at_a_time_changes_nothing(bytes in traffic()) {
        prop_assert_eq!(parse(bytes.chunks(1)), parse_whole(&bytes));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        parse_whole(&bytes);
    }
}
