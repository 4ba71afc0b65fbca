// Any bytes as a file of Protobuf messages: no crash, valid columns, errors with numbers,
// and the same rows however it is cut. The first two bytes say how.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "fuzz/file_fuzz.h"

namespace millrace::fuzz {
namespace {

// message M { string s = 1; repeated int32 n = 2; N m = 3; map<string, N> p = 4;
//             oneof o { int64 i = 5; N k = 6; } repeated sint64 z = 7; }
// message N { double d = 1; repeated bytes b = 2; E e = 3; repeated fixed32 f = 4; }
// enum E { A = 0; B = 5; }
// As protoc writes it, by hand.
std::string Bytes(int number, const std::string& value) {
  return std::string(1, static_cast<char>(number << 3 | 2)) +
         static_cast<char>(value.size()) + value;
}
std::string Number(int number, int value) {
  return std::string(1, static_cast<char>(number << 3)) + static_cast<char>(value);
}
std::string FieldOf(const std::string& name, int number, int label, int type,
                    const std::string& type_name = "", const std::string& more = "") {
  return Bytes(2, Bytes(1, name) + Number(3, number) + Number(4, label) +
                      Number(5, type) + (type_name.empty() ? "" : Bytes(6, type_name)) +
                      more);
}

std::string Descriptor() {
  const std::string entry =
      Bytes(3, Bytes(1, "PEntry") + FieldOf("key", 1, 1, 9) +
                   FieldOf("value", 2, 1, 11, ".N") + Bytes(7, Number(7, 1)));
  const std::string m = Bytes(1, "M") + FieldOf("s", 1, 1, 9) + FieldOf("n", 2, 3, 5) +
                        FieldOf("m", 3, 1, 11, ".N") +
                        FieldOf("p", 4, 3, 11, ".M.PEntry") +
                        FieldOf("i", 5, 1, 3, "", Number(9, 0)) +
                        FieldOf("k", 6, 1, 11, ".N", Number(9, 0)) +
                        FieldOf("z", 7, 3, 18) + entry + Bytes(8, Bytes(1, "o"));
  const std::string n = Bytes(1, "N") + FieldOf("d", 1, 1, 1) + FieldOf("b", 2, 3, 12) +
                        FieldOf("e", 3, 1, 14, ".E") + FieldOf("f", 4, 3, 7);
  const std::string e = Bytes(1, "E") + Bytes(2, Bytes(1, "A") + Number(2, 0)) +
                        Bytes(2, Bytes(1, "B") + Number(2, 5));
  std::string file = Bytes(1, "f");
  for (const std::string& message : {m, n}) {
    // Longer than what one byte can count.
    file += std::string("\x22") + static_cast<char>(0x80 | (message.size() & 0x7F)) +
            static_cast<char>(message.size() >> 7) + message;
  }
  file += Bytes(5, e) + Bytes(12, "proto3");
  return std::string("\x0a") + static_cast<char>(0x80 | (file.size() & 0x7F)) +
         static_cast<char>(file.size() >> 7) + file;
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;        // NOLINT
  using namespace millrace::fuzz;  // NOLINT
  static const Subject messages = [] {
    const auto path = std::filesystem::temp_directory_path() /
                      ("protobuf_fuzz." + std::to_string(getpid()));
    std::ofstream(path, std::ios::binary) << Descriptor();
    return Subject{formats::MakeProtobufFormat(),
                   {{"descriptor", path.string()}, {"message", "M"}}};
  }();
  if (size < 2) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto dead = data::BadRowPolicy::kDeadLetter;
  const Outcome whole = Read(messages, bytes, {.bad_rows = dead});
  // The descriptor itself is sound.
  if (ErrorNumber(whole.status) == 2902) Fail(whole.status.ToString());
  if (whole.rows > messages.most_compared) return 0;
  const Budget small{.rows = 1 + data[0] % 16, .bytes = 1 + data[1]};
  for (const Way& way : {Way{.bad_rows = dead, .budget = small},
                         Way{.bad_rows = dead, .range_bytes = 1 + data[0]},
                         Way{.bad_rows = dead, .budget = small, .resume = true}}) {
    CheckSame(whole, Read(messages, bytes, way));
  }
  return 0;
}
