//===- Actions.h - What instructions do -----------------------------------===//
#ifndef FGLA_TEST_EMULATOR_ACTIONS_H
#define FGLA_TEST_EMULATOR_ACTIONS_H

#include "Block.h"

namespace fgla::emulator {

// Each null where the instruction is none of its kind.
Action findArithmetic(const Instruction &instruction);
Action findMatrix(const Instruction &instruction);
Action findMemory(const Instruction &instruction);
Action findSynchronization(const Instruction &instruction);

/// Whether the threads of an instruction that needs a whole warp are all there; `members` are those that it names.
inline bool isComplete(Warp &warp, Mask active, Mask members = ~Mask(0)) {
  return (warp.getLive() & members & ~active) == 0;
}

} // namespace fgla::emulator

#endif // FGLA_TEST_EMULATOR_ACTIONS_H
