"""The models that answer prompts: llama.cpp in this process, and servers over HTTP."""
