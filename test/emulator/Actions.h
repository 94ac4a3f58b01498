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

} // namespace fgla::emulator

#endif // FGLA_TEST_EMULATOR_ACTIONS_H
