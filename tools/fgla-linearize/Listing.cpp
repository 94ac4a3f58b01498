//===- Listing.cpp - How a model's attention is shown ---------------------===//
#include "tools/fgla-linearize/Listing.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using fgla::onnx::AttentionReport;
using fgla::tools::Listing;

static std::string formatNumber(double value) {
  std::string text;
  raw_string_ostream(text) << format("%.6g", value);
  return text;
}

/// What may not be known.
static std::string formatSize(int64_t size) { return size == 0 ? "?" : std::to_string(size); }

static std::string formatVerdict(const AttentionReport &report) {
  if (report.obstacle)
    return ("no, " + report.obstacle->code + ": " + report.obstacle->text).str();
  std::string text = "yes";
  if (!report.dropped.empty())
    text += ", without its " + join(report.dropped, ", ");
  return text;
}

static std::string formatMask(const AttentionReport &report) {
  return report.window == 0 ? report.mask : report.mask + "(" + std::to_string(report.window) + ")";
}

static std::string formatFeatures(const AttentionReport &report) {
  SmallVector<std::string> features;
  if (report.isRotated)
    features.push_back("rope");
  if (report.isNormalized)
    features.push_back("qk-norm");
  if (report.hasPast)
    features.push_back("cache");
  if (report.hasSinks)
    features.push_back("sinks");
  if (report.softcap != 0)
    features.push_back("softcap(" + formatNumber(report.softcap) + ")");
  return features.empty() ? "-" : join(features, " ");
}

static unsigned countConvertible(const Listing &listing) {
  return count_if(listing.attentions, [](const AttentionReport &report) { return !report.obstacle; });
}

static void printSummary(const Listing &listing, raw_ostream &os) {
  size_t count = listing.attentions.size();
  os << count << (count == 1 ? " attention" : " attentions");
  if (count != 0)
    os << ", " << countConvertible(listing) << " convertible";
  os << "\n";
  if (listing.leftOut != 0)
    os << listing.leftOut << " attributes of nodes are subgraphs or of unknown kinds, which were not looked into\n";
}

void fgla::tools::printTable(const Listing &listing, raw_ostream &os) {
  printSummary(listing, os);
  if (listing.attentions.empty())
    return;
  std::vector<std::vector<std::string>> rows{{"layer", "node", "operation", "heads", "dim", "scale", "mask", "has",
                                              "parameters", "bytes/token", "state bytes", "convertible"}};
  for (auto [layer, report] : enumerate(listing.attentions)) {
    bool isKnown = report.keyDim != 0;
    std::string heads = formatSize(report.queryHeads), dim = formatSize(report.keyDim);
    if (report.heads != report.queryHeads)
      heads += "/" + formatSize(report.heads);
    if (report.valueDim != report.keyDim)
      dim += "/" + formatSize(report.valueDim);
    rows.push_back({std::to_string(layer), report.node, report.operation, heads, dim,
                    isKnown ? formatNumber(report.scale) : "?", isKnown ? formatMask(report) : "?",
                    formatFeatures(report), formatSize(report.parameters), formatSize(report.bytesPerToken),
                    formatSize(report.stateBytes), formatVerdict(report)});
  }
  std::vector<size_t> widths(rows.front().size());
  for (const auto &row : rows)
    for (auto [width, cell] : zip(widths, row))
      width = std::max(width, cell.size());
  for (const auto &row : rows) {
    for (auto [width, cell] : drop_end(zip(widths, row)))
      os << left_justify(cell, width + 2);
    os << row.back() << "\n";
  }
}

static json::Object toJSON(const AttentionReport &report) {
  json::Object object{{"node", report.node},
                      {"operation", report.operation},
                      {"query_heads", report.queryHeads},
                      {"heads", report.heads},
                      {"key_dim", report.keyDim},
                      {"value_dim", report.valueDim},
                      {"scale", report.scale},
                      {"softcap", report.softcap},
                      {"mask", report.mask},
                      {"window", report.window},
                      {"rope", report.isRotated},
                      {"qk_norm", report.isNormalized},
                      {"cache", report.hasPast},
                      {"sinks", report.hasSinks},
                      {"parameters", report.parameters},
                      {"bytes_per_token", report.bytesPerToken},
                      {"state_bytes", report.stateBytes},
                      {"convertible", !report.obstacle},
                      {"dropped", json::Array(report.dropped)}};
  if (report.obstacle) {
    object["code"] = report.obstacle->code;
    object["reason"] = report.obstacle->text;
  }
  return object;
}

void fgla::tools::printJSON(const Listing &listing, raw_ostream &os) {
  json::Array attentions;
  for (const AttentionReport &report : listing.attentions)
    attentions.push_back(toJSON(report));
  json::Object object{{"model", listing.model},
                      {"nodes", listing.nodes},
                      {"not_looked_into", listing.leftOut},
                      {"attentions", std::move(attentions)}};
  os << formatv("{0:2}", json::Value(std::move(object))) << "\n";
}

static std::string escapeXML(StringRef text) {
  std::string escaped;
  raw_string_ostream os(escaped);
  printHTMLEscaped(text, os);
  return escaped;
}

void fgla::tools::printSVG(const Listing &listing, raw_ostream &os) {
  constexpr int kBox = 64, kGap = 24, kWidth = 640;
  int height = kGap + static_cast<int>(listing.attentions.size() + 1) * (kBox + kGap);
  os << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << kWidth + 2 * kGap << "\" height=\"" << height
     << "\" font-family=\"sans-serif\" font-size=\"14\">\n";
  int top = kGap;
  auto box = [&](StringRef color, StringRef title, StringRef text) {
    os << "<rect x=\"" << kGap << "\" y=\"" << top << "\" width=\"" << kWidth << "\" height=\"" << kBox
       << "\" rx=\"6\" fill=\"" << color << "\" stroke=\"#555\"/>\n<text x=\"" << 2 * kGap << "\" y=\"" << top + 26
       << "\" font-weight=\"bold\">" << escapeXML(title) << "</text>\n<text x=\"" << 2 * kGap << "\" y=\"" << top + 48
       << "\">" << escapeXML(text) << "</text>\n";
    top += kBox + kGap;
  };
  box("#eeeeee", sys::path::filename(listing.model),
      std::to_string(listing.nodes) + " nodes, " + std::to_string(listing.attentions.size()) + " attentions, " +
          std::to_string(countConvertible(listing)) + " convertible");
  for (auto [layer, report] : enumerate(listing.attentions)) {
    int line = top - kGap;
    os << "<line x1=\"" << kGap + kWidth / 2 << "\" y1=\"" << line << "\" x2=\"" << kGap + kWidth / 2 << "\" y2=\""
       << top << "\" stroke=\"#555\"/>\n";
    std::string text = formatSize(report.queryHeads) + "/" + formatSize(report.heads) + " heads of " +
                       formatSize(report.keyDim) + ", " + formatMask(report) + ", " + formatVerdict(report);
    box(report.obstacle ? "#f6d5d5" : "#d5ecd8", std::to_string(layer) + "  " + report.node, text);
  }
  os << "</svg>\n";
}
