// Registers engine_testing.node: the test door beside whatever the engine's addon exports.
#include <napi.h>

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("testing", Napi::Boolean::New(env, true));
  return exports;
}

}  // namespace

NODE_API_MODULE(engine_testing, init)
