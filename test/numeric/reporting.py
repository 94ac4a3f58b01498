"""Counts checks, prints those that fail, and closes with `N passed, N failed`."""


class Report:
    def __init__(self, prefix=""):
        self.prefix = prefix
        self.passed = self.failed = 0

    def check(self, name, good, detail=""):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {self.prefix}{name}" + (f": {detail}" if detail else ""), flush=True)

    def error(self, name, error, bound):
        self.check(name, error <= bound, f"error {error:.3g}, allowed {bound:g}")

    def close(self):
        """Prints the closing line and returns the exit code."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 and self.passed > 0 else 1
