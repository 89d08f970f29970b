#names THREADS
// output[c] = Σ_pixels gradient[c] of one image: one workgroup for a block of four channels.

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let image = op.base + group.z * op.image;
  let begin = image + op.source + group.x * op.plane;
  var sum = vec4f();
  for (var i = index; i < op.plane; i += $THREADSu) { sum += arena[begin + i]; }
  let all = total(sum, index);
  if (index == 0u) { arena[image + op.output + group.x] = all; }
}
