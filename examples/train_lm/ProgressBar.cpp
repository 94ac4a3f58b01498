//===- ProgressBar.cpp - How far a training is ----------------------------===//

#include "ProgressBar.h"
#include <cmath>
#include <cstdio>
#include <unistd.h>

ProgressBar::ProgressBar(int64_t first, int64_t steps, int64_t tokensPerStep)
    : first(first), steps(steps), tokensPerStep(tokensPerStep), start(Clock::now()), isTerminal(isatty(STDERR_FILENO)) {
}

void ProgressBar::show(int64_t step, double loss) {
  Clock::time_point now = Clock::now();
  double sinceShown = std::chrono::duration<double>(now - shown).count();
  if (step != steps && sinceShown < (isTerminal ? 0.1 : 10))
    return;
  shown = now;
  double perStep = std::chrono::duration<double>(now - start).count() / static_cast<double>(step - first);
  auto left = static_cast<int64_t>(perStep * static_cast<double>(steps - step));
  constexpr int64_t kWidth = 24;
  std::string bar(kWidth * step / steps, '=');
  bar.resize(kWidth, ' ');
  std::fprintf(stderr, "%s[%s] %lld/%lld  %.3f bits per byte  %.0f tokens/s  %lld:%02lld left%s",
               isTerminal ? "\r" : "", bar.c_str(), static_cast<long long>(step), static_cast<long long>(steps),
               loss / std::log(2.0), static_cast<double>(tokensPerStep) / perStep, static_cast<long long>(left / 60),
               static_cast<long long>(left % 60), isTerminal ? "  " : "\n");
}

void ProgressBar::clear() {
  if (isTerminal)
    std::fprintf(stderr, "\r%80s\r", "");
}
