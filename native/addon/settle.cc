// Settling code tolerates an environment that can no longer run JavaScript: it catches everything and drops
// the result, because nothing may escape a completion callback.
#include "addon/settle.h"

#include <utility>

namespace lora {

namespace {

Napi::Array lines(Napi::Env env, const std::vector<Line>& plan) {
  Napi::Array out = Napi::Array::New(env, plan.size());
  for (std::uint32_t i = 0; i < plan.size(); ++i) {
    Napi::Object line = Napi::Object::New(env);
    line.Set("name", plan[i].name);
    line.Set("bytes", double(plan[i].bytes));
    out.Set(i, line);
  }
  return out;
}

Napi::Value value_of(Napi::Env env, const Detail& detail) {
  if (const auto* word = std::get_if<std::string>(&detail)) {
    return Napi::String::New(env, *word);
  }
  if (const auto* number = std::get_if<double>(&detail)) {
    return Napi::Number::New(env, *number);
  }
  if (const auto* plan = std::get_if<std::vector<Line>>(&detail)) {
    return lines(env, *plan);
  }
  const auto& words = std::get<std::vector<std::string>>(detail);
  Napi::Array out = Napi::Array::New(env, words.size());
  for (std::uint32_t i = 0; i < words.size(); ++i) {
    out.Set(i, words[i]);
  }
  return out;
}

}  // namespace

Napi::Object failure_object(Napi::Env env, const Failure& failure) {
  Napi::Object details = Napi::Object::New(env);
  for (const auto& [name, detail] : failure.details()) {
    details.Set(name, value_of(env, detail));
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("code", failure.code());
  out.Set("message", failure.message());
  out.Set("details", details);
  return out;
}

std::shared_ptr<Settler> Settler::create(Napi::Env env) {
  auto settler = std::make_shared<Settler>();
  settler->env_ = env;
  auto* context = new std::shared_ptr<Settler>(settler);
  const auto forget = [](napi_env, void* data, void*) {
    delete static_cast<std::shared_ptr<Settler>*>(data);
  };
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "whetstone"), 0, 1,
                                      context, forget, context, on_call, &settler->function_);
  if (status != napi_ok) {
    delete context;
    throw Napi::Error::New(env, "cannot create the engine's thread-safe function");
  }
  napi_unref_threadsafe_function(env, settler->function_);
  return settler;
}

Settler::Opened Settler::open(Napi::Env env, Kept kept, Napi::FunctionReference progress) {
  auto deferred = Napi::Promise::Deferred::New(env);
  const std::uint64_t id = next_id_++;
  const Napi::Promise promise = deferred.Promise();
  if (pending_.empty()) {
    napi_ref_threadsafe_function(env, function_);
  }
  pending_.emplace(id, Pending{deferred, std::move(kept), std::move(progress)});
  return {id, promise};
}

void Settler::close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    messages_.clear();
    progress_.clear();
  }
  pending_.clear();
  napi_release_threadsafe_function(function_, napi_tsfn_abort);
}

void Settler::push(Message message) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) {
    return;
  }
  messages_.push_back(std::move(message));
  napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

void Settler::resolve(std::uint64_t id, Make make) { push({id, std::move(make), nullptr}); }

void Settler::reject(std::uint64_t id, Failure failure) {
  push({id, nullptr, std::make_shared<Failure>(std::move(failure))});
}

void Settler::progress(std::uint64_t id, double done, double total) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const bool under_way = progress_.count(id) > 0;
    progress_[id] = {done, total};
    if (under_way) {
      return;
    }
  }
  push({id, nullptr, nullptr});
}

void Settler::on_call(napi_env env, napi_value, void* context, void*) {
  if (!env) {
    return;  // the environment is shutting down
  }
  try {
    (*static_cast<std::shared_ptr<Settler>*>(context))->drain(Napi::Env(env));
  } catch (...) {
  }
}

void Settler::drain(Napi::Env env) {
  for (;;) {
    Message message;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (messages_.empty()) {
        return;
      }
      message = std::move(messages_.front());
      messages_.pop_front();
    }
    Napi::HandleScope scope(env);
    deliver(env, message);
  }
}

void Settler::deliver(Napi::Env env, Message& message) {
  const auto found = pending_.find(message.id);
  if (found == pending_.end()) {
    return;
  }
  if (!message.make && !message.failure) {
    std::pair<double, double> latest;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      latest = progress_[message.id];
      progress_.erase(message.id);
    }
    try {
      if (!found->second.progress.IsEmpty()) {
        found->second.progress.Call(
            {Napi::Number::New(env, latest.first), Napi::Number::New(env, latest.second)});
      }
    } catch (...) {  // session.ts guards the listener; what still comes through must not end the process
    }
    return;
  }
  Pending pending = std::move(found->second);
  pending_.erase(found);
  try {
    if (pending_.empty()) {
      napi_unref_threadsafe_function(env, function_);
    }
    if (message.failure) {
      pending.deferred.Reject(failure_object(env, *message.failure));
      return;
    }
    try {
      pending.deferred.Resolve(message.make(env, pending.kept));
    } catch (const Failure& failure) {
      pending.deferred.Reject(failure_object(env, failure));
    } catch (const Napi::Error& error) {
      pending.deferred.Reject(failure_object(env, internal_error(error.Message())));
    }
  } catch (...) {
  }
}

}  // namespace lora
