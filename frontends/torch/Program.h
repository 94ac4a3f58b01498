//===- Program.h - The program that an op runs, as text -------------------===//
#ifndef FGLA_FRONTENDS_TORCH_PROGRAM_H
#define FGLA_FRONTENDS_TORCH_PROGRAM_H

#include "frontends/torch/Checks.h"

namespace fgla::ops {

/// What the compiler is given. Arguments are named as Input::getName() says, results output, final_state, final_max and
/// saved; those of a backward function as fgla-compile --gradient does it.
struct Program {
  std::string text, function;
  std::vector<std::string> options;
};

/// The name under which the output of the attention is an argument of the backward function.
inline constexpr const char *kSavedName = "saved_attention";

Program makeProgram(const Call &call, const Sizes &sizes);

} // namespace fgla::ops

#endif // FGLA_FRONTENDS_TORCH_PROGRAM_H
