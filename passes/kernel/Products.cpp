//===- Products.cpp - Products of tiles by matrix instructions ------------===//

#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/kernel/RoleEmitter.h"
#include "passes/layout/Operands.h"
#include <limits>

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

/// How the warps of the role share out a product: m by n elements for each.
static std::pair<int64_t, int64_t> getSharesOfWarp(tile::DotOp dot, const warp::LinearLayout &layout) {
  auto shape = tile::shapeOf(dot.getResult());
  // Where there are more warps than the result has columns for, some do the same.
  int64_t across = int64_t(1) << llvm::count_if(layout.warps, [](Element basis) { return !basis.isZero(); });
  bool transposed = layout.lanes[0].row != 0;
  return transposed ? std::pair(shape[1] / across, shape[0]) : std::pair(shape[0], shape[1] / across);
}

static int64_t getDepth(tile::DotOp dot) { return tile::shapeOf(dot.getA())[!dot.getTransposeA()]; }

/// This thread's elements of the product; register `number` starts with `begin`.
RoleEmitter::Registers RoleEmitter::multiplyTiles(tile::DotOp dot, const ProductForm &form, LoadWords loadA,
                                                  LoadWords loadB, function_ref<Value(int64_t)> begin) {
  LinearLayout layout = getLayout(dot.getResult());
  bool transposed = layout.lanes[0].row != 0;
  auto [endM, endN] = getSharesOfWarp(dot, layout);
  const MatrixInstruction &instruction = *form.instruction;
  // The sum so far is computed block by block, between the products.
  Registers values(layout.getNumRegisters());
  auto at = [&](int64_t m, int64_t n) {
    auto i = static_cast<int32_t>(m), j = static_cast<int32_t>(n);
    return layout.findRegister(transposed ? Element{j, i} : Element{i, j});
  };
  Registers wordsOfB;
  int64_t wordsOfOneB = instruction.wordsOfB * form.parts;
  for (int64_t k = 0; k < getDepth(dot); k += instruction.k) {
    std::vector<Registers> wordsOfA;
    for (int64_t m = 0; m < endM; m += instruction.m)
      wordsOfA.push_back(loadA(instruction.getBlocksOfA(m, k)));
    for (int64_t n = 0; n < endN; n += instruction.n) {
      // Two blocks of columns come with one load.
      bool isSecond = n / instruction.n % 2;
      if (!isSecond) {
        MatrixInstruction::Places blocks = instruction.getBlocksOfB(n, k);
        if (n + instruction.n < endN)
          blocks.append(instruction.getBlocksOfB(n + instruction.n, k));
        wordsOfB = loadB(blocks);
      }
      auto wordsHere = ArrayRef<Value>(wordsOfB).slice(isSecond ? wordsOfOneB : 0, wordsOfOneB);
      for (int64_t m = 0; m < endM; m += instruction.m) {
        SmallVector<int64_t> numbers;
        for (auto [i, j] : instruction.getElementsOfSums(m, n))
          numbers.push_back(at(i, j));
        SmallVector<Value> sums;
        for (int64_t number : numbers)
          sums.push_back(k == 0 ? begin(number) : values[number]);
        multiply(sums, wordsOfA[m / instruction.m], wordsHere, form);
        for (auto [number, sum] : llvm::zip_equal(numbers, sums))
          values[number] = sum;
      }
    }
  }
  return values;
}

/// Of a word of two 16-bit floats, or of one of tf32, where `half` is null, what is finite, and zero in place of the
/// rest; or one where there is no finite number, and zero elsewhere.
static Value selectFinite(Code &code, Value word, Type half, bool marksOthers) {
  bool isF16 = half && half.isF16(); // tf32 has bf16's exponent in its upper half
  const uint32_t exponent = isF16 ? 0x7c00 : 0x7f80, one = isF16 ? 0x3c00 : 0x3f80;
  Value result;
  for (unsigned shift = half ? 0 : 16; shift < 32; shift += 16) {
    auto bits = [&](uint32_t value) { return static_cast<int32_t>(value << shift); };
    Value isOther = code.equal(code.mask(word, bits(exponent)), code.i32(bits(exponent)));
    Value kept = half ? code.mask(word, bits(0xffff)) : word;
    Value part =
        marksOthers ? code.select(isOther, code.i32(bits(one)), code.i32(0)) : code.select(isOther, code.i32(0), kept);
    result = result ? Value(arith::OrIOp::create(code.builder, code.loc, result, part)) : part;
  }
  return result;
}

/// `values` are a lower triangle times rows of later and later tokens. Where those are not finite, the zeros above the
/// diagonal do not keep them from earlier ones: then again with zeros in their place, and a second product, of ones,
/// counts what each element may see of them.
void RoleEmitter::confineRows(tile::DotOp dot, const ProductForm &form, LoadWords loadA, LoadWords loadB,
                              Registers &values) {
  LinearLayout layout = getLayout(dot.getResult());
  // What is not finite makes a column NaN from the first row on.
  Value sum = code.f32(0);
  for (auto [number, value] : llvm::enumerate(values))
    if (layout.ofRegister(number).row == 0)
      sum = math::FmaOp::create(builder, code.loc, value, code.f32(0), sum);
  Value isOther = arith::CmpFOp::create(builder, code.loc, arith::CmpFPredicate::UNO, sum, sum);
  Value any =
      NVVM::VoteSyncOp::create(builder, code.loc, builder.getI1Type(), code.i32(-1), isOther, NVVM::VoteSyncKind::any);
  auto branch = scf::IfOp::create(builder, code.loc, ValueRange(values).getTypes(), any, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&branch.getElseRegion().front());
  scf::YieldOp::create(builder, code.loc, values);
  builder.setInsertionPointToStart(&branch.getThenRegion().front());
  auto saved = memo;
  auto zero = [&](int64_t) { return code.f32(0); };
  Registers finite = multiplyTiles(
      dot, form, loadA,
      [&](Places blocks) {
        return llvm::map_to_vector(
            loadB(blocks), [&](Value word) { return selectFinite(code, word, form.half, /*marksOthers=*/false); });
      },
      zero);
  // The first part of each block tells.
  ProductForm ones = form;
  ones.parts = 1;
  Value lane = code.opaque(threads.lane), row = code.shiftRight(lane, 2), column = code.mul(code.mask(lane, 3), 2);
  auto isSeen = [&](int64_t i, int64_t j) {
    return code.select(code.less(code.add(row, i), code.add(column, j)), code.f32(0), code.f32(1));
  };
  Registers counts = multiplyTiles(
      dot, ones,
      [&](Places blocks) {
        Registers words;
        for (auto [i, j] : blocks)
          appendWords(ones, isSeen(i, j), isSeen(i, j + 1), words);
        return words;
      },
      [&](Places blocks) {
        Registers all = loadB(blocks), words;
        int64_t ofBlock = form.instruction->wordsOfBlock();
        for (int64_t i = 0, end = all.size(); i < end; ++i)
          if (i / ofBlock % form.parts == 0)
            words.push_back(selectFinite(code, all[i], form.half, /*marksOthers=*/true));
        return words;
      },
      zero);
  memo = saved;
  SmallVector<Value> confined;
  for (auto [value, count] : llvm::zip_equal(finite, counts)) {
    Value isClean = arith::CmpFOp::create(builder, code.loc, arith::CmpFPredicate::OEQ, count, code.f32(0));
    confined.push_back(code.select(isClean, value, code.f32(std::numeric_limits<double>::quiet_NaN())));
  }
  scf::YieldOp::create(builder, code.loc, confined);
  values = Registers(branch.getResults());
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
  auto [endM, endN] = getSharesOfWarp(dot, layout);
  int64_t depth = getDepth(dot), across = shape[1] / (transposed ? endM : endN);
  const MatrixInstruction &instruction = *form->instruction;
  if (depth % instruction.k || endM % instruction.m || endN % instruction.n)
    return emitNamedError(dot) << "of [" << shape[0] << ", " << depth << "] by [" << depth << ", " << shape[1]
                               << "] on " << across << " warps does not fit the matrix instruction";
  Value warpColumn = across > 1 ? getWarpElement(layout).second : Value();
  writeOperands(dot);
  auto loadA = [&](Places blocks) { return loadOperand(a, blocks, transposed ? warpColumn : Value()); };
  auto loadB = [&](Places blocks) { return loadOperand(b, blocks, transposed ? Value() : warpColumn); };
  auto begin = [&](int64_t number) { return dot.getAcc() ? pull(dot.getAcc(), layout, number) : code.f32(0); };
  Registers values = multiplyTiles(dot, *form, loadA, loadB, begin);
  if (dot.getLowerA() && !dot.getAcc() && !transposed)
    confineRows(dot, *form, loadA, loadB, values);
  registers[dot.getResult()] = values;
  return success();
}
