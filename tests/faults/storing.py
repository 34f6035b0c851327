"""A program that stores events until it has tried enough, and tells what became of each. Started by the tests."""

import json
import resource
import sys
from collections import Counter
from pathlib import Path

from bioql_console.domain.errors import OperatorError
from bioql_console.domain.webhooks import EventSource
from bioql_console.services.event_intake import InboxWriter, parse
from bioql_console.storage.database import Database, sqlite_url


def event(number: int) -> bytes:
    content = {"id": f"evt_{number}", "object": "event", "type": "customer.updated", "livemode": False, "created": 1}
    return json.dumps(content | {"data": {"object": {"id": "cus_1", "words": "x" * 2_000}}}).encode()


def main() -> None:
    path, tries, largest = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    database = Database(sqlite_url(path), lambda: 1)
    database.open_existing()
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    writer, stored, codes = InboxWriter(database), [], Counter[str]()
    for number in range(tries):
        try:
            writer.submit(parse(event(number), "", EventSource.HTTP, 1)).result(20)
        except OperatorError as error:
            codes[error.code] += 1
        else:
            stored.append(number)
    sys.stdout.write(json.dumps({"stored": stored, "codes": codes}))


main()
