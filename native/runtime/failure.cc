// Builders of Failure: each message says what was expected, what came and what to do.
#include "runtime/failure.h"

#include <algorithm>

namespace lora {

namespace {

constexpr std::size_t kPlanLines = 8;

std::string in_mib(std::size_t bytes) { return text((bytes + (1u << 19)) >> 20, " MiB"); }

}  // namespace

Failure invalid_argument(const std::string& argument, const std::string& expected,
                         const std::string& received) {
  return Failure("ERR_INVALID_ARGUMENT", text(argument, ": expected ", expected, ", got ", received),
                 {{"argument", argument}, {"expected", expected}, {"received", received}});
}

Failure shape_error(const std::string& op, const std::string& message) {
  return Failure("ERR_SHAPE", text(op, ": ", message), {{"op", op}});
}

Failure unsupported(const std::string& op, const std::vector<std::string>& reasons) {
  std::string all;
  for (const std::string& reason : reasons) {
    all += (all.empty() ? "" : "; ") + reason;
  }
  return Failure("ERR_UNSUPPORTED", text(op, " cannot run on this backend: ", all),
                 {{"op", op}, {"reasons", reasons}});
}

namespace {

// The largest lines, and each as a line of text.
std::string largest(std::vector<Line>& plan) {
  std::stable_sort(plan.begin(), plan.end(), [](const Line& a, const Line& b) { return a.bytes > b.bytes; });
  if (plan.size() > kPlanLines) {
    plan.resize(kPlanLines);
  }
  std::string lines;
  for (const Line& line : plan) {
    lines += text("\n  ", line.name, ": ", in_mib(line.bytes));
  }
  return lines;
}

}  // namespace

Failure out_of_memory(std::size_t needed, std::size_t free, std::vector<Line> plan) {
  const std::string lines = largest(plan);
  return Failure(
      "ERR_OUT_OF_MEMORY",
      text("the session needs ", in_mib(needed), " but only ", in_mib(free),
           " are free; use recompute cheap, layer or auto, lower maxTokens, slots, rank or cacheTokens, or use bf16. "
           "Largest parts:", lines),
      {{"needed", double(needed)}, {"free", double(free)}, {"plan", plan}});
}

Failure out_of_memory_in(const std::string& op, const std::string& why) {
  return Failure("ERR_OUT_OF_MEMORY", text(op, ": ", why),
                 {{"needed", 0.0}, {"free", 0.0}, {"plan", std::vector<Line>()}});
}

Failure out_of_memory_during(const Failure& failure, std::size_t needed, std::size_t free, std::vector<Line> plan) {
  const std::string lines = largest(plan);
  return Failure(
      "ERR_OUT_OF_MEMORY",
      text(failure.message(), "; the session lives on, and after dropGradients so does training. It was planned to take ",
           in_mib(needed), ", and ", in_mib(free),
           " are free now: end other programs on the device, or open a smaller session. Largest parts:", lines),
      {{"needed", double(needed)}, {"free", double(free)}, {"plan", plan}});
}

Failure unavailable(const std::string& why, const std::vector<std::string>& tried,
                    const std::string& message) {
  return Failure("ERR_BACKEND_UNAVAILABLE", message, {{"why", why}, {"tried", tried}});
}

Failure device_lost(const std::string& op, const std::string& message) {
  return Failure("ERR_DEVICE_LOST",
                 text(op, ": ", message,
                      "; the device refuses further work: close the session; where a new one is refused too, end the "
                      "process"),
                 {{"op", op}});
}

Failure not_finite(const std::string& where, std::int32_t slot) {
  const std::string whose = slot < 0 ? "the base model's rows" : text("adapter ", slot);
  return Failure("ERR_NOT_FINITE",
                 text("the ", where, " of ", whose,
                      " is not finite; weights are unchanged. Lower the learning rate, "
                      "clip gradients, or look at the batch"),
                 {{"where", where}, {"slot", double(slot)}});
}

Failure bad_file(const std::string& file, const std::string& problem) {
  return Failure("ERR_CHECKPOINT", text(file, ": ", problem), {{"file", file}, {"problem", problem}});
}

Failure dirty_window() {
  return Failure("ERR_DIRTY",
                 "the gradients of an accumulate that failed or was aborted are pending; "
                 "call dropGradients before training goes on");
}

Failure closed() { return Failure("ERR_CLOSED", "the session is closed; open another with openSession"); }

Failure aborted() { return Failure("ABORTED", "the command was cancelled"); }

Failure internal_error(const std::string& message) { return Failure("ERR_INTERNAL", message); }

}  // namespace lora
