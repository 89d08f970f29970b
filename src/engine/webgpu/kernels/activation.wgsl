#names SILU MISH GELU RELU ACT
// The nonlinearity of a network, component by component.
fn act(x: vec4f) -> vec4f {
#if SILU
  return x / (1.0 + exp(min(-x, vec4f(80.0))));
#end
#if MISH
  // tanh(log(1 + e)) = (e² + 2e) / (e² + 2e + 2) with e = exp(x); it is 1 long before exp overflows.
  let e = exp(min(x, vec4f(20.0)));
  let n = e * (e + 2.0);
  return x * n / (n + 2.0);
#end
#if GELU
  // erf: Abramowitz & Stegun 7.1.26, error below 1.5e-7.
  let z = abs(x) * 0.7071067811865476;
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return 0.5 * x * (1.0 + sign(x) * (1.0 - tail * exp(-z * z)));
#end
#if RELU
  return max(x, vec4f());
#end
#if !ACT
  return x;
#end
}

