//! One GPU: its queue, the kernels that were compiled for it, and what went wrong on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::draft::SECOND;
use super::signal::Signal;
use super::tuning::Tuning;
use crate::engine::Storage;
use crate::engine::{EngineError, Progress};

/// A device that engines share. All of it is dropped with the last engine.
#[derive(Clone)]
pub struct Gpu(Arc<Inner>);

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    name: String,
    kind: Kind,
    /// For kernels that see one bank of the arena, two, three and four.
    layouts: [(wgpu::BindGroupLayout, wgpu::PipelineLayout); BANKS],
    pipelines: Mutex<HashMap<String, wgpu::ComputePipeline>>,
    tuning: OnceLock<Tuning>,
    checks: wgpu::ShaderRuntimeChecks,
    /// The most bytes of one buffer.
    most: u64,
    fault: Fault,
}

/// The most banks of the arena that a kernel sees: a convolution's source, residual, time embedding and result. With
/// weights and state that is less than the eight storage buffers that every device binds.
const BANKS: usize = 4;

/// What runs the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A graphics card: thousands of invocations at once.
    Hardware,
    /// A program on the processor, such as SwiftShader or lavapipe.
    Software,
}

/// What programs that pass for a graphics card have in their names; Microsoft's is Windows' "Basic Render Driver".
const SOFTWARE: [&str; 5] = [
    "swiftshader",
    "llvmpipe",
    "lavapipe",
    "softpipe",
    "basic render",
];

/// The other name of Microsoft's: a word of its own only, as cards are called warp-something.
const WARP: &str = "warp";

/// What the device reported outside of any call: errors that the browser finds late, and its loss.
#[derive(Clone, Default)]
struct Fault(Arc<Mutex<Option<EngineError>>>);

impl Fault {
    /// Only the first one tells something; the rest follow from it. A device that is lost stays lost.
    fn set(&self, message: String, lost: bool) {
        let mut fault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let error = if lost {
            EngineError::Lost(message)
        } else {
            EngineError::Device(message)
        };
        if lost || fault.is_none() {
            *fault = Some(error);
        }
    }

    fn take(&self) -> Option<EngineError> {
        let mut fault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*fault {
            Some(lost @ EngineError::Lost(_)) => Some(lost.clone()),
            _ => fault.take(),
        }
    }
}

/// The bytes of one operation's parameters: WebGPU's alignment of dynamic offsets.
pub const STRIDE: u64 = 256;

/// Without the clamping of every index and the counting of every loop, which keep the compiler of the device from
/// unrolling; divisions stay checked.
const UNCHECKED: wgpu::ShaderRuntimeChecks = wgpu::ShaderRuntimeChecks {
    bounds_checks: false,
    force_loop_bounding: false,
    ..wgpu::ShaderRuntimeChecks::checked()
};

impl Gpu {
    /// The best adapter of this machine or browser. What is fastest on it is measured when a network is loaded that is
    /// worth it.
    ///
    /// # Errors
    /// [`EngineError::NoGpu`] says what is missing.
    pub async fn open() -> Result<Self, EngineError> {
        Self::open_tuned(None).await
    }

    /// The same with what was measured on it before.
    ///
    /// # Errors
    /// [`EngineError::NoGpu`] says what is missing.
    pub async fn open_tuned(tuning: Option<Tuning>) -> Result<Self, EngineError> {
        Self::open_with(tuning, UNCHECKED, u64::MAX).await
    }

    /// The same as if its buffers had at most `most` bytes, as those of other devices have.
    ///
    /// # Errors
    /// [`EngineError::NoGpu`] says what is missing.
    pub async fn open_small(tuning: Option<Tuning>, most: u64) -> Result<Self, EngineError> {
        Self::open_with(tuning, UNCHECKED, most).await
    }

    /// The same with the checks of kernels that nobody knows, which a browser always makes: what they cost.
    ///
    /// # Errors
    /// [`EngineError::NoGpu`] says what is missing.
    pub async fn open_checked(tuning: Option<Tuning>) -> Result<Self, EngineError> {
        Self::open_with(tuning, wgpu::ShaderRuntimeChecks::checked(), u64::MAX).await
    }

    async fn open_with(
        tuning: Option<Tuning>,
        checks: wgpu::ShaderRuntimeChecks,
        most: u64,
    ) -> Result<Self, EngineError> {
        let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = wgpu::Instance::new(descriptor)
            .request_adapter(&options)
            .await
            .map_err(|_| EngineError::NoGpu("no adapter found".into()))?;
        let offered = adapter.limits();
        // WebGPU's own limits everywhere, so that what runs here runs in a browser; only memory as large as there is.
        // A browser offers no less than those.
        let mut required_limits = wgpu::Limits::default();
        if cfg!(not(target_arch = "wasm32")) {
            required_limits = required_limits.or_worse_values_from(&offered);
        }
        required_limits.max_buffer_size = offered.max_buffer_size;
        required_limits.max_storage_buffer_binding_size = offered.max_storage_buffer_binding_size;
        let descriptor = wgpu::DeviceDescriptor {
            required_features: adapter.features() & wgpu::Features::SHADER_F16,
            required_limits,
            ..Default::default()
        };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|error| EngineError::NoGpu(said(&error.to_string())))?;
        let fault = Fault::default();
        let (uncaptured, lost) = (fault.clone(), fault.clone());
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            uncaptured.set(said(&error.to_string()), false);
        }));
        device.set_device_lost_callback(move |reason, message| {
            let told = said(&message);
            let why = match reason {
                _ if !told.is_empty() => told,
                wgpu::DeviceLostReason::Destroyed => "it was destroyed".into(),
                wgpu::DeviceLostReason::Unknown => "no reason given".into(),
            };
            lost.set(why, true);
        });
        let info = adapter.get_info();
        let layouts = std::array::from_fn(|more| {
            let layout = bind_group_layout(&device, more);
            let descriptor = wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            };
            let of_pipelines = device.create_pipeline_layout(&descriptor);
            (layout, of_pipelines)
        });
        let limits = device.limits();
        Ok(Self(Arc::new(Inner {
            device,
            queue,
            kind: kind(&info),
            name: name(&info),
            layouts,
            pipelines: Mutex::default(),
            tuning: tuning.map_or_else(OnceLock::new, OnceLock::from),
            checks,
            // Kernels count a buffer's numbers, the smallest of which have two bytes, in 32 bits.
            most: limits
                .max_buffer_size
                .min(limits.max_storage_buffer_binding_size)
                .min(2 << 32)
                .min(most),
            fault,
        })))
    }

    /// The adapter's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether an adapter of these names is a program on the processor; `fallback` is what it says itself of that.
    pub fn is_software(names: &[impl AsRef<str>], fallback: bool) -> bool {
        let named = |name: &str| {
            let name = name.to_ascii_lowercase();
            let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
            SOFTWARE.iter().any(|part| name.contains(part)) || words.any(|word| word == WARP)
        };
        fallback || names.iter().any(|name| named(name.as_ref()))
    }

    /// Ends the device: everything that runs on it fails with [`EngineError::Lost`].
    pub fn destroy(&self) {
        self.0.device.destroy();
        self.0.fault.set("it was destroyed".into(), true);
    }

    /// Whether it is gone.
    pub(super) fn is_lost(&self) -> bool {
        let fault = self.0.fault.0.lock();
        let fault = fault.unwrap_or_else(PoisonError::into_inner);
        matches!(&*fault, Some(EngineError::Lost(_)))
    }

    /// That it is gone, which was found out before it was told.
    pub(super) fn lose(&self, message: String) -> EngineError {
        self.0.fault.set(message.clone(), true);
        EngineError::Lost(message)
    }

    /// What was measured on it, or given to [`Self::open_tuned`].
    pub fn tuning(&self) -> Option<Tuning> {
        self.0.tuning.get().copied()
    }

    /// Keeps what was measured; the first one counts.
    pub(super) fn tune(&self, tuning: Tuning) -> Tuning {
        *self.0.tuning.get_or_init(|| tuning)
    }

    /// Whether a network's numbers can be stored like that here.
    pub fn stores(&self, storage: Storage) -> bool {
        match storage {
            Storage::F32 => true,
            Storage::F16 => {
                let features = self.0.device.features();
                features.contains(wgpu::Features::SHADER_F16)
            }
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.0.kind
    }

    pub(super) fn queue(&self) -> &wgpu::Queue {
        &self.0.queue
    }

    pub(super) fn device(&self) -> &wgpu::Device {
        &self.0.device
    }

    pub(super) fn limits(&self) -> wgpu::Limits {
        self.0.device.limits()
    }

    /// What was reported since the last call.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        self.0.fault.take().map_or(Ok(()), Err)
    }

    /// The pipeline of a kernel, compiled at its first use.
    pub(super) fn pipeline(&self, code: &str) -> wgpu::ComputePipeline {
        let inner = &self.0;
        let mut pipelines = inner
            .pipelines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = pipelines.get(code) {
            return pipeline.clone();
        }
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(code.into()),
        };
        // SAFETY: the texts are those in kernels/, and none comes from outside. Workgroup memory is indexed by an
        // invocation's number and the constants that gave the array its length; buffers by places in the plan that they
        // were made for, and by class labels, which were compared with the table's length before they were uploaded.
        // Every loop counts whole numbers up to a bound that does not change in it, in steps that are not zero, or
        // halves one down to zero.
        let module = unsafe {
            inner
                .device
                .create_shader_module_trusted(descriptor, inner.checks)
        };
        let pipeline = inner
            .device
            .create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: None,
                layout: Some(&inner.layouts[more(code)].1),
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    // Every kernel writes what it reads of it.
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: None,
            });
        pipelines.insert(code.to_string(), pipeline.clone());
        pipeline
    }

    /// The most bytes of one buffer.
    pub(super) fn most(&self) -> u64 {
        self.0.most
    }

    /// Checks that a buffer of `size` bytes for `what` can be asked for.
    ///
    /// # Errors
    /// [`EngineError::Device`] says how much there may be.
    pub(super) fn fits(&self, what: &str, size: u64) -> Result<(), EngineError> {
        if size <= self.most() {
            return Ok(());
        }
        Err(self.refusal(what, size))
    }

    /// That there is no room for `size` bytes for `what`; `u64::MAX` are more than any device has.
    pub(super) fn refusal(&self, what: &str, size: u64) -> EngineError {
        let size = match size {
            u64::MAX => "more than any device has".to_string(),
            size => format!("{} MiB", size.div_ceil(1 << 20)),
        };
        EngineError::Device(format!(
            "{what} needs {size} in one piece, and {} offers {} MiB; use a smaller batch or size",
            self.0.name,
            self.most() >> 20
        ))
    }

    /// A buffer of `size` bytes, which are 0.
    ///
    /// # Errors
    /// [`EngineError::Device`] when the device has no room for it.
    pub(super) fn buffer(
        &self,
        what: &str,
        size: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer, EngineError> {
        self.fits(what, size)?;
        let buffer = self.0.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size,
            usage,
            mapped_at_creation: false,
        });
        self.check()?;
        Ok(buffer)
    }

    /// What the kernels of a step see: `banks` of the arena; weights, parameters, state.
    pub(super) fn bind(
        &self,
        banks: &[&wgpu::Buffer],
        others: [&wgpu::Buffer; 3],
    ) -> wgpu::BindGroup {
        let whole = wgpu::Buffer::as_entire_binding;
        let [weights, parameters, state] = others.map(whole);
        let parts = [whole(banks[0]), weights, parameters, state];
        self.bind_parts(parts, &banks[1..])
    }

    /// The same with parts of buffers.
    #[cfg(feature = "train")]
    pub(super) fn bind_resources(&self, parts: [wgpu::BindingResource<'_>; 4]) -> wgpu::BindGroup {
        self.bind_parts(parts, &[])
    }

    fn bind_parts(
        &self,
        mut parts: [wgpu::BindingResource<'_>; 4],
        more: &[&wgpu::Buffer],
    ) -> wgpu::BindGroup {
        if let wgpu::BindingResource::Buffer(parameters) = &mut parts[2] {
            parameters.size = wgpu::BufferSize::new(STRIDE);
        }
        let more_parts = more.iter().map(|bank| bank.as_entire_binding());
        let entries: Vec<wgpu::BindGroupEntry> = bindings()
            .zip(parts.into_iter().chain(more_parts))
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        self.0.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.0.layouts[more.len()].0,
            entries: &entries,
        })
    }

    /// Compiles kernels, all at once; `progress` hears of each one that is done.
    ///
    /// # Errors
    /// [`EngineError::Device`] says what the device's compiler found.
    pub(super) async fn compile(
        &self,
        codes: &[String],
        progress: Progress<'_>,
    ) -> Result<(), EngineError> {
        // A scope's future ends when the device has dealt with everything in it.
        let scopes: Vec<_> = codes
            .iter()
            .map(|code| {
                let scope = self
                    .0
                    .device
                    .push_error_scope(wgpu::ErrorFilter::Validation);
                self.pipeline(code);
                scope.pop()
            })
            .collect();
        let total = scopes.len();
        for (done, scope) in scopes.into_iter().enumerate() {
            progress(done, total);
            if let Some(error) = scope.await {
                return Err(EngineError::Device(said(&error.to_string())));
            }
        }
        progress(total, total);
        self.check()
    }

    /// Until everything that was submitted is done.
    ///
    /// # Errors
    /// [`EngineError::Device`] or [`EngineError::Lost`] when the device failed meanwhile.
    pub(super) async fn finish(
        &self,
        submission: wgpu::SubmissionIndex,
    ) -> Result<(), EngineError> {
        let done = Signal::new();
        let sent = done.clone();
        self.0.queue.on_submitted_work_done(move || sent.send(()));
        self.wait(submission)?;
        done.receive().await;
        self.check()
    }

    /// Until `submission` is done, where somebody must poll for that; in the browser nobody needs to.
    ///
    /// # Errors
    /// [`EngineError::Device`] or [`EngineError::Lost`] when the device failed meanwhile.
    #[cfg_attr(target_arch = "wasm32", expect(unused_variables))]
    pub(super) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<(), EngineError> {
        #[cfg(not(target_arch = "wasm32"))]
        if let Err(error) = self.0.device.poll(wgpu::PollType::Wait {
            submission_index: Some(submission),
            timeout: None,
        }) {
            self.check()?;
            return Err(EngineError::Device(said(&error.to_string())));
        }
        Ok(())
    }
}

/// The places of what kernels see: arena, weights, parameters, state, and then more banks of the arena.
fn bindings() -> impl Iterator<Item = u32> {
    (0..4).chain(SECOND as u32..)
}

/// How many banks a kernel sees besides one, as its text declares them.
fn more(code: &str) -> usize {
    let declared = b"> arena1";
    let bytes = code.as_bytes().windows(declared.len());
    bytes.filter(|bytes| bytes == declared).count()
}

fn bind_group_layout(device: &wgpu::Device, more: usize) -> wgpu::BindGroupLayout {
    let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
    let types = [
        storage(false),
        storage(true),
        wgpu::BufferBindingType::Uniform,
    ];
    let types = types.into_iter().chain([storage(false)].repeat(1 + more));
    let entries: Vec<wgpu::BindGroupLayoutEntry> = bindings()
        .zip(types)
        .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty,
                has_dynamic_offset: ty == wgpu::BufferBindingType::Uniform,
                min_binding_size: None,
            },
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: None,
        entries: &entries,
    })
}

fn kind(info: &wgpu::AdapterInfo) -> Kind {
    let fallback = info.device_type == wgpu::DeviceType::Cpu;
    if Gpu::is_software(&[&info.name, &info.driver], fallback) {
        Kind::Software
    } else {
        Kind::Hardware
    }
}

fn name(info: &wgpu::AdapterInfo) -> String {
    let parts = [&info.name, &info.driver, &info.driver_info];
    match parts.into_iter().find(|part| !part.is_empty()) {
        Some(part) => part.clone(),
        None => format!("{:?} adapter", info.backend),
    }
}

/// What a device or browser said, in one line and as it said it: wgpu hands out a browser's errors as Rust shows values
/// of JavaScript, in `JsValue(…)` and with a stack of calls after the first line.
fn said(text: &str) -> String {
    let text = match text.split_once("JsValue(") {
        Some((before, value)) => {
            let value = value.strip_suffix(')').unwrap_or(value);
            format!("{before}{}", value.lines().next().unwrap_or_default())
        }
        None => text.into(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browsers_error_is_told_without_rusts_debug_text() {
        for (found, expected) in [
            (
                "JsValue(OperationError: Limit too high\nError: Limit too high\n    at f (a.js:1:2))",
                "OperationError: Limit too high",
            ),
            (
                "Parent device: JsValue(TypeError: no)",
                "Parent device: TypeError: no",
            ),
            ("out of\n memory", "out of memory"),
        ] {
            assert_eq!(said(found), expected);
        }
    }

    #[test]
    fn programs_that_pass_for_a_graphics_card_are_known_by_name_or_by_what_they_say() {
        for names in [
            ["google", "swiftshader"],
            ["llvmpipe (LLVM 17.0.6, 256 bits)", ""],
            ["", "Lavapipe"],
            ["softpipe", ""],
            ["Microsoft Basic Render Driver", ""],
            ["microsoft", "warp"],
        ] {
            assert!(Gpu::is_software(&names, false), "{names:?}");
        }
        assert!(Gpu::is_software(&["", ""], true), "nothing but the flag");
        for names in [["", ""], ["nvidia", "hopper"], ["NVIDIA Warpspeed", ""]] {
            assert!(!Gpu::is_software(&names, false), "{names:?}");
        }
    }
}
