//! The gradients of the plan's loops are those of the loss: finite differences of the forward half, in f64.

use ddim_web::engine::plan::{Back, Reference, Step, TrainingPlan};
use ddim_web::engine::{Level, TrainBatch};
use ddim_web::unet::config::{TimeEmbedding, UnetConfig};

use crate::random::{Drawn, draw_within};
use crate::rule;

/// How many networks are drawn.
const NETWORKS: u32 = 50;

/// Heights and widths for networks of 1, 2 and 3 levels.
const SIZES: [&[[usize; 2]]; 3] = [
    &[[3, 5], [1, 7], [4, 2]],
    &[[2, 6], [6, 4], [2, 2]],
    &[[4, 4], [4, 12], [8, 4]],
];

/// Pixels times the square of the channels, at most.
const WORK: usize = 1500;

/// Single numbers of every tensor that are moved.
const NUMBERS: usize = 2;

/// Largest error of a gradient, as a part of it.
const TOLERANCE: f64 = 1e-5;

/// What the rounding of the loss leaves of a gradient that is 0, as a part of the loss.
const ROUNDING: f64 = 1e-8;

/// How far weights are moved. A number that crosses the kink of a ReLU makes a difference wrong, and so it is made
/// again with a smaller step.
const STEPS: [f64; 3] = [1e-5, 1e-6, 1e-7];

/// Two pictures, their noise and everything else that a step sees.
pub fn batch(config: &UnetConfig, [height, width]: [usize; 2], seed: u32) -> TrainBatch {
    let shape = [2, config.in_channels, height, width];
    let count = shape.iter().product();
    let numbers = |name: &str, bound: f64| -> Vec<f32> {
        let numbers = rule::unit(&format!("{name} {seed}")).take(count);
        numbers.map(|v| (bound * v) as f32).collect()
    };
    let level = |signal, noise, c_x0, c_eps, weight| Level {
        signal,
        noise,
        c_x0,
        c_eps,
        weight,
    };
    TrainBatch {
        shape,
        x0: numbers("x0", 1.0),
        eps: numbers("eps", 1.7),
        timesteps: match config.time_embedding {
            TimeEmbedding::Positional { .. } => vec![37.0, 612.0],
            // The output is divided by it.
            TimeEmbedding::Fourier => vec![0.5, 2.5],
        },
        levels: vec![
            level(0.8, 0.6, 0.0, 1.0, 1.0),
            level(0.28, 0.96, -0.96, 0.28, 1.7),
        ],
        labels: config
            .num_class_embeds
            .map(|classes| vec![(seed as usize + 1) % classes, seed as usize % classes]),
        drop_seed: seed,
    }
}

/// The weights of a network, drawn by the rule.
pub fn tensors(plan: &TrainingPlan) -> Vec<Vec<f32>> {
    plan.plan.params.iter().map(rule::fill).collect()
}

/// A network, its weights and a batch.
struct Subject {
    plan: TrainingPlan,
    tensors: Vec<Vec<f64>>,
    batch: TrainBatch,
}

impl Subject {
    fn new(drawn: &Drawn) -> Self {
        let config = UnetConfig {
            // As many pictures come out as go in: the target is made of them.
            out_channels: drawn.config.in_channels,
            ..drawn.config.clone()
        };
        let plan = TrainingPlan::new(&config, drawn.size).unwrap();
        let widened = |tensor: &Vec<f32>| tensor.iter().map(|v| f64::from(*v)).collect();
        Self {
            tensors: tensors(&plan).iter().map(widened).collect(),
            batch: batch(&config, drawn.size, drawn.seed),
            plan,
        }
    }

    /// The loss with tensor `at` moved by `h` times `direction`.
    fn loss(&self, at: usize, direction: &[f64], h: f64) -> f64 {
        let mut tensors = self.tensors.clone();
        let numbers = tensors[at].iter_mut().zip(direction);
        numbers.for_each(|(v, d)| *v += h * d);
        let mut reference = Reference::of_batch(&self.plan, &tensors, &self.batch);
        for step in &self.plan.steps {
            reference.run_step(step);
            if matches!(step, Step::Back(Back::Loss { .. })) {
                break;
            }
        }
        reference.loss(&self.plan)
    }

    /// The smallest error of `expected` against differences along `direction`, as a part of what is allowed.
    fn error(&self, at: usize, direction: &[f64], expected: f64, loss: f64) -> f64 {
        let mut least = f64::INFINITY;
        for h in STEPS {
            let [up, down] = [h, -h].map(|h| self.loss(at, direction, h));
            let found = (up - down) / (2.0 * h);
            let allowed = TOLERANCE * expected.abs() + ROUNDING * loss;
            least = least.min((found - expected).abs() / allowed);
            if least <= 1.0 {
                break;
            }
        }
        least
    }
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    for drawn in (0..NETWORKS).map(|seed| draw_within(seed, SIZES, WORK)) {
        let subject = Subject::new(&drawn);
        let mut reference = Reference::of_batch(&subject.plan, &subject.tensors, &subject.batch);
        for step in &subject.plan.steps {
            reference.run_step(step);
        }
        let loss = reference.loss(&subject.plan);
        assert!(loss > 0.1, "{loss}: {}", drawn.json);
        for (at, gradient) in reference.gradients.iter().enumerate() {
            let name = &subject.plan.plan.params[at].name;
            if name == "time_proj.weight" {
                continue;
            }
            let count = gradient.len();
            let mut places = rule::unit(&format!("{name} places"))
                .map(|v| ((v + 1.0) / 2.0 * count as f64) as usize);
            for place in places.by_ref().take(NUMBERS) {
                let mut direction = vec![0.0; count];
                direction[place] = 1.0;
                let error = subject.error(at, &direction, gradient[place], loss);
                assert!(
                    error <= 1.0,
                    "{name}[{place}]: {} is {error} times too far: network {}: {}",
                    gradient[place],
                    drawn.seed,
                    drawn.json
                );
            }
            let direction: Vec<f64> = rule::unit(&format!("{name} direction"))
                .take(count)
                .collect();
            let length = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
            let direction: Vec<f64> = direction.iter().map(|v| v / length).collect();
            let slope = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
            let error = subject.error(at, &direction, slope, loss);
            assert!(
                error <= 1.0,
                "{name}: {slope} is {error} times too far: network {}: {}",
                drawn.seed,
                drawn.json
            );
        }
    }
}
