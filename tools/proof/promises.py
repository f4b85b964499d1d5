"""What EntryGuard promises and how it is tested, by the names under which the tests keep their figures."""

from collections.abc import Mapping

PROMISES: Mapping[str, str] = {
    "P1": "Every rule that EntryGuard added is removed after its session, and trying never stops.",
    "P2": "A rule goes within seconds of its session's end.",
    "P3": "No rule that EntryGuard did not add is removed or changed.",
    "P4": "A rule is in a cloud only if a row that names it was committed before.",
    "P5": "No verification is lost: a verdict comes within 10 s of everything being back.",
    "P6": "No secret is outside the processes' memory and the connection to its cloud.",
    "P7": "What is sealed cannot be altered or moved: it opens in its own place and version, or not at all.",
    "P8": "A wrong or missing key stops the start, before a port is opened or a row is written.",
    "P9": "The key ring is rotated while the server works, though killed, and no key in use can be dropped.",
    "P10": "Nothing is done without its audit event, and no event tells of what was not done.",
    "P11": "Organisations cannot see or influence each other.",
    "P12": "Sign-in resists guessing, with Redis and without.",
    "P13": "No token is accepted but the server's own, as it was issued.",
    "P14": "Redis may be lost or emptied at any moment; nothing but delays and counters changes.",
    "P15": "A stop or an upgrade drops no request.",
    "P16": "A restored backup can be used.",
    "P17": "No input is answered with a failure of the server.",
    "P18": "The server calls only where it may.",
}
"""The promises, by number."""

KINDS: Mapping[str, str] = {
    "MATRIX": "Every operation of the OpenAPI document, asked by every kind of caller, and with the ids of others.",
    "GENERATED": "Requests made of the OpenAPI document, in sequence: create, read, change, delete.",
    "CANARIES": "Each secret of a visit is looked for in every place where one could be left, in every spelling.",
    "CRASHES": "A process dies at each commit and each call outside, once, and is started again.",
    "NEIGHBOURS": "Redis and PostgreSQL fail in each of their ways while the tests run.",
    "WRITERS": "Many processes change the rules of one target at once, while calls to the cloud fail in every way.",
    "STORIES": "All that people, workers, clouds and operators do, in any order, and what is promised after each.",
    "MUTANTS": "Small bugs are planted all over the code that matters most; a test has to notice each.",
    "COVERAGE": "The share of the code, and of its branches, that the tests run.",
    "BOUNDS": "Sizes, slow clients, the last place asked for by many at once, changes that cross each other.",
}
"""The kinds of tests that look at the whole product."""

ELSEWHERE = ("P2",)
"""Promises whose figures are on docs/storm.md."""
