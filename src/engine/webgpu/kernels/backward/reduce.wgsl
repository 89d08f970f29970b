#names THREADS
// params = Σ_images source: one workgroup for a block of four numbers. A table in the state says for each of them where
// both are.

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = op.table + 4u * group.x;
  let source = op.base + place(row);
  var sum = vec4f();
  for (var i = index; i < op.batch; i += $THREADSu) { sum += arena[source + i * op.image]; }
  let all = total(sum, index);
  if (index == 0u) { put(place(row + 2u), all); }
}
