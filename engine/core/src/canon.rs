//! The canonical encoding of everything that is hashed.
//!
//! One value has exactly one encoding, and only that encoding decodes:
//!
//! * integers are big-endian and of fixed width, `bool` is one byte, 0 or 1;
//! * text and byte strings are a `u32` length and the bytes, text is UTF-8;
//! * a list is a `u32` count and its items, at most [`MAX_ITEMS`];
//! * an option is one byte, 0 or 1, and the value when 1;
//! * a record is its fields in order; an enum is one byte, its stable number.
//!
//! Decoding is bounded: a length or count is checked against what is left of
//! the input before anything is allocated, and trailing bytes are refused.

use std::sync::Arc;

use thiserror::Error;

/// The most items a list may have.
pub const MAX_ITEMS: usize = 65_536;
/// The most bytes a text or byte string may have.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Why bytes are not the canonical encoding of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The input ended inside a value.
    #[error("the input ends inside a value, at byte {0}")]
    Truncated(usize),
    /// Bytes follow the value.
    #[error("{0} bytes follow the value")]
    Trailing(usize),
    /// A tag, flag or number has no meaning here.
    #[error("a {what} cannot be {value}, at byte {at}")]
    Invalid {
        /// What was being read.
        what: &'static str,
        /// What was found.
        value: u64,
        /// Where, in bytes from the start.
        at: usize,
    },
    /// Text is not UTF-8.
    #[error("text is not UTF-8, at byte {0}")]
    Utf8(usize),
    /// A length or count is over its limit.
    #[error("a length of {len} is over the limit of {limit}, at byte {at}")]
    TooLong {
        /// The length found.
        len: usize,
        /// The limit.
        limit: usize,
        /// Where, in bytes from the start.
        at: usize,
    },
}

/// A value with a canonical encoding.
pub trait Canon: Sized {
    /// Appends the encoding to `out`.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads one value.
    ///
    /// # Errors
    /// When the bytes are not the canonical encoding of a value.
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// The canonical encoding.
    fn to_canon(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }

    /// Decodes a whole input; trailing bytes are refused.
    ///
    /// # Errors
    /// When the bytes are not the canonical encoding of one value.
    fn from_canon(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Self::take(&mut reader)?;
        match reader.left() {
            0 => Ok(value),
            left => Err(DecodeError::Trailing(left)),
        }
    }
}

/// A bounded reader over canonical bytes.
#[derive(Debug)]
pub struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { all: bytes, at: 0 }
    }

    /// How many bytes are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.all.len().saturating_sub(self.at)
    }

    /// Where the reader stands, in bytes from the start.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let end = self
            .at
            .checked_add(n)
            .ok_or(DecodeError::Truncated(self.at))?;
        let slice = self
            .all
            .get(self.at..end)
            .ok_or(DecodeError::Truncated(self.at))?;
        self.at = end;
        Ok(slice)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let at = self.at;
        self.bytes(N)?
            .try_into()
            .map_err(|_| DecodeError::Truncated(at))
    }

    /// An error that names `what` at the byte just read.
    #[must_use]
    pub fn invalid(&self, what: &'static str, value: u64) -> DecodeError {
        DecodeError::Invalid {
            what,
            value,
            at: self.at,
        }
    }

    fn length(&mut self, limit: usize) -> Result<usize, DecodeError> {
        let at = self.at;
        let len = usize::try_from(u32::take(self)?).unwrap_or(usize::MAX);
        if len > limit {
            return Err(DecodeError::TooLong { len, limit, at });
        }
        // Every item takes at least one byte, so a count beyond what is left
        // can never be satisfied: refuse it before allocating.
        if len > self.left() {
            return Err(DecodeError::Truncated(self.at));
        }
        Ok(len)
    }
}

macro_rules! canon_int {
    ($($t:ty),*) => {$(
        impl Canon for $t {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
            fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(<$t>::from_be_bytes(from.array()?))
            }
        }
    )*};
}
canon_int!(u8, u16, u32, u64, u128, i32, i64);

impl Canon for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            0 => Ok(false),
            1 => Ok(true),
            n => Err(from.invalid("flag", n.into())),
        }
    }
}

impl<const N: usize> Canon for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.array()
    }
}

fn put_length(len: usize, out: &mut Vec<u8>) {
    // Values are bounded long before this; a saturated length cannot decode.
    u32::try_from(len).unwrap_or(u32::MAX).put(out);
}

impl Canon for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = from.length(MAX_BYTES)?;
        let at = from.position();
        let bytes = from.bytes(len)?;
        core::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| DecodeError::Utf8(at))
    }
}

/// A byte string: one length and the bytes, rather than a list of `u8`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blob(pub Vec<u8>);

impl Canon for Blob {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.0.len(), out);
        out.extend_from_slice(&self.0);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = from.length(MAX_BYTES)?;
        Ok(Self(from.bytes(len)?.to_vec()))
    }
}

impl<T: Canon> Canon for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        for item in self {
            item.put(out);
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = from.length(MAX_ITEMS)?;
        let mut items = Self::with_capacity(len.min(1024));
        for _ in 0..len {
            items.push(T::take(from)?);
        }
        Ok(items)
    }
}

impl<T: Canon> Canon for Arc<T> {
    fn put(&self, out: &mut Vec<u8>) {
        T::put(self, out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::take(from).map(Self::new)
    }
}

impl<T: Canon> Canon for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.put(out);
            }
        }
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::take(from)? {
            0 => Ok(None),
            1 => Ok(Some(T::take(from)?)),
            n => Err(from.invalid("option tag", n.into())),
        }
    }
}

/// Implements [`Canon`] for a record: its fields, in the order written. Those `without`
/// which it is encoded are their defaults when it is decoded; what `then` names puts
/// something behind the fields, and takes it from there.
#[macro_export]
macro_rules! canon_record {
    (
        $name:ident { $($field:ident),* $(,)? }
        $(without { $($without:ident),* $(,)? })?
        $(then $behind:ident)?
    ) => {
        impl $crate::canon::Canon for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $( $crate::canon::Canon::put(&self.$field, out); )*
                $( $behind::put_behind(self, out); )?
            }
            fn take(
                from: &mut $crate::canon::Reader<'_>,
            ) -> Result<Self, $crate::canon::DecodeError> {
                let read = Self {
                    $( $field: $crate::canon::Canon::take(from)?, )*
                    $( $( $without: Default::default(), )* )?
                };
                $( let read = $behind::take_behind(read, from)?; )?
                Ok(read)
            }
        }
    };
}

/// Implements [`Canon`] for a plain enum by its stable numbers.
#[macro_export]
macro_rules! canon_enum {
    ($name:ident { $($variant:ident = $number:literal),* $(,)? }) => {
        impl $crate::canon::Canon for $name {
            fn put(&self, out: &mut Vec<u8>) {
                let n: u8 = match self { $( Self::$variant => $number, )* };
                out.push(n);
            }
            fn take(
                from: &mut $crate::canon::Reader<'_>,
            ) -> Result<Self, $crate::canon::DecodeError> {
                match <u8 as $crate::canon::Canon>::take(from)? {
                    $( $number => Ok(Self::$variant), )*
                    n => Err(from.invalid(stringify!($name), n.into())),
                }
            }
        }
    };
}
