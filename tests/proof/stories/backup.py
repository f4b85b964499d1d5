"""A copy of the database, put back later: what came after it is forgotten, and in the cloud."""

import copy
import shutil
import sqlite3
from pathlib import Path

from api import installation
from api.database import database, sqlite_file, write
from api.lifecycle import restoring
from api.targets.models import Rule
from tests.proof.stories.world import Backup, World


def is_kept(world: World) -> bool:
    return world.backup is not None


def make(world: World) -> bool:
    """False where the database is not a file of ours to copy."""
    file = sqlite_file()
    if file is None:
        return False
    copied = file.with_suffix(".backup")
    copied.unlink(missing_ok=True)
    with sqlite3.connect(copied) as to:
        database.connection().backup(to)
    to.close()
    world.backup = Backup(copied, copy.deepcopy(world.model))
    return True


def restore(world: World) -> bool:
    """Stop everything, put the copy in its place, and start again, as the installation that it was."""
    file = sqlite_file()
    assert file is not None
    assert world.backup is not None
    database.close()
    database.close_all()
    for ending in ("-wal", "-shm"):
        Path(f"{file}{ending}").unlink(missing_ok=True)
    shutil.copyfile(world.backup.file, file)
    database.connect()
    world.model = copy.deepcopy(world.backup.model)
    world.claims.held_until.clear()
    world.start_worker()
    if not world.done(restoring.adopt):
        restoring.adopt()  # the operator sees that it died, and asks again
    # What was opened since then carries our tag and has no row; what was closed has a row and is not there.
    world.strays |= {rule for _, rule, _ in world.ground.ours()}
    for rule in Rule.select(Rule.id):
        world.ground.touch(rule.id)
    return True


def settle() -> None:
    """Let a copy be taken for an original: nothing but this story has it."""
    with write():
        installation.settle_here(installation.identity())
