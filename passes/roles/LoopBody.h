//===- LoopBody.h - Who computes what in a walk over tiles ----------------===//
#ifndef FGLA_PASSES_ROLES_LOOPBODY_H
#define FGLA_PASSES_ROLES_LOOPBODY_H

#include "dialect/tile/Tile.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SetVector.h"

namespace fgla {

/// What a role does, in the order in which tiles travel.
enum class RoleKind { Load, Rows, Elementwise, Matrix, Epilogue };

/// A group of warps and the ops of the loop body that are its own.
struct RoleSpec {
  RoleKind kind;
  std::string name;
  int64_t warps = 1, instances = 1;
  llvm::SetVector<mlir::Operation *> ops;
};

/// The walk over tiles of tokens in the body of an `scf.forall`, with its ops shared out among roles.
class LoopBody {
public:
  /// Whether there is a walk, whose tiles take turns.
  static bool hasTurns(mlir::scf::ForallOp forall);
  /// Fails with an error where a body has a form that is not handled.
  static mlir::FailureOr<LoopBody> analyze(mlir::scf::ForallOp forall);

  mutable tile::WalkOp walk;
  std::vector<RoleSpec> roles;

  /// The role that makes `value`; -1 for what each role computes for itself.
  int getOwner(mlir::Value value) const;
  /// Whether each role that needs `op` computes it for itself.
  bool isReplicated(mlir::Operation *op) const { return !owners.contains(op); }

  /// What `role` uses of the values of other roles, and what it computes again, in the order of the body.
  struct Needs {
    llvm::SetVector<mlir::Value> fromOthers;
    llvm::SetVector<mlir::Operation *> ops; ///< own and replicated
  };
  Needs getNeeds(int role) const;

private:
  int addRole(RoleKind kind, std::string name);
  void assignMatrix();
  void splitEpilogue(int matrix);
  void assignRest();
  bool isSummed(mlir::Operation &op) const;
  /// Whether `op` needs something of `role`, be it through what each role computes for itself.
  bool dependsOn(mlir::Operation *op, int role) const;

  llvm::DenseMap<mlir::Operation *, int> owners;
};
} // namespace fgla

#endif // FGLA_PASSES_ROLES_LOOPBODY_H
