//! Canonical encodings of the scalars that guest and host share.

use tally_types::{
    Carc, Code, CodeSystem, Group, Money, Quantity, Rate, ServiceDate, ShortCode, UnitPrice,
};

use crate::canon::{Canon, DecodeError, Reader};

macro_rules! canon_scaled {
    ($($t:ty),*) => {$(
        impl Canon for $t {
            fn put(&self, out: &mut Vec<u8>) {
                self.scaled().put(out);
            }
            fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_scaled(i64::take(from)?))
            }
        }
    )*};
}
canon_scaled!(Money, Quantity, UnitPrice, Rate);

impl Canon for ServiceDate {
    fn put(&self, out: &mut Vec<u8>) {
        self.days().put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let days = i32::take(from)?;
        Self::from_days(days).ok_or_else(|| from.invalid("date", u64::from(days.unsigned_abs())))
    }
}

impl Canon for Code {
    fn put(&self, out: &mut Vec<u8>) {
        self.packed().put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let packed = u128::take(from)?;
        Self::from_packed(packed)
            .ok_or_else(|| from.invalid("code", u64::try_from(packed).unwrap_or(u64::MAX)))
    }
}

impl Canon for ShortCode {
    fn put(&self, out: &mut Vec<u8>) {
        self.packed().put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let packed = u64::take(from)?;
        Self::from_packed(packed).ok_or_else(|| from.invalid("short code", packed))
    }
}

impl Canon for Carc {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(u16::take(from)?))
    }
}

crate::canon_enum!(Group { Co = 1, Pr = 2, Oa = 3, Pi = 4 });
crate::canon_enum!(CodeSystem {
    Unspecified = 0,
    Hcpcs = 1,
    Cdt = 2,
    Ndc = 3,
    RxNorm = 4,
    Snomed = 5,
    Icd10Pcs = 6,
    Revenue = 7,
    Other = 8,
});
