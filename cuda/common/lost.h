// Lost devices. A kernel that reads where it may not, or hangs, poisons the process's context on its device: CUDA then
// refuses all further work there, for every session of the process. The device is marked, every call on it answers
// LORA_DEVICE_LOST without touching CUDA, and the next device_open tries to reset it and to begin a new life, which not
// every driver grants to a process. What was opened in an earlier life stays lost, and its memory, gone with the reset, is
// not given back a second time.
#pragma once

namespace lora::cuda {

// The device that this thread entered last.
int& current_ordinal();
void mark_lost(int ordinal);
// Throws LORA_DEVICE_LOST when the device is lost, or lives another life than this.
void refuse_lost(int ordinal, unsigned life);
// Resets a lost device, or throws LORA_DEVICE_LOST. Returns the life that it now lives.
unsigned revive(int ordinal);

}  // namespace lora::cuda
