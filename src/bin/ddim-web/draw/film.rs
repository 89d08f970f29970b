//! The film of a run: x̂₀ of all images, step by step.

use ddim_web::runs::Event;
use image::RgbImage;

use crate::draw::animation::Animation;
use crate::draw::picture::level;
use crate::error::CliError;

/// Most frames of a film; of longer runs evenly spaced steps are shown.
const MAX_FRAMES: usize = 200;
/// Most bytes that the frames of one film may take while the run is on.
const MAX_BYTES: u128 = 1 << 28;
/// What a film lasts, as far as that is neither hectic nor dull; then the result stands still.
const MILLISECONDS: u32 = 4000;
const FRAME_MILLISECONDS: std::ops::RangeInclusive<u32> = 40..=200;
const LAST_MILLISECONDS: u32 = 1500;

/// x̂₀ of some steps, 8 bits per value.
pub struct Film {
    animation: Animation,
    /// The steps that become frames, ascending.
    steps: Vec<usize>,
    /// `[frames][B * C * H * W]`
    frames: Vec<Vec<u8>>,
    /// C * H * W
    image: usize,
}

impl Film {
    /// A film of a run with `steps` steps and images of `shape` `[B, C, H, W]`, in frames of width and height `size`.
    ///
    /// # Errors
    /// [`CliError::Usage`] when its frames would not fit into memory or the format.
    pub fn new(
        animation: Animation,
        steps: usize,
        shape: [usize; 4],
        size: [u64; 2],
    ) -> Result<Self, CliError> {
        animation.check(size)?;
        let steps = shown(steps);
        let numbers = shape
            .iter()
            .fold(1u128, |product, n| product.saturating_mul(*n as u128));
        let bytes = numbers.saturating_mul(steps.len() as u128);
        if bytes > MAX_BYTES {
            return Err(CliError::Usage(format!(
                "animate: expected at most {MAX_BYTES} values, found {bytes}: {} frames of {shape:?}: \
                 make fewer or smaller images",
                steps.len()
            )));
        }
        Ok(Self {
            animation,
            frames: vec![vec![0; numbers as usize]; steps.len()],
            steps,
            image: shape[1..].iter().product(),
        })
    }

    /// Keeps what `event` shows: x̂₀, and after the last step the result.
    pub fn record(&mut self, event: &Event) {
        if let Ok(frame) = self.steps.binary_search(&event.step.index) {
            let values = if event.step.done {
                &event.step.x_t
            } else {
                &event.step.x0_hat
            };
            let start = event.first * self.image;
            for (to, value) in self.frames[frame][start..].iter_mut().zip(values) {
                *to = level(*value);
            }
        }
    }

    /// Writes the film; `picture` draws one frame from the images `[B, C, H, W]`.
    ///
    /// # Errors
    /// The path, and what went wrong.
    pub fn write(&self, picture: &dyn Fn(&[f32]) -> RgbImage) -> Result<(), CliError> {
        let frames = self.frames.len();
        let milliseconds = (MILLISECONDS / frames as u32)
            .clamp(*FRAME_MILLISECONDS.start(), *FRAME_MILLISECONDS.end());
        // GIF counts in hundredths of a second.
        let milliseconds = milliseconds / 10 * 10;
        self.animation
            .write(self.frames.iter().enumerate().map(|(i, levels)| {
                let values: Vec<f32> = levels
                    .iter()
                    .map(|level| f32::from(*level) / 127.5 - 1.0)
                    .collect();
                let last = i + 1 == frames;
                let time = if last {
                    LAST_MILLISECONDS
                } else {
                    milliseconds
                };
                (picture(&values), time)
            }))
    }
}

/// Which of `steps` steps are shown: all, or [`MAX_FRAMES`] of them with the first and the last.
fn shown(steps: usize) -> Vec<usize> {
    let frames = steps.min(MAX_FRAMES);
    let gaps = frames.saturating_sub(1).max(1);
    (0..frames).map(|i| i * (steps - 1) / gaps).collect()
}
