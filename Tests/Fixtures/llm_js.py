#!/usr/bin/env python3
"""What the example llm.js of k6's SSE extension counts, in its own arithmetic, by one virtual user.

    llm_js.py URL DATASET ITERATIONS MAX_TOKENS MAX_PROMPT MAX_CONTEXT

Prints one JSON object. The mistakes of the example are kept: the first event of any kind is taken
for the first token, and all tokens are divided by the time after it. Shares no code with ssebomb.
"""
import http.client
import json
import re
import statistics
import sys
import time
from urllib.parse import urlsplit

SYSTEM = "You are ChatGPT, an AI assistant."


def words(text):
    return len(re.split(r"[\s,.?'\"]", text))


def prompts(path, longest_prompt, longest_context):
    with open(path, encoding="utf-8") as file:
        conversations = [entry["conversations"] for entry in json.load(file)]
    for turns in conversations:
        if len(turns) < 2 or turns[0]["from"] != "human":
            continue
        prompt, answer = turns[0]["value"], turns[1]["value"]
        if words(prompt) < 4 or words(answer) < 4:
            continue
        if words(prompt) > longest_prompt or words(prompt) + words(answer) > longest_context:
            continue
        yield prompt


def payload(prompt, max_tokens):
    return {
        "model": "my-model",
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": prompt},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": 42,
        "max_tokens": max_tokens,
        "stop": ["<|im_end|>"],
    }


def completion(url, body):
    """Usage, finish reason, and the times of start, first event and end."""
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
    usage, reason, first = {}, None, None
    start = time.monotonic()
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    connection.request("POST", url.path, text, {"Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status != 200:
        sys.exit(f"status {response.status}")
    for line in response:
        if not line.startswith(b"data: "):
            continue
        if first is None:
            first = time.monotonic()
        data = line[6:].strip()
        if data == b"[DONE]":
            continue
        chunk = json.loads(data)
        if chunk.get("choices") and chunk["choices"][0].get("finish_reason"):
            reason = chunk["choices"][0]["finish_reason"]
        usage = chunk.get("usage") or usage
    end = time.monotonic()
    connection.close()
    return usage, reason, start, first, end


def main():
    url, path = urlsplit(sys.argv[1]), sys.argv[2]
    iterations, max_tokens, longest_prompt, longest_context = map(int, sys.argv[3:])
    dataset = list(prompts(path, longest_prompt, longest_context))
    ends = [
        completion(url, payload(dataset[number % len(dataset)], max_tokens))
        for number in range(iterations)
    ]
    print(json.dumps({
        "prompts": len(dataset),
        "completions": len(ends),
        "llm_prompt_tokens_total_counter": sum(e[0]["prompt_tokens"] for e in ends),
        "llm_completion_tokens_total_counter": sum(e[0]["completion_tokens"] for e in ends),
        "llm_completions_truncated": sum(e[1] == "length" for e in ends),
        "llm_completions_stop": sum(e[1] == "stop" for e in ends),
        "llm_emit_first_token_second": statistics.median(e[3] - e[2] for e in ends),
        "llm_tokens_second": statistics.median(
            e[0]["completion_tokens"] / (e[4] - e[3]) for e in ends
        ),
    }))


main()
