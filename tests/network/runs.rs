//! What page and terminal do with a model: batches, the ODE, paths, and what both refuse.

use ddim_web::bound::{Bound, bits_per_dimension};
use ddim_web::engine::{BatchSpec, CpuEngine, Denoiser};
use ddim_web::gaussian::diffused;
use ddim_web::noise::{gaussian, slerp};
use ddim_web::runs::nearest::Nearest;
use ddim_web::runs::partial::{PartialError, mixed, noised, posterior_mean};
use ddim_web::runs::paths::{PathError, between};
use ddim_web::runs::rate::{Rate, RateError, RateOptions, Term, VARIANCES, curve};
use ddim_web::runs::{Event, Job, Model, Ode, Refusal, RunError, Watch, mean_squared_error, rules};
use ddim_web::sampler::{SampleOptions, Sampler};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::{Clip, Convention, Method};

use crate::fixture::{NO_MIDDLE, assert_close};
use crate::test;

const DDIM: Method = Method::Ddim { eta: 0.0 };

fn scheduler(json: &str) -> SchedulerConfig {
    SchedulerConfig::from_json(json).unwrap()
}

fn engine() -> CpuEngine {
    CpuEngine::load(NO_MIDDLE.config, &NO_MIDDLE.weights()).unwrap()
}

fn model() -> Model<CpuEngine> {
    Model::new(engine(), scheduler("{}"))
}

/// Values of an image of [`model`].
const IMAGE: usize = 3 * 8 * 8;

fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count * IMAGE];
    gaussian(seed, 0, 0, &mut values);
    values
}

/// What the network of [`engine`] makes of `x`, all of it at time step `t`.
async fn answers(engine: &CpuEngine, x: &[f32], t: usize) -> Vec<f32> {
    let batch = x.len() / IMAGE;
    let spec = BatchSpec {
        shape: [batch, 3, 8, 8],
        labels: None,
    };
    let times = vec![t as f32; batch];
    engine.predict(&spec, x.to_vec(), &times).await.unwrap()
}

test!(
    images_do_not_depend_on_the_batches_they_are_made_in,
    async {
        let model = model();
        let trajectory = TrajectoryOptions::new(Method::Ddim { eta: 1.0 }, 2);
        let all = Job::new(trajectory, 3, 18);
        let mut seen = Vec::new();
        let mut watch = |event: &Event| seen.push((event.first, event.batch, event.step.index));
        let images = model.run(&all, &mut watch).await.unwrap();
        assert_eq!(seen, [(0, 16, 0), (0, 16, 1), (16, 2, 0), (16, 2, 1)]);
        assert_eq!(model.events(18, 2), 4);
        let last = Job {
            first_image: 17,
            count: 1,
            ..all
        };
        let alone = model.run(&last, &mut |_: &Event| ()).await.unwrap();
        assert_close(&images[17 * IMAGE..], &alone, 1e-5);
    }
);

test!(a_watcher_ends_a_run_before_its_next_step, async {
    struct Once(usize);
    impl Watch for Once {
        fn go_on(&mut self) -> bool {
            self.0 == 0
        }
        fn see(&mut self, _: &Event) {
            self.0 += 1;
        }
    }
    let mut watch = Once(0);
    let job = Job::new(TrajectoryOptions::new(DDIM, 4), 0, 1);
    let stopped = model().run(&job, &mut watch).await;
    assert_eq!((stopped, watch.0), (Err(RunError::Stopped), 1));
    let predicted = model()
        .predict(&noise(1, 1), [1, 3, 8, 8], &[5.0], &|| false)
        .await;
    assert_eq!(predicted, Err(RunError::Stopped));
});

test!(the_ode_walks_unclipped_in_both_directions, async {
    // The scheduler clips; its trajectory with the clipping left out is what both directions have to be.
    let model = model();
    let like = Job::new(TrajectoryOptions::new(DDIM, 5), 0, 0);
    let ode = Ode::new(&model, &like, Convention::Strict).unwrap();
    assert_eq!(ode.events(2), 5);
    let pictures = noise(7, 2);
    let x_t = ode.encode(&pictures, &mut |_: &Event| ()).await.unwrap();
    let decoded = ode.decode(&x_t, &mut |_: &Event| ()).await.unwrap();
    let inversion = Method::Inversion(Convention::Strict);
    for (method, from, expected) in [(inversion, &pictures, &x_t), (DDIM, &x_t, &decoded)] {
        let options = SampleOptions {
            trajectory: TrajectoryOptions {
                clip: Some(Clip::None),
                ..TrajectoryOptions::new(method, 5)
            },
            seed: 0,
            first_image: 0,
            same_noise: false,
            batch: 2,
            size: None,
            labels: None,
            latents: Some(from.clone()),
            known: None,
            guidance: None,
        };
        let engine = engine();
        let mut sampler = Sampler::new(&engine, model.scheduler(), options).unwrap();
        let found = sampler.advance(&engine, 5).await.unwrap().x_t;
        assert_eq!(&found, expected, "{method}");
    }
    assert_eq!(mean_squared_error(&[1.0, -1.0], &[-1.0, -1.0]), 0.5);
});

test!(the_ode_ends_and_begins_where_it_is_told, async {
    let model = model();
    let trajectory = TrajectoryOptions {
        from: Some(500),
        ..TrajectoryOptions::new(DDIM, 10)
    };
    let ode = Ode::new(&model, &Job::new(trajectory, 0, 0), Convention::Retrace).unwrap();
    // tau is 0, 100, … 900, of which six are not above 500
    assert_eq!(ode.events(1), 6);
    let pictures = noise(7, 1);
    let x_t = ode.encode(&pictures, &mut |_: &Event| ()).await.unwrap();
    let mut seen = Vec::new();
    ode.decode(&x_t, &mut |event: &Event| seen.push(event.step.t))
        .await
        .unwrap();
    assert_eq!(seen, [500, 400, 300, 200, 100, 0]);
});

test!(a_run_in_two_parts_gives_the_images_of_the_whole, async {
    let model = model();
    for method in [Method::Ddim { eta: 1.0 }, DDIM] {
        let part = |from, to, latents| Job {
            latents,
            ..Job::new(
                TrajectoryOptions {
                    from,
                    to,
                    ..TrajectoryOptions::new(method, 5)
                },
                3,
                2,
            )
        };
        let run = async |job: Job| model.run(&job, &mut |_: &Event| ()).await.unwrap();
        let whole = run(part(None, None, None)).await;
        let x_t = run(part(None, Some(400), None)).await;
        let both = run(part(Some(400), None, Some(x_t))).await;
        assert_close(&both, &whole, 1e-6);
    }
});

test!(images_with_the_same_noise_differ_by_nothing_else, async {
    let job = Job {
        same_noise: true,
        first_image: 5,
        ..Job::new(TrajectoryOptions::new(Method::Ddim { eta: 1.0 }, 2), 3, 18)
    };
    let images = model().run(&job, &mut |_: &Event| ()).await.unwrap();
    let alone = Job {
        count: 1,
        same_noise: false,
        ..job
    };
    let alone = model().run(&alone, &mut |_: &Event| ()).await.unwrap();
    for image in images.chunks_exact(IMAGE) {
        assert_close(image, &alone, 1e-5);
    }
});

test!(a_step_is_the_sum_of_the_three_terms_of_equation_12, async {
    let engine = engine();
    let scheduler = scheduler(r#"{"clip_sample": false}"#);
    for (method, noisy) in [(Method::Ddim { eta: 0.5 }, true), (DDIM, false)] {
        let options = SampleOptions {
            trajectory: TrajectoryOptions::new(method, 4),
            seed: 1,
            first_image: 3,
            same_noise: false,
            batch: 2,
            size: None,
            labels: None,
            latents: None,
            known: None,
            guidance: None,
        };
        let mut sampler = Sampler::new(&engine, &scheduler, options).unwrap();
        assert_eq!(sampler.dissect(), None);
        let x_t = sampler.advance(&engine, 2).await.unwrap().x_t;
        let step = sampler.next(&engine).await.unwrap();
        let found = sampler.dissect().unwrap();
        let c = found.coefficients;
        assert_eq!((found.index, found.t, found.t_next), (2, 250, Some(0)));
        assert_eq!(found.x0_hat, step.x0_hat);
        let out = answers(&engine, &x_t, 250).await;
        let z: Vec<f32> = (0..2)
            .flat_map(|image| {
                let mut z = vec![0.0; IMAGE];
                gaussian(1, 3 + image, 3, &mut z);
                z
            })
            .collect();
        let scaled = |factor: f64, values: &[f32]| -> Vec<f32> {
            let product = |v: &f32| (factor * f64::from(*v)) as f32;
            values.iter().map(product).collect()
        };
        assert_close(&found.predicted, &scaled(c.a, &step.x0_hat), 1e-6);
        // This network predicts eps.
        assert_close(&found.direction, &scaled(c.b, &out), 1e-5);
        assert_close(&found.noise, &scaled(c.sigma, &z), 1e-6);
        let others = found.direction.iter().zip(&found.noise);
        let sum = found.predicted.iter().zip(others);
        let sum: Vec<f32> = sum.map(|(a, (b, c))| a + b + c).collect();
        assert_close(&sum, &step.x_t, 1e-6);
        assert_eq!(found.noise.iter().any(|v| *v != 0.0), noisy);
    }
});

test!(
    pictures_are_noised_by_equation_4_with_noise_of_their_own,
    async {
        let scheduler = scheduler("{}");
        let schedule = scheduler.schedule().unwrap();
        let pictures = noise(7, 2);
        let x_t = noised(&scheduler, 300, &pictures, IMAGE, 5, 8).unwrap();
        let (signal, spread) = schedule.signal_and_noise(300);
        let mut eps = vec![0.0; IMAGE];
        for i in 0..2 {
            gaussian(5, 8 + i as u32, 0, &mut eps);
            let expected: Vec<f32> = (0..IMAGE)
                .map(|k| signal as f32 * pictures[i * IMAGE + k] + spread as f32 * eps[k])
                .collect();
            assert_close(&x_t[i * IMAGE..][..IMAGE], &expected, 1e-6);
        }
        let text = |found: Result<Vec<f32>, PartialError>| found.unwrap_err().to_string();
        let late = noised(&scheduler, 1000, &pictures, IMAGE, 5, 8);
        assert_eq!(
            text(late),
            "t: expected a time step of 0 to 999, found 1000"
        );
        assert!(text(noised(&scheduler, 9, &pictures, IMAGE - 1, 5, 8)).contains("images"));
        assert!(noised(&scheduler, 9, &pictures, 0, 5, 8).is_err());
    }
);

// Bayes: the precisions of q(x_t | x_{t-1}) and q(x_{t-1} | x_0) add up.
test!(the_mean_of_the_posterior_weighs_by_precision, async {
    let scheduler = scheduler("{}");
    let schedule = scheduler.schedule().unwrap();
    let [x_t, x_0] = [7, 8].map(|seed| noise(seed, 1));
    for t in [1, 300, 999] {
        let (beta, before) = (schedule.betas()[t], schedule.alpha_bar(t - 1));
        let alpha = 1.0 - beta;
        let precisions = [alpha / beta, 1.0 / (1.0 - before)];
        let expected: Vec<f32> = x_t
            .iter()
            .zip(&x_0)
            .map(|(x_t, x_0)| {
                let one = f64::from(*x_t) / alpha.sqrt() * precisions[0];
                let other = f64::from(*x_0) * before.sqrt() * precisions[1];
                ((one + other) / (precisions[0] + precisions[1])) as f32
            })
            .collect();
        let found = posterior_mean(&scheduler, t, &x_t, &x_0).unwrap();
        assert_close(&found, &expected, 1e-5);
    }
    assert_close(
        &posterior_mean(&scheduler, 0, &x_t, &x_0).unwrap(),
        &x_0,
        1e-6,
    );
    assert!(posterior_mean(&scheduler, 1000, &x_t, &x_0).is_err());
    let sizes = posterior_mean(&scheduler, 5, &x_t, &x_0[1..]).unwrap_err();
    assert!(sizes.to_string().contains("one size"), "{sizes}");
});

test!(
    mixtures_lie_on_the_straight_line_between_their_ends,
    async {
        let [a, b] = [7, 8].map(|seed| noise(seed, 1));
        let row = mixed(&a, &b, 5).unwrap();
        assert_eq!((&row[..IMAGE], &row[4 * IMAGE..]), (&a[..], &b[..]));
        let quarter: Vec<f32> = a.iter().zip(&b).map(|(a, b)| 0.75 * a + 0.25 * b).collect();
        assert_close(&row[IMAGE..2 * IMAGE], &quarter, 1e-6);
        assert_eq!(mixed(&a, &b, 1), Err(PartialError::Frames { found: 1 }));
        assert!(mixed(&a, &b[1..], 2).is_err());
        let refused = mixed(&a, &b, usize::MAX).unwrap_err().to_string();
        assert!(refused.starts_with("count: expected at most"), "{refused}");
    }
);

test!(
    the_nearest_pictures_are_those_that_a_full_sort_finds,
    async {
        let (images, pictures) = (noise(1, 3), noise(2, 40));
        let mut nearest = Nearest::new(&images, IMAGE, 4).unwrap();
        nearest.add(&pictures[..7 * IMAGE]).unwrap();
        nearest.add(&pictures[7 * IMAGE..]).unwrap();
        let found = nearest.found().unwrap();
        for (image, found) in images.chunks_exact(IMAGE).zip(found) {
            let square = |picture: &[f32]| -> f64 {
                let pairs = image.iter().zip(picture);
                pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum()
            };
            let mut all: Vec<(f64, usize)> = pictures
                .chunks_exact(IMAGE)
                .enumerate()
                .map(|(i, picture)| (square(picture).sqrt(), i))
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            let found: Vec<(f64, usize)> = found.iter().map(|n| (n.distance, n.index)).collect();
            assert_eq!(found, all[..4]);
        }
        let few = Nearest::new(&images, IMAGE, 4)
            .unwrap()
            .found()
            .unwrap_err();
        assert_eq!(few.to_string(), "neighbours: expected 1 to 0, found 4");
        let none = Nearest::new(&images, IMAGE, 0).unwrap_err().to_string();
        assert_eq!(none, "neighbours: expected at least 1, found 0");
        let nan = Nearest::new(&[f32::NAN], 1, 1).unwrap_err().to_string();
        assert_eq!(nan, "images: expected finite numbers, found NaN");
        assert!(Nearest::new(&images, IMAGE - 1, 1).is_err());
        assert!(
            Nearest::new(&images, IMAGE, 1)
                .unwrap()
                .add(&[0.0])
                .is_err()
        );
    }
);

// Against the bound's own terms, and the paper's algorithms: what has been sent is L_T and the terms before.
test!(rate_and_distortion_are_the_terms_of_the_bound, async {
    let engine = engine();
    let scheduler =
        scheduler(r#"{"num_train_timesteps": 20, "beta_start": 0.01, "beta_end": 0.4}"#);
    let schedule = scheduler.schedule().unwrap();
    let x_0: Vec<f32> = noise(4, 1)
        .iter()
        .map(|v| (v * 0.3).clamp(-1.0, 1.0))
        .collect();
    let options = RateOptions {
        x_0: x_0.clone(),
        shape: [3, 8, 8],
        class: None,
        terms: 20,
        seed: 2,
        image: 6,
    };
    let mut rate = Rate::new(&scheduler, options.clone()).unwrap();
    let mut terms = Vec::new();
    while rate.given() < rate.total() {
        terms.extend(rate.next(&engine).await.unwrap());
    }
    assert_eq!(rate.next(&engine).await, Ok(Vec::new()));
    let falling: Vec<usize> = (0..20).rev().collect();
    assert_eq!(terms.iter().map(|term| term.t).collect::<Vec<_>>(), falling);
    let bound = Bound {
        schedule: schedule.clone(),
        prediction: scheduler.prediction_type,
        variance: VARIANCES[1],
        clip_x0_hat: true,
    };
    let mut sent = bits_per_dimension(bound.prior(&x_0), IMAGE);
    assert_eq!(rate.prior(), sent);
    for (term, point) in terms
        .iter()
        .zip(curve(rate.prior(), terms.iter().copied(), 1))
    {
        let t = term.t;
        let mut eps = vec![0.0; IMAGE];
        gaussian(2, 6, t as u32 + 1, &mut eps);
        let x_t = diffused(&schedule, t, &x_0, &eps);
        let out = answers(&engine, &x_t, t).await;
        let (signal, spread) = schedule.signal_and_noise(t);
        let squares = x_0.iter().zip(&x_t).zip(&out).map(|((x_0, x_t), out)| {
            let x0_hat = (f64::from(*x_t) - spread * f64::from(*out)) / signal;
            (255.0 * (f64::from(*x_0) - x0_hat.clamp(-1.0, 1.0)) / 2.0).powi(2)
        });
        let rmse = (squares.sum::<f64>() / IMAGE as f64).sqrt();
        let cost = bits_per_dimension(bound.term(t, &x_0, &x_t, &out).unwrap(), IMAGE);
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-3 * b.abs().max(1e-3);
        assert!(near(point.distortion, rmse), "t = {t}: {point:?} {rmse}");
        assert!(near(term.bits[1], cost), "t = {t}: {term:?} {cost}");
        assert!(near(point.rate, sent), "t = {t}: {point:?} {sent}");
        assert_eq!(term.share, 1.0);
        sent += cost;
    }
    // Where all terms cost the same, a part of them tells the whole sum.
    let few = RateOptions {
        terms: 4,
        ..options.clone()
    };
    let few = Rate::new(&scheduler, few).unwrap().next(&engine).await;
    let few = few.unwrap().into_iter().map(|term| Term {
        bits: [0.5; 2],
        ..term
    });
    for point in curve(2.0, few, 0) {
        assert_eq!(point.rate, 2.0 + 0.5 * (19 - point.t) as f64);
    }
    for found in [0, 1, 21] {
        let refused = Rate::new(
            &scheduler,
            RateOptions {
                terms: found,
                ..options.clone()
            },
        );
        assert_eq!(refused.err(), Some(RateError::Terms { most: 20, found }));
    }
});

test!(latents_must_be_as_many_as_the_images, async {
    let job = Job {
        latents: Some(noise(1, 1)),
        ..Job::new(TrajectoryOptions::new(DDIM, 1), 0, 2)
    };
    let refused = model().run(&job, &mut |_: &Event| ()).await.unwrap_err();
    assert!(matches!(refused, RunError::Input(_)), "{refused}");
});

test!(what_would_not_do_what_it_says_is_refused, async {
    let plain = scheduler(r#"{"clip_sample": false}"#);
    let clips = scheduler("{}");
    let thresholds = scheduler(r#"{"thresholding": true}"#);
    let steps = |tau: &str, steps| TrajectoryOptions {
        tau: Some(tau.parse().unwrap()),
        ..TrajectoryOptions::new(DDIM, steps)
    };

    let eta = rules::method("sigma_hat", 0.5).unwrap_err();
    assert_eq!(
        eta.to_string(),
        "eta: only the method ddim has one, found 0.5 with sigma_hat"
    );
    assert!(rules::method("ddim", 1.5).is_err());
    assert!(rules::method("magic", 0.0).is_err());
    assert_eq!(rules::method("ddim", 0.5), Ok(Method::Ddim { eta: 0.5 }));

    let inversion =
        |scheduler, clip| rules::clip(scheduler, Method::Inversion(Convention::Retrace), clip);
    for (scheduler, key) in [(&clips, "clip_sample"), (&thresholds, "thresholding")] {
        let refused = Err(Refusal::InversionClips { key });
        assert_eq!(inversion(scheduler, None), refused);
        assert_eq!(inversion(scheduler, Some(Clip::None)), Ok(()));
        assert_eq!(rules::clip(scheduler, DDIM, None), Ok(()));
    }
    assert_eq!(inversion(&plain, None), Ok(()));
    let noisy = rules::clip(&plain, Method::DdpmNoisy, Some(Clip::None));
    assert_eq!(noisy, Err(Refusal::NoisyClips));

    assert_eq!(rules::steps(&plain, &steps("uniform", 50)), Ok(50));
    let uneven = rules::steps(&plain, &steps("uniform", 30)).unwrap_err();
    assert!(
        uneven
            .to_string()
            .contains("31 steps instead of 30, because 30 does not divide 1000"),
        "{uneven}"
    );
    assert_eq!(rules::steps(&plain, &steps("ddim25", 7)), Ok(25));
    assert!(rules::steps(&plain, &steps("list:9,5", 7)).is_err());

    assert_eq!(rules::count(0), Err(Refusal::Count { found: 0 }));
    assert_eq!(rules::count(16_384), Ok(()));
    assert!(rules::count(16_385).is_err());
    assert_eq!(rules::values(3, 4), Ok(12));
    assert!(rules::values(usize::MAX, 2).is_err());
    assert!(rules::values(1, usize::MAX).is_err());
});

test!(a_path_has_its_ends_and_the_sphere_between_them, async {
    let ends: Vec<Vec<f32>> = (0..4).map(|seed| noise(seed, 1)).collect();
    let row = between(&ends[..2], 1, 3).unwrap();
    assert_eq!(row.len(), 3 * IMAGE);
    assert_close(&row[..IMAGE], &ends[0], 1e-6);
    assert_eq!(
        row[IMAGE..2 * IMAGE],
        slerp(&ends[0], &ends[1], 0.5).unwrap()
    );
    assert_close(&row[2 * IMAGE..], &ends[1], 1e-6);
    let grid = between(&ends, 2, 2).unwrap();
    assert_close(&grid, &ends.concat(), 1e-6);

    assert_eq!(between(&ends[..3], 1, 3), Err(PathError::Ends { found: 3 }));
    for (rows, columns) in [(1, 1), (2, 3), (0, 0)] {
        let refused = Err(PathError::Frames { rows, columns });
        assert_eq!(between(&ends[..2], rows, columns), refused);
    }
    assert!(between(&ends, 0, 2).is_err());
    assert!(between(&[vec![1.0], vec![1.0, 2.0]], 1, 2).is_err());
});
