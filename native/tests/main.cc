// Runs the C++ tests one after another; scripts/sanitize.mjs builds them under each sanitizer. Exits with 1
// when an expectation failed (a sanitizer ends the process itself).
#include "tests/testing.h"

int main() {
  const struct {
    const char* name;
    void (*run)();
  } tests[] = {
      {"pool", lora::tests::test_pool},       {"device", lora::tests::test_device},
      {"rows", lora::tests::test_rows},       {"attention", lora::tests::test_attention},
      {"updates", lora::tests::test_updates}, {"products", lora::tests::test_products},
      {"session", lora::tests::test_session},
  };
  for (const auto& test : tests) {
    const int before = lora::tests::failures();
    test.run();
    std::printf("%-10s %s\n", test.name, lora::tests::failures() == before ? "ok" : "FAILED");
    std::fflush(stdout);
  }
  return lora::tests::failures() == 0 ? 0 : 1;
}
