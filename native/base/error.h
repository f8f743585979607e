// The one exception of the native code, its codes (the same list as lib/errors.ts), how they travel through
// lora_status, and guard(): the wrapper of every entry of a lora_backend table.
#ifndef LORA_BASE_ERROR_H
#define LORA_BASE_ERROR_H

#include <exception>
#include <string>
#include <utility>

#include "abi/types.h"

namespace lora {

enum class Code {
  kInvalidArgument, kShape, kUnsupported, kOutOfMemory, kBackendUnavailable, kDeviceLost, kNotFinite, kCheckpoint,
  kModel, kData, kConfig, kHub, kDirty, kClosed, kInternal
};

// "ERR_SHAPE" and so on, as in lib/errors.ts.
const char* code_name(Code code);

// Codes that a backend has no word for become LORA_INTERNAL; kShape becomes LORA_INVALID.
lora_status status_of(Code code);
Code code_of(lora_status status);

struct Error : std::exception {
  Code code;
  std::string where;    // the operation, file or field
  std::string message;  // what was expected, what came, what to do

  Error(Code code, std::string where, std::string message);
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;  // "where: message"
};

// This thread's sentence about its last failed guarded call; empty after a guarded call that succeeded.
const char* last_error() noexcept;
void set_last_error(const char* text) noexcept;

// Turns the exception now being handled into a status and this thread's last_error.
lora_status status_of_current_exception() noexcept;

// Runs fn() and lets nothing out: for every function of a lora_backend table.
template <class Fn>
lora_status guard(Fn&& fn) noexcept {
  try {
    set_last_error("");
    std::forward<Fn>(fn)();
    return LORA_OK;
  } catch (...) {
    return status_of_current_exception();
  }
}

}  // namespace lora
#endif
