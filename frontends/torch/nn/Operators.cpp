//===- Operators.cpp - Calls of operators by names of arguments -----------===//

#include "frontends/torch/nn/Operators.h"

fgla::Results fgla::callOperator(const char *name, const Arguments &arguments) {
  c10::OperatorHandle op = c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
  torch::jit::Stack stack;
  for (const c10::Argument &argument : op.schema().arguments()) {
    auto found = arguments.find(argument.name());
    stack.push_back(found != arguments.end() ? found->second : argument.default_value().value());
  }
  op.callBoxed(stack);
  return {stack[0].toTensor(), stack[1].toTensor(), stack[2].toTensor()};
}
