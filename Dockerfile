FROM ghcr.io/astral-sh/uv:0.9 AS uv

FROM python:3.12-slim
COPY --from=uv /uv /bin/uv
ENV PYTHONUNBUFFERED=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    PATH=/app/.venv/bin:$PATH \
    DJANGO_SETTINGS_MODULE=cro_portal.settings.prod \
    CRO_VAR=/app/var
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups
COPY . .
# The key and the host of this step are thrown away: it only gathers files.
RUN CRO_SECRET_KEY=unused CRO_ALLOWED_HOSTS=unused python manage.py collectstatic --noinput \
    && useradd --system --uid 10001 --no-create-home portal \
    && chown -R portal var
USER portal
EXPOSE 8000
CMD ["python", "-m", "granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--respawn-failed-workers", "--workers-kill-timeout", "10", "--no-ws", "cro_portal.wsgi:application"]
