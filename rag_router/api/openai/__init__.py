"""The same service for clients of OpenAI's interface, chat frontends above all.

    POST /v1/chat/completions    the last question of a conversation, answered, streamed or not
    GET  /v1/models, /{id}       what it goes by, and the variants of it
    POST /v1/embeddings          the embedder of the indexes

Errors have OpenAI's form here, fields that nobody knows are ignored, and so are tools.
"""
