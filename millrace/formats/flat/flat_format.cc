// A format whose structs are columns, around one that knows nothing of it.
#include <numeric>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/error.h"
#include "millrace/formats/flat/errors.h"
#include "millrace/formats/flat/flat_file.h"

namespace millrace::formats {

namespace {

using flat::FlatColumns;
using flat::FlatFile;

class FlatEncoder final : public data::RowEncoder {
 public:
  FlatEncoder(std::unique_ptr<data::RowEncoder> nested, FlatColumns columns,
              arrow::MemoryPool* pool)
      : encoder_(std::move(nested)),
        columns_(std::move(columns)),
        have_(static_cast<size_t>(columns_.nested()->num_fields())),
        wanted_(static_cast<size_t>(columns_.schema()->num_fields())),
        pool_(pool) {
    std::iota(have_.begin(), have_.end(), 0);
    std::iota(wanted_.begin(), wanted_.end(), 0);
  }

  Status Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                std::vector<data::EncodedRows>* out) override {
    ARROW_ASSIGN_OR_RAISE(const auto flat,
                          columns_.Flatten(*rows, have_, wanted_, pool_));
    return encoder_->Encode(flat, out);
  }
  Status Flush(std::vector<data::EncodedRows>* out) override {
    return encoder_->Flush(out);
  }
  int64_t buffered_bytes() const override { return encoder_->buffered_bytes(); }

 private:
  const std::unique_ptr<data::RowEncoder> encoder_;
  const FlatColumns columns_;
  std::vector<int> have_, wanted_;
  arrow::MemoryPool* const pool_;
};

class FlatFormat final : public Format {
 public:
  FlatFormat(std::shared_ptr<const Format> nested, Flattening how)
      : nested_(std::move(nested)), how_(std::move(how)) {}

  std::string_view name() const override { return nested_->name(); }
  std::string_view doc() const override { return nested_->doc(); }
  std::vector<std::string> extensions() const override { return nested_->extensions(); }
  const ConfigSpec& read_options() const override { return nested_->read_options(); }
  const ConfigSpec& write_options() const override { return nested_->write_options(); }
  bool can_read_stream() const override { return nested_->can_read_stream(); }
  ColumnsTold columns_told() const override { return nested_->columns_told(); }
  bool can_append() const override { return nested_->can_append(); }
  bool appends(const Config& options) const override { return nested_->appends(options); }
  std::string extension(const Config& options) const override {
    return nested_->extension(options);
  }
  bool compresses() const override { return nested_->compresses(); }
  bool tells_its_end() const override { return nested_->tells_its_end(); }
  bool may_be_unfinished(const Status& failure) const override {
    return nested_->may_be_unfinished(failure);
  }

  Result<std::unique_ptr<FileReader>> OpenReader(
      Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
      const FileReader* like, const Context& context) const override {
    const auto* first = static_cast<const FlatFile*>(like);
    if (columns_told() == ColumnsTold::kInRows && declared) {
      return OpenDeclared(std::move(input), options, declared, first, context);
    }
    const std::string name = input.name;
    ARROW_ASSIGN_OR_RAISE(
        auto nested,
        nested_->OpenReader(std::move(input), options,
                            first != nullptr ? first->nested().schema() : nullptr,
                            first != nullptr ? &first->nested() : nullptr, context));
    ARROW_ASSIGN_OR_RAISE(auto columns, FlatColumns::Make(nested->schema(), how_, name));
    // Others store their columns, so that a path can be found again.
    if (columns_told() == ColumnsTold::kInRows) columns.Mark();
    std::optional<StoredColumns> mapped;
    if (declared) {
      ARROW_ASSIGN_OR_RAISE(mapped, MapStoredColumns(*columns.schema(), declared, nullptr,
                                                     name, errors::kFlatDiffers));
    }
    return std::make_unique<FlatFile>(std::move(nested), std::move(columns),
                                      std::move(mapped));
  }

  Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(
      const Config& options, const std::shared_ptr<arrow::Schema>& schema,
      const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(auto columns, FlatColumns::Make(schema, how_, ""));
    ARROW_ASSIGN_OR_RAISE(auto encoder,
                          nested_->MakeEncoder(options, columns.schema(), context));
    if (columns.all_whole()) return encoder;
    return std::make_unique<FlatEncoder>(std::move(encoder), std::move(columns),
                                         context.pool);
  }
  bool encodes_splits(const Config& options) const override {
    return nested_->encodes_splits(options);
  }
  Status CheckAppend(std::string_view head, const Config& options,
                     const arrow::Schema& schema, const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(const auto columns,
                          FlatColumns::Make(arrow::schema(schema.fields()), how_, ""));
    return nested_->CheckAppend(head, options, *columns.schema(), context);
  }
  bool pieces_stay(const Config& options) const override {
    return nested_->pieces_stay(options);
  }
  Result<int64_t> AppendAt(arrow::io::RandomAccessFile& file, int64_t size,
                           const Config& options) const override {
    return nested_->AppendAt(file, size, options);
  }
  Status EndLastRecord(const std::shared_ptr<arrow::io::RandomAccessFile>& existing,
                       const Config& options, io::WritableFile& to,
                       const Context& context) const override {
    return nested_->EndLastRecord(existing, options, to, context);
  }
  Result<std::unique_ptr<FileAppender>> OpenAppender(
      io::WritableFile& file, const Config& options,
      const std::shared_ptr<arrow::Schema>& schema, bool appending,
      const Context& context) const override {
    ARROW_ASSIGN_OR_RAISE(const auto columns, FlatColumns::Make(schema, how_, ""));
    return nested_->OpenAppender(file, options, columns.schema(), appending, context);
  }

 private:
  // Rows that name their fields are looked through for those that are declared, also for
  // ones that the sample lacks. Which path a name stands for says the first file, or what
  // it told before, or else the sample.
  Result<std::unique_ptr<FileReader>> OpenDeclared(
      Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
      const FlatFile* first, const Context& context) const {
    const std::string name = input.name;
    auto known = FlatColumns::Restore(
        declared, first != nullptr ? &first->columns() : nullptr, name);
    if (!known.ok()) {
      if (ErrorNumber(known.status()) != errors::kFlatUnknown.number || !input.file) {
        return known.status();
      }
      ARROW_ASSIGN_OR_RAISE(
          const auto sampled,
          nested_->OpenReader(input, options, nullptr, nullptr, context));
      ARROW_ASSIGN_OR_RAISE(const auto columns,
                            FlatColumns::Make(sampled->schema(), how_, name));
      known = FlatColumns::Restore(declared, &columns, name);
      ARROW_RETURN_NOT_OK(known.status());
    }
    ARROW_ASSIGN_OR_RAISE(auto nested,
                          nested_->OpenReader(std::move(input), options, known->nested(),
                                              nullptr, context));
    return std::make_unique<FlatFile>(std::move(nested), *std::move(known), std::nullopt);
  }

  const std::shared_ptr<const Format> nested_;
  const Flattening how_;
};

}  // namespace

std::shared_ptr<const Format> MakeFlat(std::shared_ptr<const Format> nested,
                                       Flattening how) {
  return std::make_shared<FlatFormat>(std::move(nested), std::move(how));
}

}  // namespace millrace::formats
