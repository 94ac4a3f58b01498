//===- Filter.cpp - Between an editor and the language server -------------===//

#include "tools/fgla-lsp-server/Filter.h"
#include "compiler/TextDepth.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/LSP/Protocol.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdio>
#include <thread>
#include <unistd.h>

using namespace llvm;
using fgla::tools::MessageFilter;

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

static std::string print(const json::Value &value) {
  std::string text;
  raw_string_ostream(text) << value;
  return text;
}

std::string MessageFilter::guard(const json::Object &document, const std::string &text) {
  if (!fgla::isNestedTooDeep(text))
    return text;
  std::lock_guard lock(mutex);
  keptBack.emplace(document.getString("uri").value_or("").str(), document.getInteger("version").value_or(0));
  return "";
}

void MessageFilter::openText(json::Object &document) {
  std::optional<StringRef> address = document.getString("uri"), text = document.getString("text");
  if (!address || !text)
    return;
  texts[*address] = text->str();
  document["text"] = guard(document, texts[*address]);
}

/// Edits become the whole text: where one part is kept back, another would be put into the wrong place.
void MessageFilter::changeText(json::Object &params) {
  json::Object *document = params.getObject("textDocument");
  json::Array *edits = params.getArray("contentChanges");
  std::optional<StringRef> address = document ? document->getString("uri") : std::nullopt;
  if (!address || !edits)
    return;
  std::string &text = texts[*address];
  for (const json::Value &edit : *edits) {
    lsp::TextDocumentContentChangeEvent change;
    json::Path::Root root;
    if (!lsp::fromJSON(edit, change, root) || failed(change.applyTo(text)))
      return; // as the server does with what it cannot read
  }
  params["contentChanges"] = json::Array{json::Object{{"text", guard(*document, text)}}};
}

void MessageFilter::toServer(json::Object &message) {
  StringRef method = message.getString("method").value_or("");
  json::Object *params = message.getObject("params");
  json::Object *document = params ? params->getObject("textDocument") : nullptr;
  if (method == "textDocument/hover" && message.get("id")) {
    std::lock_guard lock(mutex);
    hovers.insert(print(*message.get("id")));
  }
  if (method == "textDocument/didOpen" && document)
    openText(*document);
  if (method == "textDocument/didChange" && params)
    changeText(*params);
  if (method == "textDocument/didClose" && document)
    texts.erase(document->getString("uri").value_or(""));
}

static StringRef getSummary(StringRef op) {
  return StringSwitch<StringRef>(op)
#include "tools/fgla-lsp-server/Summaries.inc"
      .Default("");
}

/// What the server finds in a text that it did not get is nothing; this says why.
static json::Array explainKeptBack() {
  json::Object start{{"line", 0}, {"character", 0}};
  json::Object range{{"start", json::Object(start)}, {"end", json::Object(start)}};
  std::string text = "the text is nested deeper than " + std::to_string(fgla::kMaxDepth) + ", and is not read";
  return json::Array{json::Object{{"range", std::move(range)}, {"severity", 1}, {"message", text}}};
}

void MessageFilter::toEditor(json::Object &message) {
  std::unique_lock lock(mutex);
  json::Object *params = message.getObject("params");
  if (params && message.getString("method") == "textDocument/publishDiagnostics" &&
      keptBack.erase({params->getString("uri").value_or("").str(), params->getInteger("version").value_or(0)}))
    (*params)["diagnostics"] = explainKeptBack();
  if (!message.get("id") || !hovers.erase(print(*message.get("id"))))
    return;
  lock.unlock();
  json::Object *result = message.getObject("result");
  json::Object *contents = result ? result->getObject("contents") : nullptr;
  std::optional<StringRef> text = contents ? contents->getString("value") : std::nullopt;
  if (!text || !text->starts_with("\"")) // the name of an op, in quotes, stands in front
    return;
  auto [name, rest] = text->drop_front().split('"');
  if (StringRef summary = getSummary(name); !summary.empty())
    (*contents)["value"] = ("\"" + name + "\": " + summary + rest).str();
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

/// Reads one message: its length in a header, then its text. Nothing at the end of the stream.
static std::optional<std::string> readMessage(FILE *stream) {
  char line[1024];
  size_t length = 0;
  while (fgets(line, sizeof(line), stream)) {
    StringRef header = StringRef(line).trim();
    if (header.consume_front_insensitive("content-length:"))
      (void)header.trim().getAsInteger(10, length);
    if (!header.empty() || length == 0)
      continue;
    std::string text;
    constexpr size_t kChunk = 1 << 20; // the length may be a lie
    while (text.size() < length) {
      size_t have = text.size(), wanted = std::min(kChunk, length - have);
      text.resize(have + wanted);
      if (fread(text.data() + have, 1, wanted, stream) != wanted)
        return std::nullopt;
    }
    return text;
  }
  return std::nullopt;
}

/// Passes messages on until one of the ends is closed. What is no JSON goes through as it is.
static void pass(FILE *from, FILE *to, function_ref<void(json::Object &)> change) {
  while (std::optional<std::string> text = readMessage(from)) {
    Expected<json::Value> message = json::parse(*text);
    if (!message) {
      consumeError(message.takeError());
    } else if (json::Object *object = message->getAsObject()) {
      change(*object);
      text = print(*message);
    }
    if (fprintf(to, "Content-Length: %zu\r\n\r\n", text->size()) < 0 ||
        fwrite(text->data(), 1, text->size(), to) != text->size() || fflush(to) != 0)
      break;
  }
  fclose(to);
}

int fgla::tools::runFiltered(function_ref<int()> server) {
  int in[2], out[2];
  FILE *editorIn = fdopen(dup(STDIN_FILENO), "rb"), *editorOut = fdopen(dup(STDOUT_FILENO), "wb");
  if (!editorIn || !editorOut || pipe(in) != 0 || pipe(out) != 0 || dup2(in[0], STDIN_FILENO) < 0 ||
      dup2(out[1], STDOUT_FILENO) < 0) {
    errs() << "error: cannot make a pipe\n";
    return 1;
  }
  close(in[0]);
  close(out[1]);
  FILE *serverIn = fdopen(in[1], "wb"), *serverOut = fdopen(out[0], "rb");
  static MessageFilter filter; // outlives the reader, which may wait for an editor that says no more
  std::thread([=] { pass(editorIn, serverIn, [](json::Object &message) { filter.toServer(message); }); }).detach();
  std::thread writer([=] { pass(serverOut, editorOut, [](json::Object &message) { filter.toEditor(message); }); });
  int code = server();
  outs().flush();
  close(STDOUT_FILENO);
  writer.join();
  return code;
}
