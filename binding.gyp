{
  "target_defaults": {
    "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL", "NODE_ADDON_API_DISABLE_DEPRECATED",
                "NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED"],
    "include_dirs": ["<!@(node -p \"require('node-addon-api').include_dir\")", "native"],
    "cflags!": ["-fno-exceptions"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++17", "-O3", "-fexceptions", "-fvisibility=hidden", "-pthread", "-Wall", "-Wextra",
                  "-ffp-contract=off"],
    "ldflags": ["-Wl,--exclude-libs,ALL"],
    "libraries": ["-ldl", "-lpthread"]
  },
  "targets": []
}
