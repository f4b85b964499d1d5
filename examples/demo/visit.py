"""Where to look at the result, and how to sign in. On a terminal the demo waits until its visitor has seen enough."""

import os
from pathlib import Path

from examples.demo.screen import Screen

WAIT = "DEMO_WAIT"


def invite(screen: Screen, url: str, email: str, password_file: Path) -> None:
    """Tell the address and the account; the password itself on a terminal only, since a log is kept."""
    screen.say(f"    Swagger UI   {url}/api/v1/docs")
    screen.say(f"    sign in as   {email}")
    if not screen.is_terminal:
        screen.say(f"    password     in {password_file}, until the demo ends")
        return
    screen.say(f"    password     {password_file.read_text(encoding='ascii').strip()}")
    if os.environ.get(WAIT) != "0":
        screen.say("\n  Look around: POST /auth/login in Swagger UI, then Authorize with the accessToken.")
        screen.wait_for_enter("  Enter takes it all away. ")
