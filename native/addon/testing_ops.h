// The argument structs of abi/backend.h as lists of fields, for the test door.
#ifndef LORA_ADDON_TESTING_OPS_H
#define LORA_ADDON_TESTING_OPS_H

#include "addon/testing.h"

namespace lora::testing {

enum class Kind { kTensor, kF32, kF64, kI32, kHostI32, kRoute, kStreams, kPair, kWeight, kParts, kRules };

struct Field {
  const char* name;
  Kind kind;
  std::size_t offset;
};

// One operation of the table: its argument struct as fields, and how it is called.
struct Op {
  lora_op op;
  std::size_t size;
  std::vector<Field> fields;
  lora_status (*invoke)(const lora_backend&, lora_stream*, const Call&);
};

// Throws for a name that is none; names are those of the table's functions in camelCase.
const Op& find_op(const std::string& name);

}  // namespace lora::testing

#endif
