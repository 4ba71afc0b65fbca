#include "millrace/formats/csv/column.h"

#include "millrace/data/type_name.h"
#include "millrace/formats/csv/errors.h"
#include "millrace/formats/text/value_column.h"

namespace millrace::formats::csv {

namespace {

// How CSV spells values: every form that text_values.h knows.
template <class CellsOf>
struct CsvFormatValues {
  using Cells = CellsOf;
  static bool Whole(const char* b, const char* e, int64_t* out) {
    return ParseInt64(b, e, out);
  }
  static bool Unsigned(const char* b, const char* e, uint64_t* out) {
    return ParseUInt64(b, e, out);
  }
  static bool Real(const char* b, const char* e, double* out) {
    return ParseDouble(b, e, out);
  }
  static bool Float(const char* b, const char* e, float* out) {
    return ParseFloat(b, e, out);
  }
  static bool Word(const char* b, const char* e, bool* out) {
    return ParseBool(b, e, out);
  }
  static bool Number(const char*, const char*) { return true; }
  static bool Scale(const Moment& moment, int64_t per_second, int64_t* out) {
    return ScaleMoment(moment, per_second, out);
  }
};

// A parser of cells whose numbers are in a form of their own.
class LocalParser final : public ColumnParser<CsvCells> {
 public:
  explicit LocalParser(std::unique_ptr<ColumnParser<LocalCells>> parser)
      : parser_(std::move(parser)) {}
  Result<std::shared_ptr<arrow::Array>> Parse(const CsvCells& cells,
                                              std::vector<BadValue>* bad) override {
    return parser_->Parse(LocalCells(cells), bad);
  }

 private:
  std::unique_ptr<ColumnParser<LocalCells>> parser_;
};

}  // namespace

Result<std::unique_ptr<ColumnParser<CsvCells>>> MakeColumnParser(
    const arrow::Field& field, bool dictionary, const NumberForm& numbers,
    const ColumnSettings& settings) {
  const auto& type = field.type();
  if (auto made = MakeStringParser<CsvCells>(type, dictionary, settings.pool)) {
    return made;
  }
  if (!numbers.plain()) {
    auto made = ValueParsers<CsvFormatValues<LocalCells>>::Make(type, settings);
    if (made) return std::make_unique<LocalParser>(std::move(made));
  } else if (auto made = ValueParsers<CsvFormatValues<CsvCells>>::Make(type, settings)) {
    return made;
  }
  if (type->id() == arrow::Type::FIXED_SIZE_BINARY) {
    return std::make_unique<GenericParser<CsvCells>>(type, settings.pool);
  }
  return errors::kCsvUnsupportedType.Make({.column = field.name()}, "{}",
                                          data::SqlTypeName(*type));
}

}  // namespace millrace::formats::csv
