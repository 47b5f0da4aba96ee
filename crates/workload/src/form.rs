//! Helpers for the form of documents: sizes in bytes, words for switches, and no keys with their
//! default value.

/// True if a value is its default, for keys that are left out then.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// True if a switch is on, for keys that are left out then.
pub fn is_true(value: &bool) -> bool {
    *value
}

/// Default of a switch that is on.
pub fn yes() -> bool {
    true
}

/// Default of a number that is one unless a key says otherwise.
pub fn one() -> u64 {
    1
}

/// True for one, for keys that are left out then.
pub fn is_one(number: &u64) -> bool {
    *number == 1
}

/// Form of a number of pages: bytes.
pub mod bytes {
    use crate::limits::PAGE_BYTES;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(pages: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(pages * PAGE_BYTES)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        Ok(u64::deserialize(deserializer)? / PAGE_BYTES)
    }
}

/// Form of an optional number of pages: bytes.
pub mod maybe_bytes {
    use crate::limits::PAGE_BYTES;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(pages: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        pages.map(|pages| pages * PAGE_BYTES).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u64>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(|bytes| bytes / PAGE_BYTES))
    }
}

/// Defines the form of a switch: one of two words.
macro_rules! two_words {
    ($module:ident: $on:literal, $off:literal) => {
        pub mod $module {
            use serde::de::Error;
            use serde::{Deserialize, Deserializer, Serializer};

            pub fn serialize<S: Serializer>(on: &bool, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(if *on { $on } else { $off })
            }

            pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
                match String::deserialize(d)?.as_str() {
                    $on => Ok(true),
                    $off => Ok(false),
                    other => Err(D::Error::unknown_variant(other, &[$off, $on])),
                }
            }
        }
    };
}

two_words!(prot: "read-write", "read");
two_words!(sharing: "shared", "private");
