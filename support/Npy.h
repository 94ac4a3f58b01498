//===- Npy.h - NumPy's array format -----------------------------*- C++ -*-===//
//
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html,
// versions 1 to 3, types f2 f4 f8 i1 i2 i4 i8 u1 b1, little-endian. Fortran
// order is converted to row-major. Written files are version 1, C order.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_SUPPORT_NPY_H
#define FGLA_SUPPORT_NPY_H

#include "support/Tensor.h"

namespace fgla::runtime {

/// Files are hostile input: the array or one error that names the file.
Result<Tensor> readNpy(const std::string &path);

/// Writes the whole file or nothing. NumPy has no bf16: that is an error.
Status writeNpy(const std::string &path, const Tensor &tensor);

} // namespace fgla::runtime

#endif // FGLA_SUPPORT_NPY_H
