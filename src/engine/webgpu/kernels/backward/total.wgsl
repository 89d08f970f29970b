#names THREADS
var<workgroup> parts: array<vec4f, $THREADS>;

// The sum of `value` over the workgroup.
fn total(value: vec4f, index: u32) -> vec4f {
  workgroupBarrier();
  parts[index] = value;
  for (var n = $THREADSu / 2u; n > 0u; n /= 2u) {
    workgroupBarrier();
    if (index < n) { parts[index] += parts[index + n]; }
  }
  workgroupBarrier();
  return parts[0];
}

