"""What is behind the server: the embedded engine, or a vLLM process. Both are asked in the same way."""
