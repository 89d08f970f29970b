//! The plan replayed by the loops of [`crate::machine`]: an engine that shares nothing with the real ones but the plan.
//! The arena begins as NaN, so that what was never written shows.

use std::collections::HashMap;

use ddim_web::engine::plan::Plan;
use ddim_web::engine::{
    BatchSpec, Denoiser, DeviceKind, EngineError, EngineInfo, EngineKind, Results,
};
use ddim_web::step::{Clip, EpsFrom, StepCoefficients, dynamic_threshold};
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::input;
use ddim_web::unet::weights::tensors;

use crate::machine::Machine;

/// A network.
pub struct Replay {
    config: UnetConfig,
    tensors: HashMap<String, Vec<f32>>,
    info: EngineInfo,
}

/// Images on their way.
pub struct Batch {
    spec: BatchSpec,
    x_t: Vec<f32>,
    x0_hat: Vec<f32>,
}

impl Replay {
    pub fn load(config: &str, weights: &[u8]) -> Self {
        let config = UnetConfig::from_json(config).unwrap();
        let expected = Plan::expected_tensors(&config).unwrap();
        Self {
            tensors: tensors(&expected, weights).unwrap(),
            info: EngineInfo::new(
                EngineKind::Plan,
                DeviceKind::Cpu,
                "loops".into(),
                &config,
                expected
                    .iter()
                    .map(|p| p.shape.iter().product::<usize>())
                    .sum(),
            ),
            config,
        }
    }
}

impl Denoiser for Replay {
    type Batch = Batch;

    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn check(&self, spec: &BatchSpec) -> Result<(), EngineError> {
        Ok(input::check(
            &self.config,
            spec.shape,
            spec.labels.as_deref(),
        )?)
    }

    fn begin(&self, spec: &BatchSpec, x_t: Vec<f32>) -> Result<Batch, EngineError> {
        self.check(spec)?;
        Ok(Batch {
            spec: spec.clone(),
            x0_hat: x_t.clone(),
            x_t,
        })
    }

    async fn step(
        &self,
        batch: &mut Batch,
        t: usize,
        c: &StepCoefficients,
        noise: Option<Vec<f32>>,
    ) -> Result<(), EngineError> {
        let images = batch.spec.shape[0];
        let x_t = &batch.x_t;
        let out = self
            .predict(&batch.spec, x_t.clone(), &vec![t as f32; images])
            .await?;
        let sum = |a: f64, x: &[f32], b: f64, y: &[f32]| -> Vec<f32> {
            let pairs = x.iter().zip(y);
            pairs
                .map(|(x, y)| (a * f64::from(*x) + b * f64::from(*y)) as f32)
                .collect()
        };
        let mut x0_hat = sum(c.p, x_t, c.q, &out);
        match c.clip {
            Clip::None => {}
            Clip::Range(range) => {
                let range = range as f32;
                x0_hat.iter_mut().for_each(|v| *v = v.clamp(-range, range));
            }
            Clip::Dynamic { ratio, max } => x0_hat
                .chunks_exact_mut(out.len() / images)
                .for_each(|image| dynamic_threshold(image, ratio, max)),
        }
        let eps = match c.eps_from {
            EpsFrom::Out => sum(c.r, x_t, c.s, &out),
            EpsFrom::X0Hat => sum(c.r, x_t, c.s, &x0_hat),
        };
        batch.x_t = sum(c.a, &x0_hat, c.b, &eps);
        if let Some(noise) = noise {
            batch.x_t = sum(1.0, &batch.x_t, c.sigma, &noise);
        }
        batch.x0_hat = x0_hat;
        Ok(())
    }

    fn results(
        &self,
        batch: &mut Batch,
    ) -> impl Future<Output = Result<Results, EngineError>> + use<> {
        std::future::ready(Ok(Results {
            x0_hat: batch.x0_hat.clone(),
            x_t: batch.x_t.clone(),
        }))
    }

    async fn predict(
        &self,
        spec: &BatchSpec,
        x: Vec<f32>,
        timesteps: &[f32],
    ) -> Result<Vec<f32>, EngineError> {
        self.check(spec)?;
        let [images, _, height, width] = spec.shape;
        input::check_timesteps(&self.config, images, timesteps)?;
        let plan = Plan::new(&self.config, [height, width])?;
        let image = x.len() / images;
        let mut out = Vec::new();
        for (i, x) in x.chunks_exact(image).enumerate() {
            let class = spec.labels.as_ref().map(|labels| labels[i]);
            let machine = Machine {
                plan: &plan,
                tensors: &self.tensors,
                class,
                arena: vec![f32::NAN; plan.arena],
            };
            out.extend(machine.run(x, timesteps[i]));
        }
        Ok(out)
    }
}
