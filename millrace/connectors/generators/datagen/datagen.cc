#include "millrace/connectors/generators/datagen/datagen.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/connectors/generators/datagen/field.h"
#include "millrace/connectors/generators/errors.h"
#include "millrace/connectors/generators/generated_source.h"
#include "millrace/connectors/generators/names.h"

namespace millrace::generators {

namespace {

using datagen::Field;
using datagen::FieldPlan;

constexpr const char kDatagen[] = "connector 'datagen'";

const ConfigSpec& DatagenSpec() {
  static const ConfigSpec spec =
      ConfigSpec({{.name = "rows",
                   .type = OptionType::kInt,
                   .doc = "How many rows there are; without an end when absent."},
                  {.name = "seed",
                   .type = OptionType::kInt,
                   .default_value = "1",
                   .doc = "Another seed gives other values."},
                  {.name = "splits",
                   .type = OptionType::kInt,
                   .doc = "Parts that are made at the same time, which changes no row. "
                          "When absent, one a million rows; without an end one, which "
                          "keeps the order."}})
          .Plus(datagen::FieldSpec());
  return spec;
}

class DatagenMaker final : public RowMaker {
 public:
  DatagenMaker(std::shared_ptr<const std::vector<FieldPlan>> plans,
               arrow::MemoryPool* pool)
      : plans_(std::move(plans)), pool_(pool) {
    for (const FieldPlan& plan : *plans_) fields_.push_back(plan.new_field());
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Make(
      std::span<const int64_t> numbers, const std::vector<int>& columns) override {
    arrow::ArrayVector arrays;
    arrow::FieldVector fields;
    for (const int column : columns) {
      const auto index = static_cast<size_t>(column);
      const FieldPlan& plan = (*plans_)[index];
      ARROW_ASSIGN_OR_RAISE(auto array,
                            datagen::MakeColumn(plan, *fields_[index], numbers, pool_));
      fields.push_back(plan.column->WithType(array->type()));
      arrays.push_back(std::move(array));
    }
    return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), std::ssize(numbers),
                                    std::move(arrays));
  }

 private:
  const std::shared_ptr<const std::vector<FieldPlan>> plans_;
  arrow::MemoryPool* const pool_;
  std::vector<std::unique_ptr<Field>> fields_;
};

// Options of columns that nobody declared would do nothing.
Status CheckColumns(const connector::Options& options, const arrow::Schema& declared) {
  for (const auto& [name, value] : options) {
    const std::string lowered = Lowered(name);
    constexpr std::string_view kPrefix = "fields.";
    if (!lowered.starts_with(kPrefix)) continue;
    const std::string column =
        lowered.substr(kPrefix.size(), lowered.rfind('.') - kPrefix.size());
    std::vector<std::string> names;
    for (const auto& field : declared.fields()) names.push_back(Lowered(field->name()));
    if (std::find(names.begin(), names.end(), column) != names.end()) continue;
    const std::string near = NearestName(column, names);
    return errors::kUnknownOption.Make(
        {}, "{}: '{}': there is no column '{}'{}", kDatagen, name, column,
        near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
  }
  return Status::OK();
}

Result<GeneratedTable> MakeTable(const connector::Options& options, const Config& config,
                                 const std::shared_ptr<arrow::Schema>& declared,
                                 arrow::MemoryPool* pool) {
  if (!declared) return errors::kNothingDeclared.Make({}, "{}", kDatagen);
  ARROW_RETURN_NOT_OK(CheckColumns(options, *declared));
  for (const auto& [name, least] : {std::pair{"rows", 0}, {"splits", 1}}) {
    if (config.has(name) && config.GetInt(name) < least) {
      return errors::kBadOption.Make({}, "{}: option '{}' is at least {}", kDatagen, name,
                                     least);
    }
  }
  auto plans = std::make_shared<std::vector<FieldPlan>>();
  GeneratedTable table;
  table.schema = declared;
  const int64_t seed = config.GetInt("seed");
  table.identity = fmt::format("seed={}", seed);
  for (const auto& [name, value] : options) {
    if (Lowered(name).starts_with("fields."))
      table.identity += fmt::format(" {}={}", Lowered(name), value);
  }
  for (const auto& field : declared->fields()) {
    table.identity +=
        fmt::format(" {}:{}", Lowered(field->name()), field->type()->ToString());
    ARROW_ASSIGN_OR_RAISE(
        FieldPlan plan,
        datagen::PlanField(kDatagen, config, field, static_cast<uint64_t>(seed), pool));
    plans->push_back(std::move(plan));
  }
  if (config.has("rows")) table.rows = config.GetInt("rows");
  if (config.has("splits")) table.splits = config.GetInt("splits");
  table.new_maker = [plans](arrow::MemoryPool* of_reader) {
    return std::make_unique<DatagenMaker>(plans, of_reader);
  };
  table.min_event_time = [plans](int64_t begin, int column) -> std::optional<int64_t> {
    const FieldPlan& plan = (*plans)[static_cast<size_t>(column)];
    if (!plan.event_time) return std::nullopt;
    return plan.event_time(begin);
  };
  return table;
}

}  // namespace

connector::ConnectorSpec MakeDatagenConnector() {
  connector::ConnectorSpec spec;
  spec.name = "datagen";
  spec.doc =
      "Rows of declared columns, each filled by a sequence, a distribution, a choice or "
      "text; the same for the same seed.";
  spec.guarantee =
      "A row is a function of its number and the seed, so a run goes on exactly where "
      "another stopped.";
  spec.source_options.push_back({"source", DatagenSpec()});
  spec.make_source = [](const connector::Options& options,
                        const std::shared_ptr<arrow::Schema>& declared,
                        const connector::Surroundings& surroundings)
      -> Result<std::unique_ptr<connector::Source>> {
    ARROW_ASSIGN_OR_RAISE(
        const Config config,
        DatagenSpec().Parse(kDatagen, options, surroundings.environment));
    ARROW_ASSIGN_OR_RAISE(GeneratedTable table, MakeTable(options, config, declared,
                                                          surroundings.memory->pool()));
    return MakeGeneratedSource(kDatagen, std::move(table), surroundings);
  };
  return spec;
}

}  // namespace millrace::generators
