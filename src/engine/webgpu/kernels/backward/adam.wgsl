#names LISTED
// One step of Adam (Kingma & Ba 2015) with PyTorch's numbers, and the average of the weights: of all vectors, or LISTED of
// up to 256 in a row for each workgroup.

@group(0) @binding(0) var<storage, read_write> trained: array<vec4f>;  // values, average, both moments
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<uniform> op: Op;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let chunk = group.y * op.row + group.x;
#if LISTED
  if (chunk >= op.chunks) { return; }
  let at = op.list + 4u * chunk;
  let i = place(at) + index;
  if (index >= u32(state[at + 2u]) || state[op.results + 2u] != 0.0) { return; }
#else
  let i = chunk * 256u + index;
  if (i >= op.size || state[op.results + 2u] != 0.0) { return; }
#end
  let g = gradients[i] * state[op.results + 3u];
  let first = trained[i + 2u * op.pitch];
  let second = trained[i + 3u * op.pitch];
  let m = first + (1.0 - 0.9) * (g - first);
  let v = 0.999 * second + 0.001 * g * g;
  let value = trained[i] - state[op.update] * m / (sqrt(v) / state[op.update + 1u] + 1e-8);
  trained[i] = value;
  trained[i + op.pitch] = state[op.update + 2u] * trained[i + op.pitch] + state[op.update + 3u] * value;
  trained[i + 2u * op.pitch] = m;
  trained[i + 3u * op.pitch] = v;
}
