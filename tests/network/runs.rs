//! What page and terminal do with a model: batches, the ODE, paths, and what both refuse.

use ddim_web::engine::CpuEngine;
use ddim_web::noise::{gaussian, slerp};
use ddim_web::runs::paths::{PathError, between};
use ddim_web::runs::{Event, Job, Model, Ode, Refusal, RunError, Watch, mean_squared_error, rules};
use ddim_web::sampler::{SampleOptions, Sampler};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::{Clip, Method};

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
    let ode = Ode::new(&model, &like).unwrap();
    assert_eq!(ode.events(2), 5);
    let pictures = noise(7, 2);
    let x_t = ode.encode(&pictures, &mut |_: &Event| ()).await.unwrap();
    let decoded = ode.decode(&x_t, &mut |_: &Event| ()).await.unwrap();
    for (method, from, expected) in [(Method::Inversion, &pictures, &x_t), (DDIM, &x_t, &decoded)] {
        let options = SampleOptions {
            trajectory: TrajectoryOptions {
                clip: Some(Clip::None),
                ..TrajectoryOptions::new(method, 5)
            },
            seed: 0,
            first_image: 0,
            batch: 2,
            size: None,
            labels: None,
            latents: Some(from.clone()),
        };
        let engine = engine();
        let mut sampler = Sampler::new(&engine, model.scheduler(), options).unwrap();
        let found = sampler.advance(&engine, 5).await.unwrap().x_t;
        assert_eq!(&found, expected, "{method}");
    }
    assert_eq!(mean_squared_error(&[1.0, -1.0], &[-1.0, -1.0]), 0.5);
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

    let inversion = |scheduler, clip| rules::clip(scheduler, Method::Inversion, clip);
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
