// Frequencies of the rotary embedding for every scaling that config.json knows: default, linear, dynamic,
// llama3, yarn.
#ifndef LORA_MODEL_ROPE_H
#define LORA_MODEL_ROPE_H

#include <cstdint>
#include <vector>

#include "model/spec.h"

namespace lora {

// inv_freq[i] of a sequence of `length` tokens, rotary_width / 2 of them. Only "dynamic" depends on the
// length.
std::vector<double> rope_frequencies(const RopeSpec& rope, std::int64_t length);

// What distinguishes sequences whose frequencies differ: 0 for all whose length does not matter.
std::int64_t rope_variant(const RopeSpec& rope, std::int64_t length);

// Factor on cos and sin: yarn's attention factor.
double rope_amplitude(const RopeSpec& rope);

}  // namespace lora

#endif
