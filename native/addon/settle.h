// Promises that other threads settle: one thread-safe function per environment, referenced only while
// promises are pending, so that a pending step keeps the process alive and an idle session does not. Each
// settles once.
#ifndef LORA_ADDON_SETTLE_H
#define LORA_ADDON_SETTLE_H

#include <napi.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/commands.h"

namespace lora {

// JavaScript objects that a pending promise keeps alive: the session, and arrays that the result is written
// into.
using Kept = std::vector<Napi::ObjectReference>;
// Makes the promise's value; runs on the JavaScript thread. A Failure thrown here rejects instead.
using Make = std::function<Napi::Value(Napi::Env, Kept&)>;

class Settler {
 public:
  static std::shared_ptr<Settler> create(Napi::Env env);

  struct Opened {
    std::uint64_t id;
    Napi::Promise promise;
  };
  // JavaScript thread only.
  Opened open(Napi::Env env, Kept kept, Napi::FunctionReference progress = {});
  // Drops everything that is pending: the environment is going away. No settling reaches JavaScript
  // afterwards.
  void close();

  // Any thread.
  void resolve(std::uint64_t id, Make make);
  void reject(std::uint64_t id, Failure failure);
  // Coalesced: at most one message under way for each promise.
  void progress(std::uint64_t id, double done, double total);

 private:
  struct Pending {
    Napi::Promise::Deferred deferred;
    Kept kept;
    Napi::FunctionReference progress;
  };
  struct Message {
    std::uint64_t id;
    Make make;                         // null: rejected, or progress
    std::shared_ptr<Failure> failure;  // null: resolved, or progress
  };

  static void on_call(napi_env env, napi_value, void* context, void*);
  void drain(Napi::Env env);
  void deliver(Napi::Env env, Message& message);
  void push(Message message);

  napi_threadsafe_function function_ = nullptr;
  std::mutex mutex_;
  bool closed_ = false;
  std::deque<Message> messages_;
  std::map<std::uint64_t, std::pair<double, double>> progress_;  // latest, not yet delivered
  // JavaScript thread only.
  napi_env env_ = nullptr;
  std::map<std::uint64_t, Pending> pending_;
  std::uint64_t next_id_ = 1;
};

// {code, message, details}: what session.ts builds its typed error from.
Napi::Object failure_object(Napi::Env env, const Failure& failure);

}  // namespace lora

#endif
