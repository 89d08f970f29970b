#names CENTRE
// x_t as the network takes it: planes become blocks of four channels, centred where the network asks for that.

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= op.pixels) { return; }
  let source = op.source + id.z * op.channels * op.pixels + id.x;
  for (var block = 0u; block < (op.channels + 3u) / 4u; block++) {
    var x = vec4f();
    for (var i = 0u; i < min(4u, op.channels - 4u * block); i++) {
      x[i] = state[source + (4u * block + i) * op.pixels];
#if CENTRE
      x[i] = 2.0 * x[i] - 1.0;
#end
    }
    arena[op.output + op.base + id.z * op.image + block * op.pixels + id.x] = Stored(x);
  }
}
