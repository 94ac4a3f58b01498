//===- Listing.h - How a model's attention is shown -----------------------===//
#ifndef FGLA_TOOLS_LINEARIZE_LISTING_H
#define FGLA_TOOLS_LINEARIZE_LISTING_H

#include "passes/onnx/InspectAttention.h"

#include "llvm/Support/raw_ostream.h"

namespace fgla::tools {

/// What `--inspect` found in one model.
struct Listing {
  std::string model;
  std::vector<onnx::AttentionReport> attentions;
  int64_t nodes = 0;
  int64_t leftOut = 0; ///< subgraphs, which are not looked into
};

/// A table for people.
void printTable(const Listing &listing, llvm::raw_ostream &os);
/// For programs: the same, with a member for each column.
void printJSON(const Listing &listing, llvm::raw_ostream &os);
/// A drawing of the model: its attentions from top to bottom.
void printSVG(const Listing &listing, llvm::raw_ostream &os);

} // namespace fgla::tools

#endif // FGLA_TOOLS_LINEARIZE_LISTING_H
