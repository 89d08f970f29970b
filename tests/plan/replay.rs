//! The plan replayed by plain loops: an engine that shares nothing with the real ones but the plan.

use ddim_web::engine::plan::{Plan, Reference};
use ddim_web::engine::{
    BatchSpec, Denoiser, DeviceKind, EngineError, EngineInfo, EngineKind, Results,
};
use ddim_web::step::{Clip, EpsFrom, StepCoefficients, dynamic_threshold};
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::input;
use ddim_web::unet::weights::tensors;

/// A network.
pub struct Replay {
    config: UnetConfig,
    /// In the plan's order.
    tensors: Vec<Vec<f64>>,
    /// Of Fourier features.
    frequencies: Option<Vec<f32>>,
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
        let found = tensors(&expected, weights).unwrap();
        Self {
            tensors: expected.iter().map(|p| widened(&found[&p.name])).collect(),
            frequencies: found.get("time_proj.weight").cloned(),
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
        let mut reference = Reference::new(&plan, &self.tensors, images);
        for (i, x) in x.chunks_exact(x.len() / images).enumerate() {
            let features = plan.time_features(timesteps[i], self.frequencies.as_deref());
            reference.give(i, &widened(x), &widened(&features));
            let image = &mut reference.images[i];
            image.class = spec.labels.as_ref().map_or(0, |labels| labels[i]);
            image.divisor = f64::from(plan.output_divisor(timesteps[i]));
        }
        reference.run();
        let outputs = (0..images).flat_map(|i| reference.output(i));
        Ok(outputs.map(|v| v as f32).collect())
    }
}

fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}
