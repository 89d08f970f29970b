#names THREADS
// Muon, first part: one workgroup for a matrix. Its momentum, and Nesterov's look ahead of it, divided by its norm, as x.

@group(0) @binding(0) var<storage, read_write> trained: array<f32>;  // values, average, both moments
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<uniform> op: Op;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = op.table + 12u * group.x;
  let first = place(row);
  let pitch = place(row + 2u);
  let columns = place(row + 6u);
  let size = place(row + 4u) * columns;
  let x = op.x + place(row + 8u);
  let old = bitcast<f32>(op.momentum);
  let fresh = 1.0 - old;
  let live = state[op.results + 2u] == 0.0;
  let clip = state[op.results + 3u];
  var sum = vec4f();
  for (var i = index; i < size; i += $THREADSu) {
    let at = first + i / columns * pitch + i % columns;
    let g = gradients[at] * clip;
    let m = old * trained[at + op.moments] + fresh * g;
    if (live) { trained[at + op.moments] = m; }
    let ahead = old * m + fresh * g;
    state[x + i] = ahead;
    sum.x = fma(ahead, ahead, sum.x);
  }
  let scale = 1.0 / max(sqrt(total(sum, index).x), bitcast<f32>(op.least));
  for (var i = index; i < size; i += $THREADSu) { state[x + i] *= scale; }
}
