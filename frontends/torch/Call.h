//===- Call.h - A call of an op, read from the dispatcher's stack ---------===//
//
// All ops have the same arguments, each a subset of them, and are told apart by few facts. So kernels are boxed: they
// take the stack as it is, and what an argument means follows from its name in the schema.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_FRONTENDS_TORCH_CALL_H
#define FGLA_FRONTENDS_TORCH_CALL_H

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/util/SmallVector.h>

#include <optional>
#include <string_view>

namespace fgla::ops {

/// What a tensor is for the program that an op runs.
enum class Slot : uint8_t {
  Query,
  Key,
  Value,
  Gate, ///< pre-activations of the gate, or the decay; any number of them
  Beta,
  OutputGate,
  QueryWeight,
  KeyWeight,
  NormWeight,
  NormBias,
  State,
  Max,
  Sequences
};

/// The name of an argument of the program; of a result that is its gradient, after `d_`.
std::string getName(Slot slot, unsigned element);

/// A tensor that is given.
struct Input {
  Slot slot;
  uint8_t element;  ///< among those of its slot
  uint8_t argument; ///< of the schema
  at::Tensor tensor;

  std::string getName() const { return ops::getName(slot, element); }
};

/// The texts belong to the stack.
struct Options {
  std::string_view queryMap = "identity", keyMap = "identity", gateKind = "none", axis = "key", rule = "gated",
                   stabilizer = "none", norm = "none", memory = "min";
  bool logGate = false, finalState = false;
  double eps = 1e-5;
  std::optional<double> scale;

  bool tracksMaximum() const { return stabilizer == "running" || stabilizer == "sequence"; }
  bool hasDecay() const { return gateKind != "none"; }
  /// The decay itself is given, in one of its forms.
  bool isDecayGiven() const { return gateKind == "factor" || gateKind == "log"; }
};

/// What kind of op it is.
enum class Kind : uint8_t {
  Forward,
  Saving,  ///< forward, and the last result is what the backward op needs
  InPlace, ///< the states are arguments that change
  Backward
};

/// What does not change from call to call.
struct Operation {
  explicit Operation(const c10::FunctionSchema &schema);

  struct Argument {
    enum Role : uint8_t { Tensor, Decay, OutputGrad, StateGrad, Saved, Text, Flag, Eps, Scale, LogDecay, Needs } role;
    Slot slot = Slot::Query;
    std::string_view Options::*text = nullptr;
    bool Options::*flag = nullptr;
  };

  const c10::FunctionSchema &schema;
  Kind kind;
  bool isStep;
  std::vector<Argument> arguments;
};

/// One call. It is valid as long as the stack that it was read from.
struct Call {
  /// Reads the last arguments on the stack.
  Call(const Operation &operation, const torch::jit::Stack &stack);

  const at::Tensor *find(Slot slot) const;
  /// As messages name it: `gate[1]`.
  std::string describe(const Input &input) const;
  std::string_view describe(Slot slot) const;
  /// The output has another form than what the attention gives, so that the backward op has a use for that.
  bool savesAttention() const;

  const Operation &operation;
  Options options;
  c10::SmallVector<Input, 12> inputs;
  /// Of a backward op.
  at::Tensor outputGrad, stateGrad, saved;
  std::vector<bool> needs; ///< for each of the inputs
};

} // namespace fgla::ops

#endif // FGLA_FRONTENDS_TORCH_CALL_H
