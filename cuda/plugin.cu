// The plugin's one exported symbol: fills the table of native/abi/backend.h. Every entry makes the device current and
// runs inside guard(), so nothing crosses the border but a status and a sentence.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "abi/gpu_needs.h"
#include "common/capability.h"
#include "common/device.h"
#include "common/launch.h"
#include "entries.h"
#include "supports.h"

namespace lora::cuda {

std::string& last_error_text() {
  thread_local std::string text;
  return text;
}

namespace {

const char* last_error() { return last_error_text().c_str(); }

lora_status device_count(int32_t* out) {
  return guard([&] {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaErrorNoDevice) count = 0, (void)cudaGetLastError();
    else if (error != cudaSuccess) throw_cuda(error, "cudaGetDeviceCount");
    *out = count;
  });
}

lora_status device_info(int32_t ordinal, lora_device_info* out) {
  return guard([&] {
    cudaDeviceProp properties{};
    (void)revive(ordinal);
    LORA_CUDA(cudaGetDeviceProperties(&properties, ordinal));
    int driver = 0;
    LORA_CUDA(cudaDriverGetVersion(&driver));
    LORA_CUDA(cudaSetDevice(ordinal));
    std::size_t free = 0, total = 0;
    LORA_CUDA(cudaMemGetInfo(&free, &total));
    *out = lora_device_info{};
    std::snprintf(out->name, sizeof out->name, "%s", properties.name);
    const Capability chosen = capability_of(properties);
    std::snprintf(out->detail, sizeof out->detail, "compute capability %d.%d, %d multiprocessors, driver for CUDA %d.%d%s", properties.major,
                  properties.minor, properties.multiProcessorCount, driver / 1000, driver % 1000 / 10,
                  chosen.major == 9 ? "" : chosen.major < 8 ? "; too old: 8.0 (Ampere) is needed" : "; portable kernels: right, but slow");
    out->memory_bytes = static_cast<int64_t>(total);
    out->free_bytes = static_cast<int64_t>(free);
    out->units = properties.multiProcessorCount;
    out->major = properties.major, out->minor = properties.minor;
  });
}

lora_status device_needs(const lora_limits* limits, lora_needs* out) {
  return guard([&] { *out = lora_gpu_needs(limits); });
}

lora_status device_open(int32_t ordinal, const lora_limits* limits, lora_device** out) {
  return guard([&] {
    const unsigned life = revive(ordinal);
    cudaDeviceProp properties{};
    LORA_CUDA(cudaGetDeviceProperties(&properties, ordinal));
    LORA_CUDA(cudaSetDevice(ordinal));
    const Capability capability = capability_of(properties);
    if (capability.major < 8) throw Fault{LORA_UNSUPPORTED, too_old(capability.major, capability.minor)};
    auto* device = new lora_device;
    device->ordinal = ordinal, device->units = properties.multiProcessorCount, device->life = life;
    device->major = capability.major, device->minor = capability.minor, device->shared_limit = capability.shared_limit;
    device->limits = *limits;
    device->workspace_bytes = static_cast<std::size_t>(lora_gpu_needs(limits).workspace_bytes);
    const cudaError_t error = cudaMalloc(&device->workspace, device->workspace_bytes);
    if (error != cudaSuccess) {
      const std::string what = "cudaMalloc of " + std::to_string(device->workspace_bytes) + " bytes of workspace";
      delete device;
      throw_cuda(error, what.c_str());
    }
    *out = device;
  });
}

void device_close(lora_device* device) {
  if (device == nullptr) return;
  (void)guard([&] {
    enter(device);
    LORA_CUDA(cudaFree(device->workspace));
  });
  delete device;
}

lora_status alloc(lora_device* device, lora_space space, size_t bytes, void** out) {
  return guard([&] {
    enter(device);
    if (space == LORA_PINNED_MEMORY) LORA_CUDA(cudaMallocHost(out, bytes));
    else LORA_CUDA(cudaMalloc(out, bytes));
  });
}

void release(lora_device* device, lora_space space, void* data) {
  (void)guard([&] {
    enter(device);
    if (space == LORA_PINNED_MEMORY) LORA_CUDA(cudaFreeHost(data));
    else LORA_CUDA(cudaFree(data));
  });
}

// Products read weights as they lie: nothing is packed.
lora_status weight_pack(lora_stream*, const lora_weight*, uint32_t, void*, size_t* bytes) {
  *bytes = 0;
  return LORA_OK;
}

lora_status stream_open(lora_device* device, lora_stream** out) {
  return guard([&] {
    enter(device);
    cudaStream_t handle = nullptr;
    LORA_CUDA(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking));
    *out = new lora_stream{device, handle};
  });
}

void stream_close(lora_stream* stream) {
  if (stream == nullptr) return;
  (void)guard([&] {
    enter(stream->device);
    LORA_CUDA(cudaStreamDestroy(stream->handle));
  });
  delete stream;
}

lora_status stream_wait(lora_stream* stream) {
  return guard([&] {
    enter(stream->device);
    LORA_CUDA(cudaStreamSynchronize(stream->handle));
  });
}

lora_status copy(lora_stream* stream, void* to, const void* from, size_t bytes, lora_copy kind) {
  return guard([&] {
    enter(stream->device);
    const cudaMemcpyKind kinds[] = {cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice};
    LORA_CUDA(cudaMemcpyAsync(to, from, bytes, kinds[kind], stream->handle));
  });
}

lora_status fill(lora_stream* stream, void* to, int byte, size_t bytes) {
  return guard([&] {
    enter(stream->device);
    LORA_CUDA(cudaMemsetAsync(to, byte, bytes, stream->handle));
  });
}

lora_status event_open(lora_device* device, lora_event** out) {
  return guard([&] {
    enter(device);
    cudaEvent_t handle = nullptr;
    LORA_CUDA(cudaEventCreate(&handle));
    *out = new lora_event{device, handle};
  });
}

void event_close(lora_event* event) {
  if (event == nullptr) return;
  (void)guard([&] {
    enter(event->device);
    LORA_CUDA(cudaEventDestroy(event->handle));
  });
  delete event;
}

lora_status event_mark(lora_stream* stream, lora_event* event) {
  return guard([&] {
    enter(stream->device);
    LORA_CUDA(cudaEventRecord(event->handle, stream->handle));
  });
}

lora_status event_between(lora_event* from, lora_event* to, double* milliseconds) {
  return guard([&] {
    enter(to->device);
    LORA_CUDA(cudaEventSynchronize(to->handle));
    float elapsed = 0.0f;
    LORA_CUDA(cudaEventElapsedTime(&elapsed, from->handle, to->handle));
    *milliseconds = elapsed;
  });
}

// One table entry for an operation that takes its arguments by reference, or as a list.
template <auto kOperation, class Args>
lora_status entry(lora_stream* stream, const Args* args) {
  return guard([&] {
    enter(stream->device);
    kOperation(stream, *args);
  });
}

template <auto kOperation, class Args>
lora_status entry_list(lora_stream* stream, const Args* args, int32_t count) {
  return guard([&] {
    enter(stream->device);
    kOperation(stream, args, count);
  });
}

lora_status supports(lora_device* device, lora_op op, const void* args, char* why, size_t why_size) {
  return guard([&] {
    const Support support = support_of(*device, op, args);
    if (why != nullptr && why_size > 0) std::snprintf(why, why_size, "%s", support.text().c_str());
    if (!support.missing.empty()) throw Fault{LORA_UNSUPPORTED, support.text()};
  });
}

}  // namespace

lora_status fill_table(uint32_t abi_version, lora_backend* out) {
  if (abi_version != LORA_ABI_VERSION) {
    last_error_text() = "the plugin speaks version " + std::to_string(LORA_ABI_VERSION) + " of the contract, the engine version " +
                        std::to_string(abi_version) + "; build both from the same sources";
    return LORA_UNAVAILABLE;
  }
  *out = lora_backend{};
  out->abi_version = LORA_ABI_VERSION;
  out->struct_size = sizeof(lora_backend);
  out->name = "cuda";
  out->device_count = device_count, out->device_info = device_info, out->device_needs = device_needs, out->device_open = device_open, out->device_close = device_close;
  out->alloc = alloc, out->release = release, out->weight_pack = weight_pack;
  out->stream_open = stream_open, out->stream_close = stream_close, out->stream_wait = stream_wait;
  out->copy = copy, out->fill = fill;
  out->event_open = event_open, out->event_close = event_close, out->event_mark = event_mark, out->event_between = event_between;
  out->embed = entry<embed, lora_embed_args>;
  out->norm = entry<norm, lora_norm_args>;
  out->norm_bwd = entry<norm_bwd, lora_norm_bwd_args>;
  out->linear = entry_list<linear, lora_linear_args>;
  out->linear_bwd = entry_list<linear_bwd, lora_linear_bwd_args>;
  out->rope_table = entry<rope_table, lora_rope_table_args>;
  out->rope = entry<rope, lora_rope_args>;
  out->attention = entry<attention, lora_attention_args>;
  out->attention_bwd = entry<attention_bwd, lora_attention_bwd_args>;
  out->swiglu = entry<swiglu, lora_swiglu_args>;
  out->swiglu_bwd = entry<swiglu_bwd, lora_swiglu_bwd_args>;
  out->split = entry<split, lora_columns_args>;
  out->join = entry<join, lora_columns_args>;
  out->rows = entry<rows, lora_rows_args>;
  out->head_loss = entry<head_loss, lora_head_loss_args>;
  out->sqnorm = entry<sqnorm, lora_sqnorm_args>;
  out->adamw = entry<adamw, lora_adamw_args>;
  out->sample = entry<sample, lora_sample_args>;
  out->supports = supports;
  out->last_error = last_error;
  return LORA_OK;
}

}  // namespace lora::cuda

extern "C" __attribute__((visibility("default"))) lora_status lora_backend_entry(uint32_t abi_version, lora_backend* out) {
  return lora::cuda::fill_table(abi_version, out);
}
