# engine.node (shipped), engine_testing.node (the same and the test door and the oracle; never shipped), and the
# library of what they share, so that nothing is compiled twice. Sources are found by scripts/sources.cjs.
# engine_testing is compiled with WHETSTONE_TESTING: addon.cc leaves the module's registration to testing_module.cc.
{
  "target_defaults": {
    "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL", "NODE_ADDON_API_DISABLE_DEPRECATED",
                "NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED"],
    "include_dirs": ["<!@(node -p \"require('node-addon-api').include_dir\")", "native"],
    "cflags!": ["-fno-exceptions"],
    "cflags": ["-fPIC"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++17", "-O3", "-fexceptions", "-fvisibility=hidden", "-pthread", "-Wall", "-Wextra",
                  "-ffp-contract=off", "-fno-math-errno"],
    "ldflags": ["-Wl,--exclude-libs,ALL", "-Wl,--version-script=<(module_root_dir)/native/addon/exports.map"],
    "libraries": ["-ldl", "-lpthread"]
  },
  "targets": [
    {
      "target_name": "core",
      "type": "static_library",
      "sources": ["<!@(node scripts/sources.cjs core)"]
    },
    {
      "target_name": "engine",
      "dependencies": ["core"],
      "defines": ["WHETSTONE_VERSION=<!(node -p \"require('./package.json').version\")"],
      "sources": ["<!@(node scripts/sources.cjs engine)"]
    },
    {
      "target_name": "engine_testing",
      "dependencies": ["core"],
      "defines": ["WHETSTONE_TESTING", "WHETSTONE_VERSION=<!(node -p \"require('./package.json').version\")"],
      "sources": ["<!@(node scripts/sources.cjs testing)"]
    }
  ]
}
