// Variance, standard deviation, covariance, correlation, regression.
//
// Running means and sums of squared deviations (Welford), merged by Chan's formula: no
// cancellation of large squares.
#include <cmath>

#include "millrace/functions/aggregate/moments_internal.h"

namespace millrace::functions {

namespace {

struct Moments {
  static constexpr int kColumns = 3;
  double count = 0, mean = 0, squares = 0;

  void Add(const double* x) {
    ++count;
    const double delta = x[0] - mean;
    mean += delta / count;
    squares += delta * (x[0] - mean);
  }
  void Merge(const Moments& other) {
    if (other.count == 0) return;
    // The formula would round what can be taken over as it is.
    if (count == 0) {
      *this = other;
      return;
    }
    const double total = count + other.count;
    const double delta = other.mean - mean;
    squares += other.squares + delta * delta * count * other.count / total;
    mean += delta * other.count / total;
    count = total;
  }
};

// y depends on x, as in REGR_SLOPE(y, x).
struct CoMoments {
  static constexpr int kColumns = 6;
  double count = 0, mean_y = 0, mean_x = 0, squares_y = 0, squares_x = 0, products = 0;

  void Add(const double* yx) {
    ++count;
    const double delta_y = yx[0] - mean_y;
    const double delta_x = yx[1] - mean_x;
    mean_y += delta_y / count;
    mean_x += delta_x / count;
    squares_y += delta_y * (yx[0] - mean_y);
    squares_x += delta_x * (yx[1] - mean_x);
    products += delta_y * (yx[1] - mean_x);
  }
  void Merge(const CoMoments& other) {
    if (other.count == 0) return;
    if (count == 0) {
      *this = other;
      return;
    }
    const double total = count + other.count;
    const double delta_y = other.mean_y - mean_y;
    const double delta_x = other.mean_x - mean_x;
    const double weight = count * other.count / total;
    squares_y += other.squares_y + delta_y * delta_y * weight;
    squares_x += other.squares_x + delta_x * delta_x * weight;
    products += other.products + delta_y * delta_x * weight;
    mean_y += delta_y * other.count / total;
    mean_x += delta_x * other.count / total;
    count = total;
  }
};

static_assert(sizeof(Moments) == Moments::kColumns * sizeof(double));
static_assert(sizeof(CoMoments) == CoMoments::kColumns * sizeof(double));

bool VarPop(const Moments& m, double* out) {
  *out = m.count > 0 ? m.squares / m.count : 0;
  return m.count > 0;
}
bool VarSamp(const Moments& m, double* out) {
  *out = m.count > 1 ? m.squares / (m.count - 1) : 0;
  return m.count > 1;
}
bool StddevPop(const Moments& m, double* out) {
  const bool some = VarPop(m, out);
  *out = std::sqrt(*out);
  return some;
}
bool StddevSamp(const Moments& m, double* out) {
  const bool some = VarSamp(m, out);
  *out = std::sqrt(*out);
  return some;
}
bool CovarPop(const CoMoments& m, double* out) {
  *out = m.count > 0 ? m.products / m.count : 0;
  return m.count > 0;
}
bool CovarSamp(const CoMoments& m, double* out) {
  *out = m.count > 1 ? m.products / (m.count - 1) : 0;
  return m.count > 1;
}
bool Corr(const CoMoments& m, double* out) {
  const double scale = std::sqrt(m.squares_x * m.squares_y);
  *out = m.products / scale;
  return m.count > 0 && scale != 0;
}
bool RegrSlope(const CoMoments& m, double* out) {
  *out = m.products / m.squares_x;
  return m.count > 0 && m.squares_x != 0;
}
bool RegrIntercept(const CoMoments& m, double* out) {
  double slope;
  if (!RegrSlope(m, &slope)) return false;
  *out = m.mean_y - slope * m.mean_x;
  return true;
}
bool RegrR2(const CoMoments& m, double* out) {
  if (m.count == 0 || m.squares_x == 0) return false;
  // All y equal: the line fits exactly.
  *out = m.squares_y == 0 ? 1 : m.products * m.products / (m.squares_x * m.squares_y);
  return true;
}

bool RegrCount(const CoMoments& m, double* out) {
  *out = m.count;
  return true;
}
bool RegrAvgX(const CoMoments& m, double* out) {
  *out = m.mean_x;
  return m.count > 0;
}
bool RegrAvgY(const CoMoments& m, double* out) {
  *out = m.mean_y;
  return m.count > 0;
}
bool RegrSxx(const CoMoments& m, double* out) {
  *out = m.squares_x;
  return m.count > 0;
}
bool RegrSyy(const CoMoments& m, double* out) {
  *out = m.squares_y;
  return m.count > 0;
}
bool RegrSxy(const CoMoments& m, double* out) {
  *out = m.products;
  return m.count > 0;
}

}  // namespace

Status RegisterMoments(FunctionRegistry& registry) {
  using One = FinishRow<Moments>;
  auto one = [&](expr::FunctionDoc doc, One finish) {
    return AddMoment<Moments, 1>(registry, std::move(doc), finish);
  };
  auto two = [&](expr::FunctionDoc doc, FinishRow<CoMoments> finish, bool whole = false) {
    return AddMoment<CoMoments, 2>(registry, std::move(doc), finish, whole);
  };
  ARROW_RETURN_NOT_OK(
      one({"stddev_samp",
           {"stddev", "std"},
           "aggregate",
           "stddev_samp(x) → double",
           "Standard deviation of a sample; NULL for fewer than two values.",
           "stddev_samp(x)",
           "1.0"},
          StddevSamp));
  ARROW_RETURN_NOT_OK(one({"stddev_pop",
                           {},
                           "aggregate",
                           "stddev_pop(x) → double",
                           "Standard deviation of the whole; NULL for no value.",
                           "stddev_pop(x)",
                           "0.816496580927726"},
                          StddevPop));
  ARROW_RETURN_NOT_OK(one({"var_samp",
                           {"variance", "var"},
                           "aggregate",
                           "var_samp(x) → double",
                           "Variance of a sample; NULL for fewer than two values.",
                           "var_samp(x)",
                           "1.0"},
                          VarSamp));
  ARROW_RETURN_NOT_OK(one({"var_pop",
                           {},
                           "aggregate",
                           "var_pop(x) → double",
                           "Variance of the whole; NULL for no value.",
                           "var_pop(x)",
                           "0.6666666666666666"},
                          VarPop));
  ARROW_RETURN_NOT_OK(two({"covar_pop",
                           {},
                           "aggregate",
                           "covar_pop(y, x) → double",
                           "Covariance of the whole, over rows where both are not NULL.",
                           "covar_pop(y, x)",
                           "1.3333333333333333"},
                          CovarPop));
  ARROW_RETURN_NOT_OK(two({"covar_samp",
                           {},
                           "aggregate",
                           "covar_samp(y, x) → double",
                           "Covariance of a sample; NULL for fewer than two rows.",
                           "covar_samp(y, x)",
                           "2.0"},
                          CovarSamp));
  ARROW_RETURN_NOT_OK(two({"corr",
                           {},
                           "aggregate",
                           "corr(y, x) → double",
                           "Pearson's correlation; NULL where either side is constant.",
                           "corr(y, x)",
                           "1.0"},
                          Corr));
  ARROW_RETURN_NOT_OK(
      two({"regr_slope",
           {},
           "aggregate",
           "regr_slope(y, x) → double",
           "Slope of the line of least squares; NULL where x is constant.",
           "regr_slope(y, x)",
           "2.0"},
          RegrSlope));
  ARROW_RETURN_NOT_OK(two({"regr_intercept",
                           {},
                           "aggregate",
                           "regr_intercept(y, x) → double",
                           "Where that line meets the y axis; NULL where x is constant.",
                           "regr_intercept(y, x)",
                           "0.0"},
                          RegrIntercept));
  ARROW_RETURN_NOT_OK(two({"regr_count",
                           {},
                           "aggregate",
                           "regr_count(y, x) → bigint",
                           "Number of rows where both are not NULL; 0 for none.",
                           "regr_count(y, x)",
                           "3"},
                          RegrCount, true));
  struct Part {
    const char *name, *what, *result;
    FinishRow<CoMoments> finish;
  };
  static constexpr Part kParts[] = {
      {"regr_avgx", "Mean of x where y is not NULL; NULL for none.", "2.0", RegrAvgX},
      {"regr_avgy", "Mean of y where x is not NULL; NULL for none.", "4.0", RegrAvgY},
      {"regr_sxx", "Sum of the squares of x less its mean, where both are not NULL.",
       "2.0", RegrSxx},
      {"regr_syy", "Sum of the squares of y less its mean, where both are not NULL.",
       "8.0", RegrSyy},
      {"regr_sxy", "Sum of the products of x and y, each less its mean.", "4.0",
       RegrSxy}};
  for (const Part& part : kParts) {
    const std::string call = std::string(part.name) + "(y, x)";
    ARROW_RETURN_NOT_OK(two(
        {part.name, {}, "aggregate", call + " → double", part.what, call, part.result},
        part.finish));
  }
  return two({"regr_r2",
              {},
              "aggregate",
              "regr_r2(y, x) → double",
              "Share of y's variance that the line explains; NULL where x is constant.",
              "regr_r2(y, x)",
              "1.0"},
             RegrR2);
}

}  // namespace millrace::functions
