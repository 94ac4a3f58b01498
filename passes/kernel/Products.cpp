//===- Products.cpp - Matrix instructions ---------------------------------===//
//
// mma.sync m16n8k16: D [16, 8] += A [16, 16] B [16, 8]. A thread of lane l = 4 g + c holds, of D, rows g and g + 8,
// columns 2c and 2c + 1; of A the same rows and columns 2c, 2c + 1, 2c + 8, 2c + 9; of B column g and rows as A's
// columns.
//
//===----------------------------------------------------------------------===//

#include "passes/kernel/RoleEmitter.h"
#include "passes/layout/Operands.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;
using warp::Element;

static constexpr int64_t kM = 16, kN = 8, kK = 16;

/// Registers of pairs along K for blocks at (outer, inner): from shared memory, or from registers where the
/// accumulators of an earlier product are this operand.
RoleEmitter::Registers RoleEmitter::loadOperand(const Operand &operand, Places blocks, Value warpOffset) {
  if (auto found = shared.find(operand.tile); found != shared.end()) {
    SmallVector<std::pair<int64_t, int64_t>> inTile;
    for (auto [outer, inner] : blocks)
      inTile.push_back(operand.innerIsRow ? std::pair(inner, outer) : std::pair(outer, inner));
    return loadFragments(found->second, /*transposed=*/operand.innerIsRow, inTile,
                         operand.innerIsRow ? Value() : warpOffset, operand.innerIsRow ? warpOffset : Value());
  }
  LinearLayout layout = getLayout(operand.tile);
  auto at = [&](int64_t outer, int64_t inner) {
    auto o = static_cast<int32_t>(outer), i = static_cast<int32_t>(inner);
    return pull(operand.tile, layout, layout.findRegister(operand.innerIsRow ? Element{i, o} : Element{o, i}));
  };
  Registers result;
  for (auto [outer, inner] : blocks)
    if (operand.element.isF32())
      appendParts(at(outer, inner), at(outer, inner + 1), result);
    else
      result.push_back(code.pack(at(outer, inner), at(outer, inner + 1), operand.element));
  return result;
}

/// One matrix instruction on words that hold two of `element`.
void RoleEmitter::multiplyWords(MutableArrayRef<Value> accumulator, ArrayRef<Value> a, ArrayRef<Value> b,
                                Type element) {
  auto *context = builder.getContext();
  SmallVector<Value> operandA(a), operandB(b);
  std::optional<std::array<NVVM::MMATypes, 2>> types = std::array{NVVM::MMATypes::bf16, NVVM::MMATypes::bf16};
  if (element.isF16()) {
    types = std::array{NVVM::MMATypes::f16, NVVM::MMATypes::f16};
    auto pair = VectorType::get(2, element);
    for (Value &word : operandA)
      word = LLVM::BitcastOp::create(builder, code.loc, pair, word);
    for (Value &word : operandB)
      word = LLVM::BitcastOp::create(builder, code.loc, pair, word);
  }
  auto f32 = builder.getF32Type();
  Type type = LLVM::LLVMStructType::getLiteral(context, {f32, f32, f32, f32});
  Value result =
      NVVM::MmaOp::create(builder, code.loc, type, operandA, operandB, accumulator, std::array<int64_t, 3>{kM, kN, kK},
                          std::nullopt, std::nullopt, types, std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (auto [i, value] : llvm::enumerate(accumulator))
    value = LLVM::ExtractValueOp::create(builder, code.loc, result, i);
}

/// Products of f32 are sums of products of their three parts, the smallest first; what is left out is below 2^-24.
void RoleEmitter::multiply(MutableArrayRef<Value> accumulator, ArrayRef<Value> a, ArrayRef<Value> b, Type element) {
  if (!element.isF32())
    return multiplyWords(accumulator, a, b, element);
  auto part = [](ArrayRef<Value> words, size_t number) {
    SmallVector<Value> result;
    for (size_t i = number; i < words.size(); i += kPartsOfF32)
      result.push_back(words[i]);
    return result;
  };
  constexpr std::pair<size_t, size_t> kProducts[] = {{2, 0}, {1, 1}, {0, 2}, {1, 0}, {0, 1}, {0, 0}};
  for (auto [ofA, ofB] : kProducts)
    multiplyWords(accumulator, part(a, ofA), part(b, ofB), BFloat16Type::get(builder.getContext()));
}

/// Brings operands that the role has computed to shared memory, where they are not there yet.
void RoleEmitter::writeOperands(tile::DotOp dot) {
  int64_t offset = 0, bytesEach = getOperandScratch(dot);
  if (bytesEach)
    sync(); // the last product has been read
  bool hasWritten = false;
  for (Value operand : {dot.getA(), dot.getB()}) {
    OperandPlace place = findOperandPlace(dot, operand);
    if (place == OperandPlace::Put) {
      shared.insert({operand, getSlot(findPutBefore(dot, operand).getChannel())});
    } else if (place == OperandPlace::Scratch) {
      auto type = cast<RankedTensorType>(operand.getType());
      type = RankedTensorType::get(type.getShape(), type.getElementType());
      SharedTile scratch = getScratch(dot, type, bytesEach, offset);
      offset += scratch.memory.getBytes();
      writeTile(scratch, getLayout(operand), operand);
      shared.insert({operand, scratch});
    } else {
      continue;
    }
    hasWritten = true;
  }
  if (hasWritten)
    sync();
}

LogicalResult RoleEmitter::emitDot(tile::DotOp dot) {
  LinearLayout layout = getLayout(dot.getResult());
  Type element = dot.getA().getType().getElementType();
  if (element.getIntOrFloatBitWidth() != 16 && !element.isF32())
    return emitNamedError(dot) << "of " << element << " has no GPU code yet";
  // Lane bit 0 moves along the instruction's N.
  bool transposed = layout.lanes[0].row != 0;
  Operand first{dot.getA(), dot.getTransposeA(), element}, second{dot.getB(), !dot.getTransposeB(), element};
  Operand a = transposed ? second : first, b = transposed ? first : second;
  auto shape = tile::shapeOf(dot.getResult());
  int64_t depth = tile::shapeOf(dot.getA())[!dot.getTransposeA()];
  // Where there are more warps than the result has columns for, some do the same.
  int64_t across = int64_t(1) << llvm::count_if(layout.warps, [](Element basis) { return !basis.isZero(); });
  int64_t perWarp = shape[1] / across;
  int64_t endM = transposed ? perWarp : shape[0], endN = transposed ? shape[0] : perWarp;
  if (depth % kK || endM % kM || endN % kN)
    return emitNamedError(dot) << "of [" << shape[0] << ", " << depth << "] by [" << depth << ", " << shape[1]
                               << "] on " << across << " warps does not fit the matrix instruction";
  Value warpColumn = across > 1 ? getWarpElement(layout).second : Value();
  writeOperands(dot);
  // The sum so far is computed block by block, between the products.
  Registers values(layout.getNumRegisters());
  auto begin = [&](int64_t number) { return dot.getAcc() ? pull(dot.getAcc(), layout, number) : code.f32(0); };
  auto at = [&](int64_t m, int64_t n) {
    auto i = static_cast<int32_t>(m), j = static_cast<int32_t>(n);
    return layout.findRegister(transposed ? Element{j, i} : Element{i, j});
  };
  Registers fragmentsB;
  for (int64_t k = 0; k < depth; k += kK) {
    std::vector<Registers> fragmentsA;
    for (int64_t m = 0; m < endM; m += kM)
      fragmentsA.push_back(
          loadOperand(a, {{m, k}, {m + 8, k}, {m, k + 8}, {m + 8, k + 8}}, transposed ? warpColumn : Value()));
    for (int64_t n = 0; n < endN; n += kN) {
      // Two blocks of columns come with one load.
      if (n % (2 * kN) == 0) {
        SmallVector<std::pair<int64_t, int64_t>> blocks{{n, k}, {n, k + 8}};
        if (n + kN < endN)
          blocks.append({{n + kN, k}, {n + kN, k + 8}});
        fragmentsB = loadOperand(b, blocks, transposed ? Value() : warpColumn);
      }
      size_t words = 2 * (element.isF32() ? kPartsOfF32 : 1);
      auto fragmentB = ArrayRef<Value>(fragmentsB).slice(n % (2 * kN) ? words : 0, words);
      for (int64_t m = 0; m < endM; m += kM) {
        int64_t numbers[] = {at(m, n), at(m, n + 1), at(m + 8, n), at(m + 8, n + 1)};
        SmallVector<Value> sums;
        for (int64_t number : numbers)
          sums.push_back(k == 0 ? begin(number) : values[number]);
        multiply(sums, fragmentsA[m / kM], fragmentB, element);
        for (auto [number, sum] : llvm::zip_equal(numbers, sums))
          values[number] = sum;
      }
    }
  }
  registers[dot.getResult()] = values;
  return success();
}
