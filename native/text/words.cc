// White space for now.
#include "text/words.h"

namespace lora {

void split_words(std::string_view text, std::vector<std::string_view>& words) {
  for (std::size_t i = 0; i < text.size();) {
    while (i < text.size() && static_cast<unsigned char>(text[i]) <= ' ') ++i;
    const std::size_t begin = i;
    while (i < text.size() && static_cast<unsigned char>(text[i]) > ' ') ++i;
    if (i > begin) words.push_back(text.substr(begin, i - begin));
  }
}

}  // namespace lora
