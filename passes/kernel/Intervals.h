//===- Intervals.h - What a scalar can be ------------------------------------===//
#ifndef FGLA_PASSES_KERNEL_INTERVALS_H
#define FGLA_PASSES_KERNEL_INTERVALS_H

#include "mlir/IR/Value.h"
#include <limits>

namespace fgla::kernel {

/// What a float that is no NaN lies within, ends included.
struct Interval {
  double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();

  bool isWithin(double low, double high) const { return low <= least && most <= high; }
};

/// What `value` can be, by the arith and math ops that it is computed by. A few steps back are looked at.
Interval getInterval(mlir::Value value, int steps = 8);

} // namespace fgla::kernel

#endif // FGLA_PASSES_KERNEL_INTERVALS_H
