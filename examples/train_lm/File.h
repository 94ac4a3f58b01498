//===- File.h - Files that are there whole or not at all --------*- C++ -*-===//
#ifndef FGLA_EXAMPLES_TRAIN_LM_FILE_H
#define FGLA_EXAMPLES_TRAIN_LM_FILE_H

#include <filesystem>
#include <string_view>

/// Puts `content` where `file` is. Whenever the process or the machine stops, the old content or the new one is there.
void replaceFile(const std::filesystem::path &file, std::string_view content);

#endif
