// Numbered errors of the server and its clients.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kNoServer{
    5100, arrow::StatusCode::IOError, true, "no server listens here",
    "start one with `millrace serve FOLDER`, or name its socket with --socket"};
inline constexpr ErrorSpec kServerRunning{
    5101, arrow::StatusCode::AlreadyExists, false, "another server listens here",
    "stop it, or give this one a socket of its own with --socket"};
inline constexpr ErrorSpec kSocketUnusable{
    5102, arrow::StatusCode::IOError, false, "the control socket can't be made",
    "look at the path and its permissions, or name another with --socket"};
inline constexpr ErrorSpec kNoSuchPipeline{5103, arrow::StatusCode::KeyError, false,
                                           "the server has no such pipeline",
                                           "see `millrace status`"};
inline constexpr ErrorSpec kAlreadyRunning{5104, arrow::StatusCode::AlreadyExists, false,
                                           "the pipeline runs already",
                                           "stop it first with `millrace stop`"};
inline constexpr ErrorSpec kNotRunning{5105, arrow::StatusCode::Invalid, false,
                                       "the pipeline does not run",
                                       "start it with `millrace start`"};
inline constexpr ErrorSpec kBadRequest{5106, arrow::StatusCode::Invalid, false,
                                       "the server can't understand the request",
                                       "use a client of the same version"};
inline constexpr ErrorSpec kBadAnswer{5107, arrow::StatusCode::IOError, true,
                                      "the server gave no answer that can be understood",
                                      "use a client of the same version"};
inline constexpr ErrorSpec kTooManyClients{5108, arrow::StatusCode::IOError, true,
                                           "the server has too many clients",
                                           "try again when others have gone"};
inline constexpr ErrorSpec kMakesNoCheckpoints{
    5109, arrow::StatusCode::Invalid, false, "the pipeline makes no checkpoints",
    "give it the setting checkpoints = 'on', or leave the savepoint out"};
inline constexpr ErrorSpec kPipelineTwice{5110, arrow::StatusCode::AlreadyExists, false,
                                          "two files of the folder have one name",
                                          "give one of them another name"};
inline constexpr ErrorSpec kNoPipelines{5111, arrow::StatusCode::IOError, false,
                                        "the folder of pipelines can't be read",
                                        "name a folder that holds .yaml or .sql files"};
inline constexpr ErrorSpec kRowsNowhere{
    5112, arrow::StatusCode::Invalid, false, "the rows of a SELECT have nowhere to go",
    "write INSERT INTO a sink; a server has no terminal"};
inline constexpr ErrorSpec kBadSavepointName{
    5113, arrow::StatusCode::Invalid, false, "a savepoint can't have this name",
    "use up to 100 letters, digits, '.', '_' and '-', not digits alone"};

inline constexpr const ErrorSpec* kServerErrors[] = {
    &kNoServer,       &kServerRunning,      &kSocketUnusable, &kNoSuchPipeline,
    &kAlreadyRunning, &kNotRunning,         &kBadRequest,     &kBadAnswer,
    &kTooManyClients, &kMakesNoCheckpoints, &kPipelineTwice,  &kNoPipelines,
    &kRowsNowhere,    &kBadSavepointName};

}  // namespace millrace::errors
