#names THREADS
// params = Σ_images source: one workgroup for a block of four numbers.

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  var sum = vec4f();
  for (var i = index; i < op.batch; i += $THREADSu) {
    sum += arena[op.base + i * op.image + op.source + group.x];
  }
  let all = total(sum, index);
  if (index == 0u) { put(op.output + group.x, all); }
}
