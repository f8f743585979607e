// The nouns of the waist: status, dtype, tensor, weight, route, pair. Plain C, shared by the engine, the CPU
// backend and the CUDA plugin, which may be built by different compilers.
#ifndef LORA_ABI_TYPES_H
#define LORA_ABI_TYPES_H

#include <stddef.h>
#include <stdint.h>

#define LORA_ABI_VERSION 2u
#define LORA_MAX_DIMS 4

#ifdef __cplusplus
extern "C" {
#endif

typedef enum lora_status {
  LORA_OK = 0,
  LORA_INVALID,        // an argument breaks the contract
  LORA_UNSUPPORTED,    // the contract allows it, this backend does not
  LORA_OUT_OF_MEMORY,
  LORA_UNAVAILABLE,    // no driver, no device, wrong version
  LORA_DEVICE_LOST,    // the device refuses further work
  LORA_INTERNAL
} lora_status;

typedef enum lora_dtype { LORA_F32 = 0, LORA_BF16, LORA_F64, LORA_I32, LORA_U8 } lora_dtype;
typedef enum lora_space { LORA_DEVICE_MEMORY = 0, LORA_PINNED_MEMORY } lora_space;
typedef enum lora_copy { LORA_HOST_TO_DEVICE = 0, LORA_DEVICE_TO_HOST, LORA_DEVICE_TO_DEVICE } lora_copy;
typedef enum lora_write { LORA_OVERWRITE = 0, LORA_ADD } lora_write;

typedef struct lora_device lora_device;  // the backend's own
typedef struct lora_stream lora_stream;  // one in-order queue of work on a device
typedef struct lora_event lora_event;    // a point in a stream, for timing

// Dense, row-major. shape[dims..3] is 1. data == NULL means "absent".
typedef struct lora_tensor {
  void*      data;
  int64_t    shape[LORA_MAX_DIMS];
  int32_t    dims;
  lora_dtype dtype;
} lora_tensor;

// A frozen matrix [N, K]: plain, or block-quantised codes with their scales.
// `packed` is what weight_pack made of it (a backend's own layout), or NULL. Once packed, codes.data may be
// NULL: its shape and dtype stay.
typedef struct lora_weight {
  lora_tensor codes;   // bf16 / f32 / f64 when plain, u8 when quantised
  lora_tensor scales;  // absent when plain
  int32_t     block;   // elements per scale along K; 0 when plain
  void*       packed;
} lora_weight;

// Which products a packed weight must serve.
#define LORA_USE_FORWARD 1u  // y = x W^T
#define LORA_USE_DX      2u  // dx = dy W

// Which adapter each row of a packed batch belongs to. Rows [begin[i], begin[i+1]) use slot[i]; slot -1 is "base
// weights only". Segments do not overlap, cover all rows and may be empty; a slot may own several segments.
// The *_dev copies hold the same numbers in device memory. row_dev[t] is t's index among the rows of its own slot
// in this batch: random streams use it, so that what an adapter draws does not depend on its neighbours.
typedef struct lora_route {
  const int32_t *begin, *begin_dev;  // [segments + 1], begin[0] == 0, begin[segments] == T
  const int32_t *slot, *slot_dev;    // [segments]
  const int32_t *row_dev;            // [T]; may be NULL when nothing random is asked for
  int32_t        segments;
} lora_route;

// Counter-based random streams, one per adapter slot (device memory). See philox.h.
typedef struct lora_streams {
  const uint64_t* seed;  // [slots]
  const uint32_t* tick;  // [slots]: counts the adapter's micro-batches
} lora_streams;

// One projection's A and B as found inside every adapter's slab. a == NULL: no adapter on this projection.
typedef struct lora_pair {
  void         *a, *b;       // slot 0's A [R, K] and B [N, R]
  void         *da, *db;     // the same places in the gradient slab (f32; f64 in the oracle); NULL when not training
  int64_t       slot_stride; // elements from one slot's slab to the next, the same in both slabs
  int32_t       rank;        // R: padded to 16; rows and columns past an adapter's own rank are 0
  lora_dtype    dtype;       // of a and b
  const double* scale;       // [slots], device: alpha / rank, or alpha / sqrt(rank); 0 where the slot lacks this pair
  const float*  drop;        // [slots], device: dropout probability on x, 0 for none; NULL: none anywhere
  lora_streams  streams;     // used where drop > 0
  uint32_t      site;        // number of the input x in the model: part of the random counter; siblings share a mask by sharing it
} lora_pair;

#ifdef __cplusplus
}
#endif
#endif
