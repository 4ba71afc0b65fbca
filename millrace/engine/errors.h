// Numbered errors of the engine.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kNameTaken{1020, arrow::StatusCode::AlreadyExists, false,
                                      "name is taken already",
                                      "choose another, or say CREATE OR REPLACE"};
inline constexpr ErrorSpec kNoSuchName{1021, arrow::StatusCode::KeyError, false,
                                       "no such name",
                                       "see SHOW TABLES for what there is"};
inline constexpr ErrorSpec kUnknownScheme{1022, arrow::StatusCode::Invalid, false,
                                          "no connector owns this kind of address",
                                          "see `millrace connectors`"};
inline constexpr ErrorSpec kNoSchema{1023, arrow::StatusCode::Invalid, false,
                                     "the table has no columns to read",
                                     "declare its columns"};
inline constexpr ErrorSpec kUnsupportedMode{
    1024, arrow::StatusCode::Invalid, false,
    "the destination can't be written in this way", "see `millrace connectors NAME`"};

inline constexpr ErrorSpec kBadVariable{
    1025, arrow::StatusCode::Invalid, false, "variable can't be replaced",
    "set it with --set name=value or in the environment, or write ${name:-default}"};

inline constexpr ErrorSpec kNotASelect{1026, arrow::StatusCode::Invalid, false,
                                       "only a SELECT can stand here",
                                       "put other statements into a script"};
inline constexpr ErrorSpec kNotDeadLetters{
    1027, arrow::StatusCode::AlreadyExists, false,
    "the file for dead letters holds something else", "name another with dead_letters"};
inline constexpr ErrorSpec kPipelineSyntax{1030, arrow::StatusCode::Invalid, false,
                                           "pipeline file is no YAML",
                                           "mend the line that is named"};
inline constexpr ErrorSpec kPipelineKey{
    1031, arrow::StatusCode::Invalid, false,
    "pipeline file has a key that can't be there",
    "api/pipeline.schema.json describes pipeline files"};
inline constexpr ErrorSpec kPipelineValue{
    1032, arrow::StatusCode::Invalid, false,
    "pipeline file has a value that can't be there",
    "api/pipeline.schema.json describes pipeline files"};
inline constexpr ErrorSpec kPipelineMissing{1033, arrow::StatusCode::Invalid, false,
                                            "pipeline file lacks a key", "add it"};

inline constexpr ErrorSpec kNoSuchColumn{1034, arrow::StatusCode::KeyError, false,
                                         "the source has no such column",
                                         "name its columns, or declare all of them"};

inline constexpr ErrorSpec kNeverReached{
    1035, arrow::StatusCode::Invalid, false,
    "what follows a statement whose input has no end would never run",
    "put each such statement into a script of its own, and run them by `millrace "
    "serve`"};

inline constexpr ErrorSpec kTooManyDeadLetters{
    2510, arrow::StatusCode::Invalid, false, "too many rows had to be set aside",
    "mend the source, or raise max_dead_letters"};
inline constexpr ErrorSpec kNotADeadLetter{
    2511, arrow::StatusCode::Invalid, false, "a line is no dead letter",
    "give a file that dead letters were written to"};
inline constexpr ErrorSpec kCannotReplay{
    2512, arrow::StatusCode::Invalid, false, "these dead letters can't be replayed",
    "see `millrace dead-letters replay --help` for what it takes"};

inline constexpr ErrorSpec kLettersTaken{
    2513, arrow::StatusCode::IOError, true,
    "somebody else works with this file of dead letters",
    "wait for the replay, or stop the pipeline; pipelines that run at the same time need "
    "a file each"};

inline constexpr ErrorSpec kNoSuchLetter{2514, arrow::StatusCode::KeyError, false,
                                         "there is no such dead letter",
                                         "see `millrace dead-letters list FILE`"};

inline constexpr ErrorSpec kStatementsFailed{
    2515, arrow::StatusCode::Invalid, false, "statements of the script failed",
    "each was reported; what the others have written stays"};

inline constexpr ErrorSpec kReadsItself{
    2516, arrow::StatusCode::Invalid, false, "the pipeline would read what it writes",
    "write to a folder that is not watched, or to one whose name begins with '_'"};

inline constexpr const ErrorSpec* kEngineErrors[] = {
    &kNameTaken,       &kNoSuchName,   &kUnknownScheme,      &kNoSchema,
    &kUnsupportedMode, &kBadVariable,  &kNotASelect,         &kNotDeadLetters,
    &kPipelineSyntax,  &kPipelineKey,  &kPipelineValue,      &kPipelineMissing,
    &kNoSuchColumn,    &kNeverReached, &kTooManyDeadLetters, &kNotADeadLetter,
    &kCannotReplay,    &kLettersTaken, &kNoSuchLetter,       &kStatementsFailed,
    &kReadsItself};

}  // namespace millrace::errors
