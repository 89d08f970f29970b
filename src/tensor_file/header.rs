//! The header of a `.safetensors` file, made into a list of tensors while it is read, and checked as the crate checks it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use safetensors::{Dtype, SafeTensorError};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Bytes of the number that a file begins with: how long its header is.
const LENGTH: usize = 8;
/// The longest header, in bytes, as the crate has it.
const LONGEST: usize = 100_000_000;
/// The most dimensions of a tensor. PyTorch's layers have at most five.
pub(super) const DIMENSIONS: usize = 8;
/// The most entries beside the tensors.
pub(super) const ENTRIES: usize = 512;
/// The key of those entries.
const METADATA: &str = "__metadata__";

/// What a header says beside the tensors, by name.
pub(super) type Texts<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

/// The header at the beginning of `bytes`, checked, its tensors in the order of their places; what else it says; and the
/// bytes after it.
pub(super) fn header(
    bytes: &[u8],
    size: Option<u64>,
) -> Result<(Vec<Entry<'_>>, Texts<'_>, &[u8]), SafeTensorError> {
    let (length, rest) = bytes
        .split_first_chunk::<LENGTH>()
        .ok_or(SafeTensorError::HeaderTooSmall)?;
    let length = usize::try_from(u64::from_le_bytes(*length))
        .ok()
        .filter(|length| *length <= LONGEST)
        .ok_or(SafeTensorError::HeaderTooLarge)?;
    let (header, data) = rest
        .split_at_checked(length)
        .ok_or(SafeTensorError::InvalidHeaderLength)?;
    let header = std::str::from_utf8(header).map_err(SafeTensorError::InvalidHeader)?;
    let Header {
        mut entries,
        metadata,
    } = serde_json::from_str(header).map_err(SafeTensorError::InvalidHeaderDeserialization)?;
    entries.sort_unstable_by_key(|entry| entry.place);
    let mut end = 0;
    for entry in &entries {
        end = entry.check(end)?;
    }
    if size.is_some_and(|size| size != (LENGTH + length) as u64 + end as u64) {
        return Err(SafeTensorError::MetadataIncompleteBuffer);
    }
    Ok((entries, metadata, data))
}

/// What a header says of a tensor.
pub(super) struct Entry<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// The first of its bytes and the one after the last, counted from the header's end.
    pub(super) place: (usize, usize),
}

impl Entry<'_> {
    /// Where this tensor ends, if it begins at `start` and is as long as its shape says.
    fn check(&self, start: usize) -> Result<usize, SafeTensorError> {
        let (from, to) = self.place;
        if from != start || to < from {
            return Err(SafeTensorError::InvalidOffset(self.name.to_string()));
        }
        let bits = (self.shape.iter())
            .try_fold(1usize, |product, side| product.checked_mul(*side))
            .and_then(|numbers| numbers.checked_mul(self.dtype.bitsize()))
            .ok_or(SafeTensorError::ValidationOverflow)?;
        if bits % 8 != 0 {
            return Err(SafeTensorError::MisalignedSlice);
        }
        if to - from != bits / 8 {
            return Err(SafeTensorError::TensorInvalidInfo);
        }
        Ok(to)
    }
}

struct Header<'a> {
    entries: Vec<Entry<'a>>,
    metadata: Texts<'a>,
}

/// A text that stays where it is, unless something in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Info {
    dtype: Dtype,
    shape: Shape,
    data_offsets: (usize, usize),
}

struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sides;
        impl<'de> Visitor<'de> for Sides {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a shape of at most {DIMENSIONS} dimensions")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
                let (mut sides, mut count) = ([0; DIMENSIONS], 0);
                while let Some(side) = list.next_element()? {
                    *(sides.get_mut(count))
                        .ok_or_else(|| A::Error::invalid_length(count + 1, &self))? = side;
                    count += 1;
                }
                Ok(Shape(sides[..count].to_vec()))
            }
        }
        deserializer.deserialize_seq(Sides)
    }
}

/// The entries beside the tensors, null for none.
struct Metadata<'a>(Texts<'a>);

impl<'de> Deserialize<'de> for Metadata<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Metadata<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {ENTRIES} texts of metadata")
            }
            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Metadata(BTreeMap::new()))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut texts = BTreeMap::new();
                while let Some((Text(name), Text(text))) = map.next_entry()? {
                    texts.insert(name, text);
                    if texts.len() > ENTRIES {
                        return Err(A::Error::invalid_length(texts.len(), &self));
                    }
                }
                Ok(Metadata(texts))
            }
        }
        deserializer.deserialize_any(Texts)
    }
}

impl<'de> Deserialize<'de> for Header<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors by name")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut entries, mut metadata) = (Vec::new(), None);
                while let Some(Text(name)) = map.next_key()? {
                    if name != METADATA {
                        let info: Info = map.next_value()?;
                        entries.push(Entry {
                            name,
                            dtype: info.dtype,
                            shape: info.shape.0,
                            place: info.data_offsets,
                        });
                    } else if metadata.is_some() {
                        return Err(A::Error::duplicate_field(METADATA));
                    } else {
                        metadata = Some(map.next_value::<Metadata>()?.0);
                    }
                }
                let metadata = metadata.unwrap_or_default();
                Ok(Header { entries, metadata })
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
