// Devices that only the testing addon's sessions have: the f64 oracle, plain code, and the CPU backend behind a table that counts
// what is allocated and fails when a test says so.
#include "addon/state.h"
#include "addon/testing_faults.h"
#include "cpu/backend.h"

namespace lora {

TestingFill testing_fill(const std::string& device) {
  if (device == "oracle") return cpu::oracle_backend;
  if (device == "plain") return cpu::plain_backend;
  return device == "faulty" ? testing::faulty_backend : nullptr;
}

}  // namespace lora
