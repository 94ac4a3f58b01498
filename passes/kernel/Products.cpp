//===- Products.cpp - Products of tiles by matrix instructions ------------===//

#include "passes/kernel/RoleEmitter.h"
#include "passes/layout/Operands.h"

using namespace mlir;
using namespace fgla;
using namespace fgla::kernel;
using warp::Element;

std::optional<RoleEmitter::ProductForm> RoleEmitter::getProductForm(Type element) const {
  auto form = [&](NVVM::MMATypes operands, Type half, int64_t parts) -> std::optional<ProductForm> {
    const MatrixInstruction *instruction = findMatrixInstruction(operands, kernel.target);
    return instruction ? std::optional(ProductForm{instruction, half, parts}) : std::nullopt;
  };
  if (element.isBF16())
    return form(NVVM::MMATypes::bf16, element, 1);
  if (element.isF16())
    return form(NVVM::MMATypes::f16, element, 1);
  if (element.isF32() && kernel.precision == Precision::TF32)
    return form(NVVM::MMATypes::tf32, Type(), 1);
  if (element.isF32())
    return form(NVVM::MMATypes::bf16, BFloat16Type::get(element.getContext()), kPartsOfF32);
  return std::nullopt;
}

/// Words of blocks at (outer, inner): from shared memory, or from registers where the accumulators of an earlier
/// product are this operand.
RoleEmitter::Registers RoleEmitter::loadOperand(const Operand &operand, Places blocks, Value warpOffset) {
  if (auto found = shared.find(operand.tile); found != shared.end()) {
    MatrixInstruction::Places inTile;
    for (auto [outer, inner] : blocks)
      inTile.push_back(operand.innerIsRow ? std::pair(inner, outer) : std::pair(outer, inner));
    return loadFragments(found->second, operand.form, /*transposed=*/operand.innerIsRow, inTile,
                         operand.innerIsRow ? Value() : warpOffset, operand.innerIsRow ? warpOffset : Value());
  }
  LinearLayout layout = getLayout(operand.tile);
  auto at = [&](int64_t outer, int64_t inner) {
    auto o = static_cast<int32_t>(outer), i = static_cast<int32_t>(inner);
    return pull(operand.tile, layout, layout.findRegister(operand.innerIsRow ? Element{i, o} : Element{o, i}));
  };
  Registers result;
  for (auto [outer, inner] : blocks)
    appendWords(operand.form, at(outer, inner), at(outer, inner + 1), result);
  return result;
}

/// One matrix instruction.
void RoleEmitter::multiplyWords(MutableArrayRef<Value> sums, SmallVector<Value> a, SmallVector<Value> b,
                                const ProductForm &form) {
  const MatrixInstruction &instruction = *form.instruction;
  if (instruction.operands == NVVM::MMATypes::f16)
    for (Value &word : llvm::concat<Value>(a, b))
      word = LLVM::BitcastOp::create(builder, code.loc, VectorType::get(2, form.half), word);
  SmallVector<Type> types(instruction.wordsOfSums, builder.getF32Type());
  Value result = NVVM::MmaOp::create(builder, code.loc, LLVM::LLVMStructType::getLiteral(builder.getContext(), types),
                                     a, b, sums, std::array{instruction.m, instruction.n, instruction.k}, std::nullopt,
                                     std::nullopt, std::array{instruction.operands, instruction.operands},
                                     std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (auto [i, value] : llvm::enumerate(sums))
    value = LLVM::ExtractValueOp::create(builder, code.loc, result, i);
}

/// Products of f32 are sums of products of their three parts, the smallest first; what is left out is below 2^-24.
void RoleEmitter::multiply(MutableArrayRef<Value> sums, ArrayRef<Value> a, ArrayRef<Value> b, const ProductForm &form) {
  // Of each block stand there all words of the first part, then those of the next.
  auto part = [&](ArrayRef<Value> words, int64_t number) {
    int64_t ofBlock = form.instruction->wordsOfBlock(), blocks = words.size() / (form.parts * ofBlock);
    SmallVector<Value> result;
    for (int64_t i = 0; i < blocks * ofBlock; ++i) {
      auto [block, word] = MatrixInstruction::splitWord(i, blocks);
      result.push_back(words[(block * form.parts + number) * ofBlock + word]);
    }
    return result;
  };
  if (form.parts == 1)
    return multiplyWords(sums, part(a, 0), part(b, 0), form);
  constexpr std::pair<int64_t, int64_t> kProducts[] = {{2, 0}, {1, 1}, {0, 2}, {1, 0}, {0, 1}, {0, 0}};
  for (auto [ofA, ofB] : kProducts)
    multiplyWords(sums, part(a, ofA), part(b, ofB), form);
}

/// Brings operands that the role has computed to shared memory, where they are not there yet.
void RoleEmitter::writeOperands(tile::DotOp dot) {
  int64_t offset = 0, bytesEach = getOperandScratch(dot);
  if (bytesEach)
    sync(); // the last product has been read
  bool hasWritten = false;
  for (bool isA : {true, false}) {
    Value operand = isA ? dot.getA() : dot.getB();
    OperandPlace place = findOperandPlace(dot, isA);
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
  std::optional<ProductForm> form = getProductForm(element);
  if (!form)
    return emitNamedError(dot) << "of " << element << " has no GPU code yet";
  // Lane bit 0 moves along the instruction's N.
  bool transposed = layout.lanes[0].row != 0;
  Operand first{dot.getA(), dot.getTransposeA(), *form}, second{dot.getB(), !dot.getTransposeB(), *form};
  Operand a = transposed ? second : first, b = transposed ? first : second;
  auto shape = tile::shapeOf(dot.getResult());
  int64_t depth = tile::shapeOf(dot.getA())[!dot.getTransposeA()];
  // Where there are more warps than the result has columns for, some do the same.
  int64_t across = int64_t(1) << llvm::count_if(layout.warps, [](Element basis) { return !basis.isZero(); });
  int64_t perWarp = shape[1] / across;
  int64_t endM = transposed ? perWarp : shape[0], endN = transposed ? shape[0] : perWarp;
  const MatrixInstruction &instruction = *form->instruction;
  if (depth % instruction.k || endM % instruction.m || endN % instruction.n)
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
  Registers wordsOfB;
  int64_t wordsOfOneB = instruction.wordsOfB * form->parts;
  for (int64_t k = 0; k < depth; k += instruction.k) {
    std::vector<Registers> wordsOfA;
    for (int64_t m = 0; m < endM; m += instruction.m)
      wordsOfA.push_back(loadOperand(a, instruction.getBlocksOfA(m, k), transposed ? warpColumn : Value()));
    for (int64_t n = 0; n < endN; n += instruction.n) {
      // Two blocks of columns come with one load.
      bool isSecond = n / instruction.n % 2;
      if (!isSecond) {
        MatrixInstruction::Places blocks = instruction.getBlocksOfB(n, k);
        if (n + instruction.n < endN)
          blocks.append(instruction.getBlocksOfB(n + instruction.n, k));
        wordsOfB = loadOperand(b, blocks, transposed ? Value() : warpColumn);
      }
      auto wordsHere = ArrayRef<Value>(wordsOfB).slice(isSecond ? wordsOfOneB : 0, wordsOfOneB);
      for (int64_t m = 0; m < endM; m += instruction.m) {
        SmallVector<int64_t> numbers;
        for (auto [i, j] : instruction.getElementsOfSums(m, n))
          numbers.push_back(at(i, j));
        SmallVector<Value> sums;
        for (int64_t number : numbers)
          sums.push_back(k == 0 ? begin(number) : values[number]);
        multiply(sums, wordsOfA[m / instruction.m], wordsHere, *form);
        for (auto [number, sum] : llvm::zip_equal(numbers, sums))
          values[number] = sum;
      }
    }
  }
  registers[dot.getResult()] = values;
  return success();
}
