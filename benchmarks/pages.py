"""Pre-serialised pages of app batches go out over a plain socket; a process of its own, so that it is no bottleneck."""

from __future__ import annotations

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

STATES = ("NEW", "QUEUED", "PROCESSING", "COMPLETED", "ERROR", "CANCELLED", "NO_MONEY", "ARCHIVE", "STOPPED")


def batch(number: int) -> dict[str, object]:
    """A batch as the Apps API's own example has it, with an id that ascends."""
    moment = "2023-04-17T08:58:38.692"
    return {
        "id": f"{number:020d}".replace("0", "A"),
        "app_project_id": "8lvN9kBN4wwsj47ZqNal",
        "status": STATES[number % 4],
        "name": f"Batch {number}",
        "items_count": 7,
        "item_price": 0.07,
        "cost": 0.49,
        "cost_of_processed": 0,
        "created_at": "2022-01-22T07:44:56.309",
        "read_only": False,
        "validation_errors": {},
        "last_items_import": {"id": "EvOQQ80yEBbuKngM8zpx", "records_count": 5, "records_processed": 4, "errors": {}},
        "items_processed_count": 0,
        "items_per_state": dict.fromkeys(STATES, 0),
        "current_time": moment,
        "etd": moment,
        "eta": moment,
        "app_project_eta": moment,
        "priority_order": "FIVE",
    }


def ids(rows: int) -> list[str]:
    """Ids in the order of their text."""
    return sorted(str(batch(number)["id"]) for number in range(rows))


def pages(rows: int, page_rows: int) -> dict[str, bytes]:
    """HTTP answers by the cursor that asks for them."""
    ordered = sorted((batch(number) for number in range(rows)), key=lambda row: str(row["id"]))
    answers, cursor = {}, ""
    for start in range(0, rows, page_rows):
        part = ordered[start : start + page_rows]
        body = json.dumps({"content": part, "has_more": start + page_rows < rows}, separators=(",", ":")).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        answers[cursor] = head.encode() + body
        cursor = str(part[-1]["id"])
    return answers


async def serve(answers: dict[str, bytes], latency: float) -> None:
    """Answer every request with the page behind its `id_gt`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            query = parse_qs(urlsplit(head.split(b" ", 2)[1].decode()).query)
            await asyncio.sleep(latency)
            writer.write(answers[query.get("id_gt", [""])[0]])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


if __name__ == "__main__":
    asyncio.run(serve(pages(int(sys.argv[1]), int(sys.argv[2])), float(sys.argv[3])))
