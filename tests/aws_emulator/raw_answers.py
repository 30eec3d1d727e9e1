"""The bodies of answers as they came over the wire, which boto3 decodes."""

from contextlib import contextmanager


@contextmanager
def raw_answers(client):
    """A list that grows by the body of each answer that `client` gets in the block.

    Tests share clients, so the handler ends with the block.
    """
    bodies = []
    service = client.meta.service_model.service_name

    def keep(response_dict, **_):
        if response_dict is not None:
            bodies.append(response_dict["body"])

    client.meta.events.register(f"response-received.{service}", keep)
    try:
        yield bodies
    finally:
        client.meta.events.unregister(f"response-received.{service}", keep)
