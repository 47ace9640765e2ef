"""Puts the server together: intake for agents, pages and API for people, what every answer has in common."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from http import HTTPStatus

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from aipolicy import __version__
from aipolicy_server.access import Access
from aipolicy_server.answers import answer_exceptions
from aipolicy_server.api import api_router
from aipolicy_server.canary import CanaryWatch
from aipolicy_server.clock import Clock, utc_now
from aipolicy_server.console.render import Pages
from aipolicy_server.console.routes import console_routes
from aipolicy_server.first_start import ensure_tokens, prepare_folder
from aipolicy_server.headers import SecurityHeaders
from aipolicy_server.intake.routes import Intake
from aipolicy_server.retention import Retention
from aipolicy_server.settings import Settings
from aipolicy_server.sign_in import SameOrigin, TokenAddress, sign_in_routes
from aipolicy_server.store.store import Store, Unavailable

logger = logging.getLogger(__name__)


def open_store(settings: Settings, clock: Clock = utc_now) -> Store:
    """The database, with all that a first start makes. Raises BadDatabase, BadDataFolder."""
    prepare_folder(settings.data)
    store = Store.open(settings.database_url, secrets.token_bytes(32))
    try:
        ensure_tokens(store, settings, clock)
    except BaseException:
        store.close()
        raise
    return store


def build(settings: Settings, *, clock: Clock = utc_now, store: Store | None = None) -> FastAPI:
    """The application. It opens the store, unless one is handed in, and closes it when it ends.

    Raises BadDatabase, BadDataFolder.
    """
    store = store or open_store(settings, clock)
    intake = Intake(store, settings, clock)
    retention = Retention(store, settings.keep, clock)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        store.start_writer(settings.limits.writing)
        jobs = (intake.presence.run(), CanaryWatch(store, clock).run(), retention.run())
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await intake.presence.flush()
            await store.stop_writer()
            await asyncio.to_thread(store.close)

    app = FastAPI(
        title="aipolicy",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,  # served behind the sign-in, see api.py
        docs_url=None,  # Swagger UI would load from a CDN
        redoc_url=None,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # FastAPI's own; it costs every request
        redirect_slashes=False,  # such a redirect would follow the Host header of whoever asks
    )
    pages = Pages()
    app.state.store = store
    app.state.settings = settings
    app.state.clock = clock
    app.state.pages = pages
    app.state.access = Access(store, settings, clock)
    app.state.intake = intake
    app.state.retention = retention
    # The agents' routes first: they are matched in this order, and called most.
    app.router.routes.extend(intake.routes())
    app.router.routes.append(Route("/healthz", _healthz, name="healthz"))
    app.router.routes.extend(sign_in_routes())
    app.router.routes.extend(api_router().routes)  # flat, so that who walks the routes sees each
    app.router.routes.extend(console_routes(pages))
    answer_exceptions(app)
    app.add_middleware(TokenAddress)
    app.add_middleware(SameOrigin)
    app.add_middleware(SecurityHeaders)  # the last one added is the outermost
    return app


def _healthz(request: Request) -> Response:
    """For load balancers: whether this node can read its database."""
    try:
        with request.app.state.store.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
    except Unavailable:
        return PlainTextResponse("the database does not answer\n", HTTPStatus.SERVICE_UNAVAILABLE)
    return PlainTextResponse("ok\n")
