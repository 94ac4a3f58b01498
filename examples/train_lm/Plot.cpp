//===- Plot.cpp - A curve as PNG ------------------------------------------===//

#include "Plot.h"
#include "File.h"
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <zlib.h>

namespace {
constexpr int kWidth = 800, kHeight = 480, kLeft = 64, kRight = 16, kTop = 16, kBottom = 32;

/// Rows of pixels, each three bytes.
class Image {
public:
  Image() : pixels(size_t(kWidth) * kHeight * 3, 255) {}

  void set(int x, int y, const uint8_t *color) {
    if (x >= 0 && x < kWidth && y >= 0 && y < kHeight)
      std::copy_n(color, 3, &pixels[(size_t(y) * kWidth + x) * 3]);
  }
  void line(double x0, double y0, double x1, double y1, const uint8_t *color);
  /// Digits and the like, with the top left corner given.
  void write(int x, int y, const std::string &text);
  std::string encode() const;

private:
  std::vector<uint8_t> pixels;
};
} // namespace

void Image::line(double x0, double y0, double x1, double y1, const uint8_t *color) {
  int steps = std::max(1, static_cast<int>(std::ceil(std::max(std::abs(x1 - x0), std::abs(y1 - y0)))));
  for (int i = 0; i <= steps; ++i)
    set(static_cast<int>(std::lround(x0 + (x1 - x0) * i / steps)),
        static_cast<int>(std::lround(y0 + (y1 - y0) * i / steps)), color);
}

/// Five rows of three pixels, the top one first.
static int findGlyph(char character) {
  static const std::string characters = "0123456789.-";
  static const int glyphs[] = {0b111101101101111, 0b010110010010111, 0b111001111100111, 0b111001111001111,
                               0b101101111001001, 0b111100111001111, 0b111100111101111, 0b111001001001001,
                               0b111101111101111, 0b111101111001111, 0b000000000000010, 0b000000111000000};
  size_t index = characters.find(character);
  return index == std::string::npos ? 0 : glyphs[index];
}

void Image::write(int x, int y, const std::string &text) {
  constexpr int kScale = 2;
  const uint8_t black[3] = {0, 0, 0};
  for (size_t i = 0; i < text.size(); ++i)
    for (int row = 0; row < 5 * kScale; ++row)
      for (int column = 0; column < 3 * kScale; ++column)
        if (findGlyph(text[i]) >> (14 - row / kScale * 3 - column / kScale) & 1)
          set(x + static_cast<int>(i) * 4 * kScale + column, y + row, black);
}

static void appendNumber(std::string &to, uint32_t number) {
  for (int shift : {24, 16, 8, 0})
    to += static_cast<char>(number >> shift);
}

static void appendChunk(std::string &png, const std::string &type, const std::string &data) {
  appendNumber(png, data.size());
  std::string body = type + data;
  png += body;
  appendNumber(png, crc32(0, reinterpret_cast<const Bytef *>(body.data()), body.size()));
}

std::string Image::encode() const {
  std::string header;
  appendNumber(header, kWidth);
  appendNumber(header, kHeight);
  header += std::string({8, 2, 0, 0, 0}); // 8 bits, RGB

  std::string raw;
  for (int row = 0; row < kHeight; ++row) {
    raw += '\0'; // no filter
    raw.append(reinterpret_cast<const char *>(&pixels[size_t(row) * kWidth * 3]), kWidth * 3);
  }
  uLongf size = compressBound(raw.size());
  std::string packed(size, '\0');
  compress(reinterpret_cast<Bytef *>(packed.data()), &size, reinterpret_cast<const Bytef *>(raw.data()), raw.size());
  packed.resize(size);

  std::string png = "\x89PNG\r\n\x1a\n";
  appendChunk(png, "IHDR", header);
  appendChunk(png, "IDAT", packed);
  appendChunk(png, "IEND", "");
  return png;
}

/// A round number (1, 2 or 5 times a power of ten) of which about five fit into `range`.
static double chooseStep(double range) {
  double power = std::pow(10, std::floor(std::log10(range / 5)));
  for (double factor : {1.0, 2.0, 5.0})
    if (range <= 7.5 * factor * power)
      return factor * power;
  return 10 * power;
}

static std::string format(double number, double step) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f", std::max(0, static_cast<int>(-std::floor(std::log10(step)))), number);
  return text;
}

void plot(const std::filesystem::path &file, const std::vector<Curve> &curves) {
  double mostX = 1, least = INFINITY, most = -INFINITY;
  for (const Curve &curve : curves)
    for (auto [x, y] : curve.points)
      if (std::isfinite(y)) {
        mostX = std::max(mostX, x);
        least = std::min(least, y);
        most = std::max(most, y);
      }
  if (least > most)
    return;
  double yStep = chooseStep(std::max(most - least, 1e-3)), xStep = chooseStep(mostX);
  least = std::floor(least / yStep) * yStep;
  most = std::max(std::ceil(most / yStep) * yStep, least + yStep);

  auto atX = [&](double x) { return kLeft + x / mostX * (kWidth - kLeft - kRight); };
  auto atY = [&](double y) { return kTop + (most - y) / (most - least) * (kHeight - kTop - kBottom); };
  Image image;
  const uint8_t grey[3] = {220, 220, 220};
  for (double y = least; y <= most + yStep / 2; y += yStep) {
    std::string text = format(y, yStep);
    image.line(kLeft, atY(y), kWidth - kRight, atY(y), grey);
    image.write(kLeft - 8 - 8 * static_cast<int>(text.size()), static_cast<int>(atY(y)) - 5, text);
  }
  for (double x = 0; x <= mostX; x += xStep) {
    std::string text = format(x, xStep);
    image.line(atX(x), kTop, atX(x), kHeight - kBottom, grey);
    image.write(static_cast<int>(atX(x)) - 4 * static_cast<int>(text.size()), kHeight - kBottom + 8, text);
  }
  for (const Curve &curve : curves) {
    const std::pair<double, double> *last = nullptr;
    for (const auto &point : curve.points) {
      if (!std::isfinite(point.second))
        continue;
      if (last)
        image.line(atX(last->first), atY(last->second), atX(point.first), atY(point.second), curve.color);
      last = &point;
    }
  }
  replaceFile(file, image.encode());
}
