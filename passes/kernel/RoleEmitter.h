//===- RoleEmitter.h - The code of one role -------------------------------===//
//
// Tiles become registers. A tile that is computed element by element is not computed where its op stands, but element
// by element where something asks for it (`pull`): so few elements are alive at a time, whatever the number of ops.
//
// A scalar of a tile is an f32 (or an i1), also where the tile is bf16 or f16: it is rounded when it is packed.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_PASSES_KERNEL_ROLEEMITTER_H
#define FGLA_PASSES_KERNEL_ROLEEMITTER_H

#include "dialect/tile/Diagnostics.h"
#include "dialect/warp/Warp.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "passes/Targets.h"
#include "passes/kernel/Code.h"
#include "passes/kernel/MatrixInstructions.h"
#include "passes/layout/SharedMemory.h"
#include "passes/roles/TensorCopies.h"
#include <map>

namespace fgla::kernel {

/// An array in global memory.
struct GlobalArray {
  mlir::Value pointer;                    ///< ptr<1>
  llvm::SmallVector<mlir::Value> strides; ///< i64, in elements
  mlir::Type element;
};

/// What all roles of a kernel share.
struct KernelContext {
  KernelContext(const GPUTarget &target, const SharedMemoryPlan &plan, int64_t stages, bool everyLaneArrives)
      : target(target), plan(plan), stages(stages), everyLaneArrives(everyLaneArrives) {}

  const GPUTarget &target;
  const SharedMemoryPlan &plan;
  int64_t stages;
  bool everyLaneArrives;                           ///< at barriers, not one lane for its warp
  Precision precision = Precision::F32;            ///< of products of f32
  mlir::Value shared;                              ///< ptr<3>, start of shared memory
  llvm::DenseMap<mlir::Value, GlobalArray> arrays; ///< by memref
  /// Tensor maps (ptr) of what the copy engine loads, by memref and the columns of one copy.
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::Value> maps;
  llvm::DenseMap<mlir::Operation *, int64_t> roles; ///< number of each role: that of its barrier in a turn

  //===--- A cluster: blocks that read each other's tiles ---===//
  int64_t cluster = 1; ///< blocks
  mlir::Value rank;    ///< i32, of this block
  /// Roles that put what other blocks read, and those that read it: what they arrive at, they arrive at in all blocks.
  llvm::DenseSet<mlir::Operation *> givers, takers;
};

/// Instances of a role that start a turn together: fewer than all where there are not the turns for two rounds, and
/// other roles would have nothing to do in the meantime.
int64_t getInstancesOfRound(warp::RoleOp role, int64_t stages);

/// Whether a role copies a tile element by element: then each of its threads arrives once more, for its own stores.
bool hasElementCopies(warp::RoleOp role, const GPUTarget &target);

/// How many tiles of the role the copy engine loads, and the bytes of a turn that it moves.
struct TensorCopies {
  int64_t tiles = 0, bytes = 0;
  TensorCopies(warp::RoleOp role, const GPUTarget &target);
};

/// Which threads run an instance of a role; i32.
struct RoleThreads {
  mlir::Value lane, warp; ///< warp within the instance
  mlir::Value barrier;    ///< a named barrier of the instance's own
  int64_t roundBarrier;   ///< the first of the named barriers of instances that start together
  mlir::Value instance;
  int64_t warps;
};

class RoleEmitter {
public:
  RoleEmitter(mlir::OpBuilder &builder, const KernelContext &kernel, warp::RoleOp role, RoleThreads threads,
              const mlir::IRMapping &scalars);

  /// Fails with an error where an op has no code on a GPU yet.
  mlir::LogicalResult emit();

private:
  using Registers = llvm::SmallVector<mlir::Value>;
  using LinearLayout = warp::LinearLayout;

  /// A tile in shared memory, at `address` (i32); `offset` is added to what is accessed.
  struct SharedTile {
    mlir::Value address;
    int64_t offset;
    TileMemory memory;
    mlir::Type element;
    bool isOfCluster = false;  ///< where the address is one of the cluster's memory
    mlir::Value firstRow = {}; ///< i32, of what is some rows of a tile; null for all
  };

  //===--- Control: RoleEmitter.cpp ---===//
  mlir::LogicalResult emitBlock(mlir::Block &block);
  mlir::LogicalResult emitOp(mlir::Operation *op);
  /// A loop that counts from `lower` to `upper` (i32), with the registers of what `loop` carries. `emitTurn` gets the
  /// counter and writes what a turn does and yields.
  using EmitTurn = llvm::function_ref<mlir::LogicalResult(mlir::Value, llvm::SmallVectorImpl<mlir::Value> &)>;
  mlir::LogicalResult emitLoop(mlir::LoopLikeOpInterface loop, mlir::Value lower, mlir::Value upper, mlir::Value step,
                               EmitTurn emitTurn);
  mlir::LogicalResult emitFor(mlir::scf::ForOp loop);
  mlir::LogicalResult emitWalk(tile::WalkOp walk);
  void bindTurn(mlir::Value turn, mlir::Value end);
  mlir::LogicalResult emitTurn(tile::WalkOp walk, llvm::SmallVectorImpl<mlir::Value> &results);
  mlir::LogicalResult emitBody(mlir::LoopLikeOpInterface loop, llvm::SmallVectorImpl<mlir::Value> &results);
  mlir::LogicalResult emitIf(mlir::scf::IfOp branch);
  mlir::Value scalar(mlir::Value value);
  mlir::Value scalarI32(mlir::Value value) { return code.toI32(scalar(value)); }

  //===--- Elements of tiles: Elements.cpp ---===//
  /// The element that register `number` of `layout` holds of `tile`.
  mlir::Value pull(mlir::Value tile, const LinearLayout &layout, int64_t number);
  Registers pullAll(mlir::Value tile, const LinearLayout &layout);
  void pullMap(tile::MapOp map, const LinearLayout &layout, int64_t number);
  mlir::Value pullConcat(warp::ConcatOp concat, const LinearLayout &layout, int64_t number);
  mlir::Value pullScan(tile::ScanOp scan, const LinearLayout &layout, int64_t number);
  mlir::Value readShared(const SharedTile &tile, const LinearLayout &layout, int64_t number,
                         llvm::function_ref<void(int64_t, mlir::Value)> remember);
  /// The elements of a group of neighbouring registers, from `first` on, as they are stored.
  mlir::Value packGroup(const SharedTile &tile, const LinearLayout &layout, int64_t first,
                        llvm::function_ref<mlir::Value(int64_t)> element);
  mlir::Value loadGroup(const SharedTile &tile, const LinearLayout &layout, int64_t first);
  void storeGroup(const SharedTile &tile, const LinearLayout &layout, int64_t first, mlir::Value packed);
  static constexpr size_t kRowsTogether = 16;
  /// `beforeStores`: called when all that is stored has been read.
  void writeTile(const SharedTile &tile, const LinearLayout &layout, mlir::Value value,
                 llvm::function_ref<void()> beforeStores = nullptr);
  /// Registers that are neighbours in memory, up to 16 bytes.
  int64_t getVectorLength(const TileMemory &memory, const LinearLayout &layout);
  /// (row, column) of register 0; i32.
  std::pair<mlir::Value, mlir::Value> getThreadElement(const LinearLayout &layout);
  /// The same without what the lane adds.
  std::pair<mlir::Value, mlir::Value> getWarpElement(LinearLayout layout);
  mlir::Value getPointer(const SharedTile &tile, std::pair<mlir::Value, mlir::Value> threadElement, int64_t row,
                         int64_t column);
  static LinearLayout getLayout(mlir::Value tile);
  static LinearLayout restrictTo(LinearLayout layout, mlir::Value tile);
  static bool runsBackward(mlir::Value tile);
  int64_t getLayoutNumber(const LinearLayout &layout);

  //===--- Channels and arrays: Memory.cpp ---===//
  void emitLoadToChannel(tile::LoadOp load, warp::PutOp put);
  void copyLines(tile::LoadOp load, const SharedTile &place);
  void copyParts(tile::LoadOp load, const GlobalArray &array, const SharedTile &place, mlir::Value rows);
  void copyElements(tile::LoadOp load, const GlobalArray &array, const SharedTile &place, mlir::Value rows);
  void emitLoad(tile::LoadOp load);
  void emitStore(tile::StoreOp store);
  enum class Readers { None, Warp, Role };
  Readers getOtherReaders(mlir::Value tile, const LinearLayout &layout);
  bool isPulledFrom(mlir::Value value, mlir::Value tile);
  void awaitTurn();
  void emitPut(warp::PutOp put);
  void emitGet(warp::GetOp get);
  void readCluster(mlir::Value whole, mlir::ValueRange parts);
  void emitPart(mlir::tensor::ExtractSliceOp slice);
  void emitRelease(warp::ReleaseOp release);
  /// Says that all that the role puts in this turn is there.
  void announce();
  SharedTile getSlot(mlir::Value channel);
  mlir::Value getBarrier(int64_t number);
  /// Who hears that the role has arrived: this block, or all of the cluster, which then read what the role has written,
  /// or write where it has read.
  enum class Hearers { Block, Readers, Writers };
  void arrive(int64_t number, Hearers hearers);
  void arriveInCluster(int64_t number, Hearers hearers);
  /// Waits for a barrier of the turn; `ofCluster`: for what blocks of the cluster have written.
  void await(int64_t number, mlir::Value parity, bool ofCluster);
  /// In one thread of the instance.
  void ifFirstThread(llvm::function_ref<void()> then);
  mlir::Value getAddress(const GlobalArray &array, mlir::ValueRange indices);
  SharedTile getScratch(mlir::Operation *op, mlir::RankedTensorType type, int64_t bytesEach, int64_t offset = 0);
  /// Whether `op` is in a loop of its role.
  static bool isInLoop(mlir::Operation *op) {
    auto loop = op->getParentOfType<mlir::LoopLikeOpInterface>();
    return loop && op->getParentOfType<warp::RoleOp>()->isAncestor(loop);
  }
  /// Where all warps hold the same of `layout`, one of them is to `write`, after all have done `before`.
  void writeOnce(const LinearLayout &layout, llvm::function_ref<void()> before, llvm::function_ref<void()> write);
  /// Of the threads of the instance. One warp has no barrier of its own.
  void sync() { threads.warps == 1 ? code.syncWarp() : code.barrier(threads.barrier, threads.warps * 32); }

  //===--- Rows: Rows.cpp ---===//
  mlir::LogicalResult emitReduce(tile::ReduceOp reduce);
  mlir::LogicalResult emitRowNorm(tile::RowNormOp norm);
  mlir::FailureOr<Registers> combineColumns(mlir::Operation *op, int64_t exchange, tile::ReduceKind kind,
                                            const LinearLayout &layout,
                                            llvm::function_ref<mlir::Value(int64_t)> element);
  void exchangeRows(mlir::Operation *op, int64_t number, tile::ReduceKind kind, const LinearLayout &result,
                    Registers &values);
  void exchangeColumns(tile::ReduceOp reduce);
  mlir::Value findWidened(mlir::Value tile);
  mlir::Value reducePacked(mlir::Value tile, const LinearLayout &layout);
  mlir::LogicalResult emitRowScan(tile::ScanOp scan);
  mlir::LogicalResult emitRow(warp::RowOp row);
  mlir::LogicalResult emitConvert(warp::ConvertOp convert);
  mlir::Value combineLanes(tile::ReduceKind kind, mlir::Value value, int64_t lane);

  //===--- Blocks of matrix instructions: Fragments.cpp ---===//
  using Places = llvm::ArrayRef<MatrixInstruction::Place>; ///< of the first element of each
  mlir::Value getBlockPointer(const SharedTile &tile, Places blocks, mlir::Value rowOffset, mlir::Value columnOffset);
  /// How products are computed.
  struct ProductForm {
    const MatrixInstruction *instruction;
    mlir::Type half; ///< what words of 16-bit operands have two of; null for tf32
    int64_t parts;   ///< a factor is the sum of so many
  };
  static constexpr int64_t kPartsOfF32 = 3;
  /// For factors that are `element` in memory; none if no instruction takes them.
  std::optional<ProductForm> getProductForm(mlir::Type element) const;
  Registers loadFragments(const SharedTile &tile, const ProductForm &form, bool transposed, Places blocks,
                          mlir::Value rowOffset, mlir::Value columnOffset);
  Registers loadWideFragments(const SharedTile &tile, const ProductForm &form, bool transposed, Places blocks,
                              mlir::Value rowOffset, mlir::Value columnOffset);
  void appendWords(const ProductForm &form, mlir::Value low, mlir::Value high, Registers &words);
  std::optional<LinearLayout::Blocks> findStoredBlocks(const SharedTile &tile, const LinearLayout &layout);
  void writeBlocks(const SharedTile &tile, const LinearLayout &layout, const LinearLayout::Blocks &blocks,
                   mlir::Value value);

  //===--- Products: Products.cpp, Decays.cpp, Scores.cpp ---===//
  /// What a matrix instruction multiplies: `inner` runs along its K.
  struct Operand {
    mlir::Value tile;
    bool innerIsRow; ///< whether the rows of the tile are the instruction's K
    ProductForm form;
  };
  mlir::LogicalResult emitDot(tile::DotOp dot);
  void writeOperands(tile::DotOp dot);
  void emitDecayMatrix(tile::DecayMatrixOp op);
  void emitDecayedSum(tile::DecayedSumOp op);
  Registers loadOperand(const Operand &operand, Places blocks, mlir::Value warpOffset);
  /// The words of blocks of an operand of the matrix instruction.
  using LoadWords = llvm::function_ref<Registers(Places)>;
  Registers multiplyTiles(tile::DotOp dot, const ProductForm &form, LoadWords loadA, LoadWords loadB,
                          llvm::function_ref<mlir::Value(int64_t)> begin);
  void confineRows(tile::DotOp dot, const ProductForm &form, LoadWords loadA, LoadWords loadB, Registers &values);
  void multiply(llvm::MutableArrayRef<mlir::Value> sums, llvm::ArrayRef<mlir::Value> a, llvm::ArrayRef<mlir::Value> b,
                const ProductForm &form);
  void multiplyWords(llvm::MutableArrayRef<mlir::Value> sums, Registers a, Registers b, const ProductForm &form);
  void emitScores(tile::DecayedScoresOp scores);
  friend class ScoresEmitter;

  mlir::OpBuilder &builder;
  Code code;
  const KernelContext &kernel;
  warp::RoleOp role;
  RoleThreads threads;
  mlir::IRMapping scalars;
  mlir::Operation *entry = nullptr; ///< in front of it stands what is computed once for each thread

  llvm::DenseMap<mlir::Value, Registers> registers;
  using Memo = llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::Value>;
  Memo memo;
  llvm::DenseMap<mlir::Value, SharedTile> shared;
  llvm::SmallVector<LinearLayout> layouts;      ///< in which tiles of `shared` were read
  std::vector<std::pair<LinearLayout, std::pair<mlir::Value, mlir::Value>>> threadElements;
  /// (row, column) that a lane addresses when it loads fragments, by where their blocks lie.
  std::map<std::vector<int64_t>, std::pair<mlir::Value, mlir::Value>> fragmentElements;
  struct OffsetKey {
    mlir::Value row, column;
    bool isSwizzled;
    int64_t stride, elementBytes;
    bool operator<(const OffsetKey &other) const {
      auto tie = [](const OffsetKey &k) {
        return std::tuple(k.row.getAsOpaquePointer(), k.column.getAsOpaquePointer(), k.isSwizzled, k.stride,
                          k.elementBytes);
      };
      return tie(*this) < tie(other);
    }
  };
  std::map<OffsetKey, mlir::Value> threadOffsets;     ///< of a thread's element in a tile's memory
  llvm::DenseMap<mlir::Value, mlir::Value> movedRows; ///< a thread's row where it is counted from the share's first

  // The turn that is being emitted; i32.
  mlir::Value phase, turnAddress;
  llvm::DenseSet<int64_t> awaited;
  bool expectsCopies = false; ///< whether the role's barrier knows of the turn's tensor copies
  int64_t puts = 0;           ///< still to come in this turn
  mlir::Value fullRows;       ///< the number of tokens that is known to fill the tile
  llvm::DenseSet<mlir::Operation *> emittedScalars;
};
} // namespace fgla::kernel

#endif // FGLA_PASSES_KERNEL_ROLEEMITTER_H
