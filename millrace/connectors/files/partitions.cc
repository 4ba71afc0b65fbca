#include "millrace/connectors/files/partitions.h"

#include <algorithm>
#include <unordered_map>

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <fmt/format.h>

#include "millrace/connectors/files/errors.h"
#include "millrace/data/dictionary.h"
#include "millrace/data/type_name.h"
#include "millrace/formats/input.h"

namespace millrace::files {

namespace {

// A column's values as small numbers, and the texts that these stand for.
struct Coded {
  std::shared_ptr<arrow::Int32Array> codes;
  std::vector<std::string> texts;  // escaped
};

Result<Coded> Encode(const std::shared_ptr<arrow::Array>& column,
                     arrow::compute::ExecContext* context) {
  ARROW_ASSIGN_OR_RAISE(auto plain, data::Decoded(column, context->memory_pool()));
  arrow::compute::DictionaryEncodeOptions options(
      arrow::compute::DictionaryEncodeOptions::ENCODE);
  ARROW_ASSIGN_OR_RAISE(auto encoded,
                        arrow::compute::DictionaryEncode(plain, options, context));
  const auto array = encoded.array_as<arrow::DictionaryArray>();
  ARROW_ASSIGN_OR_RAISE(
      auto texts, arrow::compute::Cast(*array->dictionary(), arrow::utf8(),
                                       arrow::compute::CastOptions::Safe(), context));
  const auto& names = static_cast<const arrow::StringArray&>(*texts);
  Coded out;
  out.codes = std::static_pointer_cast<arrow::Int32Array>(array->indices());
  for (int64_t i = 0; i < names.length(); ++i) {
    out.texts.push_back(names.IsNull(i) || names.GetView(i).empty()
                            ? std::string(kNullPartition)
                            : EscapedPartition(names.GetView(i)));
  }
  return out;
}

// Of a name in a folder, in bytes.
constexpr size_t kMostNameBytes = 255;

// Before the rows are prepared: what is decided can't be refused any more.
Status CheckLength(const std::string& label, const std::string& text) {
  const size_t size = label.size() + 1 + text.size();
  if (size <= kMostNameBytes) return Status::OK();
  return errors::kPartitionTooLong.Make({.column = label}, "'{}', {} bytes of at most {}",
                                        formats::Excerpt(text), size, kMostNameBytes);
}

bool CanName(const arrow::DataType& type) {
  return arrow::is_integer(type.id()) || arrow::is_floating(type.id()) ||
         arrow::is_decimal(type.id()) || arrow::is_string(type.id()) ||
         arrow::is_temporal(type.id()) || type.id() == arrow::Type::BOOL ||
         type.id() == arrow::Type::STRING_VIEW;
}

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

}  // namespace

std::string EscapedPartition(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F ||
        std::string_view("\"#%'*/:=?\\{[]^").find(c) != std::string_view::npos) {
      out += fmt::format("%{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

Result<Partitions> Partitions::Make(const std::string& columns,
                                    const std::shared_ptr<arrow::Schema>& schema) {
  Partitions out;
  std::vector<std::string> names;
  for (size_t at = 0; at < columns.size();) {
    const size_t comma = std::min(columns.find(',', at), columns.size());
    names.push_back(Trimmed(columns.substr(at, comma - at)));
    at = comma + 1;
  }
  for (const std::string& name : names) {
    const int index = schema->GetFieldIndex(name);
    if (index < 0) {
      const std::string near = NearestName(name, schema->field_names());
      return errors::kPartitionColumn.Make(
          {.column = name}, "there is no such column{}",
          near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
    }
    if (!CanName(*schema->field(index)->type())) {
      return errors::kPartitionColumn.Make(
          {.column = name}, "{} can't be part of a name",
          data::SqlTypeName(*schema->field(index)->type()));
    }
    if (std::count(out.columns_.begin(), out.columns_.end(), index) > 0) {
      return errors::kPartitionColumn.Make({.column = name}, "it is named twice");
    }
    out.columns_.push_back(index);
    out.labels_.push_back(EscapedPartition(name));
  }
  arrow::FieldVector fields;
  for (int i = 0; i < schema->num_fields(); ++i) {
    if (std::count(out.columns_.begin(), out.columns_.end(), i) > 0) continue;
    out.kept_.push_back(i);
    fields.push_back(schema->field(i));
  }
  if (!names.empty() && fields.empty()) {
    return errors::kPartitionColumn.Make({}, "no column is left for the files");
  }
  out.file_schema_ = arrow::schema(std::move(fields), schema->metadata());
  return out;
}

Result<std::vector<Partitions::Part>> Partitions::Split(
    const std::shared_ptr<arrow::RecordBatch>& rows, arrow::MemoryPool* pool) const {
  if (columns_.empty()) return std::vector<Part>{{"", rows}};
  arrow::compute::ExecContext context(pool);
  ARROW_ASSIGN_OR_RAISE(auto kept, rows->SelectColumns(kept_));
  const int64_t count = rows->num_rows();

  // One column after another refines the groups: a pair (group so far, code) becomes the
  // next group, numbered in the order of first appearance.
  std::vector<int32_t> groups(static_cast<size_t>(count), 0);
  std::vector<std::string> folders = {""};
  for (size_t c = 0; c < columns_.size(); ++c) {
    ARROW_ASSIGN_OR_RAISE(const Coded coded, Encode(rows->column(columns_[c]), &context));
    std::unordered_map<uint64_t, int32_t> numbers;
    std::vector<std::string> refined;
    uint64_t previous_key = UINT64_MAX;
    int32_t previous = 0;
    for (size_t row = 0; row < groups.size(); ++row) {
      const int32_t code = coded.codes->Value(static_cast<int64_t>(row));
      const uint64_t key =
          static_cast<uint64_t>(groups[row]) << 32 | static_cast<uint32_t>(code);
      if (key != previous_key) {
        const auto [found, added] =
            numbers.try_emplace(key, static_cast<int32_t>(refined.size()));
        if (added) {
          ARROW_RETURN_NOT_OK(
              CheckLength(labels_[c], coded.texts[static_cast<size_t>(code)]));
          const std::string& parent = folders[static_cast<size_t>(groups[row])];
          refined.push_back(fmt::format("{}{}{}={}", parent, parent.empty() ? "" : "/",
                                        labels_[c],
                                        coded.texts[static_cast<size_t>(code)]));
        }
        previous_key = key;
        previous = found->second;
      }
      groups[row] = previous;
    }
    folders = std::move(refined);
  }

  std::vector<Part> out;
  if (folders.size() == 1) {
    out.push_back({std::move(folders.front()), std::move(kept)});
    return out;
  }
  std::vector<int64_t> starts(folders.size() + 1, 0);
  for (const int32_t group : groups) ++starts[static_cast<size_t>(group) + 1];
  for (size_t g = 0; g < folders.size(); ++g) starts[g + 1] += starts[g];
  ARROW_ASSIGN_OR_RAISE(
      auto order,
      arrow::AllocateBuffer(count * static_cast<int64_t>(sizeof(int64_t)), pool));
  auto* places = order->mutable_data_as<int64_t>();
  std::vector<int64_t> next(starts.begin(), starts.end() - 1);
  for (size_t row = 0; row < groups.size(); ++row) {
    places[next[static_cast<size_t>(groups[row])]++] = static_cast<int64_t>(row);
  }
  const arrow::Int64Array indices(count, std::move(order));
  ARROW_ASSIGN_OR_RAISE(
      const arrow::Datum sorted,
      arrow::compute::Take(kept, indices, arrow::compute::TakeOptions::NoBoundsCheck(),
                           &context));
  for (size_t g = 0; g < folders.size(); ++g) {
    out.push_back({std::move(folders[g]),
                   sorted.record_batch()->Slice(starts[g], starts[g + 1] - starts[g])});
  }
  return out;
}

}  // namespace millrace::files
