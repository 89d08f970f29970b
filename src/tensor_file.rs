//! Reading `.safetensors`, with no more memory than a few times the header.
//!
//! The crate's own reader keeps a tree of the header's JSON before it makes tensors of it: 19 times the file where that is
//! all header, which a browser's module has not got. This one makes them as it reads, and borrows names from the file.
//! Writing, element types and errors are the crate's.

mod header;

use std::borrow::Cow;

use safetensors::{Dtype, SafeTensorError};
use serde::de::Error;

use self::header::{Entry, Texts, header};
use crate::unet::weights::Announced;

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
    /// The crate's for a file that is damaged. Also refused: two tensors of one name, more than [`header::DIMENSIONS`] of one
    /// tensor, more than [`header::ENTRIES`] of metadata.
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

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::header::{DIMENSIONS, ENTRIES};
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
