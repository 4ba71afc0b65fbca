// SKEWNESS and KURTOSIS: sums of the third and fourth powers of deviations, merged as
// those of the second are.
#include <cmath>

#include "millrace/functions/aggregate/moments_internal.h"

namespace millrace::functions {

namespace {

struct HigherMoments {
  static constexpr int kColumns = 5;
  double count = 0, mean = 0, squares = 0, cubes = 0, fourths = 0;

  void Add(const double* x) {
    HigherMoments one;
    one.count = 1;
    one.mean = x[0];
    Merge(one);
  }
  void Merge(const HigherMoments& other) {
    if (other.count == 0) return;
    if (count == 0) {
      *this = other;
      return;
    }
    const double a = count, b = other.count, n = a + b;
    const double delta = other.mean - mean;
    const double step = delta / n;
    const double weight = delta * step * a * b;
    // Each uses the lower powers as they were.
    fourths += other.fourths + weight * step * step * (a * a - a * b + b * b) +
               6 * step * step * (a * a * other.squares + b * b * squares) +
               4 * step * (a * other.cubes - b * cubes);
    cubes += other.cubes + weight * step * (a - b) +
             3 * step * (a * other.squares - b * squares);
    squares += other.squares + weight;
    mean += step * b;
    count = n;
  }
};

static_assert(sizeof(HigherMoments) == HigherMoments::kColumns * sizeof(double));

bool Skewness(const HigherMoments& m, double* out) {
  const double n = m.count;
  if (n < 3 || m.squares == 0) return false;
  const double variance = m.squares / n;
  *out =
      std::sqrt(n * (n - 1)) / (n - 2) * (m.cubes / n) / (variance * std::sqrt(variance));
  return true;
}
bool KurtosisPop(const HigherMoments& m, double* out) {
  if (m.count < 2 || m.squares == 0) return false;
  *out = m.count * m.fourths / (m.squares * m.squares) - 3;
  return true;
}
bool Kurtosis(const HigherMoments& m, double* out) {
  const double n = m.count;
  double pop;
  if (n < 4 || !KurtosisPop(m, &pop)) return false;
  *out = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * pop + 6);
  return true;
}

}  // namespace

Status RegisterShapes(FunctionRegistry& registry) {
  auto add = [&](expr::FunctionDoc doc, FinishRow<HigherMoments> finish) {
    return AddMoment<HigherMoments, 1>(registry, std::move(doc), finish);
  };
  ARROW_RETURN_NOT_OK(add(
      {"skewness",
       {},
       "aggregate",
       "skewness(x) → double",
       "Skewness of a sample; NULL for fewer than three values, or where all are equal.",
       "skewness(x)",
       "0.0"},
      Skewness));
  ARROW_RETURN_NOT_OK(add(
      {"kurtosis",
       {},
       "aggregate",
       "kurtosis(x) → double",
       "Excess kurtosis of a sample; NULL for fewer than four values, or where all are "
       "equal.",
       "kurtosis(x)",
       ""},
      Kurtosis));
  return add(
      {"kurtosis_pop",
       {},
       "aggregate",
       "kurtosis_pop(x) → double",
       "Excess kurtosis of the whole; NULL for fewer than two values, or where all "
       "are equal.",
       "kurtosis_pop(x)",
       "-1.5"},
      KurtosisPop);
}

}  // namespace millrace::functions
