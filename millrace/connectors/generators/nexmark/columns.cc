#include "millrace/connectors/generators/nexmark/columns.h"

#include <string>
#include <string_view>

#include <arrow/builder.h>
#include <fmt/format.h>

#include "millrace/connectors/generators/arrays.h"

namespace millrace::generators::nexmark {

namespace {

using arrow::Array;
using ArrayResult = Result<std::shared_ptr<Array>>;

constexpr std::string_view kFirstNames[] = {"Peter", "Paul",   "Luke",  "John",
                                            "Saul",  "Vicky",  "Kate",  "Julie",
                                            "Sarah", "Deiter", "Walter"};
constexpr std::string_view kLastNames[] = {"Shultz", "Abrams",  "Spencer",
                                           "White",  "Bartels", "Walton",
                                           "Smith",  "Jones",   "Noris"};
constexpr std::string_view kCities[] = {
    "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
    "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
constexpr std::string_view kStates[] = {"AZ", "CA", "ID", "OR", "WA", "WY"};
constexpr std::string_view kHotChannels[] = {"Google", "Facebook", "Baidu", "Apple"};
constexpr int64_t kHot = std::ssize(kHotChannels);
constexpr int64_t kOtherChannels = 10'000;

// Mean sizes of rows, and what their numbers take of that.
constexpr int64_t kPersonBytes = 200, kAuctionBytes = 500, kBidBytes = 100;
constexpr int64_t kNumberBytes = 8;
constexpr int64_t kEmailUser = 7, kEmailHost = 5;
constexpr std::string_view kEmailEnd = ".com";
constexpr int64_t kEmailBytes = kEmailUser + 1 + kEmailHost + std::ssize(kEmailEnd);
constexpr int64_t kCardGroups = 4, kCardBytes = kCardGroups * 5 - 1;
// Lengths of texts are uniform from kShortest to less than these.
constexpr int64_t kShortest = 3, kItemName = 20, kDescription = 100;

int64_t Rows(const Making& making) { return std::ssize(making.events); }

// A column of whole numbers.
template <typename Value>
ArrayResult Numbers(const Making& making, const Value& value) {
  return FixedArray<int64_t>(arrow::int64(), Rows(making), making.pool, [&](int64_t i) {
    return value(making.events[static_cast<size_t>(i)]);
  });
}

// A column of one of a few texts.
template <typename Index>
ArrayResult Chosen(const Making& making, const std::shared_ptr<arrow::StringArray>& of,
                   const Index& index) {
  return ChosenText(of, Rows(making), making.pool, [&](int64_t i) {
    return static_cast<int32_t>(index(making.events[static_cast<size_t>(i)]));
  });
}

// A column of letters, as many as `size` says.
template <typename Size>
ArrayResult LettersOf(const Making& making, Chance chance, const Size& size) {
  const Draws keys(making.rules.seed, static_cast<uint64_t>(chance));
  return TextArray(
      Rows(making), making.pool,
      [&](int64_t i) { return size(making.events[static_cast<size_t>(i)]); },
      [&](int64_t i, int64_t bytes, char* out) {
        FillLetters(keys.At(making.events[static_cast<size_t>(i)]), bytes, out);
      });
}

int64_t TextSize(const Rules& rules, Chance chance, int64_t m, int64_t below) {
  return kShortest + Below(rules.Draw(chance, m), below - kShortest);
}
int64_t CityOf(const Rules& rules, int64_t m) {
  return Below(rules.Draw(Chance::kCity, m), std::ssize(kCities));
}
int64_t NameOf(const Rules& rules, int64_t m) {
  return Below(rules.Draw(Chance::kPersonName, m),
               std::ssize(kFirstNames) * std::ssize(kLastNames));
}
int64_t ChannelOf(const Rules& rules, int64_t m) {
  const uint64_t bits = rules.Draw(Chance::kBidChannel, m);
  return (bits & 1) != 0 ? Below(bits, kHot) : kHot + Below(bits, kOtherChannels);
}

ArrayResult Email(const Making& making) {
  const Draws keys(making.rules.seed, static_cast<uint64_t>(Chance::kEmail));
  return TextArray(
      Rows(making), making.pool, [](int64_t) { return kEmailBytes; },
      [&](int64_t i, int64_t, char* out) {
        const Draws draws(keys.At(making.events[static_cast<size_t>(i)]));
        const uint64_t user = Letters(draws.At(0)), host = Letters(draws.At(1));
        memcpy(out, &user, kEmailUser);
        out[kEmailUser] = '@';
        memcpy(out + kEmailUser + 1, &host, kEmailHost);
        memcpy(out + kEmailBytes - kEmailEnd.size(), kEmailEnd.data(), kEmailEnd.size());
      });
}

// Four groups of four digits.
ArrayResult CreditCard(const Making& making) {
  return TextArray(
      Rows(making), making.pool, [](int64_t) { return kCardBytes; },
      [&](int64_t i, int64_t, char* out) {
        int64_t number = Below(
            making.rules.Draw(Chance::kCreditCard, making.events[static_cast<size_t>(i)]),
            10'000'000'000'000'000);
        for (int64_t at = kCardBytes - 1; at >= 0; --at) {
          out[at] = at % 5 == 4 ? ' ' : static_cast<char>('0' + number % 10);
          if (at % 5 != 4) number /= 10;
        }
      });
}

std::vector<Column> PersonColumns() {
  const auto number = arrow::int64();
  const auto text = arrow::utf8();
  return {{"id", number,
           [](const Making& making) {
             return Numbers(making,
                            [](int64_t m) { return kFirstId + Rules::LastPerson(m); });
           }},
          {"name", text,
           [](const Making& making) {
             return Chosen(making, making.words.names,
                           [&](int64_t m) { return NameOf(making.rules, m); });
           }},
          {"emailAddress", text, Email},
          {"creditCard", text, CreditCard},
          {"city", text,
           [](const Making& making) {
             return Chosen(making, making.words.cities,
                           [&](int64_t m) { return CityOf(making.rules, m); });
           }},
          {"state", text,
           [](const Making& making) {
             return Chosen(making, making.words.states, [&](int64_t m) {
               return Below(making.rules.Draw(Chance::kState, m), std::ssize(kStates));
             });
           }},
          {"extra", text, [](const Making& making) {
             return LettersOf(making, Chance::kPersonExtra, [&](int64_t m) {
               const Rules& rules = making.rules;
               const int64_t used = kNumberBytes +
                                    making.words.names->value_length(NameOf(rules, m)) +
                                    kEmailBytes + kCardBytes +
                                    making.words.cities->value_length(CityOf(rules, m)) +
                                    std::ssize(kStates[0]);
               return rules.ExtraSize(Chance::kPersonExtraSize, m, used, kPersonBytes);
             });
           }}};
}

std::vector<Column> AuctionColumns() {
  const auto number = arrow::int64();
  const auto text = arrow::utf8();
  return {
      {"id", number,
       [](const Making& making) {
         return Numbers(making,
                        [](int64_t m) { return kFirstId + Rules::LastAuction(m); });
       }},
      {"itemName", text,
       [](const Making& making) {
         return LettersOf(making, Chance::kItemName, [&](int64_t m) {
           return TextSize(making.rules, Chance::kItemNameSize, m, kItemName);
         });
       }},
      {"description", text,
       [](const Making& making) {
         return LettersOf(making, Chance::kDescription, [&](int64_t m) {
           return TextSize(making.rules, Chance::kDescriptionSize, m, kDescription);
         });
       }},
      {"initialBid", number,
       [](const Making& making) {
         return Numbers(making, [&](int64_t m) {
           return making.rules.Price(Chance::kInitialBid, m);
         });
       }},
      {"reserve", number,
       [](const Making& making) {
         return Numbers(making, [&](int64_t m) {
           return making.rules.Price(Chance::kInitialBid, m) +
                  making.rules.Price(Chance::kReserve, m);
         });
       }},
      {"expires", arrow::timestamp(arrow::TimeUnit::MICRO),
       [](const Making& making) {
         return FixedArray<int64_t>(
             arrow::timestamp(arrow::TimeUnit::MICRO), Rows(making), making.pool,
             [&](int64_t i) {
               return making.rules.ExpiresMillis(making.events[static_cast<size_t>(i)]) *
                      1000;
             });
       }},
      {"seller", number,
       [](const Making& making) {
         return Numbers(making, [&](int64_t m) { return making.rules.Seller(m); });
       }},
      {"category", number,
       [](const Making& making) {
         return Numbers(making, [&](int64_t m) { return making.rules.Category(m); });
       }},
      {"extra", text, [](const Making& making) {
         return LettersOf(making, Chance::kAuctionExtra, [&](int64_t m) {
           const Rules& rules = making.rules;
           const int64_t used =
               6 * kNumberBytes + TextSize(rules, Chance::kItemNameSize, m, kItemName) +
               TextSize(rules, Chance::kDescriptionSize, m, kDescription);
           return rules.ExtraSize(Chance::kAuctionExtraSize, m, used, kAuctionBytes);
         });
       }}};
}

std::vector<Column> BidColumns() {
  const auto number = arrow::int64();
  const auto text = arrow::utf8();
  return {
      {"auction", number,
       [](const Making& making) {
         return Numbers(making, [&](int64_t m) { return making.rules.BidAuction(m); });
       }},
      {"bidder", number,
       [](const Making& making) {
         return Numbers(making, [&](int64_t m) { return making.rules.BidBidder(m); });
       }},
      {"price", number,
       [](const Making& making) {
         return Numbers(
             making, [&](int64_t m) { return making.rules.Price(Chance::kBidPrice, m); });
       }},
      {"channel", text,
       [](const Making& making) {
         return Chosen(making, making.words.channels,
                       [&](int64_t m) { return ChannelOf(making.rules, m); });
       }},
      {"url", text,
       [](const Making& making) {
         return Chosen(making, making.words.urls,
                       [&](int64_t m) { return ChannelOf(making.rules, m); });
       }},
      {"extra", text, [](const Making& making) {
         return LettersOf(making, Chance::kBidExtra, [&](int64_t m) {
           return making.rules.ExtraSize(Chance::kBidExtraSize, m, 4 * kNumberBytes,
                                         kBidBytes);
         });
       }}};
}

Result<std::shared_ptr<arrow::StringArray>> Texts(const std::vector<std::string>& texts,
                                                  arrow::MemoryPool* pool) {
  arrow::StringBuilder builder(pool);
  ARROW_RETURN_NOT_OK(builder.AppendValues(texts));
  std::shared_ptr<arrow::StringArray> out;
  ARROW_RETURN_NOT_OK(builder.Finish(&out));
  return out;
}

// Three folders of five letters; nine of ten channels that are not hot name themselves.
std::string UrlOf(const Rules& rules, int64_t channel) {
  char letters[16];
  FillLetters(rules.Draw(Chance::kUrl, channel), 15, letters);
  const std::string_view all(letters, 15);
  std::string url = fmt::format("https://www.nexmark.com/{}/{}/{}/item.htm?query=1",
                                all.substr(0, 5), all.substr(5, 5), all.substr(10, 5));
  if (channel >= kHot && Below(rules.Draw(Chance::kUrlHasChannel, channel), 10) < 9) {
    url += fmt::format("&channel_id={}", channel - kHot);
  }
  return url;
}

}  // namespace

Result<std::shared_ptr<const Words>> MakeWords(const Rules& rules,
                                               arrow::MemoryPool* pool) {
  auto words = std::make_shared<Words>();
  std::vector<std::string> names, channels, urls;
  for (const auto first : kFirstNames) {
    for (const auto last : kLastNames) names.push_back(fmt::format("{} {}", first, last));
  }
  for (int64_t i = 0; i < kHot + kOtherChannels; ++i) {
    channels.push_back(i < kHot ? std::string(kHotChannels[i])
                                : fmt::format("channel-{}", i - kHot));
    urls.push_back(UrlOf(rules, i));
  }
  ARROW_ASSIGN_OR_RAISE(words->names, Texts(names, pool));
  ARROW_ASSIGN_OR_RAISE(words->cities,
                        Texts({std::begin(kCities), std::end(kCities)}, pool));
  ARROW_ASSIGN_OR_RAISE(words->states,
                        Texts({std::begin(kStates), std::end(kStates)}, pool));
  ARROW_ASSIGN_OR_RAISE(words->channels, Texts(channels, pool));
  ARROW_ASSIGN_OR_RAISE(words->urls, Texts(urls, pool));
  return words;
}

const std::vector<Column>& ColumnsOf(Kind kind) {
  static const std::vector<Column> persons = PersonColumns();
  static const std::vector<Column> auctions = AuctionColumns();
  static const std::vector<Column> bids = BidColumns();
  switch (kind) {
    case Kind::kPerson: return persons;
    case Kind::kAuction: return auctions;
    case Kind::kBid: break;
  }
  return bids;
}

ArrayResult TimeColumn(const Making& making,
                       const std::shared_ptr<arrow::DataType>& type) {
  return FixedArray<int64_t>(type, Rows(making), making.pool, [&](int64_t i) {
    return making.rules.Millis(making.events[static_cast<size_t>(i)]) * 1000;
  });
}

}  // namespace millrace::generators::nexmark
