//! What an error of the network weighs in a loss: the gamma_t of L_gamma (DDIM, Song et al. 2021, eq. 5), for training
//! and for plots.

use crate::bound::{BoundError, gamma_bound, gamma_ddim, gamma_min_snr};
use crate::schedule::NoiseSchedule;
use crate::step::{Prediction, StepError, Variance};

/// The limit of [`Loss::MinSnr`] that Hang et al. (2023) recommend.
pub const MIN_SNR: f64 = 5.0;

/// A choice of gamma. [`Loss::weights`] says what each is in numbers.
///
/// Text forms, also in checkpoints: `simple`, `bound`, `min-snr` (the limit is then 5), `min-snr=LIMIT`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Loss {
    /// L_simple (DDPM, Ho et al. 2020, eq. 14): every timestep counts the same.
    #[default]
    Simple,
    /// The variational bound (DDPM, eq. 12).
    Bound,
    /// Min-SNR (Hang et al. 2023, section 3.4).
    MinSnr {
        /// The signal-to-noise ratio above which timesteps count no more; finite and above 0.
        limit: f64,
    },
}

impl Loss {
    /// The factor of an image's mean squared error, for every timestep, when timesteps are drawn uniformly.
    ///
    /// - [`Loss::Simple`]: 1, on whatever the network predicts.
    /// - [`Loss::Bound`]: `T gamma_t` of [`gamma_bound`], so that the loss is an estimate of the sum over t, the part
    ///   of the bound that the network can lower, in nats per dimension.
    /// - [`Loss::MinSnr`]: [`gamma_min_snr`], at most 1 for eps.
    ///
    /// The last two are defined by the error in eps and converted: for x_0 and v they are the same loss of x0_hat.
    ///
    /// # Errors
    /// [`StepError::EpsilonAtZeroSnr`] for the bound of eps in a schedule that ends at alpha_bar = 0.
    pub fn weights(
        self,
        schedule: &NoiseSchedule,
        prediction: Prediction,
        variance: Variance,
    ) -> Result<Vec<f64>, StepError> {
        let steps = schedule.len();
        let weight = |t| match self {
            Self::Simple => Ok(1.0),
            Self::Bound => {
                let gamma = gamma_bound(schedule, t, variance, prediction)?;
                Ok(steps as f64 * gamma)
            }
            Self::MinSnr { limit } => Ok(gamma_min_snr(schedule, t, limit, prediction)),
        };
        (0..steps).map(weight).collect()
    }
}

/// What a squared error of eps weighs in the losses, for every time step of the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct EpsWeights {
    /// L_simple of a network that predicts eps: 1 (DDPM, eq. 14).
    pub simple: Vec<f64>,
    /// gamma_t of the bound, in nats: DDPM, eq. 12, or of DDIM, theorem 1, with an eta.
    pub bound: Vec<f64>,
    /// Min-SNR with the limit 5 (Hang et al. 2023, section 3.4): `min(SNR, 5) / SNR`.
    pub min_snr: Vec<f64>,
    /// L_simple of a network that predicts x_0: `1 / SNR`.
    pub x0: Vec<f64>,
    /// L_simple of a network that predicts v: `1 + 1 / SNR`.
    pub v: Vec<f64>,
}

/// The weights of all losses, side by side; infinite where alpha_bar is 0, and everywhere for the bound without noise.
/// The bound is that of reverse steps with `variance`, and with an `eta` that of the family q_sigma on the whole chain
/// ([`gamma_ddim`]).
///
/// # Errors
/// [`StepError::Eta`] for an eta outside 0…1.
pub fn eps_weights(
    schedule: &NoiseSchedule,
    variance: Variance,
    eta: Option<f64>,
) -> Result<EpsWeights, BoundError> {
    let eps = Prediction::Epsilon;
    let gamma = |t: usize| {
        let gamma = match eta {
            Some(eta) => gamma_ddim(schedule, t, t.checked_sub(1), eta, eps),
            None => gamma_bound(schedule, t, variance, eps).map_err(BoundError::from),
        };
        match gamma {
            Err(BoundError::WithoutNoise { .. })
            | Err(BoundError::Step(StepError::EpsilonAtZeroSnr)) => Ok(f64::INFINITY),
            gamma => gamma,
        }
    };
    // out = (eps - c_x x_t) / c_out: an error of eps is one of 1 / c_out in the network's own output.
    let simple = |prediction: Prediction| -> Result<Vec<f64>, StepError> {
        let of_t = |alpha_bar: &f64| Ok(prediction.eps_from(*alpha_bar)?.1.powi(-2));
        schedule.alpha_bars().iter().map(of_t).collect()
    };
    let min_snr = Loss::MinSnr { limit: MIN_SNR };
    Ok(EpsWeights {
        simple: simple(eps)?,
        bound: (0..schedule.len()).map(gamma).collect::<Result<_, _>>()?,
        min_snr: min_snr.weights(schedule, eps, variance)?,
        x0: simple(Prediction::Sample)?,
        v: simple(Prediction::VPrediction)?,
    })
}
