#include "millrace/cli/result_printer.h"

#include <algorithm>
#include <cstdio>

#include <arrow/array.h>
#include <arrow/io/stdio.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

#include "millrace/cli/terminal.h"
#include "millrace/data/dictionary.h"
#include "millrace/engine/text.h"

namespace millrace::cli {

namespace {

// Wider values are cut: a table is for looking, --format csv for taking away.
constexpr size_t kMaxCell = 60;

// Columns that a UTF-8 text takes on a terminal, counting every character as one.
size_t Width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string Cell(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
  if (Width(text) <= kMaxCell) return text;
  size_t at = 0;
  for (size_t seen = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && seen++ == kMaxCell - 1)
      break;
  }
  return text.substr(0, at) + "…";
}

class TablePrinter final : public ResultPrinter {
 public:
  TablePrinter(int64_t max_rows, arrow::MemoryPool* pool)
      : max_rows_(max_rows), pool_(pool) {}

  Status Begin(const std::shared_ptr<arrow::Schema>& schema) override {
    rows_.clear();
    total_ = 0;
    widths_.clear();
    right_.clear();
    names_.clear();
    for (const auto& field : schema->fields()) {
      names_.push_back(Cell(field->name()));
      widths_.push_back(Width(names_.back()));
      right_.push_back(arrow::is_numeric(field->type()->id()) ||
                       arrow::is_decimal(field->type()->id()));
    }
    return Status::OK();
  }

  Status Add(const std::shared_ptr<arrow::RecordBatch>& batch) override {
    const int64_t shown = std::clamp<int64_t>(
        max_rows_ - static_cast<int64_t>(rows_.size()), 0, batch->num_rows());
    total_ += batch->num_rows();
    if (shown == 0) return Status::OK();
    const auto part = batch->Slice(0, shown);
    const size_t first = rows_.size();
    rows_.resize(first + static_cast<size_t>(shown));
    for (int c = 0; c < part->num_columns(); ++c) {
      ARROW_ASSIGN_OR_RAISE(auto text, engine::AsText(part->column(c), pool_));
      for (int64_t i = 0; i < shown; ++i) {
        std::string cell = text->IsNull(i) ? "NULL" : Cell(text->GetString(i));
        const auto column = static_cast<size_t>(c);
        widths_[column] = std::max(widths_[column], Width(cell));
        rows_[first + static_cast<size_t>(i)].push_back(std::move(cell));
      }
    }
    return Status::OK();
  }

  Status End() override {
    std::string out;
    AddLine(names_, out);
    for (size_t i = 0; i < widths_.size(); ++i) {
      if (i > 0) out += "-+-";
      out.append(widths_[i], '-');
    }
    out += '\n';
    for (const auto& row : rows_) AddLine(row, out);
    out += fmt::format("({} row{}{})\n", CountText(total_), total_ == 1 ? "" : "s",
                       total_ > static_cast<int64_t>(rows_.size())
                           ? fmt::format(", first {} shown",
                                         CountText(static_cast<int64_t>(rows_.size())))
                           : "");
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fflush(stdout);
    return Status::OK();
  }

 private:
  void AddLine(const std::vector<std::string>& cells, std::string& out) const {
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) out += " | ";
      const size_t space = widths_[i] - Width(cells[i]);
      if (right_[i]) out.append(space, ' ');
      out += cells[i];
      if (!right_[i] && i + 1 < cells.size()) out.append(space, ' ');
    }
    out += '\n';
  }

  const int64_t max_rows_;
  arrow::MemoryPool* const pool_;
  std::vector<std::string> names_;
  std::vector<size_t> widths_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
  int64_t total_ = 0;
};

// An Arrow IPC stream, one after another for several results.
class ArrowPrinter final : public ResultPrinter {
 public:
  explicit ArrowPrinter(arrow::MemoryPool* pool) : pool_(pool) {}
  Status Begin(const std::shared_ptr<arrow::Schema>& schema) override {
    schema_ = schema;
    auto options = arrow::ipc::IpcWriteOptions::Defaults();
    options.memory_pool = pool_;
    ARROW_ASSIGN_OR_RAISE(writer_,
                          arrow::ipc::MakeStreamWriter(&stdout_, schema, options));
    return Status::OK();
  }
  Status Add(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    ARROW_ASSIGN_OR_RAISE(auto plain, data::DecodedTo(rows, schema_, pool_));
    return writer_->WriteRecordBatch(*plain);
  }
  Status End() override {
    ARROW_RETURN_NOT_OK(writer_->Close());
    std::fflush(stdout);
    return Status::OK();
  }

 private:
  arrow::MemoryPool* const pool_;
  arrow::io::StdoutStream stdout_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer_;
};

}  // namespace

std::unique_ptr<ResultPrinter> MakeResultPrinter(ResultFormat format, int64_t max_rows,
                                                 arrow::MemoryPool* pool) {
  if (format == ResultFormat::kArrow) return std::make_unique<ArrowPrinter>(pool);
  return std::make_unique<TablePrinter>(max_rows, pool);
}

}  // namespace millrace::cli
