"""The obvious intake, as one would write it in an afternoon: FastAPI, pydantic, SQLite, row by row.

Durable as ours: WAL, synchronous=FULL, a commit per batch before the answer. Started by benchmarks/intake.py.

    python benchmarks/peers/plain_server.py FOLDER PORT
"""

import os
import sqlite3
import sys
import threading
from datetime import datetime

import uvicorn
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel


class Owner(BaseModel):
    uid: int
    name: str


class Evidence(BaseModel):
    kind: str
    value: str


class Finding(BaseModel):
    tool: str
    name: str
    vendor: str
    category: str
    version: str | None
    state: str
    confidence: str
    because: list[Evidence]
    owner: Owner
    path: str
    form: str
    pid: int | None = None


class Verdict(BaseModel):
    finding: Finding
    ruling: str
    action: str
    reason: str
    why: str
    message: str
    policy: str
    catalog: str


class Outcome(BaseModel):
    what: str
    verdict: Verdict
    done: str
    detail: str = ""


class Event(BaseModel):
    id: str
    device: str
    time: datetime
    about: Outcome


class Batch(BaseModel):
    device: str
    spool: str
    seq: int
    events: list[Event]


def serve(data: str, port: int) -> None:
    connection = sqlite3.connect(os.path.join(data, "plain.db"), check_same_thread=False)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, device TEXT, time TEXT, tool TEXT,"
        " version TEXT,"
        " owner TEXT, ruling TEXT, done TEXT, path TEXT, about TEXT);"
        "CREATE INDEX IF NOT EXISTS by_time ON events (time);"
        "CREATE INDEX IF NOT EXISTS by_device ON events (device, time);"
        "CREATE INDEX IF NOT EXISTS by_tool ON events (tool, time);"
        "CREATE TABLE IF NOT EXISTS findings (device TEXT, tool TEXT, state TEXT, uid INTEGER, path TEXT,"
        " name TEXT, version TEXT, owner TEXT, ruling TEXT, about TEXT,"
        " PRIMARY KEY (device, tool, state, uid, path));"
        "CREATE INDEX IF NOT EXISTS by_ruling ON findings (tool, ruling)"
    )
    lock = threading.Lock()
    app = FastAPI()

    @app.post("/v1/events")
    def events(batch: Batch, authorization: str = Header()) -> dict[str, int]:
        if authorization != "Bearer plain":
            raise HTTPException(401)
        with lock, connection:
            for event in batch.events:
                finding = event.about.verdict.finding
                about = event.about.model_dump_json()
                ruling = event.about.verdict.ruling
                connection.execute(
                    "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        event.id,
                        batch.device,
                        event.time.isoformat(),
                        finding.tool,
                        finding.version,
                        finding.owner.name,
                        ruling,
                        event.about.done,
                        finding.path,
                        about,
                    ),
                )
                connection.execute(
                    "INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        batch.device,
                        finding.tool,
                        finding.state,
                        finding.owner.uid,
                        finding.path,
                        finding.name,
                        finding.version,
                        finding.owner.name,
                        ruling,
                        about,
                    ),
                )
        return {"seq": batch.seq}

    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
