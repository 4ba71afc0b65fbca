// json_micro: parsing and formatting of NDJSON in memory. See text_micro.h.
#include "benchmarks/text_micro.h"

namespace {

std::string Generate(int64_t rows) {
  std::string out;
  out.reserve(static_cast<size_t>(rows) * 160);
  millrace::micro::AppendUsers(rows, &out, [](auto to, const millrace::micro::User& u) {
    fmt::format_to(to,
                   R"({{"id":{},"name":"User_{}","email":"user{}@example.com","age":{},)"
                   R"("department":"{}","salary":{}.{:02},)"
                   R"("created_at":"2024-{:02}-{:02} {:02}:{:02}:{:02}"}})"
                   "\n",
                   u.id, u.id, u.id, u.age, u.department, u.salary, u.cents, u.month,
                   u.day, u.hour, u.minute, u.second);
  });
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  return millrace::micro::Main(argc, argv, millrace::formats::MakeJsonFormat(), Generate);
}
