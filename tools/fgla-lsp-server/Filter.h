//===- Filter.h - Between an editor and the language server ---------------===//
//
// MLIR's server is a library with one door: a main that talks through stdin and stdout. What it cannot do is done to
// the messages on their way: a text that is nested so deep that parsing would end the server does not reach it, and
// what is shown of an op gets the op's summary.
//
//===----------------------------------------------------------------------===//
#ifndef FGLA_TOOLS_FGLA_LSP_SERVER_FILTER_H
#define FGLA_TOOLS_FGLA_LSP_SERVER_FILTER_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"

#include <mutex>
#include <set>

namespace fgla::tools {

/// Changes messages, which come from two threads: one for each direction.
class MessageFilter {
public:
  void toServer(llvm::json::Object &message);
  void toEditor(llvm::json::Object &message);

private:
  void openText(llvm::json::Object &document);
  void changeText(llvm::json::Object &params);
  /// What the server gets of `text`, the text of a document.
  std::string guard(const llvm::json::Object &document, const std::string &text);

  llvm::StringMap<std::string> texts; ///< by address, as the editor has them
  std::mutex mutex;
  std::set<std::string> hovers;                       ///< ids of requests that are not answered yet
  std::set<std::pair<std::string, int64_t>> keptBack; ///< addresses and versions of texts that are nested too deep
};

/// Runs `server` with stdin and stdout that go through a filter. Returns its exit code.
int runFiltered(llvm::function_ref<int()> server);

} // namespace fgla::tools

#endif // FGLA_TOOLS_FGLA_LSP_SERVER_FILTER_H
