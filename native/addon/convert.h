// JavaScript values to commands.h, with full checks: native code never trusts a caller. Every failure names
// the field.
#ifndef LORA_ADDON_CONVERT_H
#define LORA_ADDON_CONVERT_H

#include <napi.h>

#include <string>
#include <vector>

#include "engine/commands.h"

namespace lora {

// An object whose fields are read by name; `where` prefixes their names in messages.
class Fields {
 public:
  Fields(const Napi::Value& value, std::string where);

  bool has(const char* name) const;
  double number(const char* name) const;
  std::int64_t integer(const char* name) const;  // a safe integer
  std::int32_t int32(const char* name) const;
  bool boolean(const char* name) const;
  std::string word(const char* name) const;
  std::uint64_t bits(const char* name) const;  // a BigInt of 64 bits
  Fields object(const char* name) const;
  std::vector<Fields> objects(const char* name) const;
  std::vector<std::int32_t> ints(const char* name) const;  // an Int32Array, copied
  Napi::Value value(const char* name) const;
  std::string path(const char* name) const;

 private:
  Napi::Object object_;
  std::string where_;
};

std::int64_t to_integer(const Napi::Value& value, const std::string& name);
std::int32_t to_int32(const Napi::Value& value, const std::string& name);
// A 32-bit number that makes a running command cancellable; 0: none.
std::uint32_t to_ticket(const Napi::Value& value);
std::string to_word(const Napi::Value& value, const std::string& name);
std::vector<std::int32_t> to_ints(const Napi::Value& value, const std::string& name);
// A Float32Array or Float64Array, copied.
Numbers to_numbers(const Napi::Value& value, const std::string& name);
std::vector<Napi::Value> to_list(const Napi::Value& value, const std::string& name);

SessionOptions to_session_options(const Napi::Value& value);
AdapterConfig to_adapter_config(const Napi::Value& value);
BatchCommand to_batch(const Napi::Value& value);
std::vector<UpdateRule> to_rules(const Napi::Value& value);
std::vector<GenerateSequence> to_sequences(const Napi::Value& value);
AdapterPart to_part(const Napi::Value& value, bool gradients);
AdapterState to_state(const Napi::Value& value);

// Length of a typed array of floats (or of int32), which the result of a call will be written into.
std::size_t float_length(const Napi::Value& value, const std::string& name);
std::size_t int_length(const Napi::Value& value, const std::string& name);
// Writes into the array after checking its length again: it may have been detached since.
void write_floats(const Napi::Value& value, const Numbers& numbers, const std::string& name);
void write_ints(const Napi::Value& value, const std::vector<std::int32_t>& numbers, const std::string& name);

}  // namespace lora

#endif
