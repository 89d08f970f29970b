#names SILU MISH GELU RELU ACT
// The derivative of a network's nonlinearity, component by component.
fn slope(x: vec4f) -> vec4f {
#if SILU
  let s = 1.0 / (1.0 + exp(min(-x, vec4f(80.0))));
  return s * (1.0 + x * (1.0 - s));
#end
#if MISH
  // With e and n as in activation.wgsl: tanh = n / (n + 2), 1 - tanh² = 4 (n + 1) / (n + 2)².
  let e = exp(min(x, vec4f(20.0)));
  let n = e * (e + 2.0);
  return n / (n + 2.0) + x * 4.0 * (n + 1.0) / ((n + 2.0) * (n + 2.0)) * e / (1.0 + e);
#end
#if GELU
  let z = abs(x) * 0.7071067811865476;
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  let bell = exp(-z * z);
  return 0.5 * (1.0 + sign(x) * (1.0 - tail * bell)) + x * 0.3989422804014327 * bell;
#end
#if RELU
  return select(vec4f(), vec4f(1.0), x > vec4f());
#end
#if !ACT
  return vec4f(1.0);
#end
}

