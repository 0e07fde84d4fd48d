"""A language model that is random, tiny and always the same: two layers of a Llama, half a megabyte.

Its words are single letters, each with a blank before it. All other tokens, the end among them,
have a logit of 0, so that without temperature it speaks letters until it reaches its limit.
"""
import gguf
import numpy

EMBEDDING, FEED_FORWARD, HEADS, LAYERS, CONTEXT = 64, 128, 4, 2, 512


def vocabulary():
    """Text, score and type of each token, in the order of llama.cpp's own vocabularies."""
    kind = gguf.TokenType
    yield from [("<unk>", 0.0, kind.UNKNOWN), ("<s>", 0.0, kind.CONTROL), ("</s>", 0.0, kind.CONTROL)]
    yield from ((f"<0x{byte:02X}>", 0.0, kind.BYTE) for byte in range(256))
    yield from (("\u2581" + chr(ord("a") + n), -1.0 - n, kind.NORMAL) for n in range(26))


def write(path):
    """Writes the model in llama.cpp's format."""
    tokens, scores, kinds = map(list, zip(*vocabulary()))
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(EMBEDDING)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(EMBEDDING // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for message in messages %}{{ message.content }}{% endfor %}")
    draws = numpy.random.default_rng(1)

    def add_random(name, *shape):
        weights = (draws.standard_normal(shape) * 0.1).astype(numpy.float32)
        if name == "output.weight":
            weights[:-26] = 0
        writer.add_tensor(name, weights)

    def add_ones(name):
        writer.add_tensor(name, numpy.ones(EMBEDDING, numpy.float32))

    add_random("token_embd.weight", len(tokens), EMBEDDING)
    add_random("output.weight", len(tokens), EMBEDDING)
    add_ones("output_norm.weight")
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        add_ones(block + "attn_norm.weight")
        add_ones(block + "ffn_norm.weight")
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add_random(f"{block}{name}.weight", EMBEDDING, EMBEDDING)
        add_random(block + "ffn_gate.weight", FEED_FORWARD, EMBEDDING)
        add_random(block + "ffn_up.weight", FEED_FORWARD, EMBEDDING)
        add_random(block + "ffn_down.weight", EMBEDDING, FEED_FORWARD)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
