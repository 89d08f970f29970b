#names LANES SLICES THREADS FEATURES CLASS TO
// output = weight * act(source) + bias + the row of the image's class: a linear layer on one vector.
//
// A workgroup makes $LANES blocks of four outputs; $SLICES invocations share the sum of each. The timestep's features,
// from which all the others follow, and the class lie in the state, where they are f32 in every network.

var<workgroup> sums: array<vec4f, $THREADS>;

@compute @workgroup_size($LANES, $SLICES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) index: u32) {
  let lane = group.x * $LANESu + local.x;
  let o = min(lane, op.outputs - 1u);
  var sum = vec4f();
  for (var block = local.y; block < op.blocks; block += $SLICESu) {
#if FEATURES
    let i = op.source + 4u * (group.z * op.blocks + block);
    let x = act(vec4f(state[i], state[i + 1u], state[i + 2u], state[i + 3u]));
#else
    let x = act(vec4f(arena[op.source + op.base + group.z * op.image + block]));
#end
    let w = op.weights + block * 4u * op.outputs + o;
    sum = fma(vec4f(x.x), vec4f(weights[w]), sum);
    sum = fma(vec4f(x.y), vec4f(weights[w + op.outputs]), sum);
    sum = fma(vec4f(x.z), vec4f(weights[w + 2u * op.outputs]), sum);
    sum = fma(vec4f(x.w), vec4f(weights[w + 3u * op.outputs]), sum);
  }
  sums[index] = sum;
  workgroupBarrier();
  if (local.y > 0u || lane >= op.outputs) { return; }
  sum = vec4f(weights[op.bias + o]);
  for (var slice = 0u; slice < $SLICESu; slice++) {
    sum += sums[slice * $LANESu + local.x];
  }
#if CLASS
  sum += vec4f(weights[op.table + u32(state[op.classes + group.z]) * op.outputs + o]);
#end
  arena$TO[op.output + op.base + group.z * op.image + o] = Stored(sum);
}
