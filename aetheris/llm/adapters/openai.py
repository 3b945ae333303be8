"""The official OpenAI SDK, against OpenAI or any base URL that speaks its chat completions."""

import os

from aetheris.core.canonical import dumps_around
from aetheris.core.handlers import ModelAnswer, ModelRequest


class OpenAIAdapter:
    """`base_url` None means the SDK's own default; the key comes from `OPENAI_API_KEY`."""

    def __init__(self, base_url: str | None = None) -> None:
        self._base_url = base_url

    def complete(self, request: ModelRequest) -> ModelAnswer:
        # About a second to import, so only where it is used.
        from openai import OpenAI, omit
        from openai.types.shared_params import ResponseFormatJSONObject

        with OpenAI(api_key=self._key(), base_url=self._base_url, max_retries=0, timeout=request.timeout) as client:
            completion = client.chat.completions.create(
                model=request.model,
                temperature=request.temperature,
                response_format=ResponseFormatJSONObject(type="json_object") if request.answer is not None else omit,
                messages=[
                    {"role": "system", "content": request.prompt},
                    {"role": "user", "content": dumps_around(request.inputs)},
                ],
            )
        usage = completion.usage
        return ModelAnswer(
            text=completion.choices[0].message.content or "",
            model=completion.model,
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
        )

    def has(self, model: str, timeout: float) -> bool:
        """Whether the server lists the model: no completion is paid for."""
        from openai import OpenAI, OpenAIError

        try:
            with OpenAI(api_key=self._key(), base_url=self._base_url, max_retries=0, timeout=timeout) as client:
                return any(each.id == model for each in client.models.list())
        except OpenAIError:
            return False

    def _key(self) -> str | None:
        """A local server of one's own asks for no key, but the SDK does not start without one."""
        return os.environ.get("OPENAI_API_KEY") or ("no-key" if self._base_url else None)
