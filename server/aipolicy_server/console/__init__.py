"""The pages that IT, compliance and the employee read: server-rendered, useful without JavaScript.

`routes.console_routes` is what app.py mounts; reading the store is left to `store.queries`.
"""
