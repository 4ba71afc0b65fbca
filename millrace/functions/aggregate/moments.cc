// Variance, standard deviation, covariance, correlation, regression.
//
// Running means and sums of squared deviations (Welford), merged by Chan's formula: no
// cancellation of large squares.
#include <cmath>

#include "millrace/functions/aggregate/register_internal.h"

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

// A result, or false for NULL.
template <typename Row>
using FinishRow = bool (*)(const Row& row, double* out);

template <typename Row, int kArguments>
class MomentAccumulator final : public Accumulator {
 public:
  MomentAccumulator(FinishRow<Row> finish, arrow::MemoryPool* pool)
      : finish_(finish), pool_(pool) {}
  Status Resize(int64_t groups) override {
    if (groups > static_cast<int64_t>(rows_.size())) rows_.resize(groups);
    return Status::OK();
  }
  Status Update(const Arguments& arguments, const uint32_t* ids, int64_t rows) override {
    ArrayPtr arrays[kArguments];
    const double* values[kArguments];
    for (int a = 0; a < kArguments; ++a) {
      ARROW_ASSIGN_OR_RAISE(arrays[a], ArgumentArray(arguments[a], rows, pool_));
      values[a] = arrays[a]->data()->template GetValues<double>(1);
    }
    for (int64_t i = 0; i < rows; ++i) {
      double row[kArguments];
      bool null = false;
      for (int a = 0; a < kArguments; ++a) {
        null |= arrays[a]->IsNull(i);
        row[a] = values[a][i];
      }
      if (!null) rows_[GroupOf(ids, i)].Add(row);
    }
    return Status::OK();
  }
  Status Merge(const std::vector<ArrayPtr>& state, const uint32_t* ids,
               int64_t rows) override {
    for (int64_t i = 0; i < rows; ++i) {
      Row row;
      double* fields = reinterpret_cast<double*>(&row);
      for (int c = 0; c < Row::kColumns; ++c) {
        fields[c] = state[c]->data()->template GetValues<double>(1)[i];
      }
      rows_[GroupOf(ids, i)].Merge(row);
    }
    return Status::OK();
  }
  Result<std::vector<ArrayPtr>> State(const GroupSelection& groups) override {
    std::vector<ArrayPtr> columns;
    for (int c = 0; c < Row::kColumns; ++c) {
      arrow::DoubleBuilder builder(pool_);
      ARROW_RETURN_NOT_OK(builder.Reserve(groups.size()));
      for (int64_t i = 0; i < groups.size(); ++i) {
        builder.UnsafeAppend(reinterpret_cast<const double*>(&rows_[groups[i]])[c]);
      }
      ARROW_ASSIGN_OR_RAISE(ArrayPtr column, builder.Finish());
      columns.push_back(std::move(column));
    }
    return columns;
  }
  Result<ArrayPtr> Finish(int64_t begin, int64_t end) override {
    arrow::DoubleBuilder builder(pool_);
    ARROW_RETURN_NOT_OK(builder.Reserve(end - begin));
    for (int64_t i = begin; i < end; ++i) {
      double out = 0;
      if (finish_(rows_[i], &out)) {
        builder.UnsafeAppend(out);
      } else {
        builder.UnsafeAppendNull();
      }
    }
    return builder.Finish();
  }
  void Clear() override { rows_.clear(); }
  int64_t extra_bytes() const override {
    return static_cast<int64_t>(rows_.capacity() * sizeof(Row));
  }

 private:
  const FinishRow<Row> finish_;
  arrow::MemoryPool* const pool_;
  std::vector<Row> rows_;
};

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

template <typename Row, int kArguments>
Status AddMoment(FunctionRegistry& registry, expr::FunctionDoc doc,
                 FinishRow<Row> finish) {
  const std::string name = doc.name;
  return registry.Add(AggregateFunction{
      .doc = std::move(doc),
      .bind = [name](const Types& types,
                     const Literals& literals) -> Result<AggregateBinding> {
        if (types.size() != kArguments) return BadArguments(name, types);
        for (size_t i = 0; i < types.size(); ++i) {
          if (!FitsImplicitly(types[i], literals[i], arrow::float64())) {
            return BadArguments(name, types);
          }
        }
        return AggregateBinding{Types(kArguments, arrow::float64()), arrow::float64(),
                                Types(Row::kColumns, arrow::float64())};
      },
      .make = [finish](const AggregateBinding&, const Literals&,
                       arrow::MemoryPool* pool) -> AccumulatorResult {
        return std::make_unique<MomentAccumulator<Row, kArguments>>(finish, pool);
      }});
}

}  // namespace

Status RegisterMoments(FunctionRegistry& registry) {
  using One = FinishRow<Moments>;
  auto one = [&](expr::FunctionDoc doc, One finish) {
    return AddMoment<Moments, 1>(registry, std::move(doc), finish);
  };
  auto two = [&](expr::FunctionDoc doc, FinishRow<CoMoments> finish) {
    return AddMoment<CoMoments, 2>(registry, std::move(doc), finish);
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
