// Functions of the addon that work on texts and need no session. Each runs on a thread of its own and settles a promise.
#ifndef LORA_ADDON_TEXT_CALLS_H
#define LORA_ADDON_TEXT_CALLS_H

#include <napi.h>

namespace lora {

void export_text(Napi::Env env, Napi::Object exports);

}  // namespace lora

#endif
