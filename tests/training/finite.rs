//! The gradients of the plan's loops are those of the loss: finite differences of the forward half, in f64.

use ddim_web::engine::plan::{Back, Op, Param, Reference, Residual, Step, TrainingPlan, gradients};
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
const WORK: usize = 500;

/// Single numbers of every tensor that are moved; the random direction moves all of them.
const NUMBERS: usize = 1;

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

/// Differences of the loss of a network that has run forwards.
struct Differences<'a> {
    plan: &'a TrainingPlan,
    forward: Reference<'a>,
    loss: f64,
}

impl<'a> Differences<'a> {
    fn new(plan: &'a TrainingPlan, tensors: &[Vec<f64>], batch: &TrainBatch) -> Self {
        let mut forward = Reference::of_batch(plan, tensors, batch);
        run(plan, 0, &mut forward);
        Self {
            plan,
            loss: forward.loss(plan),
            forward,
        }
    }

    /// The loss with tensor `at` moved by `h` times `direction`. Nothing before its first use is another number.
    fn loss(&self, at: usize, direction: &[f64], h: f64) -> f64 {
        let mut moved = self.forward.clone();
        let numbers = moved.tensors[at].iter_mut().zip(direction);
        numbers.for_each(|(v, d)| *v += h * d);
        let uses = |step: &Step| match step {
            Step::Op(op) => params(&self.plan.plan.ops[*op]).contains(&Param(at)),
            Step::Back(_) => false,
        };
        let first = self.plan.steps.iter().position(uses).unwrap();
        run(self.plan, first, &mut moved);
        moved.loss(self.plan)
    }

    /// Panics unless `slope` is that of the loss along `direction` of tensor `at`; `what` says whose.
    fn check(&self, at: usize, direction: &[f64], slope: f64, what: &str) {
        let allowed = TOLERANCE * slope.abs() + ROUNDING * self.loss;
        let mut found = Vec::new();
        for h in STEPS {
            let [up, down] = [h, -h].map(|h| self.loss(at, direction, h));
            let difference = (up - down) / (2.0 * h);
            if (difference - slope).abs() <= allowed {
                return;
            }
            found.push(difference);
        }
        panic!("{slope} is none of {found:?}: {what}");
    }
}

/// The forward half and the loss, from step `first` on.
fn run(plan: &TrainingPlan, first: usize, reference: &mut Reference) {
    for step in &plan.steps[first..] {
        reference.run_step(step);
        if matches!(step, Step::Back(Back::Loss { .. })) {
            return;
        }
    }
}

/// What an operation reads of the weights.
fn params(op: &Op) -> Vec<Param> {
    match op {
        Op::Attention { .. } => Vec::new(),
        Op::Normalise { weight, bias, .. } => vec![*weight, *bias],
        Op::Conv(conv) => {
            let residual = match conv.residual {
                Residual::Project { weight, bias, .. } => vec![weight, bias],
                Residual::Class(table) => vec![table],
                Residual::None | Residual::Add(_) => Vec::new(),
            };
            [&conv.weights[..], &conv.biases, &residual].concat()
        }
    }
}

fn check(drawn: &Drawn) {
    let config = UnetConfig {
        // As many channels come out as go in: the target is made of them.
        out_channels: drawn.config.in_channels,
        ..drawn.config.clone()
    };
    let plan = TrainingPlan::new(&config, drawn.size).unwrap();
    let (tensors, batch) = (tensors(&plan), batch(&config, drawn.size, drawn.seed));
    let (loss, gradients) = gradients(&plan, &tensors, &batch);
    assert!(loss > 0.1, "{loss}: {}", drawn.json);
    let widened = |tensor: &Vec<f32>| tensor.iter().map(|v| f64::from(*v)).collect();
    let tensors: Vec<Vec<f64>> = tensors.iter().map(widened).collect();
    let differences = Differences::new(&plan, &tensors, &batch);
    assert_eq!(differences.loss, loss);

    for (at, gradient) in gradients.iter().enumerate() {
        let name = &plan.plan.params[at].name;
        if name == "time_proj.weight" {
            continue;
        }
        let what = format!("{name} of network {}: {}", drawn.seed, drawn.json);
        let count = gradient.len();
        let places = rule::unit(&format!("places in {name}"));
        let places = places.map(|v| ((v + 1.0) / 2.0 * count as f64) as usize);
        for place in places.take(NUMBERS) {
            let mut direction = vec![0.0; count];
            direction[place] = 1.0;
            differences.check(at, &direction, gradient[place], &what);
        }
        let direction: Vec<f64> = rule::unit(&format!("direction in {name}"))
            .take(count)
            .collect();
        let length = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
        let direction: Vec<f64> = direction.iter().map(|v| v / length).collect();
        let slope = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum();
        differences.check(at, &direction, slope, &what);
    }
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    // Two at a time, as most machines have two cores.
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for seed in (half..NETWORKS).step_by(2) {
                    check(&draw_within(seed, SIZES, WORK));
                }
            });
        }
    });
}
