// The error that travels inside native code above the waist: a code of lib/errors.ts, a sentence, and the
// typed details that TypeScript rebuilds its EngineError from. Thrown anywhere below the engine, caught once
// per command.
#ifndef LORA_RUNTIME_FAILURE_H
#define LORA_RUNTIME_FAILURE_H

#include <cstddef>
#include <cstdint>
#include <exception>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace lora {

// One line of a memory plan.
struct Line {
  std::string name;
  std::size_t bytes = 0;
};

using Detail = std::variant<std::string, double, std::vector<std::string>, std::vector<Line>>;

class Failure : public std::exception {
 public:
  Failure(std::string code, std::string message, std::vector<std::pair<std::string, Detail>> details = {})
      : code_(std::move(code)), message_(std::move(message)), details_(std::move(details)) {}

  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::vector<std::pair<std::string, Detail>>& details() const { return details_; }

 private:
  std::string code_, message_;
  std::vector<std::pair<std::string, Detail>> details_;
};

// Strings and numbers, one after another.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

Failure invalid_argument(const std::string& argument, const std::string& expected,
                         const std::string& received);
Failure shape_error(const std::string& op, const std::string& message);
Failure unsupported(const std::string& op, const std::vector<std::string>& reasons);
// `plan` is cut to its largest lines.
Failure out_of_memory(std::size_t needed, std::size_t free, std::vector<Line> plan);
// Memory that was planned for went to somebody else, or an operation needed more than it said.
Failure out_of_memory_in(const std::string& op, const std::string& why);
// The same with what is known of the session.
Failure out_of_memory_during(const Failure& failure, std::size_t needed, std::size_t free, std::vector<Line> plan);
Failure unavailable(const std::string& why, const std::vector<std::string>& tried,
                    const std::string& message);
Failure device_lost(const std::string& op, const std::string& message);
Failure not_finite(const std::string& where, std::int32_t slot);
Failure bad_file(const std::string& file, const std::string& problem);
Failure dirty_window();
Failure closed();
Failure aborted();
Failure internal_error(const std::string& message);

}  // namespace lora

#endif
