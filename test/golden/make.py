"""Writes the golden files: transformers + PEFT in float64 on the CPU, for golden.test.ts to compare with.

usage: make.py [--only CASE ...] [--stories FOLDER]     (needs torch, transformers, peft, safetensors; see README.md)

transformers computes parts of a float64 model in float32: RMSNorm, the softmax of attention, RoPE's frequencies and
angles. Our oracle computes all of it in double, so those casts are widened here while transformers' own formulas run
(class Wide). The script checks that this changes the logits by rounding only.
"""
import argparse, json, os, pathlib, shutil, sys, tempfile

if os.environ.get("PYTHONHASHSEED") != "0":  # PEFT saves target_modules in the order of a set
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1"})

import peft, torch, transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from torch.overrides import TorchFunctionMode
from transformers import AutoConfig, AutoModelForCausalLM

from cases import CASES, LENGTHS, USUAL

HERE = pathlib.Path(__file__).resolve().parent
STORED = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
ROWS = 6  # rows whose logits are kept


class Wide(TorchFunctionMode):
    """Where library code asks for float32, it gets float64."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        widen = lambda x: torch.float64 if x is torch.float32 else x
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        return func(*[widen(x) for x in args], **{k: widen(v) for k, v in (kwargs or {}).items()})


def generator(*names):
    return torch.Generator().manual_seed(int.from_bytes("/".join(names).encode(), "little") % (2**63))


def random_weights(name, config, dtype):
    """Weights large enough that attention, norms and biases all matter; rounded to what the file stores."""
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in AutoModelForCausalLM.from_config(config).state_dict().items()}
    source, weights = generator("weights", name), {}
    for key, shape in sorted(shapes.items()):
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        value = torch.randn(shape, generator=source, dtype=torch.float64)
        if "norm" in key:
            value = 1 + 0.2 * value
        elif key.endswith(".bias"):
            value = 0.2 * value
        elif "embed_tokens" in key:
            value = value * (1.5 / shape[-1] ** 0.5 if config.tie_word_embeddings else 0.7)
        else:
            value = 1.5 * value / shape[-1] ** 0.5
        weights[key] = value.to(STORED[dtype])
    return weights


def base_model(folder, weights, dtype=torch.float64):
    config = AutoConfig.from_pretrained(folder)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=dtype)
    missing = model.load_state_dict({k: v.to(dtype) for k, v in weights.items()}, strict=False)
    assert not missing.unexpected_keys, missing
    assert set(missing.missing_keys) <= ({"lm_head.weight"} if config.tie_word_embeddings else set()), missing
    model.tie_weights()
    model.config.use_cache = False
    return model.eval()


def reset_rope(model):
    """Dynamic scaling remembers the longest sequence it has met; every document here is met afresh."""
    rotary = model.get_base_model().model.rotary_emb
    rotary.inv_freq = rotary.original_inv_freq.clone()
    rotary.max_seq_len_cached = rotary.original_max_seq_len


def adapted(folder, weights, lora, name):
    """The base with a PEFT adapter whose A and B are random and exact in float32."""
    model = get_peft_model(base_model(folder, weights), LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **lora))
    model.peft_config["default"].base_model_name_or_path = f"golden/{name}"
    source = generator("adapter", name)
    for key, value in sorted(model.named_parameters()):
        if "lora_" in key:
            spread = 0.1 if "lora_B" in key else value.shape[1] ** -0.5
            drawn = spread * torch.randn(value.shape, generator=source, dtype=torch.float64)
            value.data.copy_(torch.from_numpy(drawn.numpy().astype("float32")))  # torch's own cast would be widened here
    return model


def save_adapter(model, folder):
    """As PEFT saves it, in float32."""
    shutil.rmtree(folder, ignore_errors=True)
    state = {k: v.float() for k, v in peft.get_peft_model_state_dict(model, save_embedding_layers=False).items()}
    model.save_pretrained(folder, state_dict={k.replace(".weight", ".default.weight"): v for k, v in state.items()},
                          save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    saved = load_file(folder / "adapter_model.safetensors")
    assert {k: v.dtype for k, v in saved.items()} == {k: torch.float32 for k in state}
    parameters = {peft_name(k): v for k, v in model.named_parameters()}
    assert all(torch.equal(v.double(), parameters[k]) for k, v in saved.items()), "the saved adapter is not the one in use"


def make_batches(name, lengths, vocabulary):
    """Packed rows in the engine's layout: labels already shifted, -1 where nothing is scored."""
    source, batches = generator("tokens", name), []
    for number, sizes in enumerate(lengths):
        tokens = [torch.randint(3, vocabulary, (n,), generator=source, dtype=torch.int32) for n in sizes]
        labels = []
        for which, document in enumerate(tokens):
            shifted = torch.cat([document[1:], torch.tensor([-1], dtype=torch.int32)])
            if (which + number) % 2 == 1:
                shifted[: len(document) // 3] = -1  # a prompt that is not learned
            labels.append(shifted)
        batches.append(dict(documents=tokens, labels=labels))
    return batches


def forward(model, document):
    reset_rope(model)
    return model(input_ids=document.long()[None]).logits[0]


def batch_loss(model, batch):
    """Mean over all scored rows of the batch; every document runs alone."""
    total, scored = 0.0, 0
    for document, labels in zip(batch["documents"], batch["labels"]):
        logits = forward(model, document)
        total = total + torch.nn.functional.cross_entropy(logits, labels.long(), ignore_index=-1, reduction="sum")
        scored += int((labels >= 0).sum())
    return total / scored


def greedy(model, prompt, count):
    """The most likely continuation, and the smallest lead that a chosen token had over the next best."""
    tokens, lead = prompt.clone(), float("inf")
    with torch.no_grad():
        for _ in range(count):
            best = forward(model, tokens)[-1].topk(2)
            lead = min(lead, float(best.values[0] - best.values[1]))
            tokens = torch.cat([tokens, best.indices[:1].to(torch.int32)])
    return tokens[len(prompt):], lead


def clear_greedy(model, name, vocabulary, length, count):
    """A prompt whose continuation no rounding of a float32 model can change."""
    source = generator("prompt", name)
    for _ in range(200):
        prompt = torch.randint(3, vocabulary, (length,), generator=source, dtype=torch.int32)
        text, lead = greedy(model, prompt, count)
        if lead > 2e-3:
            return prompt, text, lead
    raise RuntimeError(f"{name}: no prompt with a clear continuation")


def peft_name(parameter):
    return parameter.replace(".default.weight", ".weight")


def check_rounding(folder, weights, model, batch):
    """The widened model and the library's own differ by float32 rounding, and do differ."""
    document = batch["documents"][0]
    with torch.no_grad(), Wide(), model.disable_adapter():
        wide = forward(model, document)
    with torch.no_grad():
        own = base_model(folder, weights)(input_ids=document.long()[None]).logits[0]
    difference = float((wide - own).abs().max() / wide.abs().max())
    assert 1e-10 < difference < 2e-5, f"widening changes logits by {difference}"
    return difference


def make(name, case, folder, out):
    settings = {k: case.get(k, v) for k, v in USUAL.items()}
    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    batches = make_batches(name, case.get("lengths", LENGTHS), vocabulary)
    weights, kept = load_file(folder / "model.safetensors"), {}
    for number, batch in enumerate(batches):
        begins = [0]
        for document in batch["documents"]:
            begins.append(begins[-1] + len(document))
        kept[f"batch{number}.tokens"] = torch.cat(batch["documents"])
        kept[f"batch{number}.labels"] = torch.cat(batch["labels"])
        kept[f"batch{number}.seq_begin"] = torch.tensor(begins, dtype=torch.int32)
    with Wide():
        model = adapted(folder, weights, case["lora"], name).eval()
    save_adapter(model, out / "adapter")
    with Wide():
        prompt, text, lead = clear_greedy(model, name, vocabulary, case.get("prompt", 8), case.get("new_tokens", 100))
        with torch.no_grad():
            logits = torch.cat([forward(model, document) for document in batches[0]["documents"]])
        rows = torch.linspace(0, len(logits) - 1, ROWS).round().to(torch.int32)
        parameters = {k: v for k, v in model.named_parameters() if v.requires_grad}
        optimizer = torch.optim.AdamW(parameters.values(), lr=settings["lr"], betas=settings["betas"], eps=settings["eps"],
                                      weight_decay=settings["weight_decay"])
        losses, norms = [], []
        for number, batch in enumerate(batches):
            optimizer.zero_grad(set_to_none=True)
            loss = batch_loss(model, batch)
            loss.backward()
            losses.append(loss.detach())
            if number == 0:
                kept.update({f"gradient.{peft_name(k)}": v.grad.clone() for k, v in parameters.items()})
                clip = settings["clip"] * float(torch.nn.utils.get_total_norm([v.grad for v in parameters.values()]))
            norms.append(torch.nn.utils.clip_grad_norm_(list(parameters.values()), clip))
            optimizer.step()
        kept.update({f"after.{peft_name(k)}": v.detach().clone() for k, v in parameters.items()})
    difference = check_rounding(folder, weights, model, batches[0])
    kept.update(rows=rows, logits=logits[rows.long()].clone(), losses=torch.stack(losses), norms=torch.stack(norms),
                prompt=prompt, greedy=text)
    assert all(v.dtype in (torch.int32, torch.float64) for v in kept.values())
    assert all(float(n) > clip for n in norms), "clipping must bite in each step"
    save_file({k: v.contiguous() for k, v in kept.items()}, out / "golden.safetensors")
    facts = dict(case=name, weights=case.get("weights"), folder=case.get("folder"), optimizer={**settings, "clip": clip},
                 greedyLead=round(lead, 4), float32Casts=float(f"{difference:.1e}"),
                 made=f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")
    (out / "golden.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{name}: loss {float(losses[0]):.6f}, gradient norm {float(norms[0]):.4f}, lead {lead:.4f}, float32 casts {difference:.1e}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", default=list(CASES))
    parser.add_argument("--stories", default=str(HERE.parents[2] / "shared" / "models" / "stories260K"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    made, scratch = set(), tempfile.TemporaryDirectory()
    (HERE / "weights").mkdir(exist_ok=True)
    for name in options.only:
        case, out = CASES[name], HERE / "cases" / name
        out.mkdir(parents=True, exist_ok=True)
        if "folder" in case:
            make(name, case, pathlib.Path(options.stories), out)
            continue
        weights = HERE / "weights" / f"{case['weights']}.safetensors"
        (out / "config.json").write_text(json.dumps(case["config"], indent=1) + "\n")
        if case["weights"] not in made:
            drawn = random_weights(case["weights"], AutoConfig.from_pretrained(out), case.get("dtype", "BF16"))
            save_file(drawn, weights, metadata={"format": "pt"})
            made.add(case["weights"])
        folder = pathlib.Path(scratch.name) / name
        folder.mkdir()
        shutil.copy(out / "config.json", folder)
        shutil.copy(weights, folder / "model.safetensors")
        make(name, case, folder, out)


main()
