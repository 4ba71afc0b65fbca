// Numbered errors of the files connector.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kUnknownFormat{2401, arrow::StatusCode::Invalid, false,
                                          "format of the file is not known",
                                          "name it with the option 'format'"};
inline constexpr ErrorSpec kDestinationExists{
    2402, arrow::StatusCode::AlreadyExists, false, "destination exists already",
    "choose mode 'append' or 'overwrite', or another name"};
inline constexpr ErrorSpec kCannotAppend{
    2403, arrow::StatusCode::Invalid, false,
    "this format can't be appended to in one file",
    "append to a folder instead: every run adds files to it"};
inline constexpr ErrorSpec kSchemaDiffers{2404, arrow::StatusCode::Invalid, false,
                                          "a file has other columns than the first",
                                          "choose a schema_policy that accepts it, read "
                                          "the files separately, or declare a schema "
                                          "that fits all of them"};
inline constexpr ErrorSpec kNeedsSeekableFile{
    2405, arrow::StatusCode::Invalid, false, "this format can't be read from a pipe",
    "write the input to a file first, or use a format that streams"};
inline constexpr ErrorSpec kNeedsFormat{2406, arrow::StatusCode::Invalid, false,
                                        "a pipe has no name that tells its format",
                                        "name it with the option 'format'"};

inline constexpr ErrorSpec kForeignFiles{
    2407, arrow::StatusCode::Invalid, false,
    "the folder to overwrite holds a file that no run of Millrace wrote",
    "move the file away, choose another folder, or use mode 'append'"};
inline constexpr ErrorSpec kAppendUnderWay{
    2408, arrow::StatusCode::Invalid, true, "another run is appending to this file",
    "wait for its end; a folder takes several runs at a time"};
inline constexpr ErrorSpec kDestinationChanged{
    2409, arrow::StatusCode::Invalid, true,
    "the file changed while rows were being appended to it",
    "run it again; nothing was published, and what somebody else wrote is still there"};
inline constexpr ErrorSpec kMixedFormats{
    2410, arrow::StatusCode::Invalid, false, "the folder holds files of several formats",
    "name one with the option 'format', or give a glob"};

inline constexpr ErrorSpec kFileChanged{
    2411, arrow::StatusCode::Invalid, false,
    "a file has changed since the checkpoint that is to be continued from",
    "put the file back as it was, or drop the checkpoint and begin again"};

inline constexpr ErrorSpec kPartitionColumn{
    2412, arrow::StatusCode::Invalid, false, "files can't be partitioned by this column",
    "name columns of the rows in 'partition_by', divided by commas, and leave one out"};
inline constexpr ErrorSpec kPartitionsNeedFolder{
    2413, arrow::StatusCode::Invalid, false, "only a folder can have partitions",
    "name a folder, with a slash at the end"};
inline constexpr ErrorSpec kPieceMissing{
    2414, arrow::StatusCode::IOError, false,
    "a file that waits for its commit has disappeared",
    "don't touch the hidden files beside a destination while a pipeline runs; start it "
    "again: it goes on from its last checkpoint"};

inline constexpr ErrorSpec kNothingToInfer{
    2415, arrow::StatusCode::Invalid, true, "no file tells the columns yet",
    "declare the columns, or start when a file with a complete line is there"};
inline constexpr ErrorSpec kCannotWatch{
    2416, arrow::StatusCode::Invalid, false, "this path can't be watched",
    "a pipe is read as it comes: leave mode 'watch' out"};
inline constexpr ErrorSpec kBadFilesState{
    2417, arrow::StatusCode::Invalid, false,
    "a checkpoint does not say which files were read",
    "the checkpoint is damaged: drop it and begin again"};

inline constexpr ErrorSpec kPartitionFolders{
    2418, arrow::StatusCode::Invalid, false,
    "the folders of the files do not name the same columns",
    "leave files of other folders out, or set hive_partitioning to 'auto' or 'off'"};
inline constexpr ErrorSpec kPartitionValue{
    2419, arrow::StatusCode::Invalid, false,
    "a folder's name is no value of the declared column",
    "declare the column with another type, VARCHAR takes every name"};

inline constexpr ErrorSpec kFormatNotWatched{
    2420, arrow::StatusCode::Invalid, false, "files of this format can't be watched",
    "nobody can tell whether such a file is whole: watch csv, json or parquet, or copy "
    "the files when they are complete"};

inline constexpr ErrorSpec kStreamGone{
    2421, arrow::StatusCode::Invalid, false,
    "a pipe can't be continued from a checkpoint",
    "what it gave since then is lost: drop the checkpoint and begin again"};

inline constexpr ErrorSpec kPartitionTooLong{
    2422, arrow::StatusCode::Invalid, false, "a value is too long to name a folder",
    "partition by an expression, LEFT(column, 40) AS part, or by another column"};

inline constexpr ErrorSpec kObjectIsWhole{
    2423, arrow::StatusCode::Invalid, false, "one object can't grow",
    "name a folder, with a slash at the end: every run and every checkpoint adds objects "
    "to it"};

inline constexpr ErrorSpec kSortColumn{2424, arrow::StatusCode::Invalid, false,
                                       "files can't be sorted by this column",
                                       "name other columns in sort_by"};
inline constexpr ErrorSpec kNotInOrder{
    2425, arrow::StatusCode::Invalid, false,
    "a file that is written piece by piece can't be in order",
    "name a folder, with a slash at the end: each of its files is; or sort all rows by "
    "ORDER BY in a query"};

inline constexpr ErrorSpec kKeyReference{
    2427, arrow::StatusCode::Invalid, false, "a key can't be found",
    "name the variable or the file that holds it: env:NAME or file:PATH; keys themselves "
    "are not taken"};

inline constexpr const ErrorSpec* kFilesErrors[] = {
    &kUnknownFormat,        &kDestinationExists, &kCannotAppend,   &kSchemaDiffers,
    &kNeedsSeekableFile,    &kNeedsFormat,       &kForeignFiles,   &kAppendUnderWay,
    &kDestinationChanged,   &kMixedFormats,      &kFileChanged,    &kPartitionColumn,
    &kPartitionsNeedFolder, &kPieceMissing,      &kNothingToInfer, &kCannotWatch,
    &kBadFilesState,        &kPartitionFolders,  &kPartitionValue, &kFormatNotWatched,
    &kStreamGone,           &kPartitionTooLong,  &kObjectIsWhole,  &kSortColumn,
    &kNotInOrder,           &kKeyReference};

}  // namespace millrace::errors
