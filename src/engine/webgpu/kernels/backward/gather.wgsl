// The sum of the parts that kernels/backward/weights.wgsl left, in their order.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= op.size) { return; }
  var sum = vec4f();
  for (var part = 0u; part < op.parts; part++) { sum += arena[op.source + part * op.size + id.x]; }
  put(op.output + id.x, sum);
}
