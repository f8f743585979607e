// Single values out of JavaScript and back, each checked in words. The structs made of them are in convert.cc.
#include <cmath>
#include <cstring>

#include "addon/convert.h"

namespace lora {

namespace {

constexpr double kSafe = 9007199254740991.0;

const char* kind_of(const Napi::Value& v) {
  if (v.IsUndefined()) {
    return "undefined";
  }
  if (v.IsNull()) {
    return "null";
  }
  if (v.IsNumber()) {
    return "a number";
  }
  if (v.IsString()) {
    return "a string";
  }
  if (v.IsBoolean()) {
    return "a boolean";
  }
  if (v.IsBigInt()) {
    return "a bigint";
  }
  if (v.IsTypedArray()) {
    return "a typed array of another type";
  }
  if (v.IsArray()) {
    return "an array";
  }
  return v.IsFunction() ? "a function" : "an object";
}

struct View {
  napi_typedarray_type type = napi_int8_array;
  std::size_t length = 0;
  void* data = nullptr;
};

bool view_of(const Napi::Value& value, View& out) {
  if (!value.IsTypedArray()) {
    return false;
  }
  return napi_get_typedarray_info(value.Env(), value, &out.type, &out.length, &out.data, nullptr, nullptr) ==
         napi_ok;
}

View floats_of(const Napi::Value& value, const std::string& name) {
  View view;
  if (view_of(value, view) && (view.type == napi_float32_array || view.type == napi_float64_array)) {
    return view;
  }
  throw invalid_argument(name, "a Float32Array", kind_of(value));
}

View ints_of(const Napi::Value& value, const std::string& name) {
  View view;
  if (view_of(value, view) && view.type == napi_int32_array) {
    return view;
  }
  throw invalid_argument(name, "an Int32Array", kind_of(value));
}

}  // namespace

Fields::Fields(const Napi::Value& value, std::string where) : where_(std::move(where)) {
  if (!value.IsObject()) {
    throw invalid_argument(where_, "an object", kind_of(value));
  }
  object_ = value.As<Napi::Object>();
}

std::string Fields::path(const char* name) const { return where_.empty() ? name : where_ + "." + name; }
Napi::Value Fields::value(const char* name) const { return object_.Get(name); }
bool Fields::has(const char* name) const { return !value(name).IsUndefined(); }

double Fields::number(const char* name) const {
  const Napi::Value v = value(name);
  if (!v.IsNumber()) {
    throw invalid_argument(path(name), "a number", kind_of(v));
  }
  return v.As<Napi::Number>().DoubleValue();
}

std::int64_t Fields::integer(const char* name) const { return to_integer(value(name), path(name)); }
std::int32_t Fields::int32(const char* name) const { return to_int32(value(name), path(name)); }
std::string Fields::word(const char* name) const { return to_word(value(name), path(name)); }

bool Fields::boolean(const char* name) const {
  const Napi::Value v = value(name);
  if (!v.IsBoolean()) {
    throw invalid_argument(path(name), "true or false", kind_of(v));
  }
  return v.As<Napi::Boolean>().Value();
}

std::uint64_t Fields::bits(const char* name) const {
  const Napi::Value v = value(name);
  bool exact = false;
  const std::uint64_t out = v.IsBigInt() ? v.As<Napi::BigInt>().Uint64Value(&exact) : 0;
  if (!exact) {
    throw invalid_argument(path(name), "a bigint from 0 to 2^64 - 1", kind_of(v));
  }
  return out;
}

Fields Fields::object(const char* name) const { return Fields(value(name), path(name)); }

std::vector<Fields> Fields::objects(const char* name) const {
  std::vector<Fields> out;
  const std::vector<Napi::Value> list = to_list(value(name), path(name));
  for (std::size_t i = 0; i < list.size(); ++i) {
    out.emplace_back(list[i], text(path(name), "[", i, "]"));
  }
  return out;
}

std::vector<std::int32_t> Fields::ints(const char* name) const { return to_ints(value(name), path(name)); }

std::int64_t to_integer(const Napi::Value& value, const std::string& name) {
  const double x = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(std::fabs(x) <= kSafe) || x != std::floor(x)) {
    throw invalid_argument(name, "an integer", value.IsNumber() ? text(x) : kind_of(value));
  }
  return static_cast<std::int64_t>(x);
}

std::int32_t to_int32(const Napi::Value& value, const std::string& name) {
  const std::int64_t x = to_integer(value, name);
  if (x < INT32_MIN || x > INT32_MAX) {
    throw invalid_argument(name, "an integer of 32 bits", text(x));
  }
  return static_cast<std::int32_t>(x);
}

std::uint32_t to_ticket(const Napi::Value& value) {
  const std::int64_t ticket = to_integer(value, "ticket");
  if (ticket < 0 || ticket > UINT32_MAX) {
    throw invalid_argument("ticket", "an integer of 32 bits", text(ticket));
  }
  return static_cast<std::uint32_t>(ticket);
}

std::string to_word(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) {
    throw invalid_argument(name, "a string", kind_of(value));
  }
  return value.As<Napi::String>().Utf8Value();
}

std::vector<std::int32_t> to_ints(const Napi::Value& value, const std::string& name) {
  const View view = ints_of(value, name);
  std::vector<std::int32_t> out(view.length);
  if (view.length) {
    std::memcpy(out.data(), view.data, view.length * sizeof(std::int32_t));
  }
  return out;
}

Numbers to_numbers(const Napi::Value& value, const std::string& name) {
  const View view = floats_of(value, name);
  const auto copy = [&](auto out) {
    if (view.length) {
      std::memcpy(out.data(), view.data, view.length * sizeof out[0]);
    }
    return Numbers(std::move(out));
  };
  return view.type == napi_float32_array ? copy(std::vector<float>(view.length))
                                         : copy(std::vector<double>(view.length));
}

std::vector<Napi::Value> to_list(const Napi::Value& value, const std::string& name) {
  if (!value.IsArray()) {
    throw invalid_argument(name, "an array", kind_of(value));
  }
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<Napi::Value> out;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    out.push_back(array.Get(i));
  }
  return out;
}

std::size_t float_length(const Napi::Value& value, const std::string& name) {
  return floats_of(value, name).length;
}
std::size_t int_length(const Napi::Value& value, const std::string& name) {
  return ints_of(value, name).length;
}

void write_floats(const Napi::Value& value, const Numbers& numbers, const std::string& name) {
  const View view = floats_of(value, name);
  if (view.length != count_of(numbers)) {
    throw invalid_argument(name, text("an array of ", count_of(numbers), " elements"), text(view.length));
  }
  std::visit(
      [&](const auto& from) {
        for (std::size_t i = 0; i < from.size(); ++i) {
          if (view.type == napi_float32_array) {
            static_cast<float*>(view.data)[i] = static_cast<float>(from[i]);
          } else {
            static_cast<double*>(view.data)[i] = double(from[i]);
          }
        }
      },
      numbers);
}

void write_ints(const Napi::Value& value, const std::vector<std::int32_t>& numbers, const std::string& name) {
  const View view = ints_of(value, name);
  if (view.length != numbers.size()) {
    throw invalid_argument(name, text("an array of ", numbers.size(), " elements"), text(view.length));
  }
  if (view.length) {
    std::memcpy(view.data, numbers.data(), view.length * sizeof(std::int32_t));
  }
}

}  // namespace lora
