// The vocabulary of argument checks; the checks of each operation are in check_ops.cc.
#include "cpu/check.h"

#include "base/dtype.h"

namespace lora::cpu {
namespace {

std::string shape_text(const std::int64_t* shape, int dims) {
  std::string text = "[";
  for (int i = 0; i < dims; ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

std::string tensor_text(const lora_tensor& t) {
  const int dims = t.dims < 0 ? 0 : t.dims > LORA_MAX_DIMS ? LORA_MAX_DIMS : t.dims;
  return std::string(name_of(t.dtype)) + " " + shape_text(t.shape, dims);
}

}  // namespace

void Check::add(lora_status status, const std::string& sentence) {
  if (status_ != LORA_INVALID) status_ = status;
  if (!reasons_.empty()) reasons_ += "\n";
  reasons_ += std::string(op_) + ": " + sentence;
}

bool Check::there(const char* name, const lora_tensor& t) {
  if (planning_ || t.data != nullptr || elements_of(t) == 0) return true;
  invalid(std::string("expected ") + name + ", got no data; pass the tensor's address");
  return false;
}

bool Check::tensor(const char* name, const lora_tensor& t, lora_dtype dtype,
                   std::initializer_list<std::int64_t> shape) {
  bool same = t.dtype == dtype && t.dims == static_cast<int>(shape.size());
  int i = 0;
  for (std::int64_t extent : shape) same = same && t.shape[i++] == extent;
  for (; i < LORA_MAX_DIMS; ++i) same = same && t.shape[i] == 1;
  if (!same) {
    invalid(std::string("expected ") + name + " as " + name_of(dtype) + " " +
            shape_text(shape.begin(), static_cast<int>(shape.size())) + ", got " + tensor_text(t));
    return false;
  }
  return there(name, t);
}

bool Check::like(const char* name, const lora_tensor& t, lora_dtype dtype, std::int64_t elements,
                 std::int64_t last) {
  const bool sized = t.dims >= 1 && t.dims <= LORA_MAX_DIMS;
  if (!sized || t.dtype != dtype || elements_of(t) != elements || t.shape[t.dims - 1] != last) {
    invalid(std::string("expected ") + name + " as " + name_of(dtype) + " with " + std::to_string(elements) +
            " elements in rows of " + std::to_string(last) + ", got " + tensor_text(t));
    return false;
  }
  return there(name, t);
}

lora_dtype Check::store(const char* name, const lora_tensor& t) {
  if (t.dtype == LORA_F32 || t.dtype == LORA_BF16 || (f64_ && t.dtype == LORA_F64)) return t.dtype;
  unsupported(std::string("expected ") + name +
              (f64_ ? " as f32, bf16 or f64, got " : " as f32 or bf16, got ") + name_of(t.dtype));
  return t.dtype;
}

bool Check::range(const char* name, const lora_tensor& t, std::int64_t low, std::int64_t high) {
  if (planning_ || t.data == nullptr) return true;
  const std::int32_t* values = static_cast<const std::int32_t*>(t.data);
  const std::int64_t count = elements_of(t);
  for (std::int64_t i = 0; i < count; ++i) {
    if (values[i] >= low && values[i] < high) continue;
    invalid(std::string("expected every ") + name + " from " + std::to_string(low) + " to " +
            std::to_string(high - 1) + ", got " + std::to_string(values[i]) + " at index " +
            std::to_string(i));
    return false;
  }
  return true;
}

bool Check::route(const lora_route& r, std::int64_t rows) {
  if (planning_) return true;
  if (r.segments < 0 || r.begin == nullptr || (r.segments > 0 && r.slot == nullptr)) {
    invalid("expected a route with begin and slot in host memory, got none");
    return false;
  }
  bool sorted = r.begin[0] == 0 && r.begin[r.segments] == rows;
  for (std::int32_t i = 0; i < r.segments; ++i)
    sorted = sorted && r.begin[i] <= r.begin[i + 1] && r.slot[i] >= -1;
  if (!sorted) {
    invalid("expected the route's begin to rise from 0 to " + std::to_string(rows) +
            " and slots of at least -1; check how the batch was packed");
  }
  return sorted;
}

}  // namespace lora::cpu
