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

// 2010 to 2039: requests over the network and object stores.
inline constexpr ErrorSpec kNetwork{
    2010, arrow::StatusCode::IOError, true, "the server can't be reached",
    "check the address, the network and the proxy; requests were repeated before this"};
inline constexpr ErrorSpec kNetworkStalled{
    2011, arrow::StatusCode::IOError, true, "the server does not answer in time",
    "run it again when the network or the server is better"};
inline constexpr ErrorSpec kNotTrusted{
    2012, arrow::StatusCode::IOError, false, "the server's certificate is not trusted",
    "set ca_file to the file with the certificate of its authority"};
inline constexpr ErrorSpec kServerBusy{
    2013, arrow::StatusCode::IOError, true, "the server is busy or fails",
    "run it again later; requests were repeated before this"};
inline constexpr ErrorSpec kRequestRefused{2014, arrow::StatusCode::IOError, false,
                                           "the server refuses the request",
                                           "see the server's own message"};
inline constexpr ErrorSpec kAccessDenied{
    2015, arrow::StatusCode::IOError, false, "access is denied",
    "ask for the permission, or give credentials that have it: access_key_id and "
    "secret_access_key, profile or role_arn"};
inline constexpr ErrorSpec kNoCredentials{
    2016, arrow::StatusCode::IOError, false, "no credentials were found",
    "set access_key_id and secret_access_key, profile, the variables AWS_…, or "
    "anonymous for what is public"};
inline constexpr ErrorSpec kBadCredentials{
    2017, arrow::StatusCode::IOError, false, "the credentials are not valid",
    "check access_key_id, secret_access_key and session_token, where they come from, "
    "and the machine's clock"};
inline constexpr ErrorSpec kObjectChanged{
    2018, arrow::StatusCode::IOError, true, "the object was replaced while it was read",
    "run it again; write new objects under new names where others read them"};
inline constexpr ErrorSpec kNoSuchBucket{2019, arrow::StatusCode::IOError, false,
                                         "no such bucket",
                                         "check its name, the endpoint and the account"};
inline constexpr ErrorSpec kUnknownAnswer{
    2020, arrow::StatusCode::IOError, false, "the server's answer can't be understood",
    "check that the endpoint is an object store of this kind"};
inline constexpr ErrorSpec kAnswerTooLarge{
    2021, arrow::StatusCode::IOError, false, "the server's answer is too large",
    "check that the endpoint is an object store of this kind"};
inline constexpr ErrorSpec kReadOnlyFiles{2022, arrow::StatusCode::NotImplemented, false,
                                          "files of this kind are read only",
                                          "write to a local file, and copy it"};
inline constexpr ErrorSpec kBadAddress{2023, arrow::StatusCode::Invalid, false,
                                       "this is no address of a file",
                                       "write s3://bucket/key, or https://host/path"};
inline constexpr ErrorSpec kWrongRegion{2024, arrow::StatusCode::IOError, false,
                                        "the bucket is in another region",
                                        "set region to the bucket's own"};
inline constexpr ErrorSpec kNotAsExpected{
    2025, arrow::StatusCode::IOError, false, "the object is not as it was expected",
    "somebody else wrote it meanwhile: look who, and run it again"};
inline constexpr ErrorSpec kNoRanges{
    2026, arrow::StatusCode::IOError, false,
    "the server gives files as a whole only, and does not tell their size",
    "copy the file first"};
inline constexpr ErrorSpec kNoSuchUpload{
    2027, arrow::StatusCode::IOError, false, "no such upload",
    "it was aborted or completed by somebody else: run it again"};
inline constexpr ErrorSpec kStoreOptions{
    2028, arrow::StatusCode::Invalid, false, "options of the object store don't fit",
    "see `millrace connectors files` for what they take"};

inline constexpr const ErrorSpec* kIoErrors[] = {
    &kFileNotFound,  &kFileUnreadable, &kFileUnwritable, &kDiskFull,
    &kFileIo,        &kReaderGone,     &kNetwork,        &kNetworkStalled,
    &kNotTrusted,    &kServerBusy,     &kRequestRefused, &kAccessDenied,
    &kNoCredentials, &kBadCredentials, &kObjectChanged,  &kNoSuchBucket,
    &kUnknownAnswer, &kAnswerTooLarge, &kReadOnlyFiles,  &kBadAddress,
    &kWrongRegion,   &kNotAsExpected,  &kNoRanges,       &kNoSuchUpload,
    &kStoreOptions};

}  // namespace millrace::errors
