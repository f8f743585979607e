// What `supports` answers: what an operation cannot do with these arguments, and what it does more slowly than it could.
#pragma once

#include <string>
#include <vector>

#include "common/device.h"

namespace lora::cuda {

struct Support {
  std::vector<std::string> missing;  // empty: the operation runs
  std::vector<std::string> slower;

  std::string text() const;  // a line each
};

// Looks at shapes and types only.
Support support_of(const lora_device& device, lora_op op, const void* args);

}  // namespace lora::cuda
