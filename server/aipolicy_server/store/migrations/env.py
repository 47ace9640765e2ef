"""What Alembic runs for each command: on the connection that `migrate` hands in, and in its transaction."""

from alembic import context

from aipolicy_server.store.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
