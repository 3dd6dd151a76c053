"""Calls a Rust service from Python: nats-py and a JSON payload, no stubs.

    $ pip install nats-py
    $ NATS_URL=nats://127.0.0.1:4222 python3 examples/python/greet.py
    hello('Bob', last_name='Ross') -> Hello, Bob Ross
    hello('Bob') -> Hello, Bob
    hello() -> error 422 invalid_argument: missing argument `first_name`
"""

import asyncio
import json
import os

import nats


async def call(client, method, *args, **kwargs):
    """Sends Python's own call, `[args, kwargs]`, and returns the result."""
    reply = await client.request(method, json.dumps([args, kwargs]).encode(), timeout=5)
    body = json.loads(reply.data)
    # A failure says so in a header; the body then describes it.
    if number := (reply.headers or {}).get("Nats-Service-Error-Code"):
        raise RuntimeError(f"error {number} {body['code']}: {body['message']}")
    [result], _ = body
    return result


async def main():
    client = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    hello = "greeting_service.hello"
    print("hello('Bob', last_name='Ross') ->", await call(client, hello, "Bob", last_name="Ross"))
    print("hello('Bob') ->", await call(client, hello, "Bob"))
    try:
        await call(client, hello)
    except RuntimeError as error:
        print("hello() ->", error)
    await client.close()


asyncio.run(main())
