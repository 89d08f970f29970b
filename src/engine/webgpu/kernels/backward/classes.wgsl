// table[class] = Σ_images of that class source: one invocation for a block of four numbers of one row.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= op.blocks) { return; }
  var sum = vec4f();
  for (var i = 0u; i < op.batch; i++) {
    if (u32(state[op.labels + i]) == id.y) { sum += arena[op.base + i * op.image + op.source + id.x]; }
  }
  put(op.output + id.y * op.blocks + id.x, sum);
}
