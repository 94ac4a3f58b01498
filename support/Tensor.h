//===- Tensor.h - Owning tensors and their comparison -----------*- C++ -*-===//
//
// For tools and tests: a dense row-major tensor that owns its memory, element
// conversion, and the error measure that the numeric bounds are stated in.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_SUPPORT_TENSOR_H
#define FGLA_SUPPORT_TENSOR_H

#include "runtime/DType.h"
#include "runtime/Status.h"

#include <cstdlib>
#include <memory>
#include <vector>

namespace fgla::runtime {

/// Dense, row-major, aligned to 64 bytes, zero at creation. Move-only.
class Tensor {
public:
  static constexpr size_t alignment = 64;

  /// Fails on a rank above FGLA_MAX_RANK, a negative dim, a size that
  /// overflows, or when there is no memory.
  static Result<Tensor> create(DType dtype, std::vector<int64_t> shape);
  Result<Tensor> clone() const;

  DType dtype() const { return type; }
  const std::vector<int64_t> &shape() const { return dims; }
  int64_t numElements() const { return bytes / int64_t(dtypeSize(type)); }
  size_t numBytes() const { return static_cast<size_t>(bytes); }

  /// Never null, also when the tensor is empty.
  void *data() { return memory.get(); }
  const void *data() const { return memory.get(); }
  template <typename T> std::span<T> as() { return {static_cast<T *>(data()), numBytes() / sizeof(T)}; }
  template <typename T> std::span<const T> as() const {
    return {static_cast<const T *>(data()), numBytes() / sizeof(T)};
  }

  /// Element `i` in row-major order as a double (an i64 above 2^53 rounds), and
  /// back, rounding to nearest even; integers saturate and truncate.
  double get(int64_t i) const;
  void set(int64_t i, double value);

  /// False when a bool is stored as anything but 0 or 1, which compiled code
  /// may not be given. For bytes that come from a file.
  bool hasValidBools() const;

  /// The C ABI's view of this tensor; valid while the tensor lives unmoved.
  fgla_tensor view() const;

private:
  struct Free {
    void operator()(void *p) const { std::free(p); }
  };
  Tensor(DType type, std::vector<int64_t> dims, int64_t bytes, void *memory)
      : type(type), dims(std::move(dims)), bytes(bytes), memory(memory) {}

  DType type;
  std::vector<int64_t> dims;
  int64_t bytes;
  std::unique_ptr<void, Free> memory;
};

/// Conversions of one element, round to nearest even, subnormals and NaN kept,
/// overflow to infinity.
double f16ToDouble(uint16_t bits);
double bf16ToDouble(uint16_t bits);
uint16_t doubleToF16(double value);
uint16_t doubleToBF16(double value);

/// A copy in another float type. Each element is rounded once, from its exact
/// value. Fails when either type is not a float.
Result<Tensor> convertFloat(const Tensor &tensor, DType dtype);

/// ‖y - ref‖ / ‖ref‖ (Frobenius), computed in double or wider, over tensors of
/// one shape and any dtypes.
///   - a NaN in `y` or `ref` gives infinity, so that no bound lets it pass;
///   - an infinity must be met by the same infinity, and then counts as equal
///     and adds nothing to either norm; any other infinity gives infinity;
///   - where ‖ref‖ is zero (or empty): 0 if ‖y‖ is zero too, else infinity.
/// Fails when the shapes differ.
Result<double> relativeError(const Tensor &y, const Tensor &ref);

} // namespace fgla::runtime

#endif // FGLA_SUPPORT_TENSOR_H
