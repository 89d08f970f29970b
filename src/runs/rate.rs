//! Progressive lossy compression: what each time step costs, and what one has by then (DDPM, section 4.3, figure 5).
//!
//! Algorithms 3 and 4 of the paper send x_T, x_{T-1}, … to a receiver who knows p; sending the state at one index more
//! costs on average one term of the variational bound, and from every state the receiver can predict x_0. Cumulative
//! cost against the error of that prediction is the rate-distortion curve. The states are drawn from q(x_t | x_0), as
//! both algorithms have them.

use super::model::BATCH;
use super::strata::{Chosen, choose};
use crate::allocate;
use crate::bound::{Bound, BoundError, bits_per_dimension};
use crate::engine::{BatchSpec, Denoiser, EngineError};
use crate::gaussian::diffused;
use crate::noise::gaussian;
use crate::scheduler::{SchedulerConfig, SchedulerError};
use crate::step::Variance;

/// The reverse variances of the costs, in the order of [`Term::bits`].
pub const VARIANCES: [Variance; 2] = [Variance::FixedSmall, Variance::FixedLarge];

/// Levels of an 8-bit image per unit of the scale -1…1.
const LEVELS_PER_UNIT: f64 = 127.5;

/// Why the terms of an image cannot be had.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// Too few terms, or more than there are.
    #[error("terms: expected 2 to {most} (one for each time step), found {found}")]
    Terms {
        /// T.
        most: usize,
        /// What was asked for.
        found: usize,
    },
    /// The schedule cannot be built.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// The network refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A term cannot be computed.
    #[error(transparent)]
    Bound(#[from] BoundError),
    /// A term is no number.
    #[error("bound: the term of t = {t} is {found}: the weights do not fit these settings")]
    Diverged {
        /// The time step.
        t: usize,
        /// What it is.
        found: f64,
    },
}

/// One term of the bound of one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    /// The time step of the state.
    pub t: usize,
    /// How many terms of the chain it stands for: those of its part.
    pub share: f64,
    /// How many of them are of higher time steps, and so have been sent when the state at `t` has arrived.
    pub above: f64,
    /// L_t in bits per dimension, for each of [`VARIANCES`]: what it costs to send the state after the one at `t`,
    /// and at 0 the image itself.
    pub bits: [f64; 2],
    /// ‖x_0 - x0_hat‖² per dimension on the scale -1…1, x0_hat being predicted from the state at `t`.
    pub squared_error: f64,
}

/// One point of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The time step of the state that has arrived.
    pub t: usize,
    /// Bits per dimension sent so far: L_T and every L_s of the time steps s above `t`.
    pub rate: f64,
    /// Root of the mean squared error of x0_hat, on the scale 0…255.
    pub distortion: f64,
}

/// Whose terms, and which of them.
#[derive(Debug, Clone, PartialEq)]
pub struct RateOptions {
    /// The image `[C, H, W]`, 8 bits a value, on the scale -1…1.
    pub x_0: Vec<f32>,
    /// `[channels, height, width]`.
    pub shape: [usize; 3],
    /// Its class, for a conditional model.
    pub class: Option<usize>,
    /// How many of the T terms; fewer than all are drawn one from each of equal parts of the chain.
    pub terms: usize,
    /// Seed of the noise and of the choice.
    pub seed: u64,
    /// Number of the image: its noise is its own.
    pub image: u32,
}

/// The terms of one image, from x_T down to x_0.
pub struct Rate {
    options: RateOptions,
    bounds: [Bound; 2],
    /// From the last time step to the first.
    chosen: Vec<Chosen>,
    given: usize,
}

impl Rate {
    /// Prepares the terms of `options` in the chain of `scheduler`. x0_hat is clipped to ±1, as the official DDPM code
    /// does when it evaluates.
    ///
    /// # Errors
    /// [`RateError::Terms`] and [`RateError::Scheduler`].
    pub fn new(scheduler: &SchedulerConfig, options: RateOptions) -> Result<Self, RateError> {
        let schedule = scheduler.schedule()?;
        let (most, found) = (schedule.len(), options.terms);
        if found != most && !(2..=most).contains(&found) {
            return Err(RateError::Terms { most, found });
        }
        let mut chosen = choose(options.seed, u64::from(options.image), most, found);
        chosen.reverse();
        Ok(Self {
            bounds: VARIANCES.map(|variance| Bound {
                schedule: schedule.clone(),
                prediction: scheduler.prediction_type,
                variance,
                clip_x0_hat: true,
            }),
            chosen,
            options,
            given: 0,
        })
    }

    /// How many terms there will be.
    pub fn total(&self) -> usize {
        self.chosen.len()
    }

    /// Terms that were given already.
    pub fn given(&self) -> usize {
        self.given
    }

    /// L_T in bits per dimension.
    pub fn prior(&self) -> f64 {
        let x_0 = &self.options.x_0;
        bits_per_dimension(self.bounds[0].prior(x_0), x_0.len())
    }

    /// The next few terms, in falling order of t; none after the last. One run of the network.
    ///
    /// # Errors
    /// [`RateError`] when the image does not fit the network, or a term is no number.
    pub async fn next<D: Denoiser>(&mut self, engine: &D) -> Result<Vec<Term>, RateError> {
        let end = self.total().min(self.given + BATCH);
        let part = &self.chosen[self.given..end];
        if part.is_empty() {
            return Ok(Vec::new());
        }
        let [channels, height, width] = self.options.shape;
        let x_0 = &self.options.x_0;
        // The noise of one state, all states twice, and x0_hat.
        let numbers = x_0.len() as u64 * (2 * part.len() as u64 + 4);
        allocate::room("the states of a picture", allocate::bytes::<f32>(numbers))
            .map_err(EngineError::from)?;
        let mut eps = vec![0.0; x_0.len()];
        let mut x_t = Vec::with_capacity(part.len() * x_0.len());
        for &Chosen { index: t, .. } in part {
            let draw = t as u32 + 1;
            gaussian(self.options.seed, self.options.image, draw, &mut eps);
            x_t.extend(diffused(&self.bounds[0].schedule, t, x_0, &eps));
        }
        let spec = BatchSpec {
            shape: [part.len(), channels, height, width],
            labels: self.options.class.map(|class| vec![class; part.len()]),
        };
        let times: Vec<f32> = part.iter().map(|chosen| chosen.index as f32).collect();
        let out = engine.predict(&spec, x_t.clone(), &times).await?;
        let rows = x_t.chunks_exact(x_0.len()).zip(out.chunks_exact(x_0.len()));
        let terms: Result<Vec<Term>, RateError> = part
            .iter()
            .zip(rows)
            .map(|(chosen, (x_t, out))| self.term(chosen, x_t, out))
            .collect();
        self.given = end;
        terms
    }

    fn term(&self, chosen: &Chosen, x_t: &[f32], out: &[f32]) -> Result<Term, RateError> {
        let &Chosen {
            index: t,
            share,
            above,
        } = chosen;
        let x_0 = &self.options.x_0;
        let mut bits = [0.0; 2];
        for (bits, bound) in bits.iter_mut().zip(&self.bounds) {
            let nats = bound.term(t, x_0, x_t, out)?;
            if !nats.is_finite() {
                return Err(RateError::Diverged { t, found: nats });
            }
            *bits = bits_per_dimension(nats, x_0.len());
        }
        let squared_error = self.bounds[0].squared_error(t, x_0, x_t, out)? / x_0.len() as f64;
        Ok(Term {
            t,
            share,
            above,
            bits,
            squared_error,
        })
    }
}

/// The curve of `terms` in falling order of t, after `sent` bits per dimension (L_T, and whatever came before). `variance`
/// is the index of one of [`VARIANCES`].
pub fn curve(sent: f64, terms: impl IntoIterator<Item = Term>, variance: usize) -> Vec<Point> {
    let mut sent = sent;
    terms
        .into_iter()
        .map(|term| {
            let cost = term.bits[variance];
            let point = Point {
                t: term.t,
                rate: sent + term.above * cost,
                distortion: term.squared_error.sqrt() * LEVELS_PER_UNIT,
            };
            sent += term.share * cost;
            point
        })
        .collect()
}
