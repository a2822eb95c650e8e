"""Questions of speed and size, one module each: ``python -m benchmarks.<name>``."""
