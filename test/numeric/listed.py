"""A list of tests that are known not to pass: what is said of each, so that a change to better or worse is noticed."""

import textwrap


class Listed:
    """The list in the file PATH, which begins with HEADER: a message, then indented the tests of which it is said."""

    def __init__(self, path, header):
        self.path = path
        self.header = header

    def read(self):
        """What is said of each test that does not pass."""
        listed, message = {}, None
        for line in self.path.read_text().splitlines() if self.path.exists() else ():
            if line.startswith("  "):
                listed.update(dict.fromkeys(line.split(), message))
            elif not line.startswith("#"):
                message = line
        return listed

    def write(self, outcomes):
        tests = {}
        for name, said in sorted(outcomes.items()):
            if said:
                tests.setdefault(said, []).append(name)
        wrap = textwrap.TextWrapper(118, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        groups = (f"{said}\n{wrap.fill(' '.join(names))}\n" for said, names in sorted(tests.items()))
        self.path.write_text(self.header + "".join(groups))

    def compare(self, report, outcomes, update=False):
        """One check a test: what is said of it, None if it passes, must be what the list says. UPDATE writes the list anew first."""
        if update:
            self.write({**self.read(), **outcomes})
        listed = self.read()
        for name, said in outcomes.items():
            report.check(name, said == listed.get(name), f"{said or 'passes'}; listed: {listed.get(name, 'passes')}")
