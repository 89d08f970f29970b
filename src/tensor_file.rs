//! Reading `.safetensors`, with no more memory than a few times the header.
//!
//! The crate's own reader keeps a tree of the header's JSON before it makes tensors of it: 19 times the file where that is
//! all header, which a browser's module has not got. This one makes them as it reads, and borrows names from the file.
//! Writing, element types and errors are the crate's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use safetensors::{Dtype, SafeTensorError};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::unet::weights::Announced;

/// Bytes of the number that a file begins with: how long its header is.
const LENGTH: usize = 8;
/// The longest header, in bytes, as the crate has it.
const LONGEST: usize = 100_000_000;
/// The most dimensions of a tensor. PyTorch's layers have at most five.
const DIMENSIONS: usize = 8;
/// The most entries beside the tensors.
const ENTRIES: usize = 512;
/// The key of those entries.
const METADATA: &str = "__metadata__";

/// A tensor in the bytes of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredTensor<'a> {
    /// Its name, which no other tensor of the file has.
    pub name: Cow<'a, str>,
    /// The type of its elements.
    pub dtype: Dtype,
    /// Its sides.
    pub shape: Vec<usize>,
    /// Its elements row by row, as many as the shape says.
    pub data: &'a [u8],
}

/// A file that was read.
#[derive(Debug)]
pub(crate) struct TensorFile<'a> {
    /// By name.
    tensors: Vec<StoredTensor<'a>>,
    /// What else the file says, by name.
    pub metadata: Texts<'a>,
}

impl<'a> TensorFile<'a> {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// The crate's for a file that is damaged. Also refused: two tensors of one name, more than [`DIMENSIONS`] of one
    /// tensor, more than [`ENTRIES`] of metadata.
    pub fn read(bytes: &'a [u8]) -> Result<Self, SafeTensorError> {
        let (entries, metadata, data) = header(bytes, Some(bytes.len() as u64))?;
        let mut tensors: Vec<StoredTensor<'a>> = (entries.into_iter())
            .map(|entry| StoredTensor {
                name: entry.name,
                dtype: entry.dtype,
                shape: entry.shape,
                data: &data[entry.place.0..entry.place.1],
            })
            .collect();
        tensors.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = tensors.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(SafeTensorError::InvalidHeaderDeserialization(
                serde_json::Error::custom(format!("two tensors are named {}", pair[0].name)),
            ));
        }
        Ok(Self { tensors, metadata })
    }

    /// All tensors, by name.
    pub fn iter(&self) -> std::slice::Iter<'_, StoredTensor<'a>> {
        self.tensors.iter()
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.tensors.iter().map(|tensor| &*tensor.name)
    }

    /// The tensor `name`.
    pub fn tensor(&self, name: &str) -> Option<&StoredTensor<'a>> {
        let found = (self.tensors).binary_search_by(|tensor| (*tensor.name).cmp(name));
        found.ok().map(|i| &self.tensors[i])
    }

    /// Gives all tensors away, by name.
    pub fn into_tensors(self) -> Vec<StoredTensor<'a>> {
        self.tensors
    }
}

/// What a file that begins with `start` holds, by the order of its bytes. `start` has the header, or all there is.
///
/// # Errors
/// Those of [`TensorFile::read`]; of a file of other than `size` bytes, where that is known.
pub(crate) fn announced(
    start: &[u8],
    size: Option<u64>,
) -> Result<Vec<Announced>, SafeTensorError> {
    let (entries, ..) = header(start, size)?;
    let announced = |entry: Entry<'_>| Announced {
        name: entry.name.into_owned(),
        dtype: entry.dtype,
        shape: entry.shape,
    };
    Ok(entries.into_iter().map(announced).collect())
}

type Texts<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

/// The header at the beginning of `bytes`, checked, its tensors in the order of their places; what else it says; and the
/// bytes after it.
fn header(
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
struct Entry<'a> {
    name: Cow<'a, str>,
    dtype: Dtype,
    shape: Vec<usize>,
    /// The first of its bytes and the one after the last, counted from the header's end.
    place: (usize, usize),
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
    metadata: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
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
struct Metadata<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

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

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;

    const HEADER: &str = r#"{"__metadata__":{"format":"pt","a\"b":"\u00e4"},
        "b":{"dtype":"F32","shape":[1,2],"data_offsets":[4,12]},
        "a\nc":{"shape":[],"data_offsets":[0,4],"dtype":"F32","more":[{}]},
        "d":{"dtype":"F4","shape":[2,0,4],"data_offsets":[12,12]}} "#;

    fn file_of(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes.extend((0..data).map(|i| i as u8));
        bytes
    }

    /// Compares what the crate reads of `bytes`, if it does, with what this module reads.
    fn same(bytes: &[u8]) -> bool {
        let (ours, crates) = (TensorFile::read(bytes), SafeTensors::deserialize(bytes));
        match (ours, crates) {
            (Ok(ours), Ok(crates)) => {
                let (_, header) = SafeTensors::read_metadata(bytes).unwrap();
                let texts = header.metadata().clone().unwrap_or_default();
                let fit = |(name, text): (&Cow<str>, &Cow<str>)| {
                    texts.get(&**name).is_some_and(|t| t == text)
                };
                ours.metadata.len() == texts.len()
                    && ours.metadata.iter().all(fit)
                    && ours.iter().len() == crates.len()
                    && ours.iter().all(|tensor| {
                        let view = crates.tensor(&tensor.name).unwrap();
                        (view.dtype(), view.shape(), view.data())
                            == (tensor.dtype, &tensor.shape[..], tensor.data)
                            && ours.tensor(&tensor.name) == Some(tensor)
                    })
            }
            (Err(_), Err(_)) => true,
            _ => false,
        }
    }

    #[test]
    fn a_file_is_read_as_the_crate_reads_it() {
        let whole = file_of(HEADER, 12);
        assert_eq!(TensorFile::read(&whole).unwrap().iter().len(), 3);
        assert!(same(&whole));
        assert!(same(&file_of("{}", 0)) && same(&file_of(r#"{"__metadata__":null}"#, 0)));
        let mut read = 0;
        for at in 0..whole.len() {
            assert!(same(&whole[..at]), "cut at {at}");
            for byte in *b"\x00\x02049 \"\\,:[]{}a" {
                let mut changed = whole.clone();
                changed[at] = byte;
                assert!(same(&changed), "{}", String::from_utf8_lossy(&changed));
                read += usize::from(TensorFile::read(&changed).is_ok());
            }
        }
        assert!(read > 500, "{read}");
    }

    #[test]
    fn what_would_take_many_times_its_length_is_refused() {
        let refusal = |header: &str| {
            TensorFile::read(&file_of(header, 0))
                .unwrap_err()
                .to_string()
        };
        let sides = |count| {
            let sides = vec!["0"; count].join(",");
            format!(r#"{{"a":{{"dtype":"F32","shape":[{sides}],"data_offsets":[0,0]}}}}"#)
        };
        assert!(same(&file_of(&sides(DIMENSIONS), 0)));
        let said = refusal(&sides(DIMENSIONS + 1));
        assert!(said.contains("at most 8 dimensions"), "{said}");
        let texts = |count| {
            let texts: Vec<String> = (0..count).map(|i| format!(r#""{i}":"""#)).collect();
            format!(r#"{{"__metadata__":{{{}}}}}"#, texts.join(","))
        };
        assert!(same(&file_of(&texts(ENTRIES), 0)));
        let said = refusal(&texts(ENTRIES + 1));
        assert!(said.contains("at most 512 texts"), "{said}");
        let one = r#""a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#;
        let said = refusal(&format!("{{{one},{one}}}"));
        assert!(said.contains("two tensors are named a"), "{said}");
    }
}
