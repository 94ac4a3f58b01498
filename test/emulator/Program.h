//===- Program.h - PTX, read ----------------------------------------------===//
//
// A kernel's text becomes a list of instructions whose operands are numbers of registers: constants, special registers
// and addresses of variables are registers too, with a value from the start.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_TEST_EMULATOR_PROGRAM_H
#define FGLA_TEST_EMULATOR_PROGRAM_H

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace fgla::emulator {

/// What PTX does not allow, or what is not emulated.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Warp;
struct Instruction;

/// Of 32 threads, bit by bit.
using Mask = uint32_t;
/// One register of 32 threads.
struct alignas(64) Lanes {
  std::array<uint64_t, 32> bits{};
};

/// What became of an instruction.
enum class Outcome {
  Done,
  Waits, ///< nothing has happened; it is to be run again
};
using Action = Outcome (*)(Warp &warp, const Instruction &instruction, Mask mask);

struct Operand {
  int32_t number = -1; ///< of the register, -1: none (`_`, or a list)
  bool isNegated = false;
  int64_t offset = 0; ///< of an address, in bytes
  std::vector<Operand> list;
};

struct Instruction {
  std::string text;              ///< for messages
  std::vector<std::string> name; ///< parts between dots
  Operand guard;
  std::vector<Operand> operands;
  Action action = nullptr;
  std::vector<int32_t> targets; ///< of a branch; of several, an operand chooses
  bool isBranch = false, isExit = false;
  bool isWarpWide = false; ///< all threads of a warp that have not ended do it together

  bool has(const char *part) const;
};

/// Blocks that any device of sm_90 runs together.
inline constexpr uint32_t kLargestCluster = 8;

/// A register that is not written.
struct Constant {
  enum Kind {
    Bits,
    SharedAddress,
    Parameter,
    ThreadX,
    ThreadY,
    ThreadZ,
    BlockX,
    BlockY,
    BlockZ,
    SizeX,
    SizeY,
    SizeZ,
    GridX,
    GridY,
    GridZ,
    Lane,
    WarpNumber,
    ClusterRank,
    ClusterSize
  } kind = Bits;
  uint64_t bits = 0; ///< the value, or an offset in bytes
};

struct Kernel {
  std::string name;
  std::vector<Instruction> code;
  std::vector<uint32_t> parameterOffsets, parameterSizes; ///< in bytes
  uint32_t parameterBytes = 0, sharedBytes = 0;           ///< the second: of what has a size in the text
  int32_t numRegisters = 0;
  uint32_t clusterSize = 0;              ///< blocks beside each other in x; 0: the text doesn't say
  std::map<int32_t, Constant> constants; ///< by register
};

/// The kernels of a module by name. Throws Failure.
std::map<std::string, std::unique_ptr<Kernel>> parsePTX(const std::string &text);

/// What an instruction does, by its name. Throws Failure.
Action findAction(const Instruction &instruction);

} // namespace fgla::emulator

#endif // FGLA_TEST_EMULATOR_PROGRAM_H
