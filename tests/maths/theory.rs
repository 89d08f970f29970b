//! Theorems of the papers on whole chains, with models simple enough to be known exactly.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    bound::Bound,
    gaussian::{Posterior, discretised_log_likelihood, forward_step},
    noise::gaussian,
    schedule::{BetaSchedule, NoiseSchedule},
    scheduler::TrajectoryOptions,
    step::{Method, Prediction, Variance},
    timesteps::Tau,
};

use crate::support::unclipped;

fn noise(draw: u32, len: usize) -> Vec<f64> {
    let mut out = vec![0.0; len];
    gaussian(2020, 3, draw, &mut out);
    out.into_iter().map(f64::from).collect()
}

/// The largest difference of two samples' distribution functions (Kolmogorov & Smirnov).
fn ks_statistic(a: &[f64], b: &[f64]) -> f64 {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        if a[i] <= b[j] {
            i += 1;
        } else {
            j += 1;
        }
        let gap = i as f64 / a.len() as f64 - j as f64 / b.len() as f64;
        largest = largest.max(gap.abs());
    }
    largest
}

/// What the statistic of two samples of `n` exceeds once in a thousand times: `sqrt(-ln(0.001 / 2) / n)`.
fn ks_critical(n: usize) -> f64 {
    (-(0.0005_f64).ln() / n as f64).sqrt()
}

/// Two samples have one distribution: the Kolmogorov–Smirnov statistic, and 4 standard errors for the moments.
fn assert_same_distribution(found: &[f64], mean: f64, variance: f64, what: &str) {
    let n = found.len();
    let fresh: Vec<f64> = noise(9999, n)
        .into_iter()
        .map(|z| mean + variance.sqrt() * z)
        .collect();
    let (statistic, critical) = (ks_statistic(found, &fresh), ks_critical(n));
    assert!(statistic < critical, "{what}: {statistic} >= {critical}");
    let n = n as f64;
    let sample_mean = found.iter().sum::<f64>() / n;
    let sample_variance = found.iter().map(|x| (x - sample_mean).powi(2)).sum::<f64>() / n;
    assert!(
        (sample_mean - mean).abs() < 4.0 * (variance / n).sqrt(),
        "{what}: mean {sample_mean}, expected {mean}"
    );
    assert!(
        (sample_variance / variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(),
        "{what}: variance {sample_variance}, expected {variance}"
    );
}

#[test]
fn the_ks_statistic_rejects_what_differs() {
    let n = 10_000;
    let sample = noise(0, n);
    let shifted: Vec<f64> = noise(1, n).iter().map(|z| z + 0.1).collect();
    let wider: Vec<f64> = noise(2, n).iter().map(|z| z * 1.2).collect();
    assert!(ks_statistic(&sample, &noise(3, n)) < ks_critical(n));
    assert!(ks_statistic(&sample, &shifted) > ks_critical(n));
    assert!(ks_statistic(&sample, &wider) > ks_critical(n));
    assert_eq!(ks_statistic(&[1.0, 2.0], &[3.0, 4.0]), 1.0);
}

/// DDPM, eq. 2 step by step against eq. 4, from an x_0 of two values.
#[test]
fn stepwise_diffusion_has_the_distribution_of_the_closed_form() {
    const CHAINS: usize = 10_000;
    let schedule = NoiseSchedule::new(BetaSchedule::Linear, 100, 1e-3, 0.2).unwrap();
    for x_0 in [0.8, -0.35] {
        let mut x = vec![x_0; CHAINS];
        for t in 0..schedule.len() {
            let (scale, variance) = forward_step(&schedule, t);
            for (x, z) in x.iter_mut().zip(noise(t as u32, CHAINS)) {
                *x = scale * *x + variance.sqrt() * z;
            }
            if [0, 9, 49, 99].contains(&t) {
                let (signal, noise) = schedule.signal_and_noise(t);
                let what = format!("x_0 = {x_0}, t = {t}");
                assert_same_distribution(&x, signal * x_0, noise * noise, &what);
            }
        }
    }
}

/// DDIM, lemma 1, in distribution: q_sigma (eq. 7) iterated down from x_T.
#[test]
fn q_sigma_keeps_the_distribution_at_every_timestep() {
    const CHAINS: usize = 10_000;
    let config = unclipped();
    let schedule = config.schedule().unwrap();
    let x_0 = -0.55;
    let tau = [5, 60, 300, 550, 800, 999];
    let rule: Tau = "list:5,60,300,550,800,999".parse().unwrap();
    // sigma of eq. 16, and any other vector that eq. 7 allows
    let of_eta = |eta| {
        let options = TrajectoryOptions {
            tau: Some(rule.clone()),
            ..TrajectoryOptions::new(Method::Ddim { eta }, 1)
        };
        let steps = config.trajectory(&options).unwrap().steps;
        steps.iter().map(|s| s.coefficients.sigma).collect()
    };
    let any: Vec<f64> = vec![0.9, 0.01, 0.5, 0.2, 0.02];
    for (which, sigmas) in [of_eta(0.0), of_eta(0.3), of_eta(1.0), any]
        .iter()
        .enumerate()
    {
        let (signal, spread) = schedule.signal_and_noise(999);
        let mut x: Vec<f64> = noise(0, CHAINS)
            .iter()
            .map(|z| signal * x_0 + spread * z)
            .collect();
        for (i, sigma) in (1..tau.len()).rev().zip(sigmas) {
            let q = Posterior::ddim(&schedule, tau[i], Some(tau[i - 1]), *sigma).unwrap();
            for (x, z) in x.iter_mut().zip(noise(i as u32, CHAINS)) {
                *x = q.mean(x_0, *x) + sigma * z;
            }
            let (signal, spread) = schedule.signal_and_noise(tau[i - 1]);
            let what = format!("sigmas {which}, t = {}", tau[i - 1]);
            assert_same_distribution(&x, signal * x_0, spread * spread, &what);
        }
    }
}

/// Bytes of a narrow Gaussian (a deviation of two levels), and the network that predicts their noise exactly:
/// eps from E[x_0 | x_t].
struct Bytes {
    values: Vec<f32>,
    probabilities: Vec<f64>,
}

impl Bytes {
    fn new() -> Self {
        let likelihood = |k| discretised_log_likelihood(k, 0.1, 0.016 * 0.016).exp();
        let likely = (0..=u8::MAX).filter(|k| likelihood(*k) > 1e-9);
        let (values, probabilities): (Vec<f32>, Vec<f64>) = likely
            .map(|k| (f32::from(k) / 127.5 - 1.0, likelihood(k)))
            .unzip();
        let total: f64 = probabilities.iter().sum();
        Self {
            values,
            probabilities: probabilities.iter().map(|p| p / total).collect(),
        }
    }

    fn entropy(&self) -> f64 {
        -self.probabilities.iter().map(|p| p * p.ln()).sum::<f64>()
    }

    fn eps(&self, x_t: f64, alpha_bar: f64) -> f64 {
        let (signal, variance) = (alpha_bar.sqrt(), 1.0 - alpha_bar);
        let weigh = |value: f32, p: f64| {
            let distance = x_t - signal * f64::from(value);
            p.ln() - distance * distance / (2.0 * variance)
        };
        let logs: Vec<f64> = self
            .values
            .iter()
            .zip(&self.probabilities)
            .map(|(v, p)| weigh(*v, *p))
            .collect();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut mass, mut mean) = (0.0, 0.0);
        for (log, value) in logs.iter().zip(&self.values) {
            let weight = (log - top).exp();
            mass += weight;
            mean += weight * f64::from(*value);
        }
        (x_t - signal * mean / mass) / variance.sqrt()
    }

    /// The whole bound in nats, its means over x_0 and x_t as sums: over the bytes, and over eps by the trapezoid
    /// rule.
    fn bound(&self, bound: &Bound) -> f64 {
        let eps: Vec<f64> = (-28..=28).map(|i| 0.25 * f64::from(i)).collect();
        let weights: Vec<f64> = eps.iter().map(|e| (-0.5 * e * e).exp()).collect();
        let total: f64 = weights.iter().sum();
        let schedule = &bound.schedule;
        let mut sum = 0.0;
        for (value, p) in self.values.iter().zip(&self.probabilities) {
            let x_0 = [*value];
            sum += p * bound.prior(&x_0);
            for t in 0..schedule.len() {
                let (signal, noise) = schedule.signal_and_noise(t);
                for (e, weight) in eps.iter().zip(&weights) {
                    let x_t = (signal * f64::from(*value) + noise * e) as f32;
                    let out = self.eps(f64::from(x_t), schedule.alpha_bar(t)) as f32;
                    let term = bound.term(t, &x_0, &[x_t], &[out]).unwrap();
                    sum += p * weight / total * term;
                }
            }
        }
        sum
    }
}

/// A chain of `steps` steps with evenly spaced `ln(SNR)` from 15 to -8.
fn even_schedule(steps: usize) -> NoiseSchedule {
    let mut before = 1.0;
    let betas = (0..steps).map(|t| {
        let log_snr = 15.0 - 23.0 * t as f64 / (steps - 1) as f64;
        let alpha_bar = 1.0 / (1.0 + (-log_snr).exp());
        1.0 - alpha_bar / std::mem::replace(&mut before, alpha_bar)
    });
    NoiseSchedule::from_betas(betas.collect()).unwrap()
}

/// With the exact eps the bound comes down to the entropy of the bytes, which no model can beat, and its gap is
/// proportional to 1/T. Gaps here: 0.27, 0.13, 0.063 nats with beta_tilde, twice that with beta.
#[test]
fn the_bound_of_a_perfect_model_approaches_the_entropy() {
    let bytes = Bytes::new();
    let entropy = bytes.entropy();
    // That of the Gaussian itself, in levels: 0.5 ln(2 pi e sigma²) - ln(2/255).
    let differential = 0.5 * (std::f64::consts::TAU * std::f64::consts::E * 0.016_f64.powi(2)).ln();
    assert!((entropy - (differential - (2.0_f64 / 255.0).ln())).abs() < 0.02);
    for (variance, largest) in [(Variance::FixedSmall, 0.065), (Variance::FixedLarge, 0.14)] {
        let gap = |steps| {
            let bound = Bound {
                schedule: even_schedule(steps),
                prediction: Prediction::Epsilon,
                variance,
                clip_x0_hat: true,
            };
            bytes.bound(&bound) - entropy
        };
        let gaps = [gap(100), gap(200), gap(400)];
        assert!(
            gaps[2] > 0.0 && gaps[2] < largest,
            "{variance:?}: {gaps:?} nats"
        );
        for pair in gaps.windows(2) {
            let ratio = pair[1] / pair[0];
            assert!((0.46..0.53).contains(&ratio), "{variance:?}: {gaps:?} nats");
        }
        // What is left when the part in 1/T is taken out.
        let limit = 2.0 * gaps[2] - gaps[1];
        assert!(
            limit.abs() < 0.01,
            "{variance:?}: {limit} nats at infinite T"
        );
    }
}
