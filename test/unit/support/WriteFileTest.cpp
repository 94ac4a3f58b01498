#include "support/WriteFile.h"

#include "test/unit/runtime/TestUtil.h"

#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace fgla::runtime;

TEST(WriteFile, WritesWhole) {
  TempDir dir;
  std::string path = dir / "f";
  mode_t mask = umask(027);
  std::string_view chunks[] = {"one", "", "two"};
  EXPECT_TRUE(writeFileAtomically(path, chunks).ok());
  umask(mask);
  EXPECT_EQ(readFile(path), "onetwo");
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  std::string_view other[] = {"three"};
  EXPECT_TRUE(writeFileAtomically(path, other).ok());
  EXPECT_EQ(readFile(path), "three");
  EXPECT_EQ(dir.numFiles(), 1u); // no temporary left
}

TEST(WriteFile, WriteErrorsLeaveNothing) {
  TempDir dir;
  std::string_view chunks[] = {"x"};
  std::string path = dir / "no/f";
  EXPECT_FAILS(writeFileAtomically(path, chunks), FGLA_IO_ERROR,
               "cannot write '" + path + "': No such file or directory");
  EXPECT_FAILS(writeFileAtomically(dir.path(), chunks), FGLA_IO_ERROR,
               "cannot write '" + dir.path() + "': it exists and is no regular file");
  EXPECT_FAILS(writeFileAtomically("/dev/null", chunks), FGLA_IO_ERROR,
               "cannot write '/dev/null': it exists and is no regular file");
  EXPECT_EQ(dir.numFiles(), 0u);
}

// In a child whose files may not grow beyond a few bytes.
TEST(WriteFile, FullDiskKeepsTheOldFile) {
  TempDir dir;
  std::string path = writeFile(dir / "f", "old");
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit = {10, 10};
    std::string_view chunks[] = {"0123456789", "x"};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
      _exit(2);
    Status status = writeFileAtomically(path, chunks);
    _exit(status.message() == "cannot write '" + path + "': File too large" ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(readFile(path), "old");
  EXPECT_EQ(dir.numFiles(), 1u);
}
