//! Equal to the update rules of github.com/ermongroup/ddim, and to diffusers where the two are the same mathematics.
//!
//! That code takes the product of alphas at `t + 1`, after a leading 1, so that t = -1 is the image itself: our
//! `set_alpha_to_one`. It never clips, except in `ddpm_noisy`. Its `quad` repeats t = 0 from 30 steps on
//! (of T = 1000); a step from 0 to 0 changes nothing, and our list leaves it out.

use ddim_web::scheduler::TrajectoryOptions;
use ddim_web::step::{Clip, Method};
use ddim_web::timesteps::Tau;

use crate::model::{From, Model, NOISY_STEPS, on_every_model};

fn images(model: &Model, method: Method, tau: Tau, steps: usize) -> Vec<f32> {
    let scheduler = model.with_scheduler(|s| s.set_alpha_to_one = true);
    let options = TrajectoryOptions {
        tau: Some(tau),
        clip: Some(Clip::None),
        ..TrajectoryOptions::new(method, steps)
    };
    model.run_on(&scheduler, From::Noise, options)
}

/// `uniform` is diffusers' `leading` when S divides T, so one run has two peers.
#[test]
fn deterministic_samples_equal_those_of_the_ddim_code_with_uniform_skips() {
    let method = Method::Ddim { eta: 0.0 };
    on_every_model(|model| {
        for steps in [10, 50] {
            let images = images(model, method, Tau::Uniform, steps);
            model.assert_equals(&images, &format!("code uniform {steps}"));
            model.assert_equals(&images, &format!("ddim free {steps}"));
        }
    });
}

#[test]
fn deterministic_samples_equal_those_of_the_ddim_code_with_quadratic_skips() {
    let method = Method::Ddim { eta: 0.0 };
    on_every_model(|model| {
        for steps in [10, 50] {
            let images = images(model, method, Tau::Quad, steps);
            model.assert_equals(&images, &format!("code quad {steps}"));
        }
    });
}

#[test]
fn stochastic_samples_equal_those_of_the_ddim_code_given_its_noise() {
    let method = Method::Ddim { eta: 1.0 };
    on_every_model(|model| {
        let uniform = images(model, method, Tau::Uniform, NOISY_STEPS);
        model.assert_equals(&uniform, "code uniform eta1 10");
        model.assert_equals(&uniform, "ddim eta1 free 10");
        let quad = images(model, method, Tau::Quad, NOISY_STEPS);
        model.assert_equals(&quad, "code quad eta1 10");
        let noisy = images(model, Method::DdpmNoisy, Tau::Uniform, NOISY_STEPS);
        model.assert_equals(&noisy, "code noisy 10");
    });
}
