// csv_micro: typed parsing and formatting of CSV in memory. See text_micro.h.
#include "benchmarks/text_micro.h"

namespace {

std::string Generate(int64_t rows) {
  std::string out = "id,name,email,age,department,salary,created_at\n";
  out.reserve(static_cast<size_t>(rows) * 96);
  millrace::micro::AppendUsers(rows, &out, [](auto to, const millrace::micro::User& u) {
    fmt::format_to(to,
                   "{},User_{},user{}@example.com,{},{},{}.{:02},"
                   "2024-{:02}-{:02} {:02}:{:02}:{:02}\n",
                   u.id, u.id, u.id, u.age, u.department, u.salary, u.cents, u.month,
                   u.day, u.hour, u.minute, u.second);
  });
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  return millrace::micro::Main(argc, argv, millrace::formats::MakeCsvFormat(), Generate);
}
