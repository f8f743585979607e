// Words of a text as spaCy's blank English pipeline cuts them, which is what datatrove's filters and MinHash count.
#ifndef LORA_TEXT_WORDS_H
#define LORA_TEXT_WORDS_H

#include <string_view>
#include <vector>

namespace lora {

// Appends the words of `text`, which must outlive them; words of white space are left out.
void split_words(std::string_view text, std::vector<std::string_view>& words);

}  // namespace lora

#endif
