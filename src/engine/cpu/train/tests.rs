//! What keeps the memory of a training step from being used by others.

use super::*;
use crate::engine::learner::Level;
use crate::noise::gaussian;

const CONFIG: &str = r#"{
    "sample_size": 8, "in_channels": 3, "out_channels": 3, "norm_num_groups": 4,
    "block_out_channels": [16, 16], "layers_per_block": 1, "attention_head_dim": 8,
    "down_block_types": ["AttnDownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "AttnUpBlock2D"]
}"#;

fn numbers(count: usize, draw: u32) -> Vec<f32> {
    let mut numbers = vec![0.0; count];
    gaussian(5, 0, draw, &mut numbers);
    numbers
}

fn learner() -> CpuLearner {
    let config = UnetConfig::from_json(CONFIG).unwrap();
    let params = Plan::expected_tensors(&config).unwrap();
    let tensor = |(draw, param): (u32, &TensorSpec)| -> Vec<f32> {
        let numbers = numbers(param.numbers(), draw);
        numbers.iter().map(|v| 0.1 * v).collect()
    };
    let values = (0..).zip(&params).map(tensor).collect();
    CpuLearner::new(config, &LearnerState::new(values)).unwrap()
}

fn batch(images: usize) -> TrainBatch {
    let shape = [images, 3, 8, 8];
    let count = shape.iter().product();
    TrainBatch {
        shape,
        x0: numbers(count, 1000),
        eps: numbers(count, 1001),
        timesteps: (0..images).map(|i| 40.0 * i as f32).collect(),
        levels: vec![
            Level {
                signal: 0.8,
                noise: 0.6,
                c_x0: 0.0,
                c_eps: 1.0,
                weight: 1.0,
            };
            images
        ],
        labels: None,
        drop_seed: 0,
    }
}

/// Threads have rooms of their own, as many as there were when the list was made, however many there are when it runs.
#[test]
fn a_step_may_run_with_other_threads_than_it_was_prepared_for() {
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    let pools = [1, 2, 7].map(pool);
    let batch = batch(4);
    let mut expected = learner();
    let loss = pools[0].install(|| expected.run(&batch)).unwrap();
    assert!(expected.gradients.iter().any(|v| v.abs() > 1e-3));
    for made in &pools {
        for runs in &pools {
            let mut learner = learner();
            made.install(|| learner.prepare(&batch)).unwrap();
            assert_eq!(runs.install(|| learner.carry_out(&batch)), loss);
            assert_eq!(learner.gradients, expected.gradients);
        }
    }
}

#[test]
fn a_batch_for_which_there_is_no_memory_is_refused_in_words() {
    let mut learner = learner();
    let good = batch(2);
    let loss = learner.run(&good).unwrap();
    let list = &mut learner.current.as_mut().unwrap().list;
    let images = std::mem::replace(&mut list.images, 1 << 40);
    let refused = list.memory().unwrap_err();
    list.images = images;
    assert!(refused.needed > 1 << 50, "{refused}");
    assert_eq!(learner.run(&good).unwrap(), loss);
}
