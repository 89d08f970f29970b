#names THREADS COLUMNS
// The sum of the parts that kernels/backward/weights.wgsl left, always in the same order: $COLUMNS vectors in a
// workgroup, each of whose parts several invocations share.

var<workgroup> sums: array<vec4f, $THREADS>;

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let at = group.x * $COLUMNSu + index % $COLUMNSu;
  let begin = op.source + min(at, op.size - 1u);
  var sum = vec4f();
  for (var part = index / $COLUMNSu; part < op.parts; part += $THREADSu / $COLUMNSu) {
    sum += arena[begin + part * op.size];
  }
  sums[index] = sum;
  for (var n = $THREADSu / 2u; n >= $COLUMNSu; n /= 2u) {
    workgroupBarrier();
    if (index < n) { sums[index] += sums[index + n]; }
  }
  if (index < $COLUMNSu && at < op.size) { put(op.output + at, sums[index]); }
}
