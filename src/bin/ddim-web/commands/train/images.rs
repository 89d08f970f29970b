//! What `ddim-web train` learns from: the images, and their classes where somebody says them.

use ddim_web::images::ImageSet;
use ddim_web::train::{Labels, TrainingSet};
use ddim_web::unet::labels::ClassLabels;

use super::Args;
use super::training::CHECKPOINT;
use crate::error::CliError;
use crate::files::dataset;
use crate::files::whole::check_writable;

/// The images of `--data`.
pub struct Images {
    /// The pixels.
    pub images: ImageSet,
    /// The class of each, and what the classes are called from 0 on.
    pub labels: Option<(Vec<usize>, Vec<String>)>,
}

impl Images {
    /// Reads them, and their classes as `--labels` says. Folders are called as `known` says, whose network has as many
    /// classes as the number beside it.
    ///
    /// # Errors
    /// The folder or file, and what is wrong with it.
    pub fn read(args: &Args, known: Option<(&ClassLabels, usize)>) -> Result<Self, CliError> {
        let (folder, background) = (&args.data, args.background.background);
        let found = match &args.labels {
            None => Self {
                images: dataset::read(folder, args.size, background)?.images,
                labels: None,
            },
            Some(source) => {
                let found = dataset::read_labelled(folder, args.size, background, source, known)?;
                Self {
                    images: found.images,
                    labels: Some((found.labels, found.names)),
                }
            }
        };
        check_writable(&args.out.join(CHECKPOINT))?;
        Ok(found)
    }

    /// What a network of `classes` classes learns from, which are called as `known` says, or by [`Labels::new`].
    ///
    /// # Errors
    /// [`CliError::Failed`] for a folder whose name no class can have.
    pub fn set(
        self,
        known: Option<ClassLabels>,
        classes: Option<usize>,
    ) -> Result<TrainingSet, CliError> {
        let labels = self.labels.map(|(of_images, names)| match known {
            Some(classes) => Ok(Labels { of_images, classes }),
            None => Labels::new(of_images, names, classes).map_err(CliError::failed),
        });
        Ok(TrainingSet {
            images: self.images,
            labels: labels.transpose()?,
        })
    }
}
