// Registers engine_testing.node: the test door beside whatever the engine's addon exports.
#include "addon/state.h"
#include "addon/testing.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  lora::export_engine(env, exports);
  lora::testing::export_testing(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(engine_testing, init)
