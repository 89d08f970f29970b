//! The classes of a run's images.

use super::error::TrainError;
use crate::images::{ImageSet, fnv1a};
use crate::unet::labels::{ClassLabels, LabelsError};

/// The share of the images whose class is not told where nobody says: 0.1 and 0.2 do equally well in Ho & Salimans 2022
/// (section 4.2).
pub const LABEL_DROPOUT: f64 = 0.1;

/// The class of every image, and what the classes are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// One class per image.
    pub of_images: Vec<usize>,
    /// Names, and the class that stands for none.
    pub classes: ClassLabels,
}

impl Labels {
    /// `of_images` for a network of `classes` classes, which are called `names` from 0 on. Where it has one class more,
    /// that one stands for none.
    ///
    /// # Errors
    /// [`LabelsError`] for a name that no class can have.
    pub fn new(
        of_images: Vec<usize>,
        names: Vec<String>,
        classes: Option<usize>,
    ) -> Result<Self, LabelsError> {
        let null_class = Some(names.len()).filter(|next| classes == Some(next + 1));
        Ok(Self {
            of_images,
            classes: ClassLabels::new(names, null_class)?,
        })
    }

    /// A number that differs between the labels of two sets with near certainty: 64-bit FNV-1a of the classes.
    pub fn fingerprint(&self) -> u64 {
        let bytes: Vec<u8> = (self.of_images.iter())
            .flat_map(|label| (*label as u32).to_le_bytes())
            .collect();
        fnv1a(std::iter::once(bytes.as_slice()))
    }

    /// Checks that they are classes of `images` images for a network of `classes` classes, with a picture of each but
    /// the one that stands for none.
    ///
    /// # Errors
    /// [`TrainError`] names what does not fit.
    pub fn check(&self, images: usize, classes: usize) -> Result<(), TrainError> {
        let refuse = |expected, found| Err(TrainError::Labels { expected, found });
        if self.of_images.len() != images {
            return refuse(
                format!("one for each of {images} images"),
                self.of_images.len().to_string(),
            );
        }
        let mut pictures = vec![0usize; classes];
        for (image, label) in self.of_images.iter().enumerate() {
            match pictures.get_mut(*label) {
                Some(count) => *count += 1,
                None => {
                    return refuse(
                        format!(
                            "classes from 0 to {}, as many as config.json's num_class_embeds says",
                            classes - 1
                        ),
                        format!("{label} (image {image})"),
                    );
                }
            }
        }
        self.classes.check(classes)?;
        let null_class = self.classes.null_class();
        let empty = (0..classes).find(|class| pictures[*class] == 0 && Some(*class) != null_class);
        match empty {
            None => Ok(()),
            Some(class) => refuse(
                format!("pictures of all {classes} classes of config.json's num_class_embeds"),
                format!("none of {}", self.called(class)),
            ),
        }
    }

    fn called(&self, class: usize) -> String {
        match self.classes.name(class) {
            Some(name) => format!("class {class} ({name})"),
            None => format!("class {class}"),
        }
    }
}

/// What a run learns from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainingSet {
    /// The images.
    pub images: ImageSet,
    /// Their classes, for a conditional network.
    pub labels: Option<Labels>,
}

impl From<ImageSet> for TrainingSet {
    fn from(images: ImageSet) -> Self {
        Self {
            images,
            labels: None,
        }
    }
}
