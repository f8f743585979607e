// The portable path of the linear, for linear.cu to fall back on.
#pragma once

#include "common/device.h"

namespace lora::cuda {

void linear_any(lora_stream*, const lora_linear_args&);
void linear_bwd_any(lora_stream*, const lora_linear_bwd_args&);

}  // namespace lora::cuda
