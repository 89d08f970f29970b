//! Runs that keep a part of a picture, and runs that are guided by a class: against the same steps made one by one, with
//! the formulas of the papers written out.

use ddim_web::engine::{BatchSpec, Denoiser, DeviceKind, Engine};
use ddim_web::noise::{KNOWN_DRAWS, gaussians};
use ddim_web::sampler::{Guidance, Known, SampleOptions, Sampler};
use ddim_web::scheduler::{SchedulerConfig, Trajectory, TrajectoryOptions};
use ddim_web::step::{Clip, Convention, EpsFrom, Method, StepCoefficients, Variance};

use crate::fixture::{CLASSES, GREY_28, assert_close, largest_difference};
use crate::{rule, test, test_on_devices};

const METHODS: [Method; 6] = [
    Method::Ddim { eta: 0.0 },
    Method::Ddim { eta: 1.0 },
    Method::SigmaHat,
    Method::DdpmNoisy,
    Method::DdpmAncestral(Variance::FixedLarge),
    Method::ProbabilityFlow,
];

fn scheduler() -> SchedulerConfig {
    SchedulerConfig::from_json("{}").unwrap()
}

fn options(method: Method, batch: usize) -> SampleOptions {
    SampleOptions {
        trajectory: TrajectoryOptions::new(method, 3),
        seed: 11,
        first_image: 2,
        same_noise: false,
        batch,
        size: None,
        labels: None,
        latents: None,
        known: None,
        guidance: None,
    }
}

/// x_T, then x0_hat and x_t of every step.
async fn run(engine: &Engine, options: SampleOptions) -> Vec<Vec<f32>> {
    let mut sampler = Sampler::new(engine, &scheduler(), options).unwrap();
    let mut states = vec![sampler.x_t().to_vec()];
    for _ in 0..sampler.total() {
        let step = sampler.next(engine).await.unwrap();
        states.extend([step.x0_hat, step.x_t]);
    }
    states
}

fn assert_runs_close(found: &[Vec<f32>], expected: &[Vec<f32>], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_close(found, expected, tolerance);
    }
}

fn refusal(engine: &Engine, options: SampleOptions) -> String {
    let text = Sampler::new(engine, &scheduler(), options)
        .err()
        .expect("this must be refused")
        .to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

/// The three lines of `step.rs`, in f64, with a clip to ±1 or none.
fn step(c: &StepCoefficients, x: &[f32], out: &[f64], z: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let of_pixel = |i: usize| {
        let x = f64::from(x[i]);
        let x0_hat = c.p * x + c.q * out[i];
        let x0_hat = match c.clip {
            Clip::Range(range) => x0_hat.clamp(-range, range),
            _ => x0_hat,
        };
        let source = match c.eps_from {
            EpsFrom::Out => out[i],
            EpsFrom::X0Hat => x0_hat,
        };
        let eps = c.r * x + c.s * source;
        let next = c.a * x0_hat + c.b * eps + c.sigma * f64::from(z[i]);
        (x0_hat as f32, next as f32)
    };
    (0..x.len()).map(of_pixel).unzip()
}

fn trajectory(options: &SampleOptions) -> Trajectory {
    scheduler().trajectory(&options.trajectory).unwrap()
}

fn guided(method: Method, weight: f64) -> SampleOptions {
    SampleOptions {
        labels: Some(vec![3, 5]),
        guidance: Some(Guidance {
            weight,
            null_label: 0,
        }),
        ..options(method, 2)
    }
}

async fn guidance_of_zero_is_the_run_without_it(device: DeviceKind) {
    let engine = CLASSES.engine(device).await;
    for method in METHODS {
        let guided = guided(method, 0.0);
        let plain = SampleOptions {
            guidance: None,
            ..guided.clone()
        };
        let (found, expected) = (run(&engine, guided).await, run(&engine, plain).await);
        assert_runs_close(&found, &expected, 1e-5);
    }
}

test_on_devices!(
    guidance_of_zero_is_the_run_without_it_on_cpu,
    guidance_of_zero_is_the_run_without_it_on_webgpu,
    guidance_of_zero_is_the_run_without_it
);

/// The network's output for two images of `classes`.
async fn answers(
    engine: &Engine,
    shape: [usize; 4],
    x: &[f32],
    t: usize,
    class: [usize; 2],
) -> Vec<f32> {
    let spec = BatchSpec {
        shape,
        labels: Some(class.into()),
    };
    engine
        .predict(&spec, x.to_vec(), &[t as f32; 2])
        .await
        .unwrap()
}

async fn a_guided_step_goes_from_the_answer_without_to_beyond_the_one_with(device: DeviceKind) {
    let engine = CLASSES.engine(device).await;
    let schedule = scheduler().schedule().unwrap();
    for (method, weight) in METHODS.map(|method| (method, 1.0)).into_iter().chain([
        (Method::Ddim { eta: 0.5 }, 4.5),
        (Method::Ddim { eta: 0.0 }, -1.0),
    ]) {
        let options = guided(method, weight);
        let found = run(&engine, options.clone()).await;
        let shape = Sampler::new(&engine, &scheduler(), options.clone())
            .unwrap()
            .shape();
        let image = shape[1..].iter().product::<usize>();
        let mut told = options.clone();
        told.trajectory.use_clipped_model_output = true;
        for (i, made) in trajectory(&told).steps.iter().enumerate() {
            let x = if i == 0 { &found[0] } else { &found[2 * i] };
            let with = answers(&engine, shape, x, made.t, [3, 5]).await;
            let without = answers(&engine, shape, x, made.t, [0, 0]).await;
            assert!(largest_difference(&with, &without) > 1e-3);
            // eps_tilde = (1 + w) eps(x, c) - w eps(x): Ho & Salimans 2022, eq. 6
            let out: Vec<f64> = with
                .iter()
                .zip(&without)
                .map(|(with, without)| {
                    (1.0 + weight) * f64::from(*with) - weight * f64::from(*without)
                })
                .collect();
            let z = gaussians(11, 2, i as u32 + 1, [2, image]);
            let (x0_hat, x_t) = step(&made.coefficients, x, &out, &z);
            // The step multiplies the network's last bits by up to sqrt(1 / alpha_bar - 1), about 10 at t = 666, and
            // its sum by 1 + 2 w.
            assert_close(&found[2 * i + 1], &x0_hat, 2e-4);
            assert_close(&found[2 * i + 2], &x_t, 2e-4);
            if method != (Method::Ddim { eta: 0.0 }) {
                continue;
            }
            // x_t = sqrt(alpha_bar) x0_hat + sqrt(1 - alpha_bar) eps holds for the clipped x0_hat, before the step with
            // its level and after it with the next one.
            let (signal, noise) = schedule.signal_and_noise(made.t);
            let (next_signal, next_noise) = match made.t_next {
                Some(t) => schedule.signal_and_noise(t),
                None => (1.0, 0.0),
            };
            let x0_hat = &found[2 * i + 1];
            assert!(x0_hat.iter().any(|x| x.abs() == 1.0));
            let expected = x.iter().zip(x0_hat).map(|(x, x0_hat)| {
                let eps = (f64::from(*x) - signal * f64::from(*x0_hat)) / noise;
                (next_signal * f64::from(*x0_hat) + next_noise * eps) as f32
            });
            assert_close(&found[2 * i + 2], &expected.collect::<Vec<_>>(), 2e-4);
        }
    }
}

test_on_devices!(
    a_guided_step_goes_from_the_answer_without_to_beyond_the_one_with_on_cpu,
    a_guided_step_goes_from_the_answer_without_to_beyond_the_one_with_on_webgpu,
    a_guided_step_goes_from_the_answer_without_to_beyond_the_one_with
);

test!(guidance_that_means_nothing_is_refused, async {
    let engine = CLASSES.engine(DeviceKind::Cpu).await;
    let classes = engine.info().classes.unwrap();
    let base = guided(Method::Ddim { eta: 0.0 }, 1.0);
    let with = |weight, null_label| SampleOptions {
        guidance: Some(Guidance { weight, null_label }),
        ..base.clone()
    };
    for weight in [f64::NAN, f64::INFINITY] {
        assert!(refusal(&engine, with(weight, 0)).contains("guidance: expected a finite number"));
    }
    let text = refusal(&engine, with(1.0, classes));
    assert!(
        text.contains(&format!(
            "null_label: expected a class from 0 to {}",
            classes - 1
        )),
        "{text}"
    );
    for labels in [None, Some(vec![1]), Some(vec![1, classes])] {
        let text = refusal(
            &engine,
            SampleOptions {
                labels,
                ..base.clone()
            },
        );
        assert!(text.contains("class labels: expected 2 from 0"), "{text}");
    }
    let unconditional = GREY_28.engine(DeviceKind::Cpu).await;
    for labels in [None, Some(vec![1, 2])] {
        let text = refusal(
            &unconditional,
            SampleOptions {
                labels,
                ..base.clone()
            },
        );
        assert!(
            text.contains("guidance: this network has no classes"),
            "{text}"
        );
    }
});

const IMAGE: usize = 28 * 28;

/// The right half is known.
fn half() -> Vec<f32> {
    (0..IMAGE)
        .map(|i| if i % 28 < 14 { 0.0 } else { 1.0 })
        .collect()
}

fn pictures(count: usize) -> Vec<f32> {
    let values = rule::unit("known").take(count * IMAGE);
    values.map(|v| v as f32).collect()
}

fn keeping(method: Method, mask: Vec<f32>, x_0: Vec<f32>) -> SampleOptions {
    SampleOptions {
        known: Some(Known { x_0, mask }),
        ..options(method, 2)
    }
}

/// x with `x_0`, noised to `t` after `number` steps, in the place of what `mask` knows.
fn merged(x: &[f32], mask: &[f32], x_0: &[f32], t: Option<usize>, number: usize) -> Vec<f32> {
    let alpha_bar = t.map_or(1.0, |t| scheduler().schedule().unwrap().alpha_bar(t));
    let eps = gaussians(11, 2, KNOWN_DRAWS + number as u32, [2, IMAGE]);
    let of_pixel = |i: usize| {
        let kept =
            alpha_bar.sqrt() * f64::from(x_0[i]) + (1.0 - alpha_bar).sqrt() * f64::from(eps[i]);
        let m = f64::from(mask[i % IMAGE]);
        (m * kept + (1.0 - m) * f64::from(x[i])) as f32
    };
    (0..x.len()).map(of_pixel).collect()
}

async fn the_known_part_follows_the_forward_process(device: DeviceKind) {
    let engine = GREY_28.engine(device).await;
    let x_0 = pictures(2);
    let soft: Vec<f32> = (0..IMAGE).map(|i| (i % 5) as f32 / 4.0).collect();
    for (method, mask) in METHODS.into_iter().zip([half(), soft].into_iter().cycle()) {
        let options = keeping(method, mask.clone(), x_0.clone());
        let found = run(&engine, options.clone()).await;
        let x_t = gaussians(11, 2, 0, [2, IMAGE]);
        assert_close(&found[0], &merged(&x_t, &mask, &x_0, Some(666), 0), 1e-6);
        let spec = BatchSpec {
            shape: [2, 1, 28, 28],
            labels: None,
        };
        for (i, made) in trajectory(&options).steps.iter().enumerate() {
            let x = if i == 0 { &found[0] } else { &found[2 * i] };
            let out = engine
                .predict(&spec, x.clone(), &[made.t as f32; 2])
                .await
                .unwrap();
            let out: Vec<f64> = out.iter().map(|v| f64::from(*v)).collect();
            let z = gaussians(11, 2, i as u32 + 1, [2, IMAGE]);
            let (x0_hat, next) = step(&made.coefficients, x, &out, &z);
            assert_close(&found[2 * i + 1], &x0_hat, 2e-4);
            let expected = merged(&next, &mask, &x_0, made.t_next, i + 1);
            assert_close(&found[2 * i + 2], &expected, 2e-4);
        }
        for (i, (found, x_0)) in found[6].iter().zip(&x_0).enumerate() {
            assert!(mask[i % IMAGE] < 1.0 || found == x_0);
        }
    }
}

test_on_devices!(
    the_known_part_follows_the_forward_process_on_cpu,
    the_known_part_follows_the_forward_process_on_webgpu,
    the_known_part_follows_the_forward_process
);

test!(knowing_nothing_changes_nothing, async {
    let engine = GREY_28.engine(DeviceKind::Cpu).await;
    for method in METHODS {
        let options = keeping(method, vec![0.0; IMAGE], pictures(1));
        let plain = SampleOptions {
            known: None,
            ..options.clone()
        };
        assert_runs_close(
            &run(&engine, options).await,
            &run(&engine, plain).await,
            0.0,
        );
    }
});

test!(one_known_picture_is_that_of_all_images, async {
    let engine = GREY_28.engine(DeviceKind::Cpu).await;
    let method = Method::Ddim { eta: 1.0 };
    let one = run(&engine, keeping(method, half(), pictures(1))).await;
    let each = run(&engine, keeping(method, half(), pictures(1).repeat(2))).await;
    assert_runs_close(&one, &each, 0.0);
    // The two images have different noise in both parts, unless they are told to share it.
    let noise_of = |x: &[f32]| largest_difference(&x[..IMAGE], &x[IMAGE..]);
    assert!(noise_of(&one[0]) > 0.1);
    let shared = SampleOptions {
        same_noise: true,
        ..keeping(method, half(), pictures(1))
    };
    let shared = run(&engine, shared).await;
    assert!(shared.iter().all(|x| noise_of(x) < 1e-4));
});

test!(
    a_kept_run_in_two_parts_or_several_steps_at_once_is_the_whole_one,
    async {
        let engine = GREY_28.engine(DeviceKind::Cpu).await;
        let whole = keeping(Method::Ddim { eta: 0.5 }, half(), pictures(2));
        let expected = run(&engine, whole.clone()).await;
        let mut sampler = Sampler::new(&engine, &scheduler(), whole.clone()).unwrap();
        assert_eq!(sampler.advance(&engine, 2).await.unwrap().x_t, expected[4]);
        assert_eq!(sampler.advance(&engine, 2).await.unwrap().x_t, expected[6]);
        let part = |from, to, latents| {
            let mut part = whole.clone();
            (part.trajectory.from, part.trajectory.to, part.latents) = (from, to, latents);
            part
        };
        let first = run(&engine, part(None, Some(333), None)).await;
        assert_eq!(first[2], expected[2]);
        let second = run(&engine, part(Some(333), None, Some(first[2].clone()))).await;
        assert_runs_close(&second[1..], &expected[3..], 0.0);
    }
);

test!(a_kept_step_is_taken_apart_as_it_was_made, async {
    let engine = GREY_28.engine(DeviceKind::Cpu).await;
    let options = keeping(Method::Ddim { eta: 0.5 }, half(), pictures(2));
    let mut sampler = Sampler::new(&engine, &scheduler(), options).unwrap();
    let x_t = sampler.x_t().to_vec();
    let given = sampler.next(&engine).await.unwrap();
    let found = sampler.dissect().unwrap();
    let (signal, noise) = scheduler().schedule().unwrap().signal_and_noise(666);
    let b = found.coefficients.b;
    // b eps, eps from x_t = sqrt(alpha_bar) x0_hat + sqrt(1 - alpha_bar) eps where nothing was clipped
    let direction = x_t.iter().zip(&found.x0_hat).map(|(x, x_0)| {
        let eps = (f64::from(*x) - signal * f64::from(*x_0)) / noise;
        (x_0.abs() < 1.0).then_some((b * eps) as f32)
    });
    for (found, expected) in found.direction.iter().zip(direction) {
        assert!(expected.is_none_or(|expected| (found - expected).abs() < 1e-4));
    }
    assert_eq!(found.x0_hat, given.x0_hat);
});

test!(a_kept_run_can_be_guided, async {
    let engine = CLASSES.engine(DeviceKind::Cpu).await;
    let guided = guided(Method::Ddim { eta: 1.0 }, 1.5);
    let [_, channels, height, width] = Sampler::new(&engine, &scheduler(), guided.clone())
        .unwrap()
        .shape();
    let known = |mask: f32| SampleOptions {
        known: Some(Known {
            x_0: vec![0.25; channels * height * width],
            mask: vec![mask; height * width],
        }),
        ..guided.clone()
    };
    let all = run(&engine, known(1.0)).await;
    assert!(all[6].iter().all(|x| *x == 0.25));
    assert_runs_close(
        &run(&engine, known(0.0)).await,
        &run(&engine, guided).await,
        0.0,
    );
});

test!(what_cannot_be_kept_is_refused, async {
    let engine = GREY_28.engine(DeviceKind::Cpu).await;
    let ddim = Method::Ddim { eta: 0.0 };
    let inversion = SampleOptions {
        latents: Some(pictures(2)),
        ..keeping(Method::Inversion(Convention::Retrace), half(), pictures(1))
    };
    let mut unfit = half();
    unfit[3] = 1.5;
    let mut nan = half();
    nan[3] = f32::NAN;
    for (options, word) in [
        (inversion, "known: inversion starts from whole images"),
        (
            keeping(ddim, half(), vec![0.0; 5]),
            "known: expected one picture of 784 values or one for each of 2 images, found 5",
        ),
        (keeping(ddim, half(), pictures(3)), "found 2352"),
        (keeping(ddim, half(), vec![f32::NAN; IMAGE]), "finite"),
        (
            keeping(ddim, vec![1.0; 3], pictures(1)),
            "mask: expected height × width = 784 values, found 3",
        ),
        (
            keeping(ddim, unfit, pictures(1)),
            "mask: expected numbers from 0 (to be made) to 1 (known), found 1.5",
        ),
        (keeping(ddim, nan, pictures(1)), "found NaN"),
    ] {
        let text = refusal(&engine, options);
        assert!(text.contains(word), "{word}: {text}");
    }
});
