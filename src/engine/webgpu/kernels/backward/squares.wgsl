#names THREADS
// The gradient's squared norm, first part: every workgroup adds the squares of some of its numbers.

@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<uniform> op: Op;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;

@compute @workgroup_size($THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) index: u32) {
  var sum = vec4f();
  for (var i = group.x * $THREADSu + index; i < op.size; i += groups.x * $THREADSu) {
    sum = fma(gradients[i], gradients[i], sum);
  }
  let all = total(sum, index);
  if (index == 0u) { state[op.output + group.x] = dot(all, vec4f(1.0)); }
}
