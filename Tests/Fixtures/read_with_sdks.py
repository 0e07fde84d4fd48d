"""Reads the mock with the vendors' own SDKs, each through its typed models.

    read_with_sdks.py SSEBOMB

Starts `SSEBOMB serve` with different flags and asks it through openai, anthropic, ollama and
google-genai, which must parse every event and put the same answer together that the mock says it
gave. APIs without an SDK here (TGI, llama.cpp, Triton) are read line by line with the json module.
Prints a line a check; the first that fails ends it with status 1.
"""

import json
import subprocess
import sys
import urllib.request

import anthropic
import ollama
import openai
from google import genai
from google.genai import types

TOKENS = 12
WORDS = "that with have this will your from they know want been good much some time very".split()
MESSAGES = [{"role": "user", "content": "hello"}]


def words(first, last):
    """What the mock says in tokens `first` to `last`."""
    return "".join(" " + WORDS[number % 64] for number in range(first, last + 1))


class Mock:
    """`ssebomb serve` with these flags, until the block ends; then its truth is in `truth`."""

    def __init__(self, binary, *flags):
        pace = ["--ttft", "5ms", "--itl", "1ms", "--tokens", str(TOKENS)]
        self.command = [binary, "serve", *pace, *flags]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip().removeprefix("listening on ")
        assert self.url.startswith("http://127.0.0.1:"), self.url
        self.openai = openai.OpenAI(
            base_url=self.url + "/v1", api_key="none", max_retries=0, timeout=10,
            _strict_response_validation=True,
        )
        # The type of legacy completions has no null for `finish_reason`, which servers do send.
        self.lenient = openai.OpenAI(
            base_url=self.url + "/v1", api_key="none", max_retries=0, timeout=10
        )
        self.anthropic = anthropic.Anthropic(
            base_url=self.url, api_key="none", max_retries=0, timeout=10,
            _strict_response_validation=True,
        )
        self.ollama = ollama.Client(self.url, timeout=10)
        self.genai = genai.Client(
            api_key="none", http_options=types.HttpOptions(base_url=self.url, timeout=10_000)
        )
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.truth = json.loads(self.process.communicate(timeout=10)[0])

    def lines(self, path, body):
        """The `data` of each event, or each line of NDJSON, parsed."""
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
        return [json.loads(line.removeprefix("data:")) for line in text.splitlines() if line]


class ErrorEvent(Exception):
    """An error event that an SDK hands over as an event."""


def same(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got!r} is not {wanted!r}")


# What each reader returns: reasoning, text or arguments, finish, prompt and completion tokens.
# The mock counts a token for four bytes of request, so the prompt's only has to be positive.


def chat(mock, limit=None):
    thought = text = arguments = ""
    finish = usage = None
    more = {"max_completion_tokens": limit} if limit else {}
    for chunk in mock.openai.chat.completions.create(
        model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}, **more
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            text += choice.delta.content or ""
            thought += getattr(choice.delta, "reasoning_content", "") or ""
            for call in choice.delta.tool_calls or []:
                arguments += call.function.arguments
    if arguments:
        text = json.loads(arguments)["text"]
    return thought, text, finish, usage.prompt_tokens, usage.completion_tokens


def chat_helper(mock, limit=None):
    """The SDK's accumulator, which also checks the order of events."""
    with mock.openai.chat.completions.stream(
        model="m", messages=MESSAGES, stream_options={"include_usage": True},
        **({"max_completion_tokens": limit} if limit else {}),
    ) as stream:
        try:
            completion = stream.get_final_completion()
        except openai.LengthFinishReasonError as error:
            completion = error.completion
    choice = completion.choices[0]
    calls = choice.message.tool_calls
    text = json.loads(calls[0].function.arguments)["text"] if calls else choice.message.content
    usage = completion.usage
    return None, text, choice.finish_reason, usage.prompt_tokens, usage.completion_tokens


def completions(mock, limit=None):
    text = ""
    finish = usage = None
    for chunk in mock.lenient.completions.create(
        model="m", prompt="hello", stream=True, max_tokens=limit,
        stream_options={"include_usage": True},
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            text += choice.text
    return None, text, finish, usage.prompt_tokens, usage.completion_tokens


def responses(mock, limit=None):
    numbers, thought, pieces = [], "", ""
    more = {"max_output_tokens": limit} if limit else {}
    with mock.openai.responses.stream(model="m", input="hello", **more) as stream:
        for event in stream:
            numbers.append(event.sequence_number)
            if event.type == "response.reasoning_text.delta":
                thought += event.delta
            elif event.type in (
                "response.output_text.delta", "response.function_call_arguments.delta"
            ):
                pieces += event.delta
            elif event.type == "error":
                raise ErrorEvent(event.message)
            last = event
    same("responses: sequence numbers", numbers, list(range(len(numbers))))
    response = last.response
    item = response.output[-1]
    text = item.arguments if item.type == "function_call" else response.output_text
    same("responses: the deltas and the whole", pieces, text)
    if thought:
        same("responses: reasoning", response.output[0].content[0].text, thought)
    finish = response.incomplete_details.reason if response.incomplete_details else response.status
    same("responses: last event", last.type, f"response.{response.status}")
    if item.type == "function_call":
        text = json.loads(text)["text"]
    return thought, text, finish, response.usage.input_tokens, response.usage.output_tokens


def messages(mock, limit=None):
    with mock.anthropic.messages.stream(
        model="m", messages=MESSAGES, max_tokens=limit or 1_000
    ) as stream:
        events = [event.type for event in stream]
        message = stream.get_final_message()
    same("anthropic: last event", events[-1], "message_stop")
    thought = "".join(block.thinking for block in message.content if block.type == "thinking")
    block = message.content[-1]
    text = block.input["text"] if block.type == "tool_use" else block.text
    usage = message.usage
    return thought, text, message.stop_reason, usage.input_tokens, usage.output_tokens


def ollama_options(limit):
    return {"num_predict": limit} if limit else {}


def ollama_chat(mock, limit=None):
    thought = text = ""
    for part in mock.ollama.chat("m", MESSAGES, stream=True, options=ollama_options(limit)):
        thought += part.message.thinking or ""
        text += part.message.content or ""
        for call in part.message.tool_calls or []:
            text += call.function.arguments["text"]
    assert part.done and part.total_duration >= part.prompt_eval_duration >= 5_000_000, part
    return thought, text, part.done_reason, part.prompt_eval_count, part.eval_count


def ollama_generate(mock, limit=None):
    thought = text = ""
    for part in mock.ollama.generate("m", "hello", stream=True, options=ollama_options(limit)):
        thought += part.thinking or ""
        text += part.response
    return thought, text, part.done_reason, part.prompt_eval_count, part.eval_count


def gemini(mock, limit=None):
    thought = text = ""
    config = types.GenerateContentConfig(max_output_tokens=limit)
    models = mock.genai.models
    for chunk in models.generate_content_stream(model="m", contents="hello", config=config):
        candidate = chunk.candidates[0]
        for part in candidate.content.parts:
            if part.function_call:
                text += part.function_call.args["text"]
            elif part.thought:
                thought += part.text
            else:
                text += part.text
    usage = chunk.usage_metadata
    completion = usage.candidates_token_count + (usage.thoughts_token_count or 0)
    same("gemini: total", usage.total_token_count, usage.prompt_token_count + completion)
    return thought, text, candidate.finish_reason.value, usage.prompt_token_count, completion


def tgi(mock, limit=None):
    parameters = {"max_new_tokens": limit} if limit else {}
    events = mock.lines("/generate_stream", {"inputs": "hello", "parameters": parameters})
    text = "".join(e["token"]["text"] for e in events if not e["token"]["special"])
    last = events[-1]
    same("tgi: the tokens and the whole", last["generated_text"], text)
    same("tgi: numbers", [e["index"] for e in events], list(range(1, len(events) + 1)))
    details = last["details"]
    tokens = details["generated_tokens"]
    return None, text, details["finish_reason"], details["input_length"], tokens


def llamacpp(mock, limit=None):
    body = {"prompt": "hello", "stream": True, "n_predict": limit or -1}
    events = mock.lines("/completion", body)
    last = events[-1]
    same("llamacpp: stops", [e["stop"] for e in events], [False] * (len(events) - 1) + [True])
    same("llamacpp: predicted", last["timings"]["predicted_n"], last["tokens_predicted"])
    assert last["timings"]["prompt_ms"] == 5.0, last["timings"]
    text = "".join(e["content"] for e in events)
    return None, text, last["stop_type"], last["tokens_evaluated"], last["tokens_predicted"]


def triton(mock, limit=None):
    body = {"text_input": "hello", "parameters": {"max_tokens": limit} if limit else {}}
    events = mock.lines("/v2/models/ensemble/generate_stream", body)
    same("triton: model", {e["model_name"] for e in events}, {"ensemble"})
    return None, "".join(e["text_output"] for e in events), None, 1, len(events)


# Reader, the API's words for an end of its own, by the limit, and by a tool call, and whether it
# tells reasoning from content.
READERS = [
    (chat, "stop", "length", "tool_calls", True),
    (chat_helper, "stop", "length", "tool_calls", False),
    (completions, "stop", "length", None, False),
    (responses, "completed", "max_output_tokens", "completed", True),
    (messages, "end_turn", "max_tokens", "tool_use", True),
    (ollama_chat, "stop", "length", "stop", True),
    (ollama_generate, "stop", "length", None, True),
    (gemini, "STOP", "MAX_TOKENS", "STOP", True),
    (tgi, "eos_token", "length", None, False),
    (llamacpp, "eos", "limit", None, False),
    (triton, None, None, None, False),
]


# Where an event of its own names the tool: the first token of the call.
NAMED = [chat, chat_helper, responses, messages]


def check(title, mock, reader, wanted, limit=None):
    """Holds what a reader got against `wanted`: reasoning, text, finish, completion tokens."""
    thought, text, finish, prompt, completion = reader(mock, limit)
    assert prompt > 0, prompt
    same(f"{reader.__name__}, {title}", (thought or "", text, finish, completion), wanted)
    print(f"ok  {reader.__name__}, {title}")


def streams(binary):
    with Mock(binary) as mock:
        for reader, stop, cut, _, _ in READERS:
            check("plain", mock, reader, ("", words(1, TOKENS), stop, TOKENS))
            check("cut", mock, reader, ("", words(1, 5), cut, 5), limit=5)
    counts = mock.truth["counts"]
    same("tokens sent", counts["tokens"], len(READERS) * (TOKENS + 5))
    same("streams completed", counts["completed"], 2 * len(READERS))
    with Mock(binary, "--reasoning", "4", "--role-first", "--newline", "crlf") as mock:
        for reader, stop, _, _, thinks in READERS:
            if thinks:
                check("reasoning", mock, reader, (words(1, 4), words(5, TOKENS), stop, TOKENS))
    with Mock(binary, "--tool-calls", "--chunking", "5-events") as mock:
        for reader, _, _, called, _ in READERS:
            if called:
                said = words(2 if reader in NAMED else 1, TOKENS)
                check("tool call", mock, reader, ("", said, called, TOKENS))
    with Mock(binary, "--tool-calls", "--reasoning", "4", "--framing", "length") as mock:
        for reader, _, _, called, thinks in READERS:
            if called and thinks:
                said = words(6 if reader in NAMED else 5, TOKENS)
                wanted = (words(1, 4), said, called, TOKENS)
                check("reasoning and tool call", mock, reader, wanted)


def whole(binary):
    """Answers that aren't streamed."""
    everything = words(1, TOKENS)
    with Mock(binary) as mock:
        completion = mock.openai.chat.completions.create(model="m", messages=MESSAGES)
        same("chat, whole", completion.choices[0].message.content, everything)
        response = mock.openai.responses.create(model="m", input="hello")
        same("responses, whole", response.output_text, everything)
        message = mock.anthropic.messages.create(model="m", messages=MESSAGES, max_tokens=99)
        same("anthropic, whole", message.content[0].text, everything)
        same("ollama, whole", mock.ollama.chat("m", MESSAGES).message.content, everything)
        same("ollama generate, whole", mock.ollama.generate("m", "hello").response, everything)
        answer = mock.genai.models.generate_content(model="m", contents="hello")
        same("gemini, whole", answer.text, everything)
    with Mock(binary, "--tool-calls") as mock:
        completion = mock.openai.chat.completions.create(model="m", messages=MESSAGES)
        call = completion.choices[0].message.tool_calls[0]
        same("chat, whole call", json.loads(call.function.arguments)["text"], everything)
        item = mock.openai.responses.create(model="m", input="hello").output[0]
        same("responses, whole call", json.loads(item.arguments)["text"], everything)
        message = mock.anthropic.messages.create(model="m", messages=MESSAGES, max_tokens=99)
        same("anthropic, whole call", message.content[0].input["text"], everything)
        call = mock.ollama.chat("m", MESSAGES).message.tool_calls[0]
        same("ollama, whole call", call.function.arguments["text"], everything)
        call = mock.genai.models.generate_content(model="m", contents="hello").function_calls[0]
        same("gemini, whole call", call.args["text"], everything)
    print("ok  whole answers")


def errors(binary):
    """Error events, and statuses, must arrive as the SDK's own errors with the mock's message."""
    kinds = [
        (chat, openai.APIError), (completions, openai.APIError), (responses, (openai.APIError, ErrorEvent)),
        (messages, anthropic.APIError), (ollama_chat, ollama.ResponseError),
        (ollama_generate, ollama.ResponseError), (gemini, genai.errors.APIError),
    ]
    for flag, part in [
        ("error-event@first", "the engine died while generating"),
        ("error-event@stream", "the engine died while generating"),
        ("http-429@head", "rate limit reached"),
        ("http-500@head", "the engine died"),
    ]:
        with Mock(binary, "--fault", flag) as mock:
            for reader, kind in kinds:
                try:
                    reader(mock)
                except kind as error:
                    assert part in str(error), (reader.__name__, flag, str(error))
                else:
                    sys.exit(f"{reader.__name__} took no notice of {flag}")
        print(f"ok  {flag}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    streams(sys.argv[1])
    whole(sys.argv[1])
    errors(sys.argv[1])
