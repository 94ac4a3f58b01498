//===- Assembler.h - ptxas, and what it says of the code ------------------===//
#ifndef FGLA_PASSES_BINARY_ASSEMBLER_H
#define FGLA_PASSES_BINARY_ASSEMBLER_H

#include "runtime/Status.h"

#include "llvm/ADT/StringRef.h"

#include <vector>

namespace fgla::binary {

/// What `ptxas -v` prints about an entry function.
struct KernelUse {
  std::string name;
  /// Of a thread at launch. A kernel that moves registers between its warps (setmaxnreg) has another number in each.
  unsigned registers = 0;
  unsigned stackBytes = 0, spillStores = 0, spillLoads = 0; ///< bytes of a thread
  unsigned staticSharedBytes = 0, barriers = 0;             ///< of a block
};

struct AssemblerLog {
  std::vector<KernelUse> kernels;
  /// Warnings, and infos with a number that starts with C75: lost overlap or serialized matrix instructions.
  std::vector<std::string> warnings;

  /// Null where the log does not name the kernel.
  const KernelUse *find(llvm::StringRef kernel) const;
};

AssemblerLog parseAssemblerLog(llvm::StringRef text);

struct Assembled {
  std::string cubin;
  AssemblerLog log;
};

/// The assembler that FGLA_PTXAS names, or the first that is found: on PATH, in the Python environment's package
/// nvidia-cuda-nvcc, in /usr/local/cuda. Empty where there is none.
std::string findAssembler();

/// FGLA_NOT_FOUND where there is no assembler.
runtime::Result<Assembled> assemble(llvm::StringRef ptx, llvm::StringRef architecture);

} // namespace fgla::binary

#endif // FGLA_PASSES_BINARY_ASSEMBLER_H
