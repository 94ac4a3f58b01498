//===- Plot.h - A curve as PNG ----------------------------------*- C++ -*-===//
#ifndef FGLA_EXAMPLES_TRAIN_LM_PLOT_H
#define FGLA_EXAMPLES_TRAIN_LM_PLOT_H

#include <filesystem>
#include <utility>
#include <vector>

struct Curve {
  std::vector<std::pair<double, double>> points; // x ascending
  uint8_t color[3];
};

/// Curves over a common, linear x axis from 0, with numbers at both axes. Points that are not finite are left out.
void plot(const std::filesystem::path &file, const std::vector<Curve> &curves);

#endif
