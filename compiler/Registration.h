//===- Registration.h - All dialects and passes that the tools know -------===//
#ifndef FGLA_COMPILER_REGISTRATION_H
#define FGLA_COMPILER_REGISTRATION_H

namespace mlir {
class DialectRegistry;
}

namespace fgla {
/// Our dialects, the upstream ones that a phase may have in its IR, and their external models.
void registerAllDialects(mlir::DialectRegistry &registry);
/// Our passes and pipelines.
void registerFGLAPasses();
/// The same and the upstream passes that tests name.
void registerAllPasses();
} // namespace fgla

#endif // FGLA_COMPILER_REGISTRATION_H
