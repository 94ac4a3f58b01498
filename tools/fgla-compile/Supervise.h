//===- Supervise.h - fgla-compile as compiler/fgla_compiler.h starts it ---===//
#ifndef FGLA_TOOLS_FGLA_COMPILE_SUPERVISE_H
#define FGLA_TOOLS_FGLA_COMPILE_SUPERVISE_H

namespace fgla::tools {

/// When the first argument is `--supervised=PIPE,BYTES`: takes it away and goes on in a child, which may take BYTES of
/// address space (0: any). This process waits for it, and writes "ended STATUS KILOBYTES" to the pipe: what wait4()
/// says and the most memory that the child held. It dies with the thread that started it, and the child with it. Call
/// it before anything starts a thread.
void superviseIfAsked(int &argc, char **argv);

/// Writes "done" to that pipe, if there is one: all is written.
void reportDone();

} // namespace fgla::tools

#endif // FGLA_TOOLS_FGLA_COMPILE_SUPERVISE_H
