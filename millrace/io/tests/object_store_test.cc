#include "millrace/base/testing.h"
#include "millrace/io/errors.h"
#include "millrace/io/object_store/profile_files.h"
#include "millrace/io/object_store/s3_store.h"
#include "millrace/io/object_store/sigv4.h"
#include "millrace/io/object_store/xml.h"

namespace millrace::io {
namespace {

// The examples that AWS publishes for S3 ("Signature Calculations for the Authorization
// Header").
const Credentials kKeys{"AKIAIOSFODNN7EXAMPLE",
                        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
constexpr int64_t kMay24 = 1'369'353'600'000'000;
const char kEmpty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string SignatureOf(SignedRequest request) {
  request.headers.emplace_back("host", "examplebucket.s3.amazonaws.com");
  request.headers.emplace_back("x-amz-content-sha256", request.payload_hash);
  Sign(kKeys, {"us-east-1", "s3"}, kMay24, &request);
  const std::string text = request.headers.back().second;
  return text.substr(text.find("Signature=") + 10);
}

TEST(SigV4, GetObject) {
  EXPECT_EQ(SignatureOf({.method = "GET",
                         .path = "/test.txt",
                         .headers = {{"Range", "bytes=0-9"}},
                         .payload_hash = kEmpty}),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4, PutObject) {
  EXPECT_EQ(SignatureOf({.method = "PUT",
                         .path = "/test%24file.text",
                         .headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                         .payload_hash = Sha256Hex("Welcome to Amazon S3.")}),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4, QueryParameters) {
  EXPECT_EQ(SignatureOf({.method = "GET",
                         .path = "/",
                         .query = {{"lifecycle", ""}},
                         .payload_hash = kEmpty}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(SignatureOf({.method = "GET",
                         .path = "/",
                         .query = {{"prefix", "J"}, {"max-keys", "2"}},
                         .payload_hash = kEmpty}),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(Http, Addresses) {
  EXPECT_EQ(UrlEscaped("a b/+%é~", true), "a%20b/%2B%25%C3%A9~");
  EXPECT_EQ(UrlUnescaped("a+b%2Bc%2", true), "a b+c%2");
  EXPECT_EQ(UrlUnescaped("a+b%2bc", false), "a+b+c");
  EXPECT_EQ(ShownUrl("https://u:p@h/x?token=secret"), "https://h/x");
  EXPECT_EQ(ShownUrl("http://h/a@b"), "http://h/a@b");
}

TEST(Http, RetryAfter) {
  EXPECT_EQ(ParseRetryAfter("3", 0), 3'000'000'000);
  EXPECT_EQ(ParseRetryAfter("Thu, 01 Jan 1970 00:00:05 GMT", 2'000'000), 3'000'000'000);
  EXPECT_EQ(ParseRetryAfter("soon", 0), -1);
  EXPECT_EQ(ParseRetryAfter("-4", 0), -1);
}

TEST(Xml, ElementsAndText) {
  ASSERT_OK_AND_ASSIGN(
      const XmlElement root,
      ParseXml(
          "<?xml version=\"1.0\"?><a:R xmlns:a='u'><K>x &amp; &#65;</K><K>y</K></a:R>"));
  EXPECT_EQ(root.name, "R");
  ASSERT_EQ(root.children.size(), 2);
  EXPECT_EQ(root.TextOf("K"), "x & A");
  EXPECT_EQ(root.Child("Z"), nullptr);
  EXPECT_EQ(XmlEscaped("<&\"\n>"), "&lt;&amp;&quot;&#10;&gt;");
}

TEST(Xml, WhatIsNone) {
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "<a>";
  for (const std::string& text :
       {std::string(), std::string("<a>"), std::string("<a></b>"), std::string("{}"),
        deep, std::string("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>")}) {
    EXPECT_EQ(ErrorNumber(ParseXml(text).status()), errors::kUnknownAnswer.number)
        << text;
  }
}

TEST(Profiles, Sections) {
  const auto profiles = ParseProfiles(
      "[default]\naws_access_key_id = A\n# no\n[profile b]\nrole_arn=r # why\n"
      "s3 =\n  max = 3\nregion=x\n");
  EXPECT_EQ(profiles.at("default").at("aws_access_key_id"), "A");
  EXPECT_EQ(profiles.at("b").at("role_arn"), "r");
  EXPECT_EQ(profiles.at("b").at("region"), "x");
  EXPECT_FALSE(profiles.at("b").contains("max"));
}

TEST(S3, EtagOfParts) {
  // md5(md5("a") + md5("b")), by another program.
  EXPECT_EQ(UploadEtag({{1, "0cc175b9c0f1b6a831c399e269772661"},
                        {2, "92eb5ffee6ae2fec3ad71c777531578f"}}),
            "96e024ba2074fe77e8e965ba43a704be-2");
  EXPECT_EQ(UploadEtag({{1, "not an md5"}}), "");
}

TEST(S3, Times) {
  EXPECT_EQ(ParseIsoSeconds("1970-01-02T00:00:01.500Z"), 86'401'000'000);
  EXPECT_EQ(ParseIsoSeconds("yesterday"), 0);
}

}  // namespace
}  // namespace millrace::io
