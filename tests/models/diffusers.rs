//! Equal to diffusers 0.42's pipelines and its inverse scheduler.
//!
//! "free" is without clipping: `clip_sample` false there, [`Clip::None`] here. S divides T in every run and tau is
//! `leading`, because elsewhere diffusers' DDIM steps to `t - T/S`, which is not the next timestep of its list.

use ddim_web::runs::mean_squared_error;
use ddim_web::scheduler::TrajectoryOptions;
use ddim_web::step::{Clip, Convention, Method, Variance};

use crate::model::{From, NOISY_STEPS, on_every_model};

fn free(method: Method, steps: usize) -> TrajectoryOptions {
    TrajectoryOptions {
        clip: Some(Clip::None),
        ..TrajectoryOptions::new(method, steps)
    }
}

#[test]
fn deterministic_samples_equal_those_of_the_ddim_pipeline() {
    let method = Method::Ddim { eta: 0.0 };
    on_every_model(|model| {
        for steps in [10, 50] {
            let images = model.run(From::Noise, TrajectoryOptions::new(method, steps));
            model.assert_equals(&images, &format!("ddim {steps}"));
        }
    });
}

#[test]
fn stochastic_samples_equal_those_of_the_ddim_pipeline_given_its_noise() {
    let method = Method::Ddim { eta: 1.0 };
    on_every_model(|model| {
        let configured = TrajectoryOptions::new(method, NOISY_STEPS);
        let images = model.run(From::Noise, configured.clone());
        model.assert_equals(&images, "ddim eta1 10");
        let rederived = TrajectoryOptions {
            use_clipped_model_output: true,
            ..configured
        };
        let images = model.run(From::Noise, rederived);
        model.assert_equals(&images, "ddim eta1 rederived 10");
    });
}

/// DDPM, algorithm 2 adds no noise in the last step; `DDPMScheduler` adds none at t = 0. That is the same step as
/// long as tau starts at 0, as it does here (with `steps_offset` 1 or `trailing` it would not, and ours follows the
/// paper). `fixed_small` is eta = 1 of DDIM, `fixed_large` its sigma-hat, both with eps re-derived from x0_hat.
#[test]
fn ancestral_samples_equal_those_of_the_ddpm_pipeline_given_its_noise() {
    on_every_model(|model| {
        for (variance, name) in [
            (Variance::FixedSmall, "fixed_small"),
            (Variance::FixedLarge, "fixed_large"),
        ] {
            let method = Method::DdpmAncestral(variance);
            let configured = TrajectoryOptions::new(method, NOISY_STEPS);
            let images = model.run(From::Noise, configured);
            model.assert_equals(&images, &format!("ddpm {name} 10"));
            let images = model.run(From::Noise, free(method, NOISY_STEPS));
            model.assert_equals(&images, &format!("ddpm {name} free 10"));
        }
    });
}

/// `DDIMInverseScheduler` tells the network the timestep of the level that a step enters, as ours does by default,
/// but reads the answer, v here, at the level that it leaves: its eps is not the network's. (For a predicted eps it
/// makes no difference: `tests/maths/step.rs`.) Read as it reads, ours is the same, so nothing else differs; and what
/// it makes of a picture decodes to something further away.
#[test]
fn inverted_pictures_differ_from_those_of_the_ddim_inverse_scheduler_in_the_level_at_which_v_is_read()
 {
    let inversion = Method::Inversion(Convention::Retrace);
    on_every_model(|model| {
        for steps in [10, 50] {
            let theirs = model.read_at_the_state(free(inversion, steps));
            model.assert_equals(&theirs, &format!("inverse free {steps}"));
            let ours = model.run(From::Pictures, free(inversion, steps));
            let (_, pictures) = model.tensor("x_0");
            let lost = |x_t: Vec<f32>| {
                let back = model.run(From::These(x_t), free(Method::Ddim { eta: 0.0 }, steps));
                mean_squared_error(&pictures[..back.len()], &back)
            };
            // In many steps the two levels are nearly the same, and either may be the nearer one.
            let (ours, theirs) = (lost(ours), lost(theirs));
            let share = if steps == 10 { 0.6 } else { 1.5 };
            assert!(ours < share * theirs, "S = {steps}: {ours} {theirs}");
        }
        let configured = TrajectoryOptions::new(inversion, 10);
        let theirs = model.read_at_the_state(configured);
        model.assert_equals(&theirs, "inverse 10");
    });
}
