// What event number m of an online auction is, by the rules of the Nexmark benchmark.
//
// A person, three auctions and 46 bids make a round of 50 events. Here is everything that
// follows from the number alone or from one draw; columns.cc has the texts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "millrace/connectors/generators/draws.h"

namespace millrace::generators::nexmark {

enum class Kind : int8_t { kPerson = 0, kAuction = 1, kBid = 2 };

/// Sequences of draws: one for each thing that chance decides. Their numbers are part of
/// what a seed means.
enum class Chance : uint64_t {
  kBidAuction = 1,
  kBidBidder = 2,
  kBidPrice = 3,
  kBidChannel = 4,
  kBidExtra = 5,
  kBidExtraSize = 6,
  kItemName = 7,
  kItemNameSize = 8,
  kDescription = 9,
  kDescriptionSize = 10,
  kInitialBid = 11,
  kReserve = 12,
  kSeller = 13,
  kCategory = 14,
  kExpires = 15,
  kAuctionExtra = 16,
  kAuctionExtraSize = 17,
  kPersonName = 18,
  kEmail = 19,
  kCreditCard = 20,
  kCity = 21,
  kState = 22,
  kPersonExtra = 23,
  kPersonExtraSize = 24,
  kUrl = 25,
  kUrlHasChannel = 26,
};

inline constexpr int64_t kRound = 50;
inline constexpr int64_t kAuctionsOfRound = 3;
inline constexpr int64_t kFirstId = 1000;  ///< of persons and of auctions
inline constexpr int64_t kFirstCategory = 10;
inline constexpr int64_t kCategories = 5;
inline constexpr int64_t kHotEvery = 100;      ///< one of so many is hot
inline constexpr int64_t kOpenAuctions = 100;  ///< that get bids
inline constexpr int64_t kActivePeople = 1000;
inline constexpr int64_t kLead = 10;  ///< ids that are named before they come
inline constexpr int64_t kBaseMillis = 1'436'918'400'000;  ///< 2015-07-15 00:00 UTC
inline constexpr int64_t kDisorderFactor = 953;

struct Rules {
  uint64_t seed = 0;
  int64_t event_rate = 1;  ///< events a second of event time
  int64_t disorder = 1;    ///< size of the groups in which events change places

  uint64_t Draw(Chance chance, int64_t m) const {
    return Draws(seed, static_cast<uint64_t>(chance)).At(m);
  }

  /// The event that stands at place n of the stream.
  int64_t EventAt(int64_t n) const {
    if (disorder == 1) return n;
    const int64_t in_group = n % disorder;
    // The benchmark says 953 n mod g; n less its place in the group is a multiple of g.
    return n - in_group + in_group * kDisorderFactor % disorder;
  }
  static Kind KindOf(int64_t m) {
    const int64_t in_round = m % kRound;
    return in_round < 1                      ? Kind::kPerson
           : in_round < 1 + kAuctionsOfRound ? Kind::kAuction
                                             : Kind::kBid;
  }
  int64_t Millis(int64_t m) const {
    const int64_t micros =
        m / event_rate * 1'000'000 + m % event_rate * 1'000'000 / event_rate;
    return kBaseMillis + micros / 1000;
  }

  /// Counted from 0: the newest at that event.
  static int64_t LastPerson(int64_t m) { return m / kRound; }
  static int64_t LastAuction(int64_t m) {
    const int64_t in_round = std::min<int64_t>(m % kRound, kAuctionsOfRound) - 1;
    return m / kRound * kAuctionsOfRound + in_round;
  }

  int64_t BidAuction(int64_t m) const {
    const uint64_t bits = Draw(Chance::kBidAuction, m);
    const int64_t last = LastAuction(m);
    if ((bits & 1) != 0) return kFirstId + last / kHotEvery * kHotEvery;
    const int64_t first = std::max<int64_t>(last - kOpenAuctions, 0);
    return kFirstId + first + Below(bits, last - first + 1 + kLead);
  }
  int64_t BidBidder(int64_t m) const {
    const uint64_t bits = Draw(Chance::kBidBidder, m);
    if ((bits & 3) != 0) return kFirstId + LastPerson(m) / kHotEvery * kHotEvery + 1;
    return kFirstId + AnyPerson(bits, m);
  }
  int64_t Seller(int64_t m) const {
    const uint64_t bits = Draw(Chance::kSeller, m);
    if ((bits & 3) != 0) return kFirstId + LastPerson(m) / kHotEvery * kHotEvery;
    return kFirstId + AnyPerson(bits, m);
  }
  /// Log-uniform from 100 to 10^8.
  int64_t Price(Chance chance, int64_t m) const {
    return static_cast<int64_t>(
        std::floor(std::pow(10.0, Unit(Draw(chance, m)) * 6.0) * 100.0 + 0.5));
  }
  int64_t Category(int64_t m) const {
    return kFirstCategory + Below(Draw(Chance::kCategory, m), kCategories);
  }
  /// On average when the auctions that are open have been followed by as many others.
  int64_t ExpiresMillis(int64_t m) const {
    const int64_t now = Millis(m);
    const int64_t horizon = Millis(m + kOpenAuctions * kRound / kAuctionsOfRound) - now;
    return now + 1 + Below(Draw(Chance::kExpires, m), std::max<int64_t>(horizon * 2, 1));
  }
  /// What is to be added to `used` bytes, so that rows have `mean` of them, give or take
  /// a fifth of what is added.
  int64_t ExtraSize(Chance chance, int64_t m, int64_t used, int64_t mean) const {
    if (used >= mean) return 0;
    const int64_t wanted = mean - used;
    const int64_t delta = (2 * wanted + 5) / 10;
    return wanted - delta + Below(Draw(chance, m), 2 * delta);
  }

 private:
  static int64_t AnyPerson(uint64_t bits, int64_t m) {
    const int64_t people = LastPerson(m) + 1;
    const int64_t active = std::min(people, kActivePeople);
    return people - active + Below(bits, active + kLead);
  }
};

}  // namespace millrace::generators::nexmark
