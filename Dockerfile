# The gateway alone, without build tools: docker run -v "$PWD/gateway.toml:/etc/batch-gateway/gateway.toml:ro" …
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /source
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv --without-pip /opt/batch-gateway
COPY pyproject.toml .constraints.txt README.md LICENSE ./
COPY adapters adapters
COPY gateway gateway
COPY schema schema
RUN pip install -c .constraints.txt setuptools \
    && pip wheel --no-build-isolation --no-deps --wheel-dir wheels . \
    && pip --python /opt/batch-gateway/bin/python install -c .constraints.txt wheels/*.whl

FROM python:3.11.14-slim-bookworm
RUN pip uninstall --yes setuptools wheel pip \
    && useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin gateway \
    && install --directory --owner gateway --group gateway /data
COPY --from=build /opt/batch-gateway /opt/batch-gateway
ENV PATH=/opt/batch-gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    XDG_DATA_HOME=/data \
    BATCH_GATEWAY_SERVER__HOST=0.0.0.0
USER 10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["batch-gateway"]
CMD ["serve", "--config", "/etc/batch-gateway/gateway.toml"]
