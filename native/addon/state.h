// What one JavaScript environment (the main thread or a worker) owns: the settler, the engine threads that it
// started, the class of sessions. Freed by the environment's cleanup hook: stop, join, then drop the settler.
#ifndef LORA_ADDON_STATE_H
#define LORA_ADDON_STATE_H

#include <napi.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "abi/backend.h"
#include "addon/settle.h"
#include "engine/queue.h"

namespace lora {

struct State {
  static State& of(Napi::Env env);
  // Called once when the addon is loaded into an environment.
  static State& create(Napi::Env env);

  // Starts an engine thread that this environment will join.
  std::shared_ptr<EngineThread> start(std::function<void()> last);
  // Joins threads that have ended.
  void reap();
  void shut_down();

  std::shared_ptr<Settler> settler;
  std::vector<std::shared_ptr<EngineThread>> threads;
  std::map<std::uint32_t, std::weak_ptr<EngineThread>> opening;  // by ticket; text calls too
  Napi::FunctionReference session_class;
};

// Fills the table of a device that only tests have, by its name; null in the shipped addon.
using TestingFill = lora_status (*)(lora_backend*);
TestingFill testing_fill(const std::string& device);

// Adds the engine's functions to an addon's exports: engine.node's own, and engine_testing.node's beside its
// test door.
void export_engine(Napi::Env env, Napi::Object exports);

}  // namespace lora

#endif
