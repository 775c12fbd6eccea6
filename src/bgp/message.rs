//! A message of any type.

use super::context::Context;
use super::error::{Disposition, Error, ErrorCode, Fault};
use super::header::{HEADER_LEN, Header, MessageType};
use super::notification::Notification;
use super::open::Open;
use super::refresh::RouteRefresh;
use super::update::Update;

/// A borrowed message.
#[derive(Clone, Copy, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it lives on the stack for as long as one message is handled"
)]
pub enum Message<'a> {
    /// RFC 4271 §4.2.
    Open(Open<'a>),
    /// RFC 4271 §4.3.
    Update(Update<'a>),
    /// RFC 4271 §4.5.
    Notification(Notification<'a>),
    /// RFC 4271 §4.4.
    Keepalive,
    /// RFC 2918.
    RouteRefresh(RouteRefresh<'a>),
    /// A body that cannot be read at all; it keeps its type.
    Broken {
        /// The type that the header names.
        kind: MessageType,
        /// The bytes behind the header.
        body: &'a [u8],
        /// Why it cannot be read.
        error: Error,
    },
    /// A type that is none of these.
    Unknown {
        /// Type octet.
        code: u8,
        /// The bytes behind the header.
        body: &'a [u8],
    },
}

impl<'a> Message<'a> {
    /// Reads one whole message, header included.
    ///
    /// # Errors
    /// The header is none, or its length is not that of `bytes` (RFC 4271 §6.1).
    /// Whatever is wrong behind the header is in [`Message::errors`].
    #[inline]
    pub fn parse(bytes: &'a [u8], context: &Context) -> Result<Self, Error> {
        let header = Header::parse(bytes)?;
        let body = bytes.get(HEADER_LEN..).unwrap_or_default();
        if bytes.len() != usize::from(header.length) {
            let text = "length is not that of the message";
            return Err(Fault::new(16, ErrorCode::BadMessageLength, text).place(
                0,
                None,
                Disposition::SessionReset,
            ));
        }
        Ok(Self::parse_body(header.kind, body, context))
    }

    /// Reads the body of a message whose header has been checked.
    #[must_use]
    #[inline]
    pub fn parse_body(kind: MessageType, body: &'a [u8], context: &Context) -> Self {
        let mut message = Self::Update(Update::EMPTY);
        match (&mut message, kind) {
            (Self::Update(update), MessageType::Update) => update.read(body, context),
            _ => message = Self::parse_other(kind, body, context),
        }
        message
    }

    #[cold]
    fn parse_other(kind: MessageType, body: &'a [u8], context: &Context) -> Self {
        let read = match kind {
            MessageType::Open => Open::parse(body).map(Self::Open),
            MessageType::Update => Ok(Self::Update(Update::parse(body, context))),
            MessageType::Notification => Notification::parse(body, context).map(Self::Notification),
            MessageType::Keepalive => Ok(Self::Keepalive),
            MessageType::RouteRefresh => RouteRefresh::parse(body).map(Self::RouteRefresh),
            MessageType::Unknown(code) => Ok(Self::Unknown { code, body }),
        };
        read.unwrap_or_else(|error| Self::Broken { kind, body, error })
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> MessageType {
        match self {
            Self::Open(_) => MessageType::Open,
            Self::Update(_) => MessageType::Update,
            Self::Notification(_) => MessageType::Notification,
            Self::Keepalive => MessageType::Keepalive,
            Self::RouteRefresh(_) => MessageType::RouteRefresh,
            Self::Broken { kind, .. } => *kind,
            Self::Unknown { code, .. } => MessageType::Unknown(*code),
        }
    }

    /// The bytes behind the header.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        match self {
            Self::Open(open) => open.body(),
            Self::Update(update) => update.body(),
            Self::Notification(notification) => notification.body(),
            Self::Keepalive => &[],
            Self::RouteRefresh(refresh) => refresh.body(),
            Self::Broken { body, .. } | Self::Unknown { body, .. } => body,
        }
    }

    /// Bytes of the message, header included.
    #[must_use]
    pub const fn length(&self) -> usize {
        HEADER_LEN + self.body().len()
    }

    /// What is wrong with it, the first few errors in order.
    #[must_use]
    pub fn errors(&self) -> &[Error] {
        match self {
            Self::Open(open) => open.errors().as_slice(),
            Self::Update(update) => update.errors().as_slice(),
            Self::RouteRefresh(refresh) => refresh.errors().as_slice(),
            Self::Broken { error, .. } => std::slice::from_ref(error),
            Self::Unknown { .. } => &[BAD_TYPE],
            Self::Notification(_) | Self::Keepalive => &[],
        }
    }
}

const BAD_TYPE: Error = Error {
    offset: 18,
    code: ErrorCode::BadMessageType,
    attribute: None,
    disposition: Disposition::SessionReset,
    text: "unknown message type",
};
