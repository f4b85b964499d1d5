"""Bodies that are ambiguous, malformed or built to hurt: every one is to be refused with a sentence."""

DEEP = 100_000

NOT_JSON: dict[str, bytes] = {
    "a number of 5,000 digits": b'{"name": ' + b"9" * 5000 + b"}",
    "a number of 17 digits": b'{"name": 12345678901234567}',
    "a negative number of 5,000 digits": b'{"name": -' + b"9" * 5000 + b"}",
    "arrays, 100,000 deep": b"[" * DEEP + b"]" * DEEP,
    "objects, 20,000 deep": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "an array, 33 deep": b'{"name": ' + b"[" * 33 + b"]" * 33 + b"}",
    "arrays that do not end": b"[" * DEEP,
    "a NUL": b'{"name": "a\\u0000b"}',
    "a NUL in a key": b'{"a\\u0000b": 1}',
    "a raw NUL": b'{"name": "a\0b"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a lone surrogate in a key": b'{"\\udfff": 1}',
    "a key twice": b'{"name": "a", "name": "b"}',
    "an inner key twice": b'{"credentialData": {"apiKey": "a", "apiKey": "b"}}',
    "the same key, once escaped": b'{"name": "a", "n\\u0061me": "b"}',
    "NaN": b'{"name": NaN}',
    "Infinity": b'{"name": Infinity}',
    "-Infinity": b'{"name": -Infinity}',
    "1e999": b'{"name": 1e999}',
    "-1e999": b'{"name": -1e999}',
    "a fraction of 5,000 digits and 1e400": b'{"name": 0.' + b"9" * 5000 + b"e400}",
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"name": "a"}'.encode("utf-16-le"),
    "UTF-32": '{"name": "a"}'.encode("utf-32"),
    "a byte order mark": b'\xef\xbb\xbf{"name": "a"}',
    "Latin-1": b'{"name": "\xe9"}',
    "overlong UTF-8": b'{"name": "\xc0\x80"}',
    "a surrogate in UTF-8": b'{"name": "\xed\xa0\x80"}',
    "nothing": b"",
    "blanks": b" \r\n\t ",
    "a list": b"[]",
    "a list of one": b'[{"name": "a"}]',
    "a string": b'"name"',
    "null": b"null",
    "true": b"true",
    "a number": b"443",
    "two objects": b'{"name": "a"}{"name": "b"}',
    "a comma too many": b'{"name": "a",}',
    "single quotes": b"{'name': 'a'}",
    "a comment": b'{"name": "a"} // b',
    "half an object": b'{"name": "a"',
    "XML": b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
    "a pickle": b"cos\nsystem\n(S'true'\ntR.",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "a form": b"name=a&provider=AWS",
    "bytes": bytes(range(256)),
}
"""Where a JSON object is wanted."""

WRONG_VALUES: tuple[object, ...] = (
    None, True, 0, -1, 1.5, 2**53 - 1, "", " ", "x" * 100_000, "\u202ereversed", "a\nb", "\x7f", "\ufffe", [], [[]],
    ["a"], {}, {"a": 1}, {"$ne": 1}, "'; DROP TABLE credentials; --", "../../etc/passwd", "{{7*7}}", "%00", "\u0130",
)  # fmt: skip
"""Such as no field takes all of; some are text like any other."""

WRONG_CONFIGS: tuple[object, ...] = (
    {"port": "443"},
    {"port": True},
    {"port": 443.0},
    {"port": 443.5},
    {"port": 0},
    {"port": 65536},
    {"port": [443]},
    {"ports": "443"},
    {"ports": [True]},
    {"ports": []},
    {"portRange": {"from": "1", "to": "2"}},
    {"portRange": {"from": 2, "to": 1}},
    {"port": 443, "ports": [443]},
    {"protocol": "TCP\x00"},
    {"protocol": 6},
    {"unknown": 1},
    [],
    "443",
)
"""Of a resource in AWS."""

STRANGE_QUERIES = (
    "unknown=1", "limit=1&limit=2", "limit=0", "limit=-1", "limit=501", "limit=1e2", "limit=%20", "limit=", "limit=٣",
    "limit=9" + "9" * 5000, "limit=true", "limit[]=1", "cursor=", "cursor=x", "cursor=%00", "cursor=%ff", "Limit=1",
    "cursor=" + "x" * 5000, "__proto__=1", "limit=1%00",
)  # fmt: skip
"""Of a list."""
