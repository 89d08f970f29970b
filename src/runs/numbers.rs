//! The numbers of a run, step by step: noise levels, the factors of the equations that a step stands in, and what an
//! error of the network weighs in the bound. For tables and plots.

use serde_json::{Value, json};

use crate::bound::gamma_ddim;
use crate::gaussian::{Forward, Posterior};
use crate::scheduler::{SchedulerConfig, SchedulerError, TrajectoryOptions, TrajectoryStep};
use crate::step::{Method, StepCoefficients};

/// The numbers of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepNumbers {
    /// The time step that the network is told.
    pub t: usize,
    /// That of the result; `None` is the image.
    pub t_next: Option<usize>,
    /// `alpha_bar` of the level that the network is told.
    pub alpha_bar: f64,
    /// The noise there in the variance-exploding view, `sqrt((1 - alpha_bar) / alpha_bar)` (DDIM, section 4.3);
    /// infinite where alpha_bar is 0. Its square is 1 / SNR.
    pub noise_level: f64,
    /// The factors of DDIM, eq. 12: `a` of x0_hat, `b` of eps, `sigma` of fresh noise; and how the first two come
    /// about.
    pub coefficients: StepCoefficients,
    /// q_sigma(x_next | x_t, x_0) (DDIM, eq. 7), with the sigma of the method's eta (1 for DDPM and the larger noises);
    /// `None` in an inversion, and where `set_alpha_to_one` is false and the step leads to x_0.
    pub posterior: Option<Posterior>,
    /// q_sigma(x_t | x_next, x_0) (DDIM, eq. 8), the same step upwards.
    pub forward: Option<Forward>,
    /// gamma of theorem 1, in nats ([`gamma_ddim`]; in the step to x_0 it is that of a decoder); `None` where eta is 0,
    /// since the bound is infinite then, and where the posterior is `None`.
    pub gamma: Option<f64>,
}

impl StepNumbers {
    /// All of them by name, as the terminal and JavaScript get them. What is infinite is `null`.
    pub fn to_json(&self) -> Value {
        let c = &self.coefficients;
        let posterior =
            |p: Posterior| json!({ "of_x0": p.of_x0, "of_x_t": p.of_x_t, "variance": p.variance });
        let forward = |f: Forward| json!({ "of_x0": f.of_x0, "of_x_next": f.of_x_before, "variance": f.variance });
        json!({
            "t": self.t, "t_next": self.t_next, "alpha_bar": self.alpha_bar, "noise_level": self.noise_level,
            "a": c.a, "b": c.b, "sigma": c.sigma, "gamma": self.gamma,
            "posterior": self.posterior.map(posterior), "forward": self.forward.map(forward),
        })
    }
}

/// The numbers of every step of a run, in the order of the run.
///
/// # Errors
/// Those of [`SchedulerConfig::trajectory`].
pub fn numbers(
    scheduler: &SchedulerConfig,
    options: &TrajectoryOptions,
) -> Result<Vec<StepNumbers>, SchedulerError> {
    let schedule = scheduler.schedule()?;
    let steps = scheduler.trajectory(options)?.steps;
    let eta = match options.method {
        Method::Ddim { eta } => Some(eta),
        Method::SigmaHat | Method::DdpmNoisy | Method::DdpmAncestral(_) => Some(1.0),
        Method::ProbabilityFlow => Some(0.0),
        Method::Inversion(_) => None,
    };
    // The same steps with the sigma of eq. 16, whatever noise the method adds.
    let family = match eta {
        Some(eta) => {
            let ends_clean = scheduler.set_alpha_to_one || options.method.is_ancestral();
            let like = SchedulerConfig {
                set_alpha_to_one: ends_clean,
                ..scheduler.clone()
            };
            let options = TrajectoryOptions {
                method: Method::Ddim { eta },
                ..options.clone()
            };
            let mut steps = like.trajectory(&options)?.steps;
            if !ends_clean {
                // The image has a level of its own there, which is none of the chain's.
                steps.retain(|step| step.t_next.is_some());
            }
            steps
        }
        None => Vec::new(),
    };
    let of_step = |(i, step): (usize, &TrajectoryStep)| {
        let alpha_bar = schedule.alpha_bar(step.t);
        let sigma = family.get(i).map(|step| step.coefficients.sigma);
        let gamma = |eta| {
            gamma_ddim(
                &schedule,
                step.t,
                step.t_next,
                eta,
                scheduler.prediction_type,
            )
            .ok()
        };
        StepNumbers {
            t: step.t,
            t_next: step.t_next,
            alpha_bar,
            noise_level: ((1.0 - alpha_bar) / alpha_bar).sqrt(),
            coefficients: step.coefficients,
            posterior: sigma.and_then(|s| Posterior::ddim(&schedule, step.t, step.t_next, s).ok()),
            forward: sigma.and_then(|s| Forward::ddim(&schedule, step.t, step.t_next, s).ok()),
            gamma: sigma.and(eta).and_then(gamma),
        }
    };
    Ok(steps.iter().enumerate().map(of_step).collect())
}
