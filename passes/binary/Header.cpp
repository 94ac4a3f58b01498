//===- Header.cpp - A C header for an artifact ----------------------------===//

#include "passes/Symbols.h"
#include "passes/binary/ObjectFile.h"
#include "runtime/Manifest.h"

#include "llvm/ADT/StringRef.h"

using namespace llvm;
using fgla::runtime::FunctionSpec;
using fgla::runtime::Manifest;
using fgla::runtime::Result;
using fgla::runtime::ValueSpec;

/// A text that cannot end a C comment.
static std::string inComment(std::string text) {
  for (size_t at = 0; (at = text.find("*/", at)) != std::string::npos;)
    text.insert(at + 1, " ");
  for (char &c : text)
    if (static_cast<unsigned char>(c) < ' ')
      c = ' ';
  return text;
}

static std::string describe(StringRef kind, size_t position, const ValueSpec &value) {
  return inComment((" *   " + kind + " " + Twine(position) + ": " + value.name + " " +
                    fgla::runtime::dtypeName(value.dtype) + value.shapeText())
                       .str()) +
         "\n";
}

static std::string declare(const FunctionSpec &function) {
  std::string text = "\n/* " + inComment(function.name) + "\n";
  size_t position = 0;
  for (const ValueSpec &value : function.args)
    text += describe("argument", position++, value);
  for (const ValueSpec &value : function.results)
    text += describe("result", position++, value);
  return text + " */\nint32_t " + function.entry + "(void **descriptors);\nvoid " + function.shapeEntry +
         "(void **descriptors, int64_t *dims);\n";
}

Result<std::string> fgla::binary::makeHeader(StringRef text, StringRef guard) {
  Result<Manifest> manifest = Manifest::parse(text);
  if (!manifest.ok())
    return manifest.status();
  std::string name = "FGLA_ARTIFACT_" + toIdentifier(guard) + "_H";
  std::string header =
      "/* Functions of a compiled fgla artifact. Written by " + inComment(manifest->compiler) +
      ".\n *\n"
      " * `descriptors` points to one pointer for each argument, then for each "
      "result, to\n"
      " *   struct { void *allocated, *aligned; int64_t offset, sizes[rank], "
      "strides[rank]; }\n"
      " * with contiguous, last dimension fastest data; then one to a `const char *` that is null, and is "
      "given a message\n * if numbers are invalid. The code returns 0, or 6 (FGLA_OUT_OF_MEMORY). `dims` "
      "receives the sizes of all results.\n"
      " * The checked way to call these is runtime/fgla.h.\n */\n"
      "#ifndef " +
      name + "\n#define " + name +
      "\n\n#include <stdint.h>\n\n"
      "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\nextern const char "
      "fgla_manifest[];\n";
  for (const FunctionSpec &function : manifest->functions)
    header += declare(function);
  return header + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif /* " + name + " */\n";
}
