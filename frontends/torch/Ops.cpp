//===- Ops.cpp - The ops of torch.ops.fgla --------------------------------===//

#include "frontends/torch/Kernels.h"

#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/library.h>

#include <mutex>

using namespace fgla::ops;

#define FGLA_TENSORS                                                                                                   \
  "Tensor query, Tensor key, Tensor value, Tensor[] gate, Tensor? beta=None, Tensor? output_gate=None, "               \
  "Tensor? query_weight=None, Tensor? key_weight=None, Tensor? norm_weight=None, Tensor? norm_bias=None, "             \
  "Tensor? initial_state=None, Tensor? initial_max=None, Tensor? sequences=None"
#define FGLA_STEP_TENSORS(state, max)                                                                                  \
  "Tensor query, Tensor key, Tensor value, Tensor[] gate, " state " state, " max " max=None, Tensor? beta=None, "      \
  "Tensor? output_gate=None, Tensor? query_weight=None, Tensor? key_weight=None, Tensor? norm_weight=None, "           \
  "Tensor? norm_bias=None"
#define FGLA_STEP_OPTIONS                                                                                              \
  "str query_map=\"safe_exp\", str key_map=\"identity\", str gate_kind=\"refined\", bool log_gate=False, "             \
  "str axis=\"key\", str rule=\"gated\", str stabilizer=\"running\", str norm=\"rms\", float eps=1e-5, "               \
  "float? scale=None"
#define FGLA_OPTIONS FGLA_STEP_OPTIONS ", bool final_state=False, str memory=\"balanced\""
#define FGLA_ATTENTION_TENSORS                                                                                         \
  "Tensor query, Tensor key, Tensor value, Tensor? decay=None, Tensor? beta=None, Tensor? initial_state=None, "        \
  "Tensor? initial_max=None, Tensor? sequences=None"
#define FGLA_ATTENTION_OPTIONS                                                                                         \
  "bool log_decay=False, str axis=\"key\", str rule=\"gated\", str stabilizer=\"none\", float? scale=None, "           \
  "bool final_state=False"
#define FGLA_RESULTS "(Tensor output, Tensor final_state, Tensor final_max)"
#define FGLA_GRADS "Tensor? d_output, Tensor? d_final_state, "

TORCH_LIBRARY(fgla, library) {
  library.def("attention(" FGLA_ATTENTION_TENSORS ", *, " FGLA_ATTENTION_OPTIONS ") -> " FGLA_RESULTS);
  library.def("attention_backward(" FGLA_GRADS FGLA_ATTENTION_TENSORS ", *, " FGLA_ATTENTION_OPTIONS
              ", bool[] needs) -> Tensor[]");
  library.def("fgla(" FGLA_TENSORS ", *, " FGLA_OPTIONS ") -> " FGLA_RESULTS);
  library.def("fgla_forward(" FGLA_TENSORS ", *, " FGLA_OPTIONS
              ") -> (Tensor output, Tensor final_state, Tensor final_max, Tensor saved)");
  library.def("fgla_backward(" FGLA_GRADS FGLA_TENSORS ", Tensor? saved=None, *, " FGLA_OPTIONS
              ", bool[] needs) -> Tensor[]");
  library.def("step(" FGLA_STEP_TENSORS("Tensor", "Tensor?") ", *, " FGLA_STEP_OPTIONS ") -> " FGLA_RESULTS);
  library.def("step_backward(" FGLA_GRADS FGLA_STEP_TENSORS("Tensor", "Tensor?") ", *, " FGLA_STEP_OPTIONS
                                                                                 ", bool[] needs) -> Tensor[]");
  library.def("step_(" FGLA_STEP_TENSORS("Tensor(a!)", "Tensor(b!)?") ", *, " FGLA_STEP_OPTIONS ") -> Tensor");
}

namespace {
/// Calls a kernel with what there is to know about the op.
class BoxedKernel : public c10::OperatorKernel {
public:
  explicit BoxedKernel(Kernel *kernel) : kernel(kernel) {}

  void operator()(const c10::OperatorHandle &op, c10::DispatchKeySet, torch::jit::Stack *stack) {
    std::call_once(isRead, [&] { operation.emplace(op.schema()); });
    kernel(op, *operation, *stack);
  }

private:
  Kernel *kernel;
  std::once_flag isRead;
  std::optional<Operation> operation;
};
} // namespace

static void implement(torch::Library &library, std::initializer_list<const char *> names, Kernel *kernel) {
  for (const char *name : names)
    library.impl(name, torch::CppFunction::makeFromBoxedFunctor(std::make_unique<BoxedKernel>(kernel)));
}

static constexpr std::initializer_list<const char *> all = {
    "attention", "attention_backward", "fgla", "fgla_forward", "fgla_backward", "step", "step_backward", "step_"};

TORCH_LIBRARY_IMPL(fgla, CPU, library) { implement(library, all, run); }
TORCH_LIBRARY_IMPL(fgla, CUDA, library) { implement(library, all, run); }
TORCH_LIBRARY_IMPL(fgla, Meta, library) { implement(library, all, infer); }
TORCH_LIBRARY_IMPL(fgla, Autograd, library) {
  implement(library, {"attention", "fgla", "step"}, differentiate);
  implement(library, {"attention_backward", "fgla_backward", "step_backward"}, differentiateOnce);
  implement(library, {"step_"}, refuseGradient);
  library.impl("fgla_forward", torch::autograd::autogradNotImplementedFallback());
}
TORCH_LIBRARY_IMPL(fgla, AutocastCPU, library) { implement(library, {"attention", "fgla", "step", "step_"}, autocast); }
TORCH_LIBRARY_IMPL(fgla, AutocastCUDA, library) {
  implement(library, {"attention", "fgla", "step", "step_"}, autocast);
}
TORCH_LIBRARY_IMPL(fgla, FuncTorchBatched, library) { implement(library, all, refuseBatching); }
