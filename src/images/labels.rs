//! The IDX format of MNIST's labels.

use super::ImageError;

const HEADER: usize = 8;

/// Reads an IDX file of labels (Yann LeCun's MNIST page; Fashion-MNIST has the same format): the number 0x00000801, then
/// the count as a big-endian 32-bit number, then a byte for each label.
///
/// # Errors
/// [`ImageError`] says what is wrong with the header or the length.
pub fn labels_from_idx(bytes: &[u8]) -> Result<Vec<u8>, ImageError> {
    match bytes {
        [0x1F, 0x8B, ..] => {
            return Err(ImageError::LabelMagic(
                "gzip-compressed data: unpack it first".into(),
            ));
        }
        [0, 0, 8, 3, ..] => {
            return Err(ImageError::LabelMagic("00000803, a file of images".into()));
        }
        [0, 0, 8, 1, ..] => {}
        [] => return Err(ImageError::LabelMagic("an empty file".into())),
        _ => {
            let start = bytes.iter().take(4).map(|b| format!("{b:02x}")).collect();
            return Err(ImageError::LabelMagic(start));
        }
    }
    let Some((header, labels)) = bytes.split_at_checked(HEADER) else {
        return Err(ImageError::LabelCount {
            expected: 0,
            found: bytes.len(),
        });
    };
    let expected = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
    if labels.len() != expected || expected == 0 {
        return Err(ImageError::LabelCount {
            expected,
            found: labels.len(),
        });
    }
    Ok(labels.to_vec())
}
