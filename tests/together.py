"""Which files of tests one process of pytest-xdist runs: those that share what takes long to start."""

from xdist.scheduler import LoadFileScheduling

# By how their paths start, and what they share for as long as a process lives.
_SHARED = {
    "tests/web/": "a browser, and a server with its worker",
    "tests/pulumi_entryguard/test_command_": "`entryguard-server dev`",
    "tests/pulumi_entryguard/test_real_": "`entryguard-server dev`",
}


class Together(LoadFileScheduling):  # type: ignore[misc] # untyped
    """Hands out files, and those that share something as if they were one."""

    def _split_scope(self, nodeid: str) -> str:
        shared = next((what for start, what in _SHARED.items() if nodeid.startswith(start)), None)
        return shared or str(super()._split_scope(nodeid))
