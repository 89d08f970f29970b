//! Training in burn, with its gradients: what the plan's learners are compared with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{Device, Tensor, TensorData};

use super::adam::{Adam, squared_norm, update_average};
use super::params::{self, Layout};
use super::{download, open_device};
use crate::engine::{
    DeviceKind, EngineError, EngineInfo, EngineKind, Gradients, Learner, LearnerState, Level,
    StepNumbers, TrainBatch, Update, clip_factor,
};
use crate::json::brief;
use crate::unet::Unet;
use crate::unet::config::UnetConfig;
use crate::unet::weights::TensorSpec;

/// A network in training on a burn device.
pub struct BurnLearner {
    unet: Unet,
    average: Vec<Tensor<1>>,
    adam: Adam,
    layout: Layout,
    device: Device,
    info: EngineInfo,
    failed: Option<Failed>,
}

/// A step that was not finite, and whether its numbers have been handed out.
struct Failed {
    numbers: StepNumbers,
    handed_out: Arc<AtomicBool>,
}

/// Says that a step's numbers have been handed out once it is gone: with them, or because nobody wants them.
struct HandOut(Arc<AtomicBool>);

impl Drop for HandOut {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl BurnLearner {
    /// The network of `config` on `kind`, with everything that training changes as it is in `state`.
    ///
    /// # Errors
    /// [`EngineError`] when `state` does not fit the network, or says why there is no GPU.
    pub async fn new(
        config: &UnetConfig,
        state: LearnerState,
        kind: DeviceKind,
    ) -> Result<Self, EngineError> {
        let (device, adapter) = open_device(kind).await?;
        let unet = Unet::init(config, &device.clone().autodiff());
        let layout = Layout::new(&unet)?;
        let parameters = layout.params.iter().map(TensorSpec::numbers).sum();
        let values = layout.upload(state.values, &device)?;
        Ok(Self {
            unet: params::assign(unet, values),
            average: layout.upload(state.average, &device)?,
            adam: Adam::new(
                layout.upload(state.moment_1, &device)?,
                layout.upload(state.moment_2, &device)?,
            ),
            layout,
            device,
            info: EngineInfo::new(EngineKind::Burn, kind, adapter, config, parameters),
            failed: None,
        })
    }

    /// The loss of `batch`, `[1]`, and the gradients of all parameters.
    fn differentiate(
        &self,
        batch: &TrainBatch,
    ) -> Result<(Tensor<1>, Vec<Option<Tensor<1>>>), EngineError> {
        batch.check(self.unet.config())?;
        if self.unet.config().dropout > 0.0 {
            self.device.seed(u64::from(batch.drop_seed));
        }
        let loss = self.loss(batch);
        let mut gradients = loss.backward();
        let gradients = params::gradients(&self.unet, &mut gradients);
        Ok((loss.without_autodiff(), gradients))
    }

    fn loss(&self, batch: &TrainBatch) -> Tensor<1> {
        let upload = |values: &[f32], shape: [usize; 4]| {
            Tensor::<4>::from_data(TensorData::new(values.to_vec(), shape), &self.device)
        };
        // One number per image, [B, 1, 1, 1].
        let column = |of: fn(&Level) -> f32| {
            let values: Vec<f32> = batch.levels.iter().map(of).collect();
            upload(&values, [batch.levels.len(), 1, 1, 1])
        };
        let (x0, eps) = (
            upload(&batch.x0, batch.shape),
            upload(&batch.eps, batch.shape),
        );
        let x_t = x0.clone() * column(|l| l.signal) + eps.clone() * column(|l| l.noise);
        let target = x0 * column(|l| l.c_x0) + eps * column(|l| l.c_eps);
        let out = self
            .unet
            .forward(x_t, &batch.timesteps, batch.labels.as_deref());
        ((out - target).square() * column(|l| l.weight)).mean()
    }

    /// Makes one step, unless its numbers are not finite.
    fn make(&mut self, batch: &TrainBatch, update: &Update) -> Result<StepNumbers, EngineError> {
        let (loss, gradients) = self.differentiate(batch)?;
        // Both numbers in one read, because a read waits for the device.
        let numbers = [Some(loss), squared_norm(&gradients).map(Tensor::sqrt)];
        let numbers: Vec<f32> = Tensor::cat(numbers.into_iter().flatten().collect(), 0)
            .try_into_vec_as()
            .map_err(|error| EngineError::Device(brief(&format!("{error:?}"))))?;
        let numbers = StepNumbers {
            loss: numbers[0],
            grad_norm: numbers.get(1).copied().unwrap_or(0.0),
        };
        if numbers.finite() {
            let scale = clip_factor(f64::from(numbers.grad_norm), update.clip);
            let values = params::values(&self.unet);
            let values = (self.adam).step(update, scale, &self.layout.matrices, values, gradients);
            update_average(&mut self.average, &values, update.decay);
            self.unet = params::assign(self.unet.clone(), values);
        }
        Ok(numbers)
    }
}

impl Learner for BurnLearner {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn params(&self) -> &[TensorSpec] {
        &self.layout.params
    }

    async fn gradients(&mut self, batch: &TrainBatch) -> Result<Gradients, EngineError> {
        let (loss, gradients) = self.differentiate(batch)?;
        Ok(Gradients {
            loss: download(loss).await?[0],
            gradients: self.layout.download(gradients).await?,
        })
    }

    /// The update needs the gradient's norm on the host, so the step is over when this returns.
    fn step(
        &mut self,
        batch: &TrainBatch,
        update: &Update,
    ) -> impl Future<Output = Result<StepNumbers, EngineError>> + use<> {
        self.failed = (self.failed.take()).filter(|f| !f.handed_out.load(Ordering::Relaxed));
        let made = match &self.failed {
            Some(failed) => Ok(failed.numbers),
            None => self.make(batch, update),
        };
        let mut hand_out = None;
        if let (Ok(numbers), None) = (&made, &self.failed)
            && !numbers.finite()
        {
            let handed_out = Arc::new(AtomicBool::new(false));
            hand_out = Some(HandOut(handed_out.clone()));
            self.failed = Some(Failed {
                numbers: *numbers,
                handed_out,
            });
        }
        async move {
            drop(hand_out);
            made
        }
    }

    async fn state(&mut self) -> Result<LearnerState, EngineError> {
        let all = |tensors: Vec<Tensor<1>>| tensors.into_iter().map(Some).collect();
        let layout = &self.layout;
        Ok(LearnerState {
            values: layout.download(all(params::values(&self.unet))).await?,
            average: layout.download(all(self.average.clone())).await?,
            moment_1: layout.download(all(self.adam.moment_1.clone())).await?,
            moment_2: layout.download(all(self.adam.moment_2.clone())).await?,
        })
    }
}
