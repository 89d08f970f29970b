//! Zip archives in memory, as far as models come in them: stored or deflated entries, read by the central directory.
//!
//! An archive can promise any size. Nothing is unpacked that would take more than eight times the archive, and
//! nothing is written: names are only names.

use std::borrow::Cow;

use super::bytes::Bytes;
use crate::allocate::{OutOfMemory, room};
use crate::json::brief;

/// Most bytes an entry may unpack to, in sizes of the archive: weights hardly shrink at all.
const MOST: usize = 8;
/// Texts shrink more; so many bytes are always allowed.
const ALWAYS: usize = 1 << 16;

/// Why bytes are not a zip archive that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZipError {
    /// The bytes are cut off, or no archive at all.
    #[error("zip: {0}: truncated or damaged")]
    Damaged(&'static str),
    /// What this reader does not do.
    #[error("zip: {name}: {what}")]
    Entry {
        /// The entry.
        name: String,
        /// What is the matter with it.
        what: String,
    },
    /// There is no memory for what is packed in it.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path, with slashes.
    pub name: String,
    deflated: bool,
    /// Encrypted, or packed in a way that is not read here.
    closed: bool,
    /// Where its own header begins.
    at: usize,
    packed: usize,
    size: usize,
}

/// An archive.
#[derive(Debug)]
pub struct Zip<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry>,
}

/// Whether `bytes` begin as archives do.
pub fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

impl<'a> Zip<'a> {
    /// Reads the list of what is in the archive `bytes`.
    ///
    /// # Errors
    /// [`ZipError`]: no archive, or one that another reader is needed for.
    pub fn new(bytes: &'a [u8]) -> Result<Self, ZipError> {
        const END: usize = 22;
        const LONGEST_COMMENT: usize = 1 << 16;
        let damaged = ZipError::Damaged("expected an archive with a directory at its end");
        let last = bytes.len().checked_sub(END).ok_or(damaged.clone())?;
        let first = last.saturating_sub(LONGEST_COMMENT);
        let end = (first..=last)
            .rev()
            .find(|at| bytes[*at..].starts_with(b"PK\x05\x06"))
            .ok_or(damaged.clone())?;
        let mut directory = Bytes::at(bytes, end + 10).ok_or(damaged.clone())?;
        let fields = (directory.u16(), directory.u32(), directory.u32());
        let (Some(count), Some(_), Some(start)) = fields else {
            return Err(damaged);
        };
        if start == u32::MAX || count == u16::MAX {
            return Err(ZipError::Damaged("a zip64 archive, which is not read here"));
        }
        let mut directory = Bytes::at(bytes, start as usize).ok_or(damaged)?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let entry = entry(&mut directory).ok_or(ZipError::Damaged("an entry is cut off"))?;
            if !entry.name.ends_with('/') {
                entries.push(entry);
            }
        }
        Ok(Self { bytes, entries })
    }

    /// What is in it, without folders.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The contents of `entry`.
    ///
    /// # Errors
    /// Those of [`Entry::read`].
    pub fn read(&self, entry: &Entry) -> Result<Cow<'a, [u8]>, ZipError> {
        entry.read(self.bytes)
    }
}

impl Entry {
    /// Its contents, out of the bytes of its archive.
    ///
    /// # Errors
    /// [`ZipError::Entry`] when it is encrypted, packed in a way that is not read here, far larger than the archive, or
    /// damaged.
    pub fn read<'a>(&self, archive: &'a [u8]) -> Result<Cow<'a, [u8]>, ZipError> {
        let refused = |what: &str| ZipError::Entry {
            name: brief(&self.name),
            what: what.into(),
        };
        if self.closed {
            return Err(refused(
                "encrypted, or neither stored nor deflated: unpack it first",
            ));
        }
        let packed = self
            .packed(archive)
            .ok_or(refused("truncated or damaged"))?;
        if !self.deflated {
            if packed.len() != self.size {
                return Err(refused("truncated or damaged"));
            }
            return Ok(Cow::Borrowed(packed));
        }
        let most = archive.len().saturating_mul(MOST).max(ALWAYS);
        if self.size > most {
            return Err(ZipError::Entry {
                name: brief(&self.name),
                what: format!(
                    "would unpack to {} bytes, {MOST} times the archive and more: unpack it first",
                    self.size
                ),
            });
        }
        // It grows by doubling, the last time from half of it.
        room("what is in the archive", 2 * self.size as u64)?;
        let whole = miniz_oxide::inflate::decompress_to_vec_with_limit(packed, self.size);
        match whole {
            Ok(whole) if whole.len() == self.size => Ok(Cow::Owned(whole)),
            _ => Err(refused("truncated or damaged")),
        }
    }

    fn packed<'a>(&self, archive: &'a [u8]) -> Option<&'a [u8]> {
        let mut header = Bytes::at(archive, self.at)?;
        if header.take(4)? != b"PK\x03\x04" {
            return None;
        }
        header.take(22)?;
        let (name, extra) = (header.u16()?, header.u16()?);
        header.take(usize::from(name) + usize::from(extra))?;
        header.take(self.packed)
    }
}

/// An entry of the directory.
fn entry(directory: &mut Bytes<'_>) -> Option<Entry> {
    if directory.take(4)? != b"PK\x01\x02" {
        return None;
    }
    directory.take(4)?;
    let (flags, method) = (directory.u16()?, directory.u16()?);
    directory.take(8)?;
    let (packed, size) = (directory.u32()? as usize, directory.u32()? as usize);
    let (name, extra, comment) = (directory.u16()?, directory.u16()?, directory.u16()?);
    directory.take(8)?;
    let at = directory.u32()? as usize;
    let name = String::from_utf8_lossy(directory.take(usize::from(name))?).into_owned();
    directory.take(usize::from(extra) + usize::from(comment))?;
    Some(Entry {
        name,
        deflated: method != 0,
        closed: flags & 1 != 0 || !matches!(method, 0 | 8),
        at,
        packed,
        size,
    })
}
