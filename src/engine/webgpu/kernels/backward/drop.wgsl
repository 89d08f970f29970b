// Dropout: output = source / (1 - p) where a number is kept, else 0. Which are kept is a function of the image's seed,
// the layer and the place [channel][row][column]; see `kept` in plan/training.rs.

fn mixed(before: u32) -> u32 {
  var word = before ^ (before >> 16u);
  word *= 0x7feb352du;
  word ^= word >> 15u;
  word *= 0x846ca68bu;
  return word ^ (word >> 16u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= op.size) { return; }
  let image = op.base + id.z * op.image;
  let level = op.levels + 8u * id.z;
  let seed = (u32(state[level + 6u]) << 16u) | u32(state[level + 7u]);
  let key = mixed(seed ^ (op.layer * 0x9e3779b9u));
  let x = arena[image + op.source + id.x];
  var r = vec4f();
  for (var i = 0u; i < 4u; i++) {
    let place = (4u * (id.x / op.plane) + i) * op.plane + id.x % op.plane;
    let kept = f32(mixed(key ^ place) >> 8u) / 16777216.0 >= bitcast<f32>(op.rate);
    r[i] = select(0.0, x[i] * bitcast<f32>(op.factor), kept);
  }
  arena[image + op.output + id.x] = r;
}
