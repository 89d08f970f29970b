//! One step of a sampler as a handful of scalars.
//!
//! Every sampler here is linear in three tensors (the state `x_t`, the network's output `out` and fresh
//! noise `z`) apart from clipping, so a step is fully described by [`StepCoefficients`]:
//!
//! ```text
//! x0_hat = clip(p x_t + q out)
//! eps    = r x_t + s (out or x0_hat)
//! x_prev = a x0_hat + b eps + sigma z
//! ```
//!
//! Engines apply them; they need to know nothing about schedules. Equation numbers: "DDIM" is Song et al.
//! 2021 (arXiv 2010.02502), "DDPM" is Ho et al. 2020 (arXiv 2006.11239).

mod apply;
mod clip;
mod error;
mod method;
mod prediction;

pub use self::clip::{Clip, dynamic_threshold, dynamic_threshold_scale};
pub use self::error::StepError;
use self::method::checked_eta;
pub use self::method::{Convention, Method, Variance};
pub use self::prediction::Prediction;

/// What `s` multiplies in `eps = r x_t + s (…)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EpsFrom {
    /// The network's output: eps is the network's own, whatever clipping did.
    Out,
    /// The clipped x0_hat: eps is re-derived from it.
    X0Hat,
}

/// One step, ready for an engine. The [module documentation](self) has the three lines it stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepCoefficients {
    /// Factor of x_t in x0_hat ([`Prediction::x0_from`]).
    pub p: f64,
    /// Factor of the network's output in x0_hat.
    pub q: f64,
    /// What is done to x0_hat before it is used.
    pub clip: Clip,
    /// Factor of x_t in eps ([`Prediction::eps_from`]).
    pub r: f64,
    /// Factor in eps of what `eps_from` names.
    pub s: f64,
    /// Whether eps is the network's own or re-derived from the clipped x0_hat.
    pub eps_from: EpsFrom,
    /// Factor of x0_hat in the result: `sqrt(alpha_bar_next)` (DDIM, eq. 12).
    pub a: f64,
    /// Factor of eps in the result: `sqrt(1 - alpha_bar_next - sigma^2)` (DDIM, eq. 12), with the sigma of
    /// eq. 16 even where the noise added is larger or left out.
    pub b: f64,
    /// Factor of the fresh noise z in the result; exactly 0 when the step adds none.
    pub sigma: f64,
}

/// The two noise levels that a step joins, and how the network's output is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// `alpha_bar` of the state that goes in.
    pub alpha_bar: f64,
    /// `alpha_bar` of the level that the network is told, at which its output is read. That of the state, except in
    /// inversion ([`Convention`]).
    pub alpha_bar_told: f64,
    /// `alpha_bar` of the state that comes out: 1 for the image itself.
    pub alpha_bar_next: f64,
    /// The last step of a sampling run. Ancestral sampling adds no noise there (DDPM, algorithm 2: z = 0).
    pub last: bool,
    /// What the network's output means.
    pub prediction: Prediction,
    /// What is done to x0_hat; [`Method::DdpmNoisy`] clips to ±1 instead.
    pub clip: Clip,
    /// Re-derive eps from the clipped x0_hat also in DDIM (diffusers' `use_clipped_model_output`).
    /// The ancestral methods always do, since their mean is written in x0_hat and x_t.
    pub use_clipped_model_output: bool,
}

impl Step {
    /// The scalars of this step.
    ///
    /// Errors name the field that makes it impossible: eta, a clip value, an `alpha_bar` outside `0..=1` or
    /// on the wrong side of the other, or a prediction type that does not determine x_0 or eps there.
    pub fn coefficients(&self, method: Method) -> Result<StepCoefficients, StepError> {
        let clip = match method {
            Method::DdpmNoisy => Clip::Range(1.0),
            _ => self.clip,
        };
        clip.check()?;
        self.check_levels(method)?;
        let (b, sigma) = self.direction_and_noise(method)?;
        let rederived = match method {
            Method::DdpmNoisy | Method::DdpmAncestral(_) => true,
            Method::Ddim { .. } | Method::SigmaHat | Method::ProbabilityFlow => {
                self.use_clipped_model_output
            }
            Method::Inversion(_) => false,
        };
        let (p, q) = self.x0_factors()?;
        let (eps_from, (r, s)) = if rederived {
            let given_x0 = Prediction::Sample.eps_from(self.alpha_bar)?;
            (EpsFrom::X0Hat, given_x0)
        } else {
            let own = self.prediction.eps_from(self.alpha_bar_told)?;
            (EpsFrom::Out, own)
        };
        Ok(StepCoefficients {
            p,
            q,
            clip,
            r,
            s,
            eps_from,
            a: self.alpha_bar_next.sqrt(),
            b,
            sigma,
        })
    }

    /// `(p, q)`: x0_hat from the state and the network's output.
    ///
    /// The output answers for the level that the network was told: eps follows from it there, and x0_hat then from eps
    /// and the level that the state has, `x0_hat = (x_t - sqrt(1 - alpha_bar) eps) / sqrt(alpha_bar)` (DDIM, eq. 9).
    /// For a network that predicts eps the level told cancels out.
    fn x0_factors(&self) -> Result<(f64, f64), StepError> {
        if self.alpha_bar_told == self.alpha_bar {
            return self.prediction.x0_from(self.alpha_bar);
        }
        let (r, s) = self.prediction.eps_from(self.alpha_bar_told)?;
        let (signal, noise) = (self.alpha_bar.sqrt(), (1.0 - self.alpha_bar).sqrt());
        Ok(((1.0 - noise * r) / signal, -noise * s / signal))
    }

    /// The factor of eps and that of fresh noise.
    ///
    /// `x_prev = sqrt(next) x0_hat + sqrt(1 - next - sigma^2) eps + sigma z` (DDIM, eq. 12). The posterior
    /// mean of DDPM, eq. 7, written in x0_hat and eps instead of x0_hat and x_t, is the same line with the
    /// sigma of eta = 1; the methods differ only in the sigma that multiplies z.
    fn direction_and_noise(&self, method: Method) -> Result<(f64, f64), StepError> {
        let (now, next) = (self.alpha_bar, self.alpha_bar_next);
        if method == Method::ProbabilityFlow && !self.last {
            // DDIM, eq. 15: x' / sqrt(next) = x / sqrt(now) + (s'^2 - s^2) / (2 s) eps with s^2 = (1 - now) / now, and
            // x / sqrt(now) = x0_hat + s eps.
            let (ratio, ratio_next) = ((1.0 - now) / now, (1.0 - next) / next);
            let of_eps = (ratio + ratio_next) / (2.0 * ratio.sqrt());
            return Ok((next.sqrt() * of_eps, 0.0));
        }
        let beta = 1.0 - now / next; // of the thinned chain
        let share = beta / (1.0 - now);
        let posterior = (1.0 - next) * share; // DDIM, eq. 16 at eta = 1; DDPM, eq. 7
        let unless_last = |variance: f64| if self.last { 0.0 } else { variance };
        let (eta, variance) = match method {
            Method::Inversion(_) | Method::ProbabilityFlow => (0.0, 0.0),
            Method::Ddim { eta } => (checked_eta(eta)?, eta * eta * posterior),
            Method::DdpmAncestral(Variance::FixedSmall) => (1.0, unless_last(posterior)),
            // DDIM, D.3: sigma-hat^2 = 1 - alpha_t / alpha_{t-1}
            Method::SigmaHat | Method::DdpmNoisy | Method::DdpmAncestral(Variance::FixedLarge) => {
                (1.0, unless_last(beta))
            }
        };
        let kept = if eta == 0.0 {
            1.0
        } else {
            (1.0 - eta * eta * share).max(0.0)
        };
        Ok((((1.0 - next) * kept).sqrt(), variance.sqrt()))
    }

    fn check_levels(&self, method: Method) -> Result<(), StepError> {
        let (now, next) = (self.alpha_bar, self.alpha_bar_next);
        let told = self.alpha_bar_told;
        let levels = [
            ("alpha_bar", now),
            ("alpha_bar_told", told),
            ("alpha_bar_next", next),
        ];
        let outside = |(_, level): &&(&str, f64)| !(0.0..=1.0).contains(level);
        let (field, expected, found) = if let Some((field, found)) = levels.iter().find(outside) {
            (*field, "a number from 0 to 1", *found)
        } else if method.is_inversion() {
            if self.prediction == Prediction::Epsilon && next == 0.0 {
                // x_T would be eps itself, and there is no way back from it.
                return Err(StepError::EpsilonAtZeroSnr);
            }
            if now == 0.0 {
                (
                    "alpha_bar",
                    "a number above 0, since the state must hold an image",
                    now,
                )
            } else if next <= now {
                return Ok(());
            } else {
                (
                    "alpha_bar_next",
                    "at most alpha_bar, since inversion adds noise",
                    next,
                )
            }
        } else if told != now {
            (
                "alpha_bar_told",
                "that of the state, as always in sampling",
                told,
            )
        } else if now == 0.0 && method == Method::ProbabilityFlow {
            (
                "alpha_bar",
                "a number above 0, since eq. 15 divides by it (leave the last time step out of tau)",
                now,
            )
        } else if now == 1.0 {
            (
                "alpha_bar",
                "a number below 1, since the state must hold noise",
                now,
            )
        } else if next >= now && next > 0.0 {
            return Ok(());
        } else {
            (
                "alpha_bar_next",
                "at least alpha_bar and above 0, since sampling removes noise",
                next,
            )
        };
        Err(StepError::AlphaBar {
            field,
            expected,
            found,
        })
    }
}
