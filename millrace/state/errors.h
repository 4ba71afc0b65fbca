// Errors of checkpoints and state: 4500–4549.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kPipelineTaken{
    4501, arrow::StatusCode::Invalid, true, "a pipeline of this name runs already",
    "stop that one, or give this pipeline a name of its own"};
inline constexpr ErrorSpec kManifestDamaged{
    4502, arrow::StatusCode::IOError, false, "a checkpoint's manifest is damaged",
    "see `millrace checkpoint list` for earlier ones, and start from one of them with "
    "-o start_from=EPOCH"};
inline constexpr ErrorSpec kStateDamaged{
    4503, arrow::StatusCode::IOError, false, "a state file of a checkpoint is damaged",
    "see `millrace checkpoint list` for earlier ones, and start from one of them with "
    "-o start_from=EPOCH"};
inline constexpr ErrorSpec kStateVersion{
    4504, arrow::StatusCode::Invalid, false,
    "the checkpoint was written by another version",
    "run the version that wrote it, or drop the checkpoint and begin again"};
inline constexpr ErrorSpec kStateRefused{
    4505, arrow::StatusCode::Invalid, false,
    "the checkpoint does not fit the pipeline as it is now",
    "put the query back as it was, or begin again: `millrace checkpoint drop`"};
inline constexpr ErrorSpec kNoCheckpoint{4506, arrow::StatusCode::KeyError, false,
                                         "there is no such checkpoint",
                                         "see `millrace checkpoint list`"};
inline constexpr ErrorSpec kStateFolder{
    4507, arrow::StatusCode::IOError, false, "the folder of checkpoints can't be used",
    "choose another with -o state_dir=FOLDER, or mend its permissions"};
inline constexpr ErrorSpec kGuaranteeMissed{
    4508, arrow::StatusCode::Invalid, false,
    "the guarantee that was asked for can't be given",
    "choose a sink that commits, let checkpoints be written, or ask for less with "
    "`guarantee`"};
inline constexpr ErrorSpec kNeedsName{
    4509, arrow::StatusCode::Invalid, false, "a pipeline with checkpoints needs a name",
    "add `name:` to the YAML file, SET name = '…' to the script, or -o name=NAME"};

inline constexpr ErrorSpec kStopped{4510, arrow::StatusCode::Cancelled, false,
                                    "stopped at a checkpoint",
                                    "run it again to go on from there"};

inline constexpr ErrorSpec kNoSuchState{
    4511, arrow::StatusCode::KeyError, false,
    "no pipeline of that name has left anything",
    "see `millrace checkpoint list`, and look for the right --state-dir; a pipeline that "
    "has read everything leaves nothing but its savepoints"};

inline constexpr ErrorSpec kSavepointTaken{
    4512, arrow::StatusCode::AlreadyExists, false, "there is a savepoint of that name",
    "take another name, or drop it: `millrace checkpoint drop PIPELINE SAVEPOINT`"};

inline constexpr ErrorSpec kNoConditions{
    4513, arrow::StatusCode::NotImplemented, false,
    "the object store can't keep checkpoints: it does not do conditional puts",
    "choose a store that does, or a folder of this machine, with -o state_dir=PLACE"};

inline constexpr ErrorSpec kHeadDamaged{
    4514, arrow::StatusCode::IOError, false,
    "the head of a pipeline's checkpoints is damaged",
    "put back an earlier version of that object, or delete all objects beside it to "
    "begin again"};

inline constexpr const ErrorSpec* kStateErrors[] = {
    &kPipelineTaken, &kManifestDamaged, &kStateDamaged,    &kStateVersion, &kStateRefused,
    &kNoCheckpoint,  &kStateFolder,     &kGuaranteeMissed, &kNeedsName,    &kStopped,
    &kNoSuchState,   &kSavepointTaken,  &kNoConditions,    &kHeadDamaged};

}  // namespace millrace::errors
