// Turns a batch command into the view that the model reads: checks every number of it, numbers rows, collects
// all arrays into one upload.
#ifndef LORA_ENGINE_BATCH_H
#define LORA_ENGINE_BATCH_H

#include <vector>

#include "engine/commands.h"
#include "model/adapters.h"
#include "model/batch.h"
#include "runtime/memory.h"

namespace lora {

struct BatchContext {
  const ModelSpec& spec;
  Types types;
  const Limits& limits;
};

// Throws ERR_INVALID_ARGUMENT that names the array, the row and what it holds. Whether the slots hold adapters is
// known only when the command's turn comes: fill_streams looks.
void check_batch(const BatchCommand& command, const BatchContext& context);

// Which rows reach the head: those with a label (null), or the listed ones.
BatchView make_batch(const BatchCommand& command, const BatchContext& context, bool training,
                     const std::vector<std::int32_t>* picked, std::vector<std::int32_t>& picked_out,
                     Upload& upload);

// Where the random streams of the batch's adapters stand, into the block that is about to be sent. Throws
// ERR_INVALID_ARGUMENT for a slot without an adapter.
void fill_streams(const BatchView& view, const Adapters& adapters, Upload& upload);

// The part that generation shares: ids, positions, frequencies, sequence starts, routes and room for streams are put
// into the upload. `length[q]` decides the frequencies of sequence q where they depend on it.
void put_common(BatchView& view, const BatchContext& context, const std::vector<std::int32_t>& ids,
                const std::vector<std::int32_t>& positions, const std::vector<std::int64_t>& lengths,
                Upload& upload);

// Upper bound of what put_common and make_batch put.
std::size_t upload_bytes(const ModelSpec& spec, const Limits& limits, std::int64_t tokens,
                         std::int64_t sequences, std::int64_t segments);
// Of one batch.
std::size_t upload_bytes_of(const BatchCommand& command, const BatchContext& context);
constexpr int kUploadArrays = 24;

}  // namespace lora

#endif
