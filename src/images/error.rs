//! Why bytes are not a set of images, or of labels.

use super::HEADER;

/// Why bytes are not a set of images.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The bytes do not begin like an IDX file of images.
    #[error("IDX: expected an image file, which begins with 00000803, found {0}")]
    Magic(String),
    /// The header is cut off.
    #[error("IDX: expected a header of {HEADER} bytes, found {found} bytes")]
    Header {
        /// Length of the file.
        found: usize,
    },
    /// The bytes do not begin like an IDX file of labels.
    #[error("IDX: expected a file of labels, which begins with 00000801, found {0}")]
    LabelMagic(String),
    /// The labels are not as many as announced.
    #[error("IDX: expected {expected} labels and at least 1, found {found} bytes")]
    LabelCount {
        /// Labels announced.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// The pixels do not fill the announced shape.
    #[error(
        "images: expected {count} × {channels} × {height} × {width} = {expected} bytes of pixels, found {found}"
    )]
    Length {
        /// Images announced.
        count: usize,
        /// Channels announced.
        channels: usize,
        /// Rows announced.
        height: usize,
        /// Columns announced.
        width: usize,
        /// Their product.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// There is not as much memory as the images take.
    #[error(
        "images: {bytes} bytes of memory are needed, and there are not as many: use fewer or smaller ones"
    )]
    Room {
        /// What is needed.
        bytes: usize,
    },
    /// A number that no set of images can have.
    #[error("images: {what}: expected {expected}, found {found}")]
    Size {
        /// Which number.
        what: &'static str,
        /// What it may be.
        expected: String,
        /// What it is.
        found: u64,
    },
}
