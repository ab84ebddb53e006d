#include "experiments/export/cortex_m4.h"

#include "core/error.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace bitstate::tests {
namespace {

using experiments::deepest_path;
using experiments::StackUse;

// as GCC 12 writes it
const std::string graph = R"ci(graph: { title: "model.c"
node: { title: "model.c:round" label: "round\nmodel.c:2:42\n8 bytes (static)"
}
node: { title: "__aeabi_ldivmod" label: "__aeabi_ldivmod\n<built-in>" shape : ellipse }
edge: { sourcename: "model.c:mean" targetname: "__aeabi_ldivmod" }
node: { title: "model.c:scan" label: "scan\nmodel.c:3:35\n80 bytes (static)" }
edge: { sourcename: "model.c:scan" targetname: "model.c:round" label: "model.c:3:134" }
node: { title: "model.c:mean" label: "mean\nmodel.c:9:1\n24 bytes (static)" }
node: { title: "model_step" label: "model_step\nmodel.c:4:9\n16 bytes (static)" }
edge: { sourcename: "model_step" targetname: "model.c:scan" label: "model.c:4:43" }
edge: { sourcename: "model_step" targetname: "model.c:round" label: "model.c:4:44" }
node: { title: "model_logits" label: "model_logits\nmodel.c:7:9\n32 bytes (static)" }
edge: { sourcename: "model_logits" targetname: "model.c:mean" label: "model.c:4:44" }
)ci";

TEST_CASE("stack: the deepest path is the sum of the frames on it, and what other files have is named") {
  const StackUse use = deepest_path(graph + "}\n");
  CHECK(use.bytes == 16 + 80 + 8);
  CHECK(use.is_bounded);
  CHECK(use.foreign == std::vector<std::string>{"__aeabi_ldivmod"});
}

TEST_CASE("stack: recursion and arrays of a variable length have no bound") {
  CHECK(!deepest_path(graph + "edge: { sourcename: \"model.c:round\" targetname: \"model_step\" }\n}\n").is_bounded);
  CHECK(!deepest_path(graph + "node: { title: \"v\" label: \"v\\nmodel.c:1:1\\n8 bytes (dynamic)\" }\n}\n").is_bounded);
  CHECK_THROWS_AS(deepest_path("ELF"), Error);
}

}  // namespace
}  // namespace bitstate::tests
