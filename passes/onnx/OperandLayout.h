//===- OperandLayout.h - Which elements of a tensor are which head --------===//
//
// Models bring queries, keys and values into place by reshapes, transposes, slices and expansions in any order. Here
// they are one map of indices, which is computed: the elements of an earlier value are numbered and followed to the
// contraction. If they lie in the earlier value in one of a few orders, that value can be taken as it is.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_ONNX_OPERANDLAYOUT_H
#define FGLA_PASSES_ONNX_OPERANDLAYOUT_H

#include "dialect/fgla/Attributes.h"
#include "passes/onnx/Evaluate.h"
#include "passes/onnx/MirrorBuilder.h"

#include <deque>

namespace fgla::onnx {

/// A function, seen with several sizes of its free dims.
class Samples {
public:
  explicit Samples(mlir::func::FuncOp func);
  auto begin() { return evaluators.begin(); }
  auto end() { return evaluators.end(); }
  Evaluator &front() { return evaluators.front(); }
  size_t count() const { return evaluators.size(); }
  const Sizes &getSizes(size_t sample) const { return sizes[sample]; }

private:
  std::deque<Sizes> sizes;
  std::deque<Evaluator> evaluators;
};

/// What a dim of an operand of a contraction is: a token, a channel of a head, or which sequence or head.
struct DimRole {
  enum Kind { Batch, Token, Channel } kind = Batch;
  unsigned batch = 0; ///< which of the contraction's batch dims
};

/// The dims of the operands and of the result.
struct ContractionRoles {
  llvm::SmallVector<DimRole> left, right, output;
  unsigned numBatch = 0;
};

/// Reads those of queries times keys, or of weights times values; false for a form that is not known.
bool readRoles(NodeOp contraction, bool isOfValues, ContractionRoles &roles);

/// Where an operand of an attention is.
struct OperandLayout {
  enum Order {
    TokensHeads,         ///< [B, S, H * D] in one or more dims
    HeadsTokens,         ///< [B, H, S, D]
    HeadsChannelsTokens, ///< [B, H, D, S]
    TokensFirst,         ///< [S, B, H * D]
    OneSequence          ///< [S, H * D]
  };
  mlir::Value source;
  Order order = TokensHeads;
  int64_t heads = 0, channels = 0;

  /// `[B, S, H, D]`
  mlir::Value build(MirrorBuilder &mirror) const;
};

/// Reads the layouts of one attention's operands.
class LayoutReader {
public:
  explicit LayoutReader(Samples &samples) : samples(samples) {}

  /// False where sizes are not known, or depend on free dims where they must not.
  bool readSizes(NodeOp product, const ContractionRoles &roles, NodeOp valueProduct,
                 const ContractionRoles &valueRoles);
  /// The layout of an operand, as far from the contraction as there is one. What it is multiplied by on its way goes
  /// into `factor`. Queries come first.
  bool read(mlir::Value operand, llvm::ArrayRef<DimRole> roles, bool isQuery, OperandLayout &layout, double &factor);
  /// The same, with a head for each of the queries'.
  bool expandHeads(mlir::Value operand, llvm::ArrayRef<DimRole> roles, OperandLayout &layout);
  /// `[B, Hq, T, S]`, in one sample.
  llvm::SmallVector<int64_t> getScoreShape(size_t sample) const;

private:
  struct Step {
    NodeOp node; ///< null for a factor
    unsigned place = 0;
    double factor = 1;
  };
  struct SampleSizes {
    llvm::SmallVector<int64_t> batch;
    int64_t queries = 0, keys = 0;
  };
  std::optional<double> splat(mlir::Value value);
  void collect(mlir::Value operand);
  bool fits(size_t candidate, OperandLayout::Order order, int64_t sequences, llvm::ArrayRef<DimRole> roles,
            bool isQuery, int64_t wantedHeads, OperandLayout &layout);
  bool isOrdered(size_t sample, size_t candidate, OperandLayout::Order order, int64_t sequences,
                 llvm::ArrayRef<DimRole> roles, int64_t tokens, const OperandLayout &layout);
  bool readFrom(mlir::Value operand, llvm::ArrayRef<DimRole> roles, bool isQuery, int64_t wantedHeads,
                OperandLayout &layout, double &factor);
  int64_t getNumSequences(size_t sample) const;

  Samples &samples;
  std::vector<SampleSizes> sizes;
  int64_t queryHeads = 0;
  /// Of an operand that is folded into one batch dim with the heads: which dim of its source it is, where it is known.
  bool isFolded = false;
  std::vector<int64_t> foldedSequences;
  std::vector<mlir::Value> chain; ///< the operand first
  std::vector<Step> steps;        ///< from chain[i + 1] to chain[i]
};

} // namespace fgla::onnx

#endif // FGLA_PASSES_ONNX_OPERANDLAYOUT_H
