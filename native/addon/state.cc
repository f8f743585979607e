// The cleanup hook is registered after the thread-safe function is created, so it runs before that is torn
// down.
#include "addon/state.h"

#include <algorithm>

namespace lora {

State& State::of(Napi::Env env) { return *env.GetInstanceData<State>(); }

State& State::create(Napi::Env env) {
  auto* state = new State;
  env.SetInstanceData<State>(state);
  state->settler = Settler::create(env);
  napi_add_env_cleanup_hook(env, [](void* at) { static_cast<State*>(at)->shut_down(); }, state);
  return *state;
}

std::shared_ptr<EngineThread> State::start(std::function<void()> last) {
  reap();
  threads.push_back(std::make_shared<EngineThread>(std::move(last)));
  return threads.back();
}

void State::reap() {
  threads.erase(std::remove_if(threads.begin(), threads.end(),
                               [](const std::shared_ptr<EngineThread>& thread) {
                                 if (!thread->ended()) {
                                   return false;
                                 }
                                 thread->join();
                                 return true;
                               }),
                threads.end());
  for (auto entry = opening.begin(); entry != opening.end();) {
    entry = entry->second.expired() ? opening.erase(entry) : std::next(entry);
  }
}

void State::shut_down() {
  for (const auto& thread : threads) {
    thread->stop();
  }
  for (const auto& thread : threads) {
    thread->join();
  }
  threads.clear();
  settler->close();
}

}  // namespace lora
