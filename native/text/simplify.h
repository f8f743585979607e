// Text made plain for comparison: lower case, numbers as 0, punctuation and white space as one space. The ASCII part of it;
// lib/curate/simplify.ts does the rest for texts that have more, and what it leaves passes through here unchanged.
#ifndef LORA_TEXT_SIMPLIFY_H
#define LORA_TEXT_SIMPLIFY_H

#include <string>
#include <string_view>

namespace lora {

// Appends to `out`.
void simplify(std::string_view text, std::string& out);

}  // namespace lora

#endif
