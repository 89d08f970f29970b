#names THREADS
// loss = w/n Σ (o/d - target)² of one image and its gradient 2 w/(n d) (o/d - target); w/n and d lie in the state.

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let image = op.base + group.z * op.image;
  let weight = state[op.levels + 8u * group.z + 4u];
  let divisor = state[op.levels + 8u * group.z + 5u];
  let factor = 2.0 * weight / divisor;
  var sum = vec4f();
  for (var i = index; i < op.size; i += $THREADSu) {
    let error = arena[image + op.source + i] / divisor - arena[image + op.goal + i];
    sum += error * error;
    arena[image + op.output + i] = factor * error;
  }
  let loss = dot(total(sum, index), vec4f(weight));
  if (index == 0u) { state[op.losses + u32(state[op.first]) + group.z] = loss; }
}
