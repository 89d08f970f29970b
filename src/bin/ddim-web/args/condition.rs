//! What a conditional model is asked for: a class, and how far to go towards it.

use ddim_web::engine::EngineInfo;
use ddim_web::sampler::{Guidance, SamplerError};
use ddim_web::unet::labels::ClassLabels;

use crate::error::CliError;

/// Arguments of every subcommand that makes images.
#[derive(Debug, Clone, clap::Args)]
pub struct Condition {
    /// Class of every image, for a conditional model: its name in class_labels.json, or its number
    #[arg(long, value_name = "NAME|ID", allow_hyphen_values = true)]
    class: Option<String>,
    /// How much further than the class alone to go (classifier-free guidance, Ho & Salimans 2022): 0 is not at all, 1 to
    /// 3 is usual; takes twice as long. Only for a model whose class_labels.json has a null_class_id
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub guidance: Option<f64>,
}

/// What a network is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Class of every image.
    pub class: Option<usize>,
    /// How the run goes further.
    pub guidance: Option<Guidance>,
}

impl Asked {
    /// What it is in words, with the classes called `labels`; `None` where nothing is asked for.
    pub fn told(&self, labels: &ClassLabels) -> Option<String> {
        let class = self.class?;
        let name = labels.name(class).map(str::to_string);
        let name = name.unwrap_or_else(|| class.to_string());
        Some(match self.guidance {
            Some(Guidance { weight, .. }) => format!("class {name}, guidance {weight}"),
            None => format!("class {name}"),
        })
    }
}

impl Condition {
    /// What the network of `info`, whose classes are called `labels`, is asked for.
    ///
    /// # Errors
    /// [`CliError::Usage`] for a class that there is none of, and for guidance that is no number or has no class that
    /// stands for none.
    pub fn of(&self, info: &EngineInfo, labels: &ClassLabels) -> Result<Asked, CliError> {
        let class = match (info.classes, &self.class) {
            (None, None) => None,
            (Some(classes), Some(text)) => {
                Some(labels.find(text, classes).map_err(CliError::usage)?)
            }
            (None, Some(_)) => {
                return Err(CliError::Usage(
                    "class: this model has no classes: leave --class out".into(),
                ));
            }
            (Some(classes), None) => {
                let listed = labels.listed(classes);
                return Err(CliError::Usage(format!(
                    "class: this model has classes: choose one with --class: {listed}"
                )));
            }
        };
        Ok(Asked {
            class,
            guidance: self.guided(info, labels)?,
        })
    }

    fn guided(
        &self,
        info: &EngineInfo,
        labels: &ClassLabels,
    ) -> Result<Option<Guidance>, CliError> {
        let Some(weight) = self.guidance else {
            return Ok(None);
        };
        if !weight.is_finite() {
            return Err(CliError::usage(SamplerError::Guidance { found: weight }));
        }
        let null_label = labels.null_class().ok_or_else(|| {
            CliError::Usage(if info.classes.is_some() {
                "guidance: this model has no class that stands for none (null_class_id in class_labels.json): leave \
                 --guidance out"
                    .into()
            } else {
                "guidance: this model has no classes to be guided by: leave --guidance out".into()
            })
        })?;
        Ok(Some(Guidance { weight, null_label }))
    }
}
