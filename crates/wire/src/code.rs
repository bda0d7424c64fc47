//! The numeric codes that say why a connection ended.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// The reason why a connection ended: the code of a CLOSE or ERROR frame, of a log line and of a counter.
        ///
        /// 1xx: the peer broke the protocol. 2xx: the connection ended for another reason.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum Code {
            $($(#[$doc])* $name = $number,)*
        }

        impl Code {
            /// Every code, ascending.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// Returns the short name, as it appears in logs and counters.
            pub fn name(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// A length field is over the limit of the listener.
    FrameTooLarge = 100, "frame_too_large";
    /// The CRC-32 of a frame does not match its bytes.
    BadChecksum = 101, "bad_checksum";
    /// No frame has this kind.
    UnknownKind = 102, "unknown_kind";
    /// The body does not have the form that its kind requires, or a reserved flag is set.
    Malformed = 103, "malformed";
    /// A channel name is empty, too long, not UTF-8 or holds a control character.
    InvalidChannel = 104, "invalid_channel";
    /// The server does not speak the version in HELLO.
    UnsupportedVersion = 105, "unsupported_version";
    /// The first frame was not HELLO.
    HelloExpected = 106, "hello_expected";
    /// The frame is valid, but this side may not send it, or not at this time.
    UnexpectedKind = 107, "unexpected_kind";
    /// The peer ended the connection, or asked to.
    Normal = 200, "normal";
    /// The server is stopping.
    GoingAway = 201, "going_away";
    /// The subscriber fell behind by more than the log holds.
    Lagged = 202, "lagged";
    /// The connection already has as many subscriptions as it may have.
    TooManySubscriptions = 203, "too_many_subscriptions";
    /// The transport failed: reset, timed out.
    Reset = 204, "reset";
    /// The client did not send HELLO in time.
    HelloTimeout = 205, "hello_timeout";
    /// A frame was not completed in time.
    FrameTimeout = 206, "frame_timeout";
    /// The peer sent nothing for too long, not even an answer to a PING.
    IdleTimeout = 207, "idle_timeout";
    /// The peer accepted none of the bytes sent to it for too long.
    WriteTimeout = 208, "write_timeout";
    /// The client sent faster than a connection may send.
    RateExceeded = 209, "rate_exceeded";
    /// The server already has as many connections as it may have.
    Full = 210, "full";
    /// An administrator ended the connection.
    Administrator = 211, "administrator";
}

impl Code {
    /// Returns the number on the wire.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// Returns the code with this number, if there is one.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }

    /// Returns true if the peer broke the protocol (1xx). An ERROR frame tells the peer of a violation, a CLOSE frame
    /// of any other code.
    pub fn is_violation(self) -> bool {
        self.number() < 200
    }
}
