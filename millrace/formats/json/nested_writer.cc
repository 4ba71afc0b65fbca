// Structs, lists and maps as JSON.
#include <vector>

#include <arrow/array.h>
#include <arrow/type.h>

#include "millrace/data/type_name.h"
#include "millrace/formats/json/errors.h"
#include "millrace/formats/json/value_writer.h"

namespace millrace::formats::json {

namespace {

class StructWriter final : public ValueWriter {
 public:
  StructWriter(std::vector<std::string> names,
               std::vector<std::unique_ptr<ValueWriter>> children, bool omit_nulls,
               arrow::MemoryPool* pool)
      : ValueWriter(pool),
        names_(std::move(names)),
        children_(std::move(children)),
        omit_nulls_(omit_nulls) {}

 protected:
  Status BindArray() override {
    const auto& array = static_cast<const arrow::StructArray&>(*array_);
    for (size_t c = 0; c < children_.size(); ++c) {
      ARROW_RETURN_NOT_OK(children_[c]->Bind(array.field(static_cast<int>(c))));
    }
    return Status::OK();
  }
  bool WriteValue(int64_t i, Output& out) override {
    out.Append("{");
    bool first = true;
    for (size_t c = 0; c < children_.size(); ++c) {
      if (omit_nulls_ && children_[c]->IsNull(i)) continue;
      if (!first) out.Append(",");
      first = false;
      AppendString(names_[c], out);
      out.Append(":");
      if (!children_[c]->Write(i, out)) return false;
    }
    out.Append("}");
    return true;
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<ValueWriter>> children_;
  bool omit_nulls_;
};

template <class Array>
class ListWriter final : public ValueWriter {
 public:
  ListWriter(std::unique_ptr<ValueWriter> child, arrow::MemoryPool* pool)
      : ValueWriter(pool), child_(std::move(child)) {}

 protected:
  Status BindArray() override {
    return child_->Bind(static_cast<const Array&>(*array_).values());
  }
  bool WriteValue(int64_t i, Output& out) override {
    const auto& array = static_cast<const Array&>(*array_);
    const int64_t begin = array.value_offset(i), end = begin + array.value_length(i);
    out.Append("[");
    for (int64_t k = begin; k < end; ++k) {
      if (k > begin) out.Append(",");
      if (!child_->Write(k, out)) return false;
    }
    out.Append("]");
    return true;
  }

 private:
  std::unique_ptr<ValueWriter> child_;
};

class MapWriter final : public ValueWriter {
 public:
  MapWriter(bool object, std::unique_ptr<ValueWriter> keys,
            std::unique_ptr<ValueWriter> items, arrow::MemoryPool* pool)
      : ValueWriter(pool),
        object_(object),
        keys_(std::move(keys)),
        items_(std::move(items)) {}

 protected:
  Status BindArray() override {
    const auto& array = static_cast<const arrow::MapArray&>(*array_);
    ARROW_RETURN_NOT_OK(keys_->Bind(array.keys()));
    return items_->Bind(array.items());
  }
  bool WriteValue(int64_t i, Output& out) override {
    const auto& array = static_cast<const arrow::MapArray&>(*array_);
    const int64_t begin = array.value_offset(i), end = begin + array.value_length(i);
    out.Append(object_ ? "{" : "[");
    for (int64_t k = begin; k < end; ++k) {
      if (k > begin) out.Append(",");
      if (!object_) out.Append("{\"key\":");
      if (!keys_->Write(k, out)) return false;
      out.Append(object_ ? ":" : ",\"value\":");
      if (!items_->Write(k, out)) return false;
      if (!object_) out.Append("}");
    }
    out.Append(object_ ? "}" : "]");
    return true;
  }

 private:
  bool object_;
  std::unique_ptr<ValueWriter> keys_, items_;
};

}  // namespace

Result<std::unique_ptr<ValueWriter>> MakeNestedWriter(const arrow::Field& field,
                                                      const WriteSettings& settings,
                                                      arrow::MemoryPool* pool) {
  const auto& type = field.type();
  auto child = [&](int i) {
    return MakeValueWriter(*type->field(i)->WithName(field.name()), settings, pool);
  };
  switch (type->id()) {
    case arrow::Type::STRUCT: {
      std::vector<std::string> names;
      std::vector<std::unique_ptr<ValueWriter>> children;
      for (int i = 0; i < type->num_fields(); ++i) {
        names.push_back(type->field(i)->name());
        ARROW_ASSIGN_OR_RAISE(auto one, child(i));
        children.push_back(std::move(one));
      }
      return std::make_unique<StructWriter>(std::move(names), std::move(children),
                                            settings.omit_nulls, pool);
    }
    case arrow::Type::LIST: {
      ARROW_ASSIGN_OR_RAISE(auto element, child(0));
      return std::make_unique<ListWriter<arrow::ListArray>>(std::move(element), pool);
    }
    case arrow::Type::LARGE_LIST: {
      ARROW_ASSIGN_OR_RAISE(auto element, child(0));
      return std::make_unique<ListWriter<arrow::LargeListArray>>(std::move(element),
                                                                 pool);
    }
    case arrow::Type::FIXED_SIZE_LIST: {
      ARROW_ASSIGN_OR_RAISE(auto element, child(0));
      return std::make_unique<ListWriter<arrow::FixedSizeListArray>>(std::move(element),
                                                                     pool);
    }
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(*type);
      const auto key = map.key_type()->id();
      const bool object = key == arrow::Type::STRING || key == arrow::Type::LARGE_STRING;
      ARROW_ASSIGN_OR_RAISE(auto keys, MakeValueWriter(*map.key_field(), settings, pool));
      ARROW_ASSIGN_OR_RAISE(auto items,
                            MakeValueWriter(*map.item_field(), settings, pool));
      return std::make_unique<MapWriter>(object, std::move(keys), std::move(items), pool);
    }
    default:
      return errors::kJsonUnsupportedType.Make({.column = field.name()}, "{}",
                                               data::SqlTypeName(*type));
  }
}

}  // namespace millrace::formats::json
