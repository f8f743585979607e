// From JavaScript objects to the argument structs of abi/backend.h, field by field.
#include <cstring>

#include "addon/testing_ops.h"
#include "base/dtype.h"
#include "base/error.h"

namespace lora::testing {
namespace {

lora_dtype dtype_of(const std::string& name) {
  for (lora_dtype t : {LORA_F32, LORA_BF16, LORA_F64, LORA_I32, LORA_U8}) {
    if (name == name_of(t)) return t;
  }
  throw Error(Code::kInvalidArgument, "door", "expected a dtype, got \"" + name + "\"");
}

std::int64_t integer(const Napi::Value& v) { return v.IsUndefined() ? 0 : v.ToNumber().Int64Value(); }

const void* bytes_of_array(const Napi::TypedArray& array) {
  return static_cast<const std::uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
}

// Where in a named buffer: { buffer, offset } with the offset in elements.
void* place(Call& call, const Napi::Object& where, lora_dtype dtype) {
  const std::string name = where.Get("buffer").ToString();
  const auto it = call.buffers.find(name);
  if (it == call.buffers.end())
    throw Error(Code::kInvalidArgument, "door", "expected a buffer named \"" + name + "\"");
  return static_cast<std::uint8_t*>(it->second->data()) +
         static_cast<std::size_t>(integer(where.Get("offset"))) * size_of(dtype);
}

lora_tensor tensor(Call& call, const Napi::Object& from) {
  lora_tensor t{};
  t.dtype = dtype_of(from.Get("dtype").ToString());
  const Napi::Array shape = from.Get("shape").As<Napi::Array>();
  t.dims = static_cast<std::int32_t>(shape.Length());
  for (int i = 0; i < LORA_MAX_DIMS; ++i)
    t.shape[i] = i < t.dims ? integer(shape.Get(static_cast<std::uint32_t>(i))) : 1;
  t.data = place(call, from, t.dtype);
  return t;
}

template <class T>
const T* uploaded(Call& call, const Napi::Value& array) {
  if (!array.IsTypedArray()) return nullptr;
  const Napi::TypedArray from = array.As<Napi::TypedArray>();
  return static_cast<const T*>(call.upload(bytes_of_array(from), from.ByteLength()));
}

const std::int32_t* kept(Call& call, const Napi::Value& array) {
  if (!array.IsTypedArray()) return nullptr;
  const Napi::TypedArray from = array.As<Napi::TypedArray>();
  return call.keep(static_cast<const std::int32_t*>(bytes_of_array(from)), from.ElementLength());
}

// Siblings that are given the same arrays get the same route, as the engine has it.
lora_route route(Call& call, const Napi::Object& from) {
  for (const auto& [begin, known] : call.routes) {
    if (begin.StrictEquals(from.Get("begin"))) return known;
  }
  lora_route r{};
  r.begin = kept(call, from.Get("begin"));
  r.slot = kept(call, from.Get("slot"));
  r.begin_dev = uploaded<std::int32_t>(call, from.Get("begin"));
  r.slot_dev = uploaded<std::int32_t>(call, from.Get("slot"));
  r.row_dev = uploaded<std::int32_t>(call, from.Get("row"));
  r.segments = static_cast<std::int32_t>(from.Get("slot").As<Napi::TypedArray>().ElementLength());
  call.routes.emplace_back(from.Get("begin"), r);
  return r;
}

lora_streams streams(Call& call, const Napi::Object& from) {
  return {uploaded<std::uint64_t>(call, from.Get("seed")), uploaded<std::uint32_t>(call, from.Get("tick"))};
}

lora_pair pair(Call& call, const Napi::Object& from) {
  lora_pair p{};
  p.dtype = dtype_of(from.Get("dtype").ToString());
  const lora_dtype gradient = p.dtype == LORA_F64 ? LORA_F64 : LORA_F32;
  p.a = place(call, from.Get("a").As<Napi::Object>(), p.dtype);
  p.b = place(call, from.Get("b").As<Napi::Object>(), p.dtype);
  if (from.Get("da").IsObject()) p.da = place(call, from.Get("da").As<Napi::Object>(), gradient);
  if (from.Get("db").IsObject()) p.db = place(call, from.Get("db").As<Napi::Object>(), gradient);
  p.slot_stride = integer(from.Get("slotStride"));
  p.rank = static_cast<std::int32_t>(integer(from.Get("rank")));
  p.scale = uploaded<double>(call, from.Get("scale"));
  p.drop = uploaded<float>(call, from.Get("drop"));
  if (from.Get("streams").IsObject()) p.streams = streams(call, from.Get("streams").As<Napi::Object>());
  p.site = static_cast<std::uint32_t>(integer(from.Get("site")));
  return p;
}

// `uses` given: packed for those, and then without its plain codes.
lora_weight weight(Call& call, const Napi::Object& from) {
  lora_weight w{};
  w.codes = tensor(call, from);
  if (!from.Get("uses").IsNumber()) return w;
  const std::uint32_t uses = static_cast<std::uint32_t>(integer(from.Get("uses")));
  std::size_t bytes = 0;
  const lora_backend& table = call.bench.table;
  call.bench.require(table.weight_pack(call.bench.stream, &w, uses, nullptr, &bytes), "weight_pack");
  if (bytes == 0) return w;
  call.unnamed.push_back(std::make_unique<GuardedBuffer>(call.bench, bytes));
  void* packed = call.unnamed.back()->data();
  call.bench.require(table.weight_pack(call.bench.stream, &w, uses, packed, &bytes), "weight_pack");
  w.packed = packed;
  w.codes.data = nullptr;
  return w;
}

const lora_adamw_rule* rules(Call& call, const Napi::Array& from) {
  std::vector<lora_adamw_rule> list;
  for (std::uint32_t i = 0; i < from.Length(); ++i) {
    const Napi::Object o = from.Get(i).As<Napi::Object>();
    const auto number = [&](const char* name) { return o.Get(name).ToNumber().DoubleValue(); };
    list.push_back({number("lr"), number("beta1"), number("beta2"), number("eps"), number("weightDecay"),
                    number("clip"), integer(o.Get("step")), static_cast<std::int32_t>(integer(o.Get("slot"))),
                    0});
  }
  return call.keep(list.data(), list.size());
}

template <class T>
void put(std::uint8_t* at, const T& x) {
  std::memcpy(at, &x, sizeof x);
}

void fill_field(Call& call, const Field& field, const Napi::Value& value, std::uint8_t* at) {
  if (value.IsUndefined()) return;
  switch (field.kind) {
    case Kind::kTensor: return put(at, tensor(call, value.As<Napi::Object>()));
    case Kind::kF32: return put(at, value.ToNumber().FloatValue());
    case Kind::kF64: return put(at, value.ToNumber().DoubleValue());
    case Kind::kI32: return put(at, value.ToNumber().Int32Value());
    case Kind::kHostI32: return put(at, kept(call, value));
    case Kind::kRoute: return put(at, route(call, value.As<Napi::Object>()));
    case Kind::kStreams: return put(at, streams(call, value.As<Napi::Object>()));
    case Kind::kPair: return put(at, pair(call, value.As<Napi::Object>()));
    case Kind::kWeight: return put(at, weight(call, value.As<Napi::Object>()));
    case Kind::kRules: return put(at, rules(call, value.As<Napi::Array>()));
    case Kind::kParts: {
      const Napi::Array list = value.As<Napi::Array>();
      for (std::uint32_t i = 0; i < list.Length() && i < 3; ++i) {
        put(at + i * sizeof(lora_tensor), tensor(call, list.Get(i).As<Napi::Object>()));
      }
    }
  }
}

}  // namespace

void fill_args(Call& call, const std::string& name, const Napi::Array& list) {
  const Op& op = find_op(name);
  call.count = static_cast<std::int32_t>(list.Length());
  call.args.assign(op.size * list.Length(), 0);
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Object from = list.Get(i).As<Napi::Object>();
    std::size_t known = 0;
    for (const Field& field : op.fields) {
      known += from.Has(field.name) ? 1 : 0;
      fill_field(call, field, from.Get(field.name), call.args.data() + i * op.size + field.offset);
    }
    if (known != from.GetPropertyNames().Length()) {
      throw Error(
          Code::kInvalidArgument, "door",
          "expected only arguments of " + name + ", got " + std::string(from.GetPropertyNames().ToString()));
    }
  }
}

}  // namespace lora::testing
