#include "runtime/File.h"

#include "test/unit/runtime/TestUtil.h"

#include <sys/stat.h>
#include <unistd.h>

using namespace fgla::runtime;

TEST(File, ReadsParts) {
  TempDir dir;
  Result<File> file = File::openForRead(writeFile(dir / "f", "hello"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->size(), 5u);
  char text[3] = {};
  ASSERT_TRUE(file->readAt(2, text, 3).ok());
  EXPECT_EQ(std::string(text, 3), "llo");
  EXPECT_FAILS(file->readAt(3, text, 3), FGLA_IO_ERROR, "cannot read '" + dir / "f" + "': it ends before byte 6");
}

TEST(File, OpenErrors) {
  TempDir dir;
  EXPECT_FAILS(File::openForRead(dir / "none"), FGLA_NOT_FOUND,
               "cannot open '" + dir / "none" + "': No such file or directory");
  EXPECT_FAILS(File::openForRead(dir.path()), FGLA_IO_ERROR, "cannot open '" + dir.path() + "': not a regular file");
  // A pipe must not make us wait.
  std::string pipe = dir / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FAILS(File::openForRead(pipe), FGLA_IO_ERROR, "cannot open '" + pipe + "': not a regular file");
  std::string loop = dir / "loop";
  ASSERT_EQ(symlink("loop", loop.c_str()), 0);
  EXPECT_FAILS(File::openForRead(loop), FGLA_IO_ERROR, "cannot open '" + loop + "': Too many levels of symbolic links");
}
