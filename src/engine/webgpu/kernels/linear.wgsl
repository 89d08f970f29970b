// output = weight * act(source) + bias + the row of the image's class: a linear layer on one vector.
//
// A workgroup makes $LANES blocks of four outputs; $SLICES invocations share the sum of each.

var<workgroup> sums: array<vec4f, $THREADS>;

@compute @workgroup_size($LANES, $SLICES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) index: u32) {
  let lane = group.x * $LANESu + local.x;
  let o = min(lane, op.outputs - 1u);
  let source = op.source + group.z * op.sourceimage;
  var sum = vec4f();
  for (var block = local.y; block < op.blocks; block += $SLICESu) {
    let x = act(arena[source + block]);
    let w = op.weights + block * 4u * op.outputs + o;
    sum = fma(vec4f(x.x), weights[w], sum);
    sum = fma(vec4f(x.y), weights[w + op.outputs], sum);
    sum = fma(vec4f(x.z), weights[w + 2u * op.outputs], sum);
    sum = fma(vec4f(x.w), weights[w + 3u * op.outputs], sum);
  }
  sums[index] = sum;
  workgroupBarrier();
  if (local.y > 0u || lane >= op.outputs) { return; }
  sum = weights[op.bias + o];
  for (var slice = 0u; slice < $SLICESu; slice++) {
    sum += sums[slice * $LANESu + local.x];
  }
#if CLASS
  sum += weights[op.table + u32(arena[op.classes + group.z].x) * op.outputs + o];
#end
  arena[op.output + op.base + group.z * op.image + o] = sum;
}
