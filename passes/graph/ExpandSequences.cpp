//===- ExpandSequences.cpp - Packed sequences one after the other ---------===//

#include "dialect/fgla/FGLA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/graph/IndexNotation.h"
#include "passes/graph/Passes.h"

namespace fgla {
#define GEN_PASS_DEF_EXPANDSEQUENCES
#include "passes/graph/Passes.h.inc"
} // namespace fgla

using namespace mlir;
using namespace fgla;
using namespace fgla::graph;

static RankedTensorType typeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()); }

namespace {
/// How an operand or result belongs to the sequences.
enum class Part {
  Tokens, ///< [1, T, ...]: those of one sequence are a slice
  States, ///< [N, ...]: one for each
  Shared  ///< [H]: one for all
};

/// A slice of one operand or result.
struct Slice {
  SmallVector<OpFoldResult> offsets, sizes, strides;
  RankedTensorType type;
};

/// Takes one `AttentionOp` or `AttentionGradOp` apart.
template <typename OpTy> class Expansion {
public:
  Expansion(RewriterBase &rewriter, OpTy op) : rewriter(rewriter), loc(op.getLoc()), op(op) {}
  void run();

private:
  Value index(int64_t value) { return arith::ConstantIndexOp::create(rewriter, loc, value); }
  static Part getPart(Value value, bool isState);
  /// By the order of the operands, and of the results.
  SmallVector<Part> classifyOperands();
  SmallVector<Part> classifyResults();
  Value countSequences();
  void assertStates(Value count, ArrayRef<Part> parts);
  /// Where the result of all sequences is put together.
  Value buildRoom(Value result, Part part, Value count);
  /// The first token of sequence `n` and how many it has; inside of the tokens, whatever the offsets are.
  std::pair<Value, Value> loadRange(Value n);
  Slice slice(Value tensor, Part part, Value n, Value begin, Value length);
  Value add(Value sum, Value part);

  RewriterBase &rewriter;
  Location loc;
  OpTy op;
  Value tokens;
};
} // namespace

template <typename OpTy> Part Expansion<OpTy>::getPart(Value value, bool isState) {
  if (isState)
    return Part::States;
  return typeOf(value).getRank() == 1 ? Part::Shared : Part::Tokens;
}

template <typename OpTy> SmallVector<Part> Expansion<OpTy>::classifyOperands() {
  SmallVector<MutableOperandRange> states{op.getInitialStateMutable(), op.getInitialMaxMutable()};
  if constexpr (std::is_same_v<OpTy, AttentionGradOp>)
    states.push_back(op.getFinalStateGradMutable());
  SmallVector<Part> parts;
  for (OpOperand &operand : op->getOpOperands())
    parts.push_back(getPart(operand.get(), llvm::any_of(states, [&](MutableOperandRange range) {
                              return llvm::any_of(range, [&](OpOperand &state) { return &state == &operand; });
                            })));
  return parts;
}

template <typename OpTy> SmallVector<Part> Expansion<OpTy>::classifyResults() {
  auto isState = [&](Value result) {
    if constexpr (std::is_same_v<OpTy, AttentionGradOp>)
      return result == op.getInitialStateGrad();
    else
      return result == op.getFinalState() || result == op.getFinalMax();
  };
  return llvm::map_to_vector(op->getResults(), [&](Value result) { return getPart(result, isState(result)); });
}

template <typename OpTy> Value Expansion<OpTy>::countSequences() {
  Value offsets = tensor::DimOp::create(rewriter, loc, op.getSequences(), 0);
  return arith::SubIOp::create(rewriter, loc, offsets, index(1));
}

template <typename OpTy> void Expansion<OpTy>::assertStates(Value count, ArrayRef<Part> parts) {
  for (auto [operand, part] : llvm::zip_equal(op->getOperands(), parts)) {
    if (part != Part::States)
      continue;
    Value states = tensor::DimOp::create(rewriter, loc, operand, 0);
    Value isOne = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, states, count);
    cf::AssertOp::create(rewriter, loc, isOne,
                         "'sequences' must have one offset more than there are states (attention_c12)");
    return; // the others have the same size by their names
  }
}

template <typename OpTy> Value Expansion<OpTy>::buildRoom(Value result, Part part, Value count) {
  RankedTensorType type = typeOf(result);
  SmallVector<OpFoldResult> sizes;
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    sizes.push_back(!ShapedType::isDynamic(size) ? OpFoldResult(rewriter.getIndexAttr(size))
                                                 : OpFoldResult(part == Part::States ? count : tokens));
  // Zero for the tokens that are in no sequence.
  return buildFill(rewriter, loc, sizes, type.getElementType(), 0);
}

template <typename OpTy> std::pair<Value, Value> Expansion<OpTy>::loadRange(Value n) {
  auto load = [&](Value position) -> Value {
    Value offset = tensor::ExtractOp::create(rewriter, loc, op.getSequences(), position);
    return arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(), offset);
  };
  Value next = arith::AddIOp::create(rewriter, loc, n, index(1));
  Value begin = arith::MaxSIOp::create(rewriter, loc, load(n), index(0));
  begin = arith::MinSIOp::create(rewriter, loc, begin, tokens);
  Value end = arith::MinSIOp::create(rewriter, loc, load(next), tokens);
  end = arith::MaxSIOp::create(rewriter, loc, end, begin);
  return {begin, arith::SubIOp::create(rewriter, loc, end, begin)};
}

template <typename OpTy> Slice Expansion<OpTy>::slice(Value tensor, Part part, Value n, Value begin, Value length) {
  Slice slice;
  SmallVector<int64_t> shape(typeOf(tensor).getShape());
  slice.sizes = tensor::getMixedSizes(rewriter, loc, tensor);
  slice.offsets.assign(shape.size(), rewriter.getIndexAttr(0));
  slice.strides.assign(shape.size(), rewriter.getIndexAttr(1));
  if (part == Part::States) {
    slice.offsets[0] = n;
    slice.sizes[0] = rewriter.getIndexAttr(1);
    shape[0] = 1;
  } else {
    slice.offsets[1] = begin;
    slice.sizes[1] = length;
    shape[1] = ShapedType::kDynamic;
  }
  slice.type = typeOf(tensor).clone(shape);
  return slice;
}

template <typename OpTy> Value Expansion<OpTy>::add(Value sum, Value part) {
  return buildGeneric(rewriter, loc, "h->h", part, sum, [](OpBuilder &b, Location l, ValueRange v) -> Value {
    return arith::AddFOp::create(b, l, v[0], v[1]);
  });
}

template <typename OpTy> void Expansion<OpTy>::run() {
  rewriter.setInsertionPoint(op);
  SmallVector<Part> operandParts = classifyOperands(), resultParts = classifyResults();
  tokens = tensor::DimOp::create(rewriter, loc, op.getQuery(), 1);
  Value count = countSequences();
  assertStates(count, operandParts);
  SmallVector<Value> rooms;
  for (auto [result, part] : llvm::zip_equal(op->getResults(), resultParts))
    rooms.push_back(buildRoom(result, part, count));
  auto loop = scf::ForOp::create(
      rewriter, loc, index(0), count, index(1), rooms, [&](OpBuilder &, Location, Value n, ValueRange carried) {
        auto [begin, length] = loadRange(n);
        auto one = cast<OpTy>(rewriter.clone(*op));
        rewriter.setInsertionPoint(one);
        for (auto [operand, part] : llvm::zip_equal(one->getOpOperands(), operandParts))
          if (part != Part::Shared) {
            Slice s = slice(operand.get(), part, n, begin, length);
            operand.set(
                tensor::ExtractSliceOp::create(rewriter, loc, s.type, operand.get(), s.offsets, s.sizes, s.strides));
          }
        one.getSequencesMutable().clear();
        rewriter.setInsertionPointAfter(one);
        SmallVector<Value> next;
        for (auto [made, room, part] : llvm::zip_equal(one->getResults(), carried, resultParts)) {
          if (part == Part::Shared) {
            next.push_back(add(room, made));
            continue;
          }
          Slice s = slice(room, part, n, begin, length);
          made.setType(s.type);
          next.push_back(tensor::InsertSliceOp::create(rewriter, loc, made, room, s.offsets, s.sizes, s.strides));
        }
        scf::YieldOp::create(rewriter, loc, next);
      });
  rewriter.replaceOp(op, loop.getResults());
}

namespace {
struct ExpandSequences : fgla::impl::ExpandSequencesBase<ExpandSequences> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](Operation *op) {
      if (auto attention = dyn_cast<AttentionOp>(op); attention && attention.getSequences())
        Expansion<AttentionOp>(rewriter, attention).run();
      else if (auto gradient = dyn_cast<AttentionGradOp>(op); gradient && gradient.getSequences())
        Expansion<AttentionGradOp>(rewriter, gradient).run();
    });
  }
};
} // namespace
