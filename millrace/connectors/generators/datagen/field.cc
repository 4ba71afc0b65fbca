#include "millrace/connectors/generators/datagen/field.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/compute/api.h>
#include <arrow/scalar.h>
#include <arrow/util/bit_util.h>

#include "millrace/connectors/generators/arrays.h"
#include "millrace/connectors/generators/datagen/distributions.h"
#include "millrace/connectors/generators/errors.h"
#include "millrace/connectors/generators/names.h"

namespace millrace::generators::datagen {

namespace {

using ArrayResult = Result<std::shared_ptr<arrow::Array>>;

// Sequences of a column; Normal takes two.
constexpr uint64_t kValues = 1, kNulls = 9;

std::shared_ptr<arrow::DataType> Micros() {
  return arrow::timestamp(arrow::TimeUnit::MICRO);
}

// A field whose rows do not depend on one another.
template <typename Maker>
class FieldOf final : public Field {
 public:
  explicit FieldOf(Maker make) : make_(std::move(make)) {}
  ArrayResult Make(std::span<const int64_t> numbers, arrow::MemoryPool* pool) override {
    return make_(numbers, pool);
  }

 private:
  Maker make_;
};

template <typename Maker>
std::function<std::unique_ptr<Field>()> Fresh(Maker make) {
  return [make] { return std::make_unique<FieldOf<Maker>>(make); };
}

// Whole numbers or others, of each row's number.
template <typename Value>
std::function<std::unique_ptr<Field>()> Integers(
    Value value, const std::shared_ptr<arrow::DataType>& type = arrow::int64()) {
  return Fresh([=](std::span<const int64_t> numbers, arrow::MemoryPool* pool) mutable {
    return FixedArray<int64_t>(type, std::ssize(numbers), pool, [&](int64_t i) {
      return value(numbers[static_cast<size_t>(i)]);
    });
  });
}
template <typename Value>
std::function<std::unique_ptr<Field>()> Reals(Value value) {
  return Fresh([=](std::span<const int64_t> numbers, arrow::MemoryPool* pool) mutable {
    return FixedArray<double>(
        arrow::float64(), std::ssize(numbers), pool,
        [&](int64_t i) { return value(numbers[static_cast<size_t>(i)]); });
  });
}

// The options of one column.
class FieldOptions {
 public:
  FieldOptions(const std::string& owner, const Config& config, std::string column)
      : owner_(owner), config_(config), prefix_("fields." + std::move(column) + ".") {}

  bool has(const char* name) const { return config_.has(prefix_ + name); }
  double Real(const char* name, double otherwise) const {
    return has(name) ? config_.GetDouble(prefix_ + name) : otherwise;
  }
  int64_t Int(const char* name, int64_t otherwise) const {
    return has(name) ? config_.GetInt(prefix_ + name) : otherwise;
  }
  std::string Text(const char* name, std::string otherwise) const {
    return has(name) ? config_.GetString(prefix_ + name) : otherwise;
  }
  const std::vector<std::string>& List(const char* name) const {
    return config_.GetList(prefix_ + name);
  }
  template <typename Number>
  Result<Number> Parsed(const char* name, Number otherwise) const {
    if (!has(name)) return otherwise;
    const std::string text = Text(name, "");
    Number value{};
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return value;
    return Bad(name, fmt::format("'{}' is no number", text));
  }
  Status Bad(const char* name, const std::string& reason) const {
    return errors::kBadOption.Make({}, "{}: option '{}{}': {}", owner_, prefix_, name,
                                   reason);
  }

 private:
  const std::string& owner_;
  const Config& config_;
  const std::string prefix_;
};

// Which options each kind has, beside kind and null_share.
struct Kind {
  const char* name;
  std::vector<const char*> options;
};
const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {
      {"sequence", {"start", "step"}},   {"uniform", {"min", "max"}},
      {"normal", {"mean", "stddev"}},    {"log_normal", {"mean", "stddev"}},
      {"zipf", {"max", "exponent"}},     {"random_walk", {"start", "step"}},
      {"choice", {"values", "weights"}}, {"text", {"length"}},
      {"timestamp", {"start", "step"}}};
  return kinds;
}

std::string KindByType(const arrow::DataType& type) {
  if (type.id() == arrow::Type::TIMESTAMP || type.id() == arrow::Type::DATE32)
    return "timestamp";
  if (arrow::is_integer(type.id())) return "sequence";
  if (type.id() == arrow::Type::BOOL) return "choice";
  return arrow::is_floating(type.id()) || arrow::is_decimal(type.id()) ? "uniform"
                                                                       : "text";
}

Status PlanChoice(const FieldOptions& options, std::vector<std::string> values,
                  FieldPlan* plan, arrow::MemoryPool* pool) {
  std::vector<double> bounds;
  double total = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    double weight = 1;
    if (options.has("weights")) {
      const auto& weights = options.List("weights");
      if (weights.size() != values.size())
        return options.Bad("weights", "there is to be one for each of 'values'");
      const std::string& text = weights[i];
      const auto [end, error] =
          std::from_chars(text.data(), text.data() + text.size(), weight);
      if (error != std::errc() || end != text.data() + text.size() || !(weight >= 0))
        return options.Bad("weights", fmt::format("'{}' is no weight", text));
    }
    bounds.push_back(total += weight);
  }
  if (!(total > 0) || !std::isfinite(total))
    return options.Bad(options.has("values") ? "weights" : "values",
                       "one of the values has to have a chance");
  arrow::StringBuilder builder(pool);
  ARROW_RETURN_NOT_OK(builder.AppendValues(values));
  std::shared_ptr<arrow::StringArray> texts;
  ARROW_RETURN_NOT_OK(builder.Finish(&texts));
  const Draws draws(plan->seed, kValues);
  plan->new_field =
      Fresh([=](std::span<const int64_t> numbers, arrow::MemoryPool* of_reader) {
        return ChosenText(texts, std::ssize(numbers), of_reader, [&](int64_t i) {
          const double at = Unit(draws.At(numbers[static_cast<size_t>(i)])) * total;
          const auto found = std::upper_bound(bounds.begin(), bounds.end() - 1, at);
          return static_cast<int32_t>(found - bounds.begin());
        });
      });
  return Status::OK();
}

Status PlanTimes(const FieldOptions& options, FieldPlan* plan) {
  const std::string text = options.Text("start", "2024-01-01 00:00:00");
  const auto start = arrow::Scalar::Parse(Micros(), text);
  if (!start.ok()) return options.Bad("start", fmt::format("'{}' is no time", text));
  const int64_t micros = static_cast<const arrow::TimestampScalar&>(**start).value;
  const auto step = ParseDuration(options.Text("step", "1s"));
  if (!step.ok()) return options.Bad("step", step.status().message());
  const int64_t step_nanos = *step;
  const auto time = [=](int64_t n) {
    return micros + static_cast<int64_t>(static_cast<__int128>(n) * step_nanos / 1000);
  };
  plan->new_field = Integers(time, Micros());
  plan->event_time = time;
  return Status::OK();
}

Status PlanUniform(const FieldOptions& options, FieldPlan* plan) {
  const Draws draws(plan->seed, kValues);
  if (arrow::is_integer(plan->column->type()->id())) {
    ARROW_ASSIGN_OR_RAISE(const int64_t min, options.Parsed<int64_t>("min", 0));
    ARROW_ASSIGN_OR_RAISE(const int64_t max, options.Parsed<int64_t>("max", 100));
    if (max < min || max - static_cast<__int128>(min) >= INT64_MAX)
      return options.Bad("max", "it is less than 'min', or too far from it");
    plan->new_field =
        Integers([=](int64_t n) { return min + Below(draws.At(n), max - min + 1); });
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const double min, options.Parsed<double>("min", 0));
  ARROW_ASSIGN_OR_RAISE(const double max, options.Parsed<double>("max", 100));
  if (!(max >= min)) return options.Bad("max", "it is less than 'min'");
  plan->new_field =
      Reals([=](int64_t n) { return min + Unit(draws.At(n)) * (max - min); });
  return Status::OK();
}

Status PlanKind(const std::string& kind, const FieldOptions& options, FieldPlan* plan,
                arrow::MemoryPool* pool) {
  const Draws draws(plan->seed, kValues);
  if (kind == "choice") {
    if (options.has("values"))
      return PlanChoice(options, options.List("values"), plan, pool);
    if (plan->column->type()->id() == arrow::Type::BOOL)
      return PlanChoice(options, {"false", "true"}, plan, pool);
    return options.Bad("values", "a choice needs it");
  }
  if (kind == "timestamp") return PlanTimes(options, plan);
  if (kind == "uniform") return PlanUniform(options, plan);
  if (kind == "sequence") {
    ARROW_ASSIGN_OR_RAISE(const int64_t start, options.Parsed<int64_t>("start", 0));
    ARROW_ASSIGN_OR_RAISE(const int64_t step, options.Parsed<int64_t>("step", 1));
    plan->new_field = Integers([=](int64_t n) {
      // Around the end of 64 bits, and not into undefined behaviour.
      return static_cast<int64_t>(static_cast<uint64_t>(start) +
                                  static_cast<uint64_t>(step) * static_cast<uint64_t>(n));
    });
    return Status::OK();
  }
  if (kind == "text") {
    const int64_t length = options.Int("length", 8);
    if (length < 0 || length > (1 << 20))
      return options.Bad("length", "it is from 0 to 1048576");
    plan->new_field =
        Fresh([=](std::span<const int64_t> numbers, arrow::MemoryPool* of_reader) {
          return TextArray(
              std::ssize(numbers), of_reader, [&](int64_t) { return length; },
              [&](int64_t i, int64_t size, char* out) {
                FillLetters(draws.At(numbers[static_cast<size_t>(i)]), size, out);
              });
        });
    return Status::OK();
  }
  if (kind == "zipf") {
    ARROW_ASSIGN_OR_RAISE(const int64_t ranks, options.Parsed<int64_t>("max", 1000));
    const double exponent = options.Real("exponent", 1);
    if (ranks < 1) return options.Bad("max", "it is at least 1");
    if (!(exponent > 0 && exponent <= 100))
      return options.Bad("exponent", "it is more than 0, and 100 at the most");
    const Zipf zipf(ranks, exponent);
    plan->new_field = Integers([=](int64_t n) { return zipf.Rank(Draws(draws.At(n))); });
    return Status::OK();
  }
  if (kind == "random_walk") {
    ARROW_ASSIGN_OR_RAISE(const double start, options.Parsed<double>("start", 0));
    ARROW_ASSIGN_OR_RAISE(const double step, options.Parsed<double>("step", 1));
    plan->new_field = Reals([=, walk = Walk(plan->seed)](int64_t n) mutable {
      return start + step * walk.At(n);
    });
    return Status::OK();
  }
  const double mean = options.Real("mean", 0), stddev = options.Real("stddev", 1);
  if (!(stddev >= 0)) return options.Bad("stddev", "it is not negative");
  const Normal normal(plan->seed, kValues);
  if (kind == "normal") {
    plan->new_field = Reals([=](int64_t n) { return mean + stddev * normal.At(n); });
  } else {
    plan->new_field =
        Reals([=](int64_t n) { return std::exp(mean + stddev * normal.At(n)); });
  }
  return Status::OK();
}

// FNV-1a, so that a column has the same values whichever others there are.
uint64_t HashOf(const std::string& name) {
  uint64_t hash = 0xCBF29CE484222325ull;
  for (const char c : name)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return hash;
}

// Some rows of an array without NULLs become NULL.
ArrayResult WithNulls(const FieldPlan& plan, const std::shared_ptr<arrow::Array>& values,
                      std::span<const int64_t> numbers, arrow::MemoryPool* pool) {
  if (plan.null_share <= 0) return values;
  const Draws draws(plan.seed, kNulls);
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> valid,
                        arrow::AllocateEmptyBitmap(std::ssize(numbers), pool));
  for (int64_t i = 0; i < std::ssize(numbers); ++i) {
    if (Unit(draws.At(numbers[static_cast<size_t>(i)])) >= plan.null_share)
      arrow::bit_util::SetBit(valid->mutable_data(), i);
  }
  const auto data = values->data()->Copy();
  data->buffers[0] = std::move(valid);
  data->SetNullCount(arrow::kUnknownNullCount);
  return arrow::MakeArray(data);
}

}  // namespace

const ConfigSpec& FieldSpec() {
  static const ConfigSpec spec = [] {
    std::vector<std::string> kinds;
    for (const Kind& kind : Kinds()) kinds.emplace_back(kind.name);
    return ConfigSpec(
        {{.name = "fields.<column>.kind",
          .type = OptionType::kEnum,
          .choices = kinds,
          .doc = "How the column's values are made. When absent, whole numbers are a "
                 "sequence, other numbers uniform, times timestamp, everything else "
                 "text, and BOOLEAN a choice of both."},
         {.name = "fields.<column>.null_share",
          .type = OptionType::kDouble,
          .doc = "Share of NULLs from 0 to 1; 0 when absent."},
         {.name = "fields.<column>.start",
          .doc = "sequence: the first number (0). random_walk: where it begins (0). "
                 "timestamp: the first time (2024-01-01 00:00:00)."},
         {.name = "fields.<column>.step",
          .doc = "sequence: what is added each row (1). random_walk: standard deviation "
                 "of a step (1). timestamp: the time between two rows (1s)."},
         {.name = "fields.<column>.min", .doc = "uniform: the least value (0)."},
         {.name = "fields.<column>.max",
          .doc = "uniform: the greatest value (100), of other than whole numbers just "
                 "above it. zipf: the number of ranks (1000), which begin at 1."},
         {.name = "fields.<column>.mean",
          .type = OptionType::kDouble,
          .doc = "normal: the mean (0). log_normal: that of the logarithm (0)."},
         {.name = "fields.<column>.stddev",
          .type = OptionType::kDouble,
          .doc = "normal: the standard deviation (1). log_normal: that of the logarithm "
                 "(1)."},
         {.name = "fields.<column>.exponent",
          .type = OptionType::kDouble,
          .doc = "zipf: rank k comes in proportion to k to the power of minus this (1)."},
         {.name = "fields.<column>.values",
          .type = OptionType::kList,
          .doc = "choice: what is chosen from, divided by commas; of BOOLEAN both values "
                 "when absent."},
         {.name = "fields.<column>.weights",
          .type = OptionType::kList,
          .doc = "choice: how often each of the values comes, in relation to the others; "
                 "the same when absent."},
         {.name = "fields.<column>.length",
          .type = OptionType::kInt,
          .doc = "text: how many letters (8)."}});
  }();
  return spec;
}

Result<FieldPlan> PlanField(const std::string& owner, const Config& config,
                            const std::shared_ptr<arrow::Field>& column, uint64_t seed,
                            arrow::MemoryPool* pool) {
  FieldPlan plan;
  plan.column = column;
  const std::string name = Lowered(column->name());
  plan.seed = Mixed(seed ^ HashOf(name));
  const FieldOptions options(owner, config, name);
  plan.null_share = options.Real("null_share", 0);
  if (!(plan.null_share >= 0 && plan.null_share <= 1))
    return options.Bad("null_share", "it is from 0 to 1");
  const std::string kind = options.Text("kind", KindByType(*column->type()));
  std::vector<const char*> foreign;
  for (const Kind& other : Kinds()) {
    if (kind == other.name) continue;
    for (const char* option : other.options) foreign.push_back(option);
  }
  for (const Kind& own : Kinds()) {
    if (kind != own.name) continue;
    for (const char* option : foreign) {
      const bool ours =
          std::any_of(own.options.begin(), own.options.end(),
                      [&](const char* one) { return std::string_view(one) == option; });
      if (!ours && options.has(option))
        return options.Bad(option,
                           fmt::format("it is no option of kind '{}', which has {}", kind,
                                       fmt::join(own.options, ", ")));
    }
  }
  ARROW_RETURN_NOT_OK(PlanKind(kind, options, &plan, pool));
  // What can't be cast at all is told before anything runs.
  ARROW_RETURN_NOT_OK(MakeColumn(plan, *plan.new_field(), std::vector<int64_t>{0}, pool));
  return plan;
}

ArrayResult MakeColumn(const FieldPlan& plan, Field& field,
                       std::span<const int64_t> numbers, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto values, field.Make(numbers, pool));
  const auto& type = plan.column->type();
  const bool is_text =
      type->id() == arrow::Type::STRING && values->type_id() == arrow::Type::DICTIONARY;
  if (!is_text && !values->type()->Equals(*type)) {
    arrow::compute::ExecContext context(pool);
    arrow::compute::CastOptions cast = arrow::compute::CastOptions::Safe(type);
    // Of a time its day, of a number that is not whole the whole part.
    cast.allow_float_truncate = true;
    cast.allow_time_truncate = true;
    cast.allow_decimal_truncate = true;
    if (values->type_id() == arrow::Type::DICTIONARY) {
      auto plain = arrow::compute::Cast(arrow::Datum(values),
                                        arrow::compute::CastOptions::Safe(arrow::utf8()),
                                        &context);
      ARROW_RETURN_NOT_OK(plain.status());
      values = plain->make_array();
    }
    auto fitting = arrow::compute::Cast(arrow::Datum(values), cast, &context);
    if (!fitting.ok()) {
      if (fitting.status().IsOutOfMemory()) return fitting.status();
      return errors::kDoesNotFit.Make({.column = plan.column->name()}, "{}",
                                      fitting.status().message());
    }
    values = fitting->make_array();
  }
  return WithNulls(plan, values, numbers, pool);
}

}  // namespace millrace::generators::datagen
