#names CENTRE
// What a training step begins with: x_t = a x_0 + b eps as the network takes it, target = c x_0 + d eps, and the
// timestep's features; planes become blocks of four channels.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let image = op.base + id.z * op.image;
  if (id.x < op.known) {
    let i = op.features + 4u * (id.z * op.known + id.x);
    arena[image + op.told + id.x] = vec4f(state[i], state[i + 1u], state[i + 2u], state[i + 3u]);
  }
  if (id.x >= op.pixels) { return; }
  let level = op.levels + 8u * id.z;
  let first = id.z * op.channels * op.pixels + id.x;
  for (var block = 0u; block < (op.channels + 3u) / 4u; block++) {
    var x = vec4f();
    var y = vec4f();
    for (var i = 0u; i < min(4u, op.channels - 4u * block); i++) {
      let at = first + (4u * block + i) * op.pixels;
      let clean = state[op.clean + at];
      let noise = state[op.noise + at];
      x[i] = state[level] * clean + state[level + 1u] * noise;
      y[i] = state[level + 2u] * clean + state[level + 3u] * noise;
#if CENTRE
      x[i] = 2.0 * x[i] - 1.0;
#end
    }
    arena[image + op.output + block * op.pixels + id.x] = x;
    arena[image + op.goal + block * op.pixels + id.x] = y;
  }
}
