// From a FileDescriptorSet to message types of our own.
#include <algorithm>
#include <cstring>

#include <arrow/type.h>
#include <fmt/ranges.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "millrace/formats/protobuf/errors.h"
#include "millrace/formats/protobuf/message.h"

namespace millrace::formats::protobuf_format {

namespace {

namespace pb = google::protobuf;

constexpr int kMaxDepth = 64;
// Messages stand as columns as often as they are named.
constexpr int64_t kMostFields = 50'000;

// The first thing that is wrong; the library prints nothing.
class FirstError final : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string&, const std::string& element, const pb::Message*,
                ErrorLocation, const std::string& message) override {
    if (text.empty()) text = element + ": " + message;
  }
  std::string text;
};

uint64_t BitsOf(double value) {
  uint64_t out = 0;
  memcpy(&out, &value, sizeof(value));
  return out;
}

uint64_t BitsOf(float value) {
  uint32_t out = 0;
  memcpy(&out, &value, sizeof(value));
  return out;
}

std::shared_ptr<const EnumType> EnumOf(const pb::EnumDescriptor& from) {
  auto out = std::make_shared<EnumType>();
  out->closed = from.file()->syntax() == pb::FileDescriptor::SYNTAX_PROTO2;
  out->all_names.reserve(static_cast<size_t>(from.value_count()));
  for (int i = 0; i < from.value_count(); ++i) {
    const pb::EnumValueDescriptor& value = *from.value(i);
    out->by_name.emplace(out->all_names.emplace_back(value.name()), value.number());
    const auto code = static_cast<int32_t>(out->names.size());
    if (!out->codes.emplace(value.number(), code).second) continue;
    out->names.push_back(value.name());
    out->numbers.push_back(value.number());
  }
  return out;
}

bool IsWrapper(const pb::Descriptor& message) {
  static constexpr std::string_view kNames[] = {
      "google.protobuf.BoolValue",   "google.protobuf.BytesValue",
      "google.protobuf.DoubleValue", "google.protobuf.FloatValue",
      "google.protobuf.Int32Value",  "google.protobuf.Int64Value",
      "google.protobuf.StringValue", "google.protobuf.UInt32Value",
      "google.protobuf.UInt64Value"};
  return std::find(std::begin(kNames), std::end(kNames), message.full_name()) !=
             std::end(kNames) &&
         message.field_count() == 1 && message.field(0)->number() == 1 &&
         !message.field(0)->is_repeated() &&
         message.field(0)->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE;
}

// Seconds and nanoseconds, as the library's own Timestamp and Duration have them.
bool IsMoment(const pb::Descriptor& message, const char* name) {
  if (message.full_name() != name || message.field_count() != 2) return false;
  const pb::FieldDescriptor* seconds = message.FindFieldByNumber(1);
  const pb::FieldDescriptor* nanos = message.FindFieldByNumber(2);
  return seconds != nullptr && nanos != nullptr &&
         seconds->type() == pb::FieldDescriptor::TYPE_INT64 && !seconds->is_repeated() &&
         nanos->type() == pb::FieldDescriptor::TYPE_INT32 && !nanos->is_repeated();
}

class Converter {
 public:
  Converter(bool nanos, const std::string& path)
      : unit_(nanos ? arrow::TimeUnit::NANO : arrow::TimeUnit::MICRO), path_(path) {}

  Result<std::shared_ptr<const MessageType>> Message(const pb::Descriptor& from) {
    if (const auto known = messages_.find(&from); known != messages_.end()) {
      return known->second;
    }
    if (std::find(open_.begin(), open_.end(), &from) != open_.end()) {
      return errors::kProtobufUnsupported.Make({.file = path_}, "{} holds itself",
                                               from.full_name());
    }
    if (open_.size() >= kMaxDepth) {
      return errors::kProtobufUnsupported.Make({.file = path_}, "{} is more than {} deep",
                                               from.full_name(), kMaxDepth);
    }
    open_.push_back(&from);
    auto out = std::make_shared<MessageType>();
    out->name = from.full_name();
    for (int i = 0; i < from.field_count(); ++i) {
      ARROW_ASSIGN_OR_RAISE(Field field, FieldOf(*from.field(i)));
      out->weight += 1 + (field.message ? field.message->weight : 0);
      out->fields.push_back(std::move(field));
    }
    if (out->weight > kMostFields) {
      return errors::kProtobufUnsupported.Make(
          {.file = path_}, "{} has more than {} fields", from.full_name(), kMostFields);
    }
    open_.pop_back();
    messages_.emplace(&from, out);
    return out;
  }

 private:
  Result<Field> FieldOf(const pb::FieldDescriptor& from) {
    Field out;
    out.name = from.name();
    out.number = static_cast<uint32_t>(from.number());
    out.required = from.is_required();
    if (const pb::OneofDescriptor* oneof = from.real_containing_oneof()) {
      out.oneof = oneof->index();
    }
    if (from.is_map()) {
      out.repetition = Repetition::kMap;
      ARROW_ASSIGN_OR_RAISE(out.message, Message(*from.message_type()));
      // Entries always have both, whatever was left out of the bytes.
      auto entry = std::make_shared<MessageType>(*out.message);
      if (entry->fields.size() != 2) {
        return errors::kProtobufDescriptor.Make(
            {.file = path_}, "{} is a map without key and value", from.full_name());
      }
      for (Field& field : entry->fields) field.nullable = field.required = false;
      out.type = std::make_shared<arrow::MapType>(
          arrow::field("key", ColumnType(entry->fields[0]), /*nullable=*/false),
          arrow::field("value", ColumnType(entry->fields[1]), /*nullable=*/false));
      out.message = std::move(entry);
      return out;
    }
    ARROW_RETURN_NOT_OK(Value(from, &out));
    out.packed = from.is_packed();
    out.implicit = !from.has_presence();
    if (from.is_repeated()) {
      out.repetition = Repetition::kRepeated;
      return out;
    }
    // A default that was written down stands for what is absent.
    out.nullable = !out.required && from.has_presence() &&
                   (out.oneof >= 0 || !from.has_default_value());
    if (!out.nullable && !out.required) Default(from, &out);
    return out;
  }

  Status Value(const pb::FieldDescriptor& from, Field* out) {
    using Type = pb::FieldDescriptor;
    switch (from.type()) {
      case Type::TYPE_DOUBLE: return Is(out, Kind::kFixed64, arrow::float64());
      case Type::TYPE_FLOAT: return Is(out, Kind::kFixed32, arrow::float32());
      case Type::TYPE_INT64: return Is(out, Kind::kVarint64, arrow::int64());
      case Type::TYPE_UINT64: return Is(out, Kind::kVarint64, arrow::uint64());
      case Type::TYPE_INT32: return Is(out, Kind::kVarint32, arrow::int32());
      case Type::TYPE_UINT32: return Is(out, Kind::kVarint32, arrow::uint32());
      case Type::TYPE_FIXED64: return Is(out, Kind::kFixed64, arrow::uint64());
      case Type::TYPE_FIXED32: return Is(out, Kind::kFixed32, arrow::uint32());
      case Type::TYPE_SFIXED64: return Is(out, Kind::kFixed64, arrow::int64());
      case Type::TYPE_SFIXED32: return Is(out, Kind::kFixed32, arrow::int32());
      case Type::TYPE_SINT64: return Is(out, Kind::kZigZag64, arrow::int64());
      case Type::TYPE_SINT32: return Is(out, Kind::kZigZag32, arrow::int32());
      case Type::TYPE_BOOL: return Is(out, Kind::kBool, arrow::boolean());
      case Type::TYPE_STRING: return Is(out, Kind::kText, arrow::utf8());
      case Type::TYPE_BYTES: return Is(out, Kind::kText, arrow::binary());
      case Type::TYPE_ENUM: {
        auto& known = enums_[from.enum_type()];
        if (!known) known = EnumOf(*from.enum_type());
        out->enumeration = known;
        return Is(out, Kind::kEnum, arrow::utf8());
      }
      case Type::TYPE_GROUP: out->group = true; break;
      case Type::TYPE_MESSAGE: break;
    }
    const pb::Descriptor& message = *from.message_type();
    if (!out->group && IsWrapper(message)) {
      out->wrapped = true;
      return Value(*message.field(0), out);
    }
    if (!out->group && IsMoment(message, "google.protobuf.Timestamp")) {
      return Is(out, Kind::kTimestamp, arrow::timestamp(unit_, "UTC"));
    }
    if (!out->group && IsMoment(message, "google.protobuf.Duration")) {
      return Is(out, Kind::kDuration, arrow::duration(unit_));
    }
    ARROW_ASSIGN_OR_RAISE(out->message, Message(message));
    return Is(out, Kind::kMessage, arrow::struct_(ColumnsOf(*out->message)->fields()));
  }

  static Status Is(Field* out, Kind kind, std::shared_ptr<arrow::DataType> type) {
    out->kind = kind;
    out->type = std::move(type);
    return Status::OK();
  }

  // Zero where none was written down.
  static void Default(const pb::FieldDescriptor& from, Field* out) {
    using Type = pb::FieldDescriptor;
    switch (from.cpp_type()) {
      case Type::CPPTYPE_INT32:
        out->default_value = static_cast<uint32_t>(from.default_value_int32());
        break;
      case Type::CPPTYPE_INT64:
        out->default_value = static_cast<uint64_t>(from.default_value_int64());
        break;
      case Type::CPPTYPE_UINT32: out->default_value = from.default_value_uint32(); break;
      case Type::CPPTYPE_UINT64: out->default_value = from.default_value_uint64(); break;
      case Type::CPPTYPE_DOUBLE:
        out->default_value = BitsOf(from.default_value_double());
        break;
      case Type::CPPTYPE_FLOAT:
        out->default_value = BitsOf(from.default_value_float());
        break;
      case Type::CPPTYPE_BOOL: out->default_value = from.default_value_bool(); break;
      case Type::CPPTYPE_ENUM:
        out->default_value = static_cast<uint32_t>(from.default_value_enum()->number());
        break;
      case Type::CPPTYPE_STRING: out->default_text = from.default_value_string(); break;
      case Type::CPPTYPE_MESSAGE: break;
    }
  }

  const arrow::TimeUnit::type unit_;
  const std::string& path_;
  std::vector<const pb::Descriptor*> open_;
  std::unordered_map<const pb::Descriptor*, std::shared_ptr<const MessageType>> messages_;
  std::unordered_map<const pb::EnumDescriptor*, std::shared_ptr<const EnumType>> enums_;
};

// Messages that stand alone in the files that were compiled, not in what they import.
std::vector<std::string> TopMessages(const pb::FileDescriptorSet& set) {
  std::vector<std::string> out;
  for (const pb::FileDescriptorProto& file : set.file()) {
    const bool imported = std::any_of(
        set.file().begin(), set.file().end(), [&](const pb::FileDescriptorProto& other) {
          return std::find(other.dependency().begin(), other.dependency().end(),
                           file.name()) != other.dependency().end();
        });
    if (imported) continue;
    for (const pb::DescriptorProto& message : file.message_type()) {
      out.push_back(file.package().empty() ? message.name()
                                           : file.package() + "." + message.name());
    }
  }
  return out;
}

}  // namespace

std::shared_ptr<arrow::DataType> ColumnType(const Field& field) {
  if (field.repetition != Repetition::kRepeated) return field.type;
  return arrow::list(arrow::field("item", field.type, /*nullable=*/false));
}

std::shared_ptr<arrow::Schema> ColumnsOf(const MessageType& message) {
  arrow::FieldVector fields;
  for (const Field& field : message.fields) {
    fields.push_back(arrow::field(field.name, ColumnType(field), field.nullable));
  }
  return arrow::schema(std::move(fields));
}

Result<std::shared_ptr<const MessageType>> ParseDescriptor(std::string_view bytes,
                                                           const std::string& name,
                                                           bool nanos,
                                                           const std::string& path) {
  pb::FileDescriptorSet set;
  // Partial: for what is missing the library would print a message.
  if (bytes.size() > INT32_MAX ||
      !set.ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      set.file_size() == 0) {
    return errors::kProtobufDescriptor.Make({.file = path}, "it is no FileDescriptorSet");
  }
  pb::DescriptorPool pool;
  for (const pb::FileDescriptorProto& file : set.file()) {
    FirstError error;
    if (!file.IsInitialized() ||
        pool.BuildFileCollectingErrors(file, &error) == nullptr) {
      return errors::kProtobufDescriptor.Make({.file = path}, "{}: {}", file.name(),
                                              error.text);
    }
  }
  std::string wanted = name;
  if (wanted.empty()) {
    const std::vector<std::string> names = TopMessages(set);
    if (names.size() != 1) {
      return errors::kProtobufDescriptor.Make(
          {.file = path}, "option 'message' must name one of {}",
          fmt::join(names.begin(), names.begin() + std::min<long>(20, names.size()),
                    ", "));
    }
    wanted = names[0];
  }
  const pb::Descriptor* message = pool.FindMessageTypeByName(wanted);
  if (message == nullptr) {
    return errors::kProtobufDescriptor.Make({.file = path}, "it has no message '{}'",
                                            wanted);
  }
  return Converter(nanos, path).Message(*message);
}

}  // namespace millrace::formats::protobuf_format
