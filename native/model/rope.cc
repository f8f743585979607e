// The formulas of RoPE (Su et al. 2021) and its scalings: linear (Chen et al. 2023), dynamic NTK, Llama 3.1's
// wavelength bands, YaRN (Peng et al. 2023). In double; a test compares them with published numbers.
#include "model/rope.h"

#include <algorithm>
#include <cmath>

namespace lora {

namespace {

constexpr double kTwoPi = 6.283185307179586476925286766559;

std::vector<double> plain(double theta, std::int64_t width) {
  std::vector<double> out(static_cast<std::size_t>(width / 2));
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = 1.0 / std::pow(theta, 2.0 * double(i) / double(width));
  }
  return out;
}

// Long wavelengths are stretched by `factor`, short ones kept, those between blended.
void llama3(const RopeSpec& rope, std::vector<double>& freq) {
  const double original = double(rope.original_max_positions);
  const double longest = original / rope.low_freq_factor, shortest = original / rope.high_freq_factor;
  for (double& f : freq) {
    const double wave = kTwoPi / f;
    if (wave < shortest) {
      continue;
    }
    if (wave > longest) {
      f /= rope.factor;
      continue;
    }
    const double smooth =
        (original / wave - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
    f = (1 - smooth) * f / rope.factor + smooth * f;
  }
}

// Dimensions that turn more than beta_fast times over the original context are kept, those that turn less
// than beta_slow times are stretched, with a linear ramp between.
void yarn(const RopeSpec& rope, std::vector<double>& freq) {
  const double width = double(rope.rotary_width);
  const auto dimension = [&](double turns) {
    return width * std::log(double(rope.original_max_positions) / (turns * kTwoPi)) /
           (2 * std::log(rope.theta));
  };
  double low = dimension(rope.beta_fast), high = dimension(rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, width - 1);
  if (low == high) {
    high += 0.001;
  }
  for (std::size_t i = 0; i < freq.size(); ++i) {
    const double ramp = std::min(1.0, std::max(0.0, (double(i) - low) / (high - low)));
    freq[i] = freq[i] / rope.factor * ramp + freq[i] * (1 - ramp);
  }
}

}  // namespace

std::vector<double> rope_frequencies(const RopeSpec& rope, std::int64_t length) {
  double theta = rope.theta;
  if (rope.kind == RopeKind::kDynamic && length > rope.original_max_positions) {
    const double width = double(rope.rotary_width);
    const double stretch =
        rope.factor * double(length) / double(rope.original_max_positions) - (rope.factor - 1);
    theta *= std::pow(stretch, width / (width - 2));
  }
  std::vector<double> freq = plain(theta, rope.rotary_width);
  if (rope.kind == RopeKind::kLinear) {
    for (double& f : freq) {
      f /= rope.factor;
    }
  }
  if (rope.kind == RopeKind::kLlama3) {
    llama3(rope, freq);
  }
  if (rope.kind == RopeKind::kYarn) {
    yarn(rope, freq);
  }
  return freq;
}

std::int64_t rope_variant(const RopeSpec& rope, std::int64_t length) {
  return rope.kind == RopeKind::kDynamic && length > rope.original_max_positions ? length : 0;
}

double rope_amplitude(const RopeSpec& rope) {
  return rope.kind == RopeKind::kYarn ? rope.attention_factor : 1.0;
}

}  // namespace lora
