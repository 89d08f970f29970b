// One step of the sampler, see src/step.rs:
//
//   x0_hat = clip(p x_t + q out)
//   eps    = r x_t + s (out or x0_hat)
//   x_prev = a x0_hat + b eps + sigma z
//
// The scalars lie at the state's beginning, in the order of `scalars` in state.rs. The network's raw output is
// x0_hat with p = 0 and its own divisor in q.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= op.pixels) { return; }
  let p = state[0]; let limit = state[1];
  let r = state[2]; let s = state[3]; let rederived = state[4] != 0.0;
  let a = state[5]; let b = state[6]; let sigma = state[7];
  let predicts = state[8] != 0.0; let moves = state[9] != 0.0;
  let q = state[op.factors + id.z];
  for (var channel = 0u; channel < op.channels; channel++) {
    let block = op.source + op.base + id.z * op.image + channel / 4u * op.pixels + id.x;
    let answer = f32(arena[block][channel % 4u]);
    let i = (id.z * op.channels + channel) * op.pixels + id.x;
    var x = 0.0;
    if (p != 0.0 || moves) { x = state[op.x + i]; }
    var x0 = state[op.result + i];
    if (predicts) {
      x0 = p * x + q * answer;
      // What is not a number stays so, for the host to see; comparisons need not notice it.
      let finite = (bitcast<u32>(x0) & 0x7f800000u) != 0x7f800000u;
      if (limit > 0.0 && finite) { x0 = clamp(x0, -limit, limit); }
      state[op.result + i] = x0;
    }
    if (moves) {
      var prev = a * x0 + b * (r * x + s * select(answer, x0, rederived));
      if (sigma != 0.0) { prev += sigma * state[op.noise + i]; }
      state[op.x + i] = prev;
    }
  }
}
