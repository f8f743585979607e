// Error codes as text and as status, and the per-thread sentence behind lora_backend.last_error.
#include "base/error.h"

#include <cstdio>
#include <new>

namespace lora {
namespace {

// A plain array: it must be writable when there is no memory left.
thread_local char last_error_text[2048];

std::string joined(const std::string& where, const std::string& message) {
  return where.empty() ? message : where + ": " + message;
}

}  // namespace

const char* code_name(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return "ERR_INVALID_ARGUMENT";
    case Code::kShape: return "ERR_SHAPE";
    case Code::kUnsupported: return "ERR_UNSUPPORTED";
    case Code::kOutOfMemory: return "ERR_OUT_OF_MEMORY";
    case Code::kBackendUnavailable: return "ERR_BACKEND_UNAVAILABLE";
    case Code::kDeviceLost: return "ERR_DEVICE_LOST";
    case Code::kNotFinite: return "ERR_NOT_FINITE";
    case Code::kCheckpoint: return "ERR_CHECKPOINT";
    case Code::kModel: return "ERR_MODEL";
    case Code::kData: return "ERR_DATA";
    case Code::kConfig: return "ERR_CONFIG";
    case Code::kHub: return "ERR_HUB";
    case Code::kDirty: return "ERR_DIRTY";
    case Code::kClosed: return "ERR_CLOSED";
    case Code::kInternal: return "ERR_INTERNAL";
  }
  return "ERR_INTERNAL";
}

lora_status status_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kShape: return LORA_INVALID;
    case Code::kUnsupported: return LORA_UNSUPPORTED;
    case Code::kOutOfMemory: return LORA_OUT_OF_MEMORY;
    case Code::kBackendUnavailable: return LORA_UNAVAILABLE;
    case Code::kDeviceLost: return LORA_DEVICE_LOST;
    default: return LORA_INTERNAL;
  }
}

Code code_of(lora_status status) {
  switch (status) {
    case LORA_INVALID: return Code::kInvalidArgument;
    case LORA_UNSUPPORTED: return Code::kUnsupported;
    case LORA_OUT_OF_MEMORY: return Code::kOutOfMemory;
    case LORA_UNAVAILABLE: return Code::kBackendUnavailable;
    case LORA_DEVICE_LOST: return Code::kDeviceLost;
    default: return Code::kInternal;
  }
}

Error::Error(Code code_, std::string where_, std::string message_)
    : code(code_), where(std::move(where_)), message(std::move(message_)), text_(joined(where, message)) {}

const char* last_error() noexcept { return last_error_text; }

void set_last_error(const char* text) noexcept {
  std::snprintf(last_error_text, sizeof last_error_text, "%s", text);
}

lora_status status_of_current_exception() noexcept {
  try {
    throw;
  } catch (const Error& e) {
    set_last_error(e.what());
    return status_of(e.code);
  } catch (const std::bad_alloc&) {
    set_last_error("out of host memory");
    return LORA_OUT_OF_MEMORY;
  } catch (const std::exception& e) {
    set_last_error(e.what());
    return LORA_INTERNAL;
  } catch (...) {
    set_last_error("an exception of unknown type");
    return LORA_INTERNAL;
  }
}

}  // namespace lora
