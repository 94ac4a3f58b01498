//===- ViewRoles.cpp - Draws roles and channels ---------------------------===//

#include "dialect/warp/Warp.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/IndentedOstream.h"
#include "passes/roles/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/GraphWriter.h"
#include "llvm/Support/ToolOutputFile.h"

namespace fgla {
#define GEN_PASS_DEF_VIEWROLES
#include "passes/roles/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;

/// "16x128xbf16".
static std::string describeTile(RankedTensorType tile) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (int64_t size : tile.getShape())
    stream << size << 'x';
  stream << tile.getElementType();
  return text;
}

namespace {
/// Writes one pipeline as a cluster of a Graphviz graph.
class PipelineDrawing {
public:
  PipelineDrawing(raw_indented_ostream &os, warp::PipelineOp pipeline, int64_t number)
      : os(os), pipeline(pipeline), prefix("p" + std::to_string(number) + "_") {}

  void write();

private:
  void writeNode(warp::RoleOp role);
  void writeEdges(warp::ChannelOp channel);
  std::string quote(const Twine &text) { return '"' + llvm::DOT::EscapeString(text.str()) + '"'; }

  raw_indented_ostream &os;
  warp::PipelineOp pipeline;
  std::string prefix;
  llvm::DenseMap<Operation *, std::string> nodes;
  llvm::DenseMap<Value, int64_t> channels;
};
} // namespace

void PipelineDrawing::writeNode(warp::RoleOp role) {
  llvm::MapVector<StringRef, int64_t> ops; // what it does with tiles, in the order of the body
  role.walk([&](Operation *op) {
    if (isa<tile::TileDialect>(op->getDialect()) && !isa<tile::YieldOp>(op))
      ++ops[op->getName().stripDialect()];
  });
  std::string label = role.getName().str() + "\nwarps: " + std::to_string(role.getWarps());
  if (role.getInstances() > 1)
    label += " × " + std::to_string(role.getInstances());
  for (auto [name, count] : ops)
    label += "\n" + name.str() + (count > 1 ? " × " + std::to_string(count) : "");
  std::string node = prefix + std::to_string(nodes.size());
  nodes[role] = node;
  os << node << " [label = " << quote(label) << "];\n";
}

void PipelineDrawing::writeEdges(warp::ChannelOp channel) {
  llvm::SetVector<Operation *> putters, getters;
  for (Operation *user : channel->getUsers())
    if (auto role = user->getParentOfType<warp::RoleOp>()) {
      if (isa<warp::PutOp>(user))
        putters.insert(role);
      else if (isa<warp::GetOp>(user))
        getters.insert(role);
    }
  std::string label = std::to_string(channels[channel]) + ": " + describeTile(channel.getType().getTile());
  StringRef style;
  if (Value reused = channel.getReuses()) {
    label += "\nin the memory of " + std::to_string(channels[reused]);
    style = ", style = dashed";
  }
  // In the order of the roles, so that a graph is always written the same.
  for (auto from : pipeline.getBody().getOps<warp::RoleOp>())
    for (auto to : pipeline.getBody().getOps<warp::RoleOp>())
      if (putters.contains(from) && getters.contains(to))
        os << nodes[from] << " -> " << nodes[to] << " [label = " << quote(label) << style << "];\n";
}

void PipelineDrawing::write() {
  auto kernel = pipeline->getParentOfType<FunctionOpInterface>();
  std::string title =
      (kernel ? kernel.getName().str() + ", " : "") + "turns under way: " + std::to_string(pipeline.getStages());
  os << "subgraph " << quote("cluster_" + prefix) << " {\n";
  os.indent();
  os << "label = " << quote(title) << ";\n";
  for (auto role : pipeline.getBody().getOps<warp::RoleOp>())
    writeNode(role);
  for (auto channel : pipeline.getBody().getOps<warp::ChannelOp>())
    channels.try_emplace(channel, channels.size());
  for (auto channel : pipeline.getBody().getOps<warp::ChannelOp>())
    writeEdges(channel);
  os.unindent();
  os << "}\n";
}

static void writeGraph(ModuleOp module, raw_ostream &stream) {
  raw_indented_ostream os(stream);
  os << "digraph roles {\n";
  os.indent();
  os << "rankdir = LR;\nnode [shape = box];\n";
  int64_t number = 0;
  module.walk([&](warp::PipelineOp pipeline) { PipelineDrawing(os, pipeline, number++).write(); });
  os.unindent();
  os << "}\n";
  if (number == 0)
    module.emitWarning() << "has no 'fgla_warp.pipeline' to draw";
}

namespace {
struct ViewRoles : fgla::impl::ViewRolesBase<ViewRoles> {
  using ViewRolesBase::ViewRolesBase;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (file.empty())
      return writeGraph(getOperation(), llvm::errs());
    std::string message;
    std::unique_ptr<llvm::ToolOutputFile> output = openOutputFile(file, &message);
    if (!output) {
      getOperation()->emitError() << message;
      return signalPassFailure();
    }
    writeGraph(getOperation(), output->os());
    output->keep();
  }
};
} // namespace
