#names THREADS
// The numbers of a step: loss, norm of all gradients, whether the step is made (0), is not a number (1) or comes after
// one that was none (2), and the factor of the gradients. As long as the flag behind what is trained is set, nothing
// changes.

@group(0) @binding(0) var<storage, read_write> trained: array<vec4f>;
@group(0) @binding(2) var<uniform> op: Op;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;

fn finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size($THREADS)
fn main(@builtin(local_invocation_index) index: u32) {
  var sum = vec4f();
  for (var i = index; i < op.images; i += $THREADSu) { sum.x += state[op.losses + i]; }
  for (var i = index; i < op.parts; i += $THREADSu) { sum.y += state[op.squares + i]; }
  let all = total(sum, index);
  if (index > 0u) { return; }
  let norm = sqrt(all.y);
  let clip = state[op.clip];
  state[op.results] = all.x;
  state[op.results + 1u] = norm;
  var status = 0.0;
  if (trained[op.flag].x != 0.0) {
    status = 2.0;
  } else if (!finite(all.x) || !finite(norm)) {
    status = 1.0;
    if (op.updates != 0u) { trained[op.flag].x = 1.0; }
  }
  state[op.results + 2u] = status;
  var factor = 1.0;
  if (clip > 0.0) { factor = min(1.0, clip / (norm + 1e-6)); }
  state[op.results + 3u] = factor;
}
