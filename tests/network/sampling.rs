//! Whole runs against diffusers' DDIMScheduler, and what a run promises.

use ddim_web::engine::DeviceKind;
use ddim_web::sampler::{SampleOptions, Sampler, SamplerError, StepOutput};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::{Convention, Method};

use crate::fixture::{GREY_28, THREE_LEVELS, assert_close};
use crate::{rule, test, test_on_devices};

/// diffusers' `DDIMScheduler()` without arguments.
const SCHEDULER: &str = r#"{"_class_name": "DDIMScheduler"}"#;

/// `count` numbers of variance 1: the twin of `noise` in tools/make_unet_fixtures.py.
fn noise(name: &str, count: usize) -> Vec<f32> {
    rule::unit(name)
        .take(count)
        .map(|v| (v * 3f64.sqrt()) as f32)
        .collect()
}

fn options(method: Method, steps: usize) -> SampleOptions {
    SampleOptions {
        trajectory: TrajectoryOptions::new(method, steps),
        seed: 1,
        first_image: 0,
        same_noise: false,
        batch: 1,
        size: None,
        labels: None,
        latents: None,
        known: None,
        guidance: None,
    }
}

async fn run(device: DeviceKind, eta: u8) {
    let engine = THREE_LEVELS.engine(device).await;
    let scheduler = SchedulerConfig::from_json(SCHEDULER).unwrap();
    let (_, latents) = THREE_LEVELS.tensor("x1");
    let (_, expected) = THREE_LEVELS.tensor(&format!("ddim_eta{eta}"));
    let count = latents.len();
    let given = SampleOptions {
        latents: Some(latents),
        ..options(
            Method::Ddim {
                eta: f64::from(eta),
            },
            4,
        )
    };
    let sampler = Sampler::new(&engine, &scheduler, given).unwrap();
    let mut sampler =
        sampler.with_noise(Box::new(move |draw| noise(&format!("noise {draw}"), count)));
    assert_eq!(sampler.total(), 4);
    let mut last = sampler.next(&engine).await.unwrap();
    while !last.done {
        last = sampler.next(&engine).await.unwrap();
    }
    // Each step multiplies the network's error by up to sqrt(1/alpha_bar - 1) ≈ 10 before clipping.
    assert_close(&last.x_t, &expected, 3e-4);
}

test_on_devices!(
    four_deterministic_steps_equal_diffusers_on_cpu,
    four_deterministic_steps_equal_diffusers_on_webgpu,
    |d| run(d, 0)
);
test_on_devices!(
    four_stochastic_steps_equal_diffusers_on_cpu,
    four_stochastic_steps_equal_diffusers_on_webgpu,
    |d| run(d, 1)
);

async fn film(seed: u64, first_image: u32, batch: usize) -> Vec<StepOutput> {
    let engine = GREY_28.engine(DeviceKind::Cpu).await;
    let scheduler = SchedulerConfig::from_json(SCHEDULER).unwrap();
    let options = SampleOptions {
        seed,
        first_image,
        batch,
        ..options(Method::Ddim { eta: 0.5 }, 3)
    };
    let mut sampler = Sampler::new(&engine, &scheduler, options).unwrap();
    let mut steps = Vec::new();
    for _ in 0..sampler.total() {
        steps.push(sampler.next(&engine).await.unwrap());
    }
    steps
}

test!(
    the_same_seed_gives_the_same_numbers_and_another_seed_others,
    async {
        let (a, b, c) = (
            film(7, 0, 1).await,
            film(7, 0, 1).await,
            film(8, 0, 1).await,
        );
        assert_eq!(a, b);
        assert_ne!(a[2].x_t, c[2].x_t);
    }
);

test!(an_image_does_not_depend_on_the_batch_it_is_in, async {
    let (both, second) = (film(7, 0, 2).await, film(7, 1, 1).await);
    let image = second[2].x_t.len();
    // Matrix products of another size add in another order.
    assert_close(&both[2].x_t[image..], &second[2].x_t, 1e-4);
});

test!(steps_count_up_and_time_counts_down, async {
    let steps = film(1, 0, 1).await;
    assert_eq!(steps.iter().map(|s| s.index).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(steps.iter().map(|s| s.t).collect::<Vec<_>>(), [666, 333, 0]);
    assert_eq!(
        steps.iter().map(|s| s.done).collect::<Vec<_>>(),
        [false, false, true]
    );
    assert!(
        steps
            .iter()
            .all(|s| s.x0_hat.iter().all(|v| v.abs() <= 1.0)),
        "clip_sample holds x0_hat in [-1, 1]"
    );
});

test!(a_finished_run_says_so, async {
    let engine = GREY_28.engine(DeviceKind::Cpu).await;
    let scheduler = SchedulerConfig::from_json(SCHEDULER).unwrap();
    let mut sampler =
        Sampler::new(&engine, &scheduler, options(Method::Ddim { eta: 0.0 }, 1)).unwrap();
    assert!(sampler.next(&engine).await.unwrap().done);
    assert_eq!(sampler.next(&engine).await, Err(SamplerError::Over));
});

test!(impossible_runs_are_refused_with_the_options_name, async {
    let engine = GREY_28.engine(DeviceKind::Cpu).await;
    let scheduler = SchedulerConfig::from_json(SCHEDULER).unwrap();
    let base = options(Method::Ddim { eta: 0.0 }, 4);
    let cases = [
        (
            SampleOptions {
                trajectory: TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, 0),
                ..base.clone()
            },
            "steps",
        ),
        (
            SampleOptions {
                trajectory: TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, 1001),
                ..base.clone()
            },
            "steps",
        ),
        (
            SampleOptions {
                trajectory: TrajectoryOptions::new(Method::Ddim { eta: -1.0 }, 4),
                ..base.clone()
            },
            "eta",
        ),
        (
            SampleOptions {
                trajectory: TrajectoryOptions::new(Method::Ddim { eta: f64::NAN }, 4),
                ..base.clone()
            },
            "eta",
        ),
        (
            SampleOptions {
                batch: 0,
                ..base.clone()
            },
            "batch",
        ),
        (
            SampleOptions {
                batch: usize::MAX,
                ..base.clone()
            },
            "batch",
        ),
        (
            SampleOptions {
                size: Some([usize::MAX - 3, 32]),
                ..base.clone()
            },
            "too large",
        ),
        (
            SampleOptions {
                size: Some([30, 28]),
                ..base.clone()
            },
            "multiples of 4",
        ),
        (
            SampleOptions {
                labels: Some(vec![1]),
                ..base.clone()
            },
            "class labels",
        ),
        (
            SampleOptions {
                latents: Some(vec![0.0; 5]),
                ..base.clone()
            },
            "found 5",
        ),
        (
            SampleOptions {
                latents: Some(vec![f32::NAN; 784]),
                ..base.clone()
            },
            "finite",
        ),
        (
            SampleOptions {
                size: Some([0, 28]),
                ..base.clone()
            },
            "multiples of 4",
        ),
        (
            SampleOptions {
                size: Some([0, 0]),
                ..base.clone()
            },
            "multiples of 4",
        ),
        (
            SampleOptions {
                size: Some([1024, 1024]),
                ..base.clone()
            },
            "attention scores",
        ),
        (
            SampleOptions {
                size: Some([1 << 20, 1 << 20]),
                ..base.clone()
            },
            "too large",
        ),
        (
            SampleOptions {
                trajectory: TrajectoryOptions::new(Method::Inversion(Convention::Strict), 4),
                ..base.clone()
            },
            "inversion",
        ),
        (
            SampleOptions {
                trajectory: TrajectoryOptions {
                    from: Some(9),
                    ..base.trajectory.clone()
                },
                ..base.clone()
            },
            "from: the images at time step 9",
        ),
    ];
    for (options, word) in cases {
        let text = Sampler::new(&engine, &scheduler, options)
            .err()
            .expect(word)
            .to_string();
        assert!(text.contains(word), "{word}: {text}");
        assert!(!text.contains('\n'), "{text}");
    }
});
