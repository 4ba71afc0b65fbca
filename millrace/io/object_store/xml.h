// XML as object stores answer it: elements and text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/result.h"

namespace millrace::io {

struct XmlElement {
  std::string name;  ///< without a prefix of a namespace
  std::string text;  ///< of this element itself
  std::vector<XmlElement> children;

  /// The first child of that name, or null.
  const XmlElement* Child(std::string_view child) const;
  /// Its text; empty where there is none.
  std::string TextOf(std::string_view child) const;
};

/// The root. Attributes, comments and instructions are left out; entities of a document's
/// own and more than 32 levels are refused. Fails with errors::kUnknownAnswer.
Result<XmlElement> ParseXml(std::string_view text);

/// `text` as the content of an element.
std::string XmlEscaped(std::string_view text);

}  // namespace millrace::io
