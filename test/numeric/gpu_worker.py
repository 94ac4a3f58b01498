"""A process of its own for work on a GPU: what hangs or crashes there costs one piece of work, not the run.

A script that is called with `--worker` calls `serve(handler)`: for each job (JSON) the handler yields messages (JSON). The other side makes a
`Worker` and reads them; if none comes in time the process is killed.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time

MARK = "@@fgla "
START_SECONDS = 120  # imports, the device's context


class Lost(Exception):
    """The worker hung (it has been killed) or ended."""


def serve(handler):
    for line in sys.stdin:
        for message in handler(json.loads(line)):
            print(MARK + json.dumps(message), flush=True)
        print(MARK + json.dumps({"done": True}), flush=True)


class Worker:
    def __init__(self, script, deadline=None):
        """DEADLINE: of time.monotonic(); then whatever runs is lost."""
        self.command = [sys.executable, "-u", str(script), "--worker"]
        self.process, self.deadline = None, deadline

    def start(self):
        self.lines = queue.Queue()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, start_new_session=True)
        threading.Thread(target=self._read, args=(self.process, self.lines), daemon=True).start()
        self.fresh = True

    @staticmethod
    def _read(process, lines):
        for line in process.stdout:
            if line.startswith(MARK):
                lines.put(json.loads(line[len(MARK) :]))
            else:
                print(line, end="", flush=True)
        lines.put(None)

    def run(self, job, limit):
        """Yields the messages of a job. No more than LIMIT seconds lie between them, or a message's own "limit", or it is lost."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
        except OSError:
            self.stop()
            raise Lost("the process has ended") from None
        wait = limit
        while True:
            patience = wait + (START_SECONDS if self.fresh else 0)
            if self.deadline is not None:
                patience = min(patience, max(0.0, self.deadline - time.monotonic()))
            try:
                message = self.lines.get(timeout=patience)
            except queue.Empty:
                self.stop()
                raise Lost(f"no answer in {patience:.0f} s (hung?)") from None
            self.fresh = False
            if message is None:
                code = self.process.wait()
                self.process = None
                raise Lost(f"the process ended with code {code} (negative: killed by that signal)")
            if message.get("done"):
                return
            wait = message.get("limit", limit)
            yield message

    def stop(self):
        if self.process is None:
            return
        self.process.kill()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            print(f"process {self.process.pid} does not end", file=sys.stderr, flush=True)
        self.process = None

    def close(self):
        """Lets it end by itself."""
        if self.process is None:
            return
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.stop()
        self.process = None


def output_folder():
    """Where results are written: the folder that FGLA_RESULTS names, else the current one."""
    return os.environ.get("FGLA_RESULTS", ".")
