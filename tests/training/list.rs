//! The list of a training step, whatever runs it.

use std::collections::{HashMap, HashSet};

use ddim_web::engine::plan::{Back, Op, Plan, Residual, Step, TrainingPlan};
use ddim_web::unet::config::UnetConfig;

pub fn configs() -> Vec<(String, UnetConfig)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/unet");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    assert!(files.len() >= 7);
    files
        .iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(path).unwrap();
            let config = UnetConfig::from_json(&text).unwrap();
            // One of them puts out fewer, and cannot be trained.
            let out_channels = config.in_channels;
            let config = UnetConfig {
                out_channels,
                ..config
            };
            (name, config)
        })
        .flat_map(|(name, config)| {
            let dropping = UnetConfig {
                dropout: 0.1,
                ..config.clone()
            };
            [
                (name.clone(), config),
                (format!("{name} with dropout"), dropping),
            ]
        })
        .collect()
}

fn plans() -> Vec<(String, TrainingPlan)> {
    configs()
        .into_iter()
        .map(|(name, config)| {
            let size = Plan::trained(&config).unwrap().size;
            (name, TrainingPlan::new(&config, size).unwrap())
        })
        .collect()
}

#[test]
fn every_trained_parameter_has_one_gradient() {
    for (name, plan) in plans() {
        let mut found: HashMap<usize, usize> = HashMap::new();
        for step in &plan.steps {
            let params = match step {
                Step::Back(Back::Weights { weights, .. }) => weights.clone(),
                Step::Back(Back::Reduce { params, .. }) => params.clone(),
                Step::Back(Back::Classes { table, .. }) => vec![*table],
                _ => continue,
            };
            params
                .iter()
                .for_each(|p| *found.entry(p.0).or_default() += 1);
        }
        for (i, param) in plan.plan.params.iter().enumerate() {
            let expected = usize::from(param.name != "time_proj.weight");
            assert_eq!(
                found.get(&i).copied().unwrap_or(0),
                expected,
                "{name}: {}",
                param.name
            );
        }
    }
}

/// Every channel is written before it is read, once, by one step, and no step reads what it writes.
#[test]
fn every_channel_is_written_once_and_before_it_is_read() {
    for (name, plan) in plans() {
        let mut written = HashSet::new();
        for view in [plan.plan.features, plan.plan.input, plan.target] {
            written.extend((view.first..view.first + view.channels).map(|c| (view.buffer, c)));
        }
        for (at, step) in plan.steps.iter().enumerate() {
            let (reads, writes) = plan.views(step);
            for view in reads {
                for c in view.first..view.first + view.channels {
                    assert!(
                        written.contains(&(view.buffer, c)),
                        "{name}: step {at} reads {view:?}: {step:?}"
                    );
                }
            }
            for view in writes {
                for c in view.first..view.first + view.channels {
                    assert!(
                        written.insert((view.buffer, c)),
                        "{name}: step {at} writes {view:?} again: {step:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn gradients_have_the_size_of_what_they_are_gradients_of() {
    for (name, plan) in plans() {
        for step in &plan.steps {
            let Step::Back(back) = step else { continue };
            let size = |view| {
                let buffer = plan.plan.buffer(view);
                [buffer.height, buffer.width]
            };
            match back {
                Back::Through(through) => {
                    assert_eq!(size(through.input), size(through.output), "{name}");
                    assert_eq!(through.input.channels, through.output.channels, "{name}");
                    if let Some(add) = through.add {
                        assert_eq!(size(add), size(through.output), "{name}");
                    }
                }
                Back::Add { a, b, output } => {
                    assert_eq!([size(*a), size(*b)], [size(*output); 2], "{name}");
                }
                _ => {}
            }
        }
        for op in &plan.plan.ops[plan.forward..] {
            let Op::Conv(conv) = op else { continue };
            assert!(
                conv.transposed && conv.biases.is_empty() && conv.stride == 1,
                "{name}"
            );
            if let Residual::Add(source) = conv.residual {
                let [a, b] = [source.view, conv.output].map(|v| plan.plan.buffer(v));
                assert_eq!((a.height, a.width), (b.height, b.width), "{name}");
            }
        }
    }
}

/// Half of what keeping everything would take, at least where there is something to make again.
#[test]
fn what_is_cheap_to_make_again_is_not_kept() {
    for (name, plan) in plans() {
        let [shared, separate] = plan.memory();
        assert!(shared < separate, "{name}: {shared} of {separate}");
    }
}
