// Numbered errors of files and file systems.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kFileNotFound{
    2001, arrow::StatusCode::IOError, false, "no such file",
    "check the path; a glob must match at least one file"};
inline constexpr ErrorSpec kFileUnreadable{2002, arrow::StatusCode::IOError, false,
                                           "file can't be read",
                                           "check permissions and that it is a file"};
inline constexpr ErrorSpec kFileUnwritable{
    2003, arrow::StatusCode::IOError, false, "destination can't be written",
    "check permissions and that the folder exists"};
inline constexpr ErrorSpec kDiskFull{
    2004, arrow::StatusCode::IOError, true, "no space left on the device",
    "free some space and run it again; nothing partial was published"};
inline constexpr ErrorSpec kFileIo{2005, arrow::StatusCode::IOError, true,
                                   "input or output failed",
                                   "see the system's own message"};

inline constexpr ErrorSpec kReaderGone{
    2006, arrow::StatusCode::IOError, false, "nobody reads this output any more",
    "nothing is wrong where the reader wanted no more, as head does"};

inline constexpr const ErrorSpec* kIoErrors[] = {&kFileNotFound,   &kFileUnreadable,
                                                 &kFileUnwritable, &kDiskFull,
                                                 &kFileIo,         &kReaderGone};

}  // namespace millrace::errors
