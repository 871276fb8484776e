"""Makes a faster, smaller variant of a BERT encoder's ONNX model: weights and products in int8.

usage: quantise_encoder.py MODEL.onnx TOKENIZER.json TARGET.onnx

Activations are quantised with fixed ranges, measured on the texts below, so a text's vector does
not depend on its batch, and no time is spent on finding ranges. One range for a whole tensor would
give the resolution to a few large channels; three measures against that:
- SmoothQuant (Xiao et al., arXiv 2211.10438) moves part of their size into the weights:
  X W = (X / s) (s W) with s_j = max|X_j|^alpha / max|W_j|^(1 - alpha). Not before the second
  products of the feed-forward blocks, whose inputs (after GELU) it makes worse.
- The channels that weigh most are multiplied in fp32 (LLM.int8(), Dettmers et al.,
  arXiv 2208.07339). They are chosen here: EXACT of each input, EXACT_DOWN of those of the second
  products.
- The mean error on the texts is subtracted from the bias, because mean pooling does not average it
  out.
The weights use all of int8: where the processor's products would overflow (AVX2 without VNNI), ONNX
Runtime's session option x64quantprecision keeps them right.
"""

import sys
from collections import defaultdict

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from tokenizers import Tokenizer

ALPHA = 0.65
EXACT = 16
EXACT_DOWN = 64
MAX_TOKENS = 256
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
MICROSOFT = "com.microsoft"

# Of the kinds that are searched and asked: encyclopedia, medicine, questions, names and numbers.
TEXTS = (
    "Nairobi\nNairobi is the capital and largest city of Kenya; it lies on the river Athi in the "
    "south of the country.",
    "What is the calling code of the country whose national dish is ugali?",
    "The Battle of Hastings was fought on 14 October 1066 between the Norman army of William and "
    "an English army under King Harold.",
    "Who directed the film in which the composer of the song made his first appearance?",
    "Aspirin for secondary prevention\nIn a randomised trial of 1,204 patients, low-dose aspirin "
    "reduced the risk of recurrent stroke (hazard ratio 0.78, 95% CI 0.64 to 0.95).",
    "Does preoperative anaemia predict mortality after cardiac surgery?",
    "She was born in Lisbon in 1931, studied law and economics, and later served twice as "
    "minister of finance.",
    "Photosynthesis turns light into chemical energy: carbon dioxide and water become sugar and "
    "oxygen in the chloroplasts of plants.",
    "Terence Hill (born 29 March 1939) is an actor, film director and producer known for "
    "westerns and comedies.",
    "Which of the two magazines was first published, the one on gardening or the one on radio?",
    "The 1998 season was the club's 12th in the second division; it finished 7th with 43 points "
    "and lost the cup final 2-1 after extra time.",
    "An album of 11 songs recorded in Detroit and released in 1974 by an independent label, "
    "produced by her brother.",
    "Mitochondria are organelles in which cells make ATP by oxidative phosphorylation; they have "
    "DNA of their own.",
    "METHODS: We measured serum creatinine, haemoglobin and C-reactive protein in 86 children "
    "aged 2-12 years before and after treatment.",
    "RESULTS: Sensitivity was 91.3% and specificity 84.0%; the area under the curve did not "
    "differ between groups (p = 0.41).",
    "CONCLUSION: Laparoscopic repair is safe in elderly patients and shortens the stay in "
    "hospital by two days.",
    "Are women with endometriosis at a higher risk of ovarian cancer?",
    "The river rises in the mountains at 2,300 m, flows 410 km to the north-west and enters the "
    "sea near the old harbour.",
    "Python is a programming language with dynamic types; its reference implementation is "
    "written in C.",
    "The treaty was signed by nine states in 1957, entered into force in 1959 and was amended by "
    "the protocols of 1971 and 2004.",
    "Is the mother of the founder of the newspaper older than the poet?",
    "A black hole's event horizon is the boundary beyond which no light escapes; its radius "
    "grows with mass.",
    "List of municipalities\nThe province has 37 municipalities, 4 of them cities; the largest "
    "by area is in the east.",
    "He won the silver medal in the 200 metres freestyle at the 1964 Olympic Games in Tokyo and "
    "the gold in the relay.",
    "The novel, published in three volumes, follows a family of shipbuilders through the wars of "
    "the nineteenth century.",
    "In what year was the university founded where the inventor of the telescope's mirror taught "
    "physics?",
    "Type 2 diabetes mellitus is characterised by insulin resistance; metformin is usually the "
    "first drug given.",
    "ok",
    "A",
    "The species (Parus major) nests in holes, lays 5 to 12 white eggs with red spots, and feeds "
    "on insects and seeds.",
    "Supply and demand: when the price of a good falls, the quantity demanded rises, other "
    "things being equal.",
    "The bridge, 1,280 metres long, was opened in May 1937 and was then the longest suspension "
    "bridge in the world. It carries six lanes of traffic and two paths; its towers are 227 "
    "metres high and its cables hold 27,572 wires each. Fog, wind and strong currents made the "
    "work hard: eleven men died before it was finished.",
)
# Full length, as prose and as repetition: late positions and monotonous texts have ranges of their
# own.
TEXTS += (" ".join(TEXTS), "the same words again and again " * 60)


def record_activations(
    model: onnx.ModelProto, tensors: list[str], tokenizer: Tokenizer
) -> dict[str, np.ndarray]:
    """Values [tokens, channels] of the named tensors over TEXTS."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in tensors
    )
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    wanted = {entry.name for entry in session.get_inputs()}
    seen = defaultdict(list)
    for text in TEXTS:
        ids = np.array([tokenizer.encode(text).ids[:MAX_TOKENS]], dtype=np.int64)
        feeds = dict(zip(INPUTS, (ids, np.ones_like(ids), np.zeros_like(ids)), strict=True))
        values = session.run(
            tensors, {name: value for name, value in feeds.items() if name in wanted}
        )
        for name, value in zip(tensors, values, strict=True):
            array = np.asarray(value)
            seen[name].append(array.reshape(-1, array.shape[-1]))
    return {name: np.concatenate(parts) for name, parts in seen.items()}


def quantise_weights(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 [rows, columns] and the scale of each column."""
    scale = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / 127
    return np.round(matrix / scale).astype(np.int8), scale.astype(np.float32)


def compute_range(values: np.ndarray) -> tuple[np.float32, np.uint8]:
    """Scale and zero point that take all of the values into uint8. Clipping the largest loses more
    than it gains.
    """
    low, high = min(values.min(), 0), max(values.max(), 0)
    scale = np.float32(max(high - low, 1e-12) / 255)
    return scale, np.uint8(np.round(-low / scale))


class Quantiser:
    """Replaces the products of one model with weights."""

    def __init__(self, model: onnx.ModelProto, tokenizer: Tokenizer) -> None:
        self.graph = model.graph
        self.weights = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in self.graph.initializer
        }
        self.by_input = defaultdict(list)
        for node in self.graph.node:
            if node.op_type == "MatMul" and node.input[1] in self.weights:
                self.by_input[node.input[0]].append(node)
        self.seen = record_activations(model, sorted(self.by_input), tokenizer)

    def constant(self, name: str, value: np.ndarray) -> str:
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def run(self) -> None:
        replaced = {}
        for number, (tensor, products) in enumerate(self.by_input.items()):
            shared, parts = self.replace(f"int8_{number}", tensor, products)
            for product, nodes in zip(products, parts, strict=True):
                replaced[product.output[0]] = shared + nodes
                shared = []
        nodes = [new for node in self.graph.node for new in replaced.get(node.output[0], [node])]
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del self.graph.node[:]
        self.graph.node.extend(nodes)
        used = {name for node in nodes for name in node.input}
        kept = [tensor for tensor in self.graph.initializer if tensor.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)

    def replace(
        self, key: str, tensor: str, products: list[onnx.NodeProto]
    ) -> tuple[list[onnx.NodeProto], list[list[onnx.NodeProto]]]:
        """Nodes that the products of one tensor share, and those of each."""
        inputs = self.seen[tensor]
        matrices = [self.weights[product.input[1]] for product in products]
        together = np.concatenate(matrices, axis=1)
        rows, columns = matrices[0].shape
        is_down = rows > columns
        largest = np.maximum(np.abs(inputs).max(axis=0), 1e-5)
        weight = largest * np.sqrt(np.square(together).sum(axis=1))
        exact = np.sort(np.argsort(-weight)[: EXACT_DOWN if is_down else EXACT])
        rest = np.ones((rows, 1), dtype=np.float32)
        rest[exact] = 0
        shared = []
        smoothed, smoothing = tensor, np.ones(rows, dtype=np.float32)
        if not is_down:
            smoothing = largest**ALPHA / np.maximum(np.abs(together).max(axis=1), 1e-5) ** (
                1 - ALPHA
            )
            smoothing = (smoothing / np.exp(np.log(smoothing).mean())).astype(np.float32)
            smoothed = f"{key}_smoothed"
            shared.append(
                helper.make_node(
                    "Mul", [tensor, self.constant(f"{key}_smoothing", 1 / smoothing)], [smoothed]
                )
            )
        scale, zero = compute_range(inputs / smoothing * rest[:, 0])
        scale_name, zero_name = (
            self.constant(f"{key}_scale", np.array(scale)),
            self.constant(f"{key}_zero", np.array(zero)),
        )
        shared.append(
            helper.make_node("QuantizeLinear", [smoothed, scale_name, zero_name], [f"{key}_input"])
        )
        shared.append(
            helper.make_node(
                "Gather",
                [tensor, self.constant(f"{key}_channels", exact)],
                [f"{key}_exact"],
                axis=-1,
            )
        )
        rounded = (
            np.clip(np.round(inputs / smoothing / scale) + float(zero), 0, 255) - float(zero)
        ) * scale
        parts = []
        for i, (product, matrix) in enumerate(zip(products, matrices, strict=True)):
            name = f"{key}_{i}"
            integers, scales = quantise_weights(matrix * smoothing[:, None] * rest)
            lost = (
                inputs @ matrix - rounded @ (integers * scales) - inputs[:, exact] @ matrix[exact]
            ).mean(axis=0)
            weights = [
                self.constant(f"{name}_weight", integers),
                scale_name,
                self.constant(f"{name}_scales", scales),
                zero_name,
                "",
                self.constant(f"{name}_lost", lost.astype(np.float32)),
            ]
            parts.append(
                [
                    helper.make_node(
                        "MatMulIntegerToFloat",
                        [f"{key}_input", *weights],
                        [f"{name}_int8"],
                        domain=MICROSOFT,
                    ),
                    helper.make_node(
                        "MatMul",
                        [f"{key}_exact", self.constant(f"{name}_exact", matrix[exact])],
                        [f"{name}_fp32"],
                    ),
                    helper.make_node("Add", [f"{name}_int8", f"{name}_fp32"], [product.output[0]]),
                ]
            )
        return shared, parts


def main(source: str, tokenizer_file: str, target: str) -> None:
    model = onnx.load(source)
    Quantiser(model, Tokenizer.from_file(tokenizer_file)).run()
    if all(entry.domain != MICROSOFT for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(MICROSOFT, 1))
    onnx.save(model, target)


if __name__ == "__main__":
    main(*sys.argv[1:4])
