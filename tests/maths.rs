//! The pure mathematics: schedules, timesteps, steps, Gaussians, noise and the scheduler's configuration, against
//! numbers from diffusers and ermongroup/ddim (`tools/make_scheduler_fixtures.py`), from torch.distributions and mpmath
//! (`tools/make_gaussian_fixtures.py`) and against the papers.
//!
//! Runs natively and, with `wasm-pack test`, in the browser.

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

#[path = "maths/bound.rs"]
mod bound;
#[path = "maths/configuration.rs"]
mod configuration;
#[path = "maths/dice.rs"]
mod dice;
#[path = "maths/discrete.rs"]
mod discrete;
#[path = "maths/forward.rs"]
mod forward;
#[path = "maths/gaussian.rs"]
mod gaussian;
#[path = "maths/labels.rs"]
mod labels;
#[path = "maths/levels.rs"]
mod levels;
#[path = "maths/noise.rs"]
mod noise;
#[path = "maths/normality.rs"]
mod normality;
#[path = "maths/ode.rs"]
mod ode;
#[path = "maths/processes.rs"]
mod processes;
#[path = "maths/properties.rs"]
mod properties;
#[path = "maths/random_input.rs"]
mod random_input;
#[path = "maths/sample_file.rs"]
mod sample_file;
#[path = "maths/schedule.rs"]
mod schedule;
#[path = "maths/step.rs"]
mod step;
#[path = "maths/support.rs"]
mod support;
#[path = "maths/theorem_1.rs"]
mod theorem_1;
#[path = "maths/theory.rs"]
mod theory;
#[path = "maths/timesteps.rs"]
mod timesteps;
#[path = "maths/variance_exploding.rs"]
mod variance_exploding;
#[path = "maths/weighting.rs"]
mod weighting;
