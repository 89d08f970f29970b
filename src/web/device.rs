//! Where a network runs, as JavaScript names it, and which of the packages in `pkg/` can.

use crate::engine::DeviceKind;
use crate::web::WebError;

/// Whether this package has an engine for the processor, and one for the graphics card.
const CPU: bool = cfg!(any(feature = "cpu", feature = "burn"));
const WEBGPU: bool = cfg!(feature = "gpu");

/// The device `name`; `folder` has the package with both engines, beside those with one.
///
/// # Errors
/// A JavaScript `Error` that says what was expected, or which packages have the engine.
pub fn read(name: &str, folder: &str) -> Result<DeviceKind, WebError> {
    let (device, here) = match name {
        "cpu" => (DeviceKind::Cpu, CPU),
        "webgpu" => (DeviceKind::Gpu, WEBGPU),
        other => {
            return Err(WebError::options(format!(
                "device: expected webgpu or cpu, found {other}"
            )));
        }
    };
    if here {
        return Ok(device);
    }
    Err(WebError::options(format!(
        "device: this package has no engine for {name}; {folder} and {folder}{name}/ have it"
    )))
}
