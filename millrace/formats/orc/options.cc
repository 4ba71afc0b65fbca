#include <arrow/util/compression.h>

#include "millrace/formats/orc/orc_internal.h"

namespace millrace::formats::orc_format {

namespace {

constexpr int64_t kMostStripeBytes = int64_t{1} << 30;

// The share of distinct values up to which text gets a dictionary.
double DictionaryThreshold(const std::string& choice) {
  return choice == "always" ? 1.0 : choice == "never" ? 0.0 : 0.5;
}

}  // namespace

const ConfigSpec& ReadSpec() {
  static const ConfigSpec spec;
  return spec;
}

const ConfigSpec& WriteSpec() {
  static const ConfigSpec spec({
      {.name = "compression",
       .type = OptionType::kEnum,
       .default_value = "snappy",
       .choices = {"none", "snappy", "zlib", "zstd", "lz4"},
       .doc = "Codec of the streams and of the footer."},
      {.name = "stripe_rows",
       .type = OptionType::kInt,
       .default_value = "122880",
       .doc =
           "Most rows in one stripe. Up to 262144, a stripe also ends where a split of "
           "the input does."},
      {.name = "stripe_bytes",
       .type = OptionType::kBytes,
       .default_value = "64MiB",
       .doc = "A stripe ends at about this many encoded bytes, too; within 1 KiB and "
              "1 GiB."},
      {.name = "dictionary",
       .type = OptionType::kEnum,
       .default_value = "auto",
       .choices = {"auto", "always", "never"},
       .doc = "Dictionary-encode text: where at most half of a stripe's first values are "
              "distinct, always, or never."},
  });
  return spec;
}

Result<arrow::adapters::orc::WriteOptions> WriteOptionsFor(const Config& options) {
  if (options.GetInt("stripe_rows") < 1) {
    return errors::kBadOption.Make({}, "orc: option 'stripe_rows': {} is less than 1",
                                   options.GetInt("stripe_rows"));
  }
  arrow::adapters::orc::WriteOptions out;
  out.stripe_size = options.GetInt("stripe_bytes");
  if (out.stripe_size < 1024 || out.stripe_size > kMostStripeBytes) {
    return errors::kBadOption.Make(
        {}, "orc: option 'stripe_bytes': {} is not within 1 KiB and 1 GiB",
        out.stripe_size);
  }
  const std::string& codec = options.GetString("compression");
  out.compression = codec == "none"     ? arrow::Compression::UNCOMPRESSED
                    : codec == "snappy" ? arrow::Compression::SNAPPY
                    : codec == "zlib"   ? arrow::Compression::GZIP
                    : codec == "zstd"   ? arrow::Compression::ZSTD
                                        : arrow::Compression::LZ4;
  out.dictionary_key_size_threshold =
      DictionaryThreshold(options.GetString("dictionary"));
  return out;
}

}  // namespace millrace::formats::orc_format
