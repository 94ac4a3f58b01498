//===- WalkOp.cpp - The way through a sequence ----------------------------===//

#include "dialect/tile/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace fgla::tile;

/// Token, rows and turn.
static constexpr unsigned kPositions = 3;

YieldOp WalkOp::getYield() { return cast<YieldOp>(getBody()->getTerminator()); }

void WalkOp::build(OpBuilder &builder, OperationState &state, Value begin, Value end, int64_t step, bool reverse,
                   ValueRange inits, Value instance, int64_t instances) {
  state.addOperands({begin, end});
  if (instance)
    state.addOperands(instance);
  state.addOperands(inits);
  state.addTypes(inits.getTypes());
  Properties &properties = state.getOrAddProperties<Properties>();
  properties.operandSegmentSizes = {1, 1, instance ? 1 : 0, static_cast<int32_t>(inits.size())};
  properties.step = builder.getI64IntegerAttr(step);
  properties.reverse = reverse ? builder.getUnitAttr() : UnitAttr();
  properties.instances = builder.getI64IntegerAttr(instances);
  Block &body = state.addRegion()->emplaceBlock();
  for (unsigned i = 0; i < kPositions; ++i)
    body.addArgument(builder.getIndexType(), state.location);
  for (Value init : inits)
    body.addArgument(init.getType(), init.getLoc());
}

void WalkOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  for (auto [argument, name] : llvm::zip(region.getArguments(), ArrayRef<StringRef>{"token", "rows", "turn"}))
    setName(argument, name);
}

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

ParseResult WalkOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &builder = parser.getBuilder();
  Properties &properties = result.getOrAddProperties<Properties>();
  SmallVector<OpAsmParser::Argument> arguments, carried;
  SmallVector<OpAsmParser::UnresolvedOperand> inits;
  OpAsmParser::UnresolvedOperand begin, end, instance;
  int64_t step = 0, instances = 1;
  if (parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren))
    return failure();
  if (arguments.size() != kPositions)
    return parser.emitError(parser.getCurrentLocation())
           << "expected names for the token, the rows and the turn, got " << arguments.size() << " (walk_c2)";
  if (parser.parseEqual() || parser.parseOperand(begin) || parser.parseKeyword("to") || parser.parseOperand(end) ||
      parser.parseKeyword("by") || parser.parseInteger(step))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("reverse")))
    properties.reverse = builder.getUnitAttr();
  bool hasInstance = succeeded(parser.parseOptionalKeyword("instance"));
  if (hasInstance && (parser.parseLParen() || parser.parseOperand(instance) || parser.parseKeyword("of") ||
                      parser.parseInteger(instances) || parser.parseRParen()))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("iter_args")) &&
      (parser.parseAssignmentList(carried, inits) || parser.parseArrowTypeList(result.types)))
    return failure();
  if (inits.size() != result.types.size())
    return parser.emitError(parser.getNameLoc())
           << "must return what it carries, " << inits.size() << " values, got " << result.types.size() << " (walk_c3)";
  for (OpAsmParser::Argument &argument : arguments)
    argument.type = builder.getIndexType();
  for (auto [argument, type] : llvm::zip_equal(carried, result.types))
    argument.type = type;
  llvm::append_range(arguments, carried);
  Region *body = result.addRegion();
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes) || parser.parseRegion(*body, arguments) ||
      parser.resolveOperands({begin, end}, builder.getIndexType(), result.operands) ||
      (hasInstance && parser.resolveOperand(instance, builder.getIndexType(), result.operands)) ||
      parser.resolveOperands(inits, result.types, parser.getNameLoc(), result.operands))
    return failure();
  ensureTerminator(*body, builder, result.location);
  properties.operandSegmentSizes = {1, 1, hasInstance ? 1 : 0, static_cast<int32_t>(inits.size())};
  properties.step = builder.getI64IntegerAttr(step);
  properties.instances = builder.getI64IntegerAttr(instances);
  return success();
}

void WalkOp::print(OpAsmPrinter &printer) {
  printer << " (";
  llvm::interleaveComma(getBody()->getArguments().take_front(kPositions), printer);
  printer << ") = " << getBegin() << " to " << getEnd() << " by " << static_cast<int64_t>(getStep());
  if (getReverse())
    printer << " reverse";
  if (getInstance())
    printer << " instance(" << getInstance() << " of " << static_cast<int64_t>(getInstances()) << ")";
  if (!getInits().empty()) {
    printer << " iter_args(";
    llvm::interleaveComma(llvm::zip_equal(getRegionIterArgs(), getInits()), printer,
                          [&](auto pair) { printer << std::get<0>(pair) << " = " << std::get<1>(pair); });
    printer << ") -> (" << getResultTypes() << ")";
  }
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {getOperandSegmentSizesAttrName(), getStepAttrName(),
                                                                 getReverseAttrName(), getInstancesAttrName()});
  printer << ' ';
  printer.printRegion(getRegion(), /*printEntryBlockArgs=*/false, /*printBlockTerminators=*/!getInits().empty());
}

//===----------------------------------------------------------------------===//
// Constraints
//===----------------------------------------------------------------------===//

LogicalResult WalkOp::verify() {
  if (auto step = static_cast<int64_t>(getStep()); step < 1)
    return emitOpError() << "must go on by at least one token, got " << step << " (walk_c1)";
  if (TypeRange(getResultTypes()) != TypeRange(getInits().getTypes()))
    return emitOpError() << "must return what it carries, " << getInits().getTypes() << ", got " << getResultTypes()
                         << " (walk_c3)";
  if (auto instances = static_cast<int64_t>(getInstances()); instances < 1 || (instances > 1 && !getInstance()))
    return emitOpError() << "must have at least one instance, and be told which where there are more, got " << instances
                         << (getInstance() ? " with" : " without") << " an operand 'instance' (walk_c4)";
  return success();
}

LogicalResult WalkOp::verifyRegions() {
  SmallVector<Type> expected(kPositions, IndexType::get(getContext()));
  llvm::append_range(expected, getInits().getTypes());
  if (TypeRange(getBody()->getArgumentTypes()) != TypeRange(expected))
    return emitOpError() << "body must take " << TypeRange(expected) << ", got "
                         << TypeRange(getBody()->getArgumentTypes()) << " (walk_c2)";
  return success();
}

//===----------------------------------------------------------------------===//
// A loop
//===----------------------------------------------------------------------===//

SmallVector<Region *> WalkOp::getLoopRegions() { return {&getRegion()}; }
Block::BlockArgListType WalkOp::getRegionIterArgs() { return getBody()->getArguments().drop_front(kPositions); }
std::optional<MutableArrayRef<OpOperand>> WalkOp::getYieldedValuesMutable() { return getYield()->getOpOperands(); }
std::optional<ResultRange> WalkOp::getLoopResults() { return getResults(); }
/// The turn: where its tile is follows from it.
std::optional<SmallVector<Value>> WalkOp::getLoopInductionVars() { return SmallVector<Value>{getTurn()}; }

Value WalkOp::buildTurnCount(OpBuilder &builder, Value begin, Value end) {
  Value tokens = arith::SubIOp::create(builder, getLoc(), end, begin);
  return arith::CeilDivSIOp::create(builder, getLoc(), tokens,
                                    arith::ConstantIndexOp::create(builder, getLoc(), getStep()));
}

std::pair<Value, Value> WalkOp::buildPosition(OpBuilder &builder, Value begin, Value end, Value turn, Value turns) {
  Location loc = getLoc();
  Value step = arith::ConstantIndexOp::create(builder, loc, getStep());
  if (getReverse()) {
    Value last = arith::SubIOp::create(builder, loc, turns, arith::ConstantIndexOp::create(builder, loc, 1));
    turn = arith::SubIOp::create(builder, loc, last, turn);
  }
  Value offset = arith::MulIOp::create(builder, loc, turn, step);
  Value token = arith::AddIOp::create(builder, loc, begin, offset);
  Value left = arith::SubIOp::create(builder, loc, end, token);
  return {token, arith::MinSIOp::create(builder, loc, left, step)};
}

namespace {
/// What is yielded as it came, or carried for nothing, is not carried.
struct DropConstantCarried : OpRewritePattern<WalkOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(WalkOp walk, PatternRewriter &rewriter) const override {
    YieldOp yield = walk.getYield();
    auto isKept = [&](unsigned i) {
      Value arg = walk.getRegionIterArgs()[i], yielded = yield.getOperand(i);
      bool isUnused = walk.getResult(i).use_empty() &&
                      llvm::all_of(arg.getUsers(), [&](Operation *user) { return user == yield && yielded == arg; });
      return yielded != arg && yielded != walk.getInits()[i] && !isUnused;
    };
    SmallVector<Value> inits, yielded;
    SmallVector<unsigned> kept;
    for (unsigned i = 0; i < walk.getNumResults(); ++i)
      if (isKept(i)) {
        kept.push_back(i);
        inits.push_back(walk.getInits()[i]);
        yielded.push_back(yield.getOperand(i));
      }
    if (kept.size() == walk.getNumResults())
      return rewriter.notifyMatchFailure(walk, "all that is carried changes and is used");
    auto copy = WalkOp::create(rewriter, walk.getLoc(), walk.getBegin(), walk.getEnd(), walk.getStep(),
                               walk.getReverse(), inits, walk.getInstance(), walk.getInstances());
    copy->setDiscardableAttrs(walk->getDiscardableAttrDictionary());
    SmallVector<Value> arguments{copy.getToken(), copy.getRows(), copy.getTurn()}, results(walk.getInits());
    llvm::append_range(arguments, walk.getInits());
    for (auto [position, i] : llvm::enumerate(kept)) {
      arguments[kPositions + i] = copy.getRegionIterArgs()[position];
      results[i] = copy.getResult(position);
    }
    rewriter.modifyOpInPlace(yield, [&] { yield->setOperands(yielded); });
    rewriter.mergeBlocks(walk.getBody(), copy.getBody(), arguments);
    rewriter.replaceOp(walk, results);
    return success();
  }
};
} // namespace

void WalkOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropConstantCarried>(context);
}
