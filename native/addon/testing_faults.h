// The device "faulty" of the testing addon: the CPU backend behind a table that counts what is allocated and lets one
// call fail when a test says so.
#ifndef LORA_ADDON_TESTING_FAULTS_H
#define LORA_ADDON_TESTING_FAULTS_H

#include <napi.h>

#include "abi/backend.h"

namespace lora::testing {

lora_status faulty_backend(lora_backend* out);

// fault({ op, after, status }): the call of that table function after so many others returns "out-of-memory" or
// "device-lost"; a lost device refuses everything from then on. fault(): none any more.
Napi::Value fault(const Napi::CallbackInfo& info);
// { bytes, peak, workspace } of the device's own memory: allocated now, at most since the last call of fault(), and the
// backend's scratch of the device opened last, while it is open.
Napi::Value memory_of_faulty(const Napi::CallbackInfo& info);

}  // namespace lora::testing

#endif
