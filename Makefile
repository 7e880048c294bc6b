.PHONY: test
test:
	.venv/bin/pytest -n auto
