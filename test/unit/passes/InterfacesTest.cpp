//===- InterfacesTest.cpp - That ops on tiles answer what phases ask ------===//

#include "compiler/Registration.h"
#include "dialect/warp/Warp.h"
#include "passes/kernel/OpCosts.h"

#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace fgla;

/// The ops of fgla_tile and fgla_warp that do not have the interface.
template <typename Interface> static std::vector<std::string> listWithout() {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadDialect<tile::TileDialect, warp::WarpDialect>();
  std::vector<std::string> without;
  size_t all = 0;
  for (mlir::RegisteredOperationName op : context.getRegisteredOperations()) {
    if (!llvm::isa<tile::TileDialect, warp::WarpDialect>(op.getDialect()))
      continue;
    ++all;
    if (!op.hasInterface<Interface>())
      without.push_back(op.getStringRef().str());
  }
  EXPECT_GT(all, 20u);
  return without;
}

TEST(Interfaces, EveryOpHasACost) { EXPECT_EQ(listWithout<kernel::CostInterface>(), std::vector<std::string>()); }
