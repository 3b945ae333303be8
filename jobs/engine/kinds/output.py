"""What successors read, from the result that the ledger keeps."""

from aetheris.core.canonical import dumps, loads
from jobs.states import NodeType


def output_of(node_type: str, result: str) -> str:
    """A node's output, canonical text: of a model's answer only what was asked for, else the result as it is."""
    return dumps(loads(result)["answer"]) if node_type == NodeType.LLM else result
