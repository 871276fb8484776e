"""Make a faster, smaller variant of a BERT encoder's ONNX model: weights in int8, products in int8 arithmetic.

usage: quantise_encoder.py MODEL.onnx TOKENIZER.json TARGET.onnx

Activations are quantised as they come, with one scale for a whole tensor, so a few large channels would take the
resolution from all others. SmoothQuant (Xiao et al., arXiv 2211.10438) moves part of their size into the weights:
X W = (X / s) (s W) with s_j = max|X_j|^alpha / max|W_j|^(1 - alpha), the maxima seen on the texts below. The second
products of the feed-forward blocks stay in fp32: their inputs (after GELU) cost most of the remaining loss.
"""

import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

ALPHA = 0.65
MAX_TOKENS = 256
INPUTS = ("input_ids", "attention_mask", "token_type_ids")

# Of the kinds that are searched and asked: encyclopedia, medicine, questions, names and numbers.
TEXTS = (
    "Nairobi\nNairobi is the capital and largest city of Kenya; it lies on the river Athi in the south of the country.",
    "What is the calling code of the country whose national dish is ugali?",
    "The Battle of Hastings was fought on 14 October 1066 between the Norman army of William and an English army under King Harold.",
    "Who directed the film in which the composer of the song made his first appearance?",
    "Aspirin for secondary prevention\nIn a randomised trial of 1,204 patients, low-dose aspirin reduced the risk of recurrent stroke (hazard ratio 0.78, 95% CI 0.64 to 0.95).",
    "Does preoperative anaemia predict mortality after cardiac surgery?",
    "She was born in Lisbon in 1931, studied law and economics, and later served twice as minister of finance.",
    "Photosynthesis turns light into chemical energy: carbon dioxide and water become sugar and oxygen in the chloroplasts of plants.",
    "Terence Hill (born 29 March 1939) is an actor, film director and producer known for westerns and comedies.",
    "Which of the two magazines was first published, the one on gardening or the one on radio?",
    "The 1998 season was the club's 12th in the second division; it finished 7th with 43 points and lost the cup final 2-1 after extra time.",
    "An album of 11 songs recorded in Detroit and released in 1974 by an independent label, produced by her brother.",
    "Mitochondria are organelles in which cells make ATP by oxidative phosphorylation; they have DNA of their own.",
    "METHODS: We measured serum creatinine, haemoglobin and C-reactive protein in 86 children aged 2-12 years before and after treatment.",
    "RESULTS: Sensitivity was 91.3% and specificity 84.0%; the area under the curve did not differ between groups (p = 0.41).",
    "CONCLUSION: Laparoscopic repair is safe in elderly patients and shortens the stay in hospital by two days.",
    "Are women with endometriosis at a higher risk of ovarian cancer?",
    "The river rises in the mountains at 2,300 m, flows 410 km to the north-west and enters the sea near the old harbour.",
    "Python is a programming language with dynamic types; its reference implementation is written in C.",
    "The treaty was signed by nine states in 1957, entered into force in 1959 and was amended by the protocols of 1971 and 2004.",
    "Is the mother of the founder of the newspaper older than the poet?",
    "A black hole's event horizon is the boundary beyond which no light escapes; its radius grows with mass.",
    "List of municipalities\nThe province has 37 municipalities, 4 of them cities; the largest by area is in the east.",
    "He won the silver medal in the 200 metres freestyle at the 1964 Olympic Games in Tokyo and the gold in the relay.",
    "The novel, published in three volumes, follows a family of shipbuilders through the wars of the nineteenth century.",
    "In what year was the university founded where the inventor of the telescope's mirror taught physics?",
    "Type 2 diabetes mellitus is characterised by insulin resistance; metformin is usually the first drug given.",
    "ok",
    "A",
    "The species (Parus major) nests in holes, lays 5 to 12 white eggs with red spots, and feeds on insects and seeds.",
    "Supply and demand: when the price of a good falls, the quantity demanded rises, other things being equal.",
    "The bridge, 1,280 metres long, was opened in May 1937 and was then the longest suspension bridge in the world. It carries six lanes of traffic and two paths; its towers are 227 metres high and its cables hold 27,572 wires each. Fog, wind and strong currents made the work hard: eleven men died before it was finished.",
)


def constants(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    return {tensor.name: tensor for tensor in model.graph.initializer}


def weight_products(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    weights = constants(model)
    return [node for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in weights]


def stays_exact(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> bool:
    rows, columns = weights[node.input[1]].dims
    return rows > columns


def largest_inputs(model: onnx.ModelProto, tensors: set[str], tokenizer: Tokenizer) -> dict[str, np.ndarray]:
    """max |x| of each channel of the tensors over TEXTS."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    names = sorted(tensors)
    probe.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = {entry.name for entry in session.get_inputs()}
    largest: dict[str, np.ndarray] = {}
    for text in TEXTS:
        ids = np.array([tokenizer.encode(text).ids[:MAX_TOKENS]], dtype=np.int64)
        feeds = dict(zip(INPUTS, (ids, np.ones_like(ids), np.zeros_like(ids)), strict=True))
        values = session.run(names, {name: value for name, value in feeds.items() if name in wanted})
        for name, value in zip(names, values, strict=True):
            channels = np.abs(value).reshape(-1, value.shape[-1]).max(axis=0)
            largest[name] = np.maximum(largest.get(name, 0), channels)
    return largest


def smooth(model: onnx.ModelProto, tokenizer: Tokenizer) -> None:
    weights = constants(model)
    by_input = defaultdict(list)
    for node in weight_products(model):
        if not stays_exact(node, weights):
            by_input[node.input[0]].append(node)
    largest = largest_inputs(model, set(by_input), tokenizer)
    for number, (tensor, nodes) in enumerate(by_input.items()):
        matrices = [numpy_helper.to_array(weights[node.input[1]]) for node in nodes]
        rows = np.max([np.abs(matrix).max(axis=1) for matrix in matrices], axis=0)
        scale = np.maximum(largest[tensor], 1e-5) ** ALPHA / np.maximum(rows, 1e-5) ** (1 - ALPHA)
        scale = (scale / np.exp(np.log(scale).mean())).astype(np.float32)
        smoothed, factor = f"smoothed_{number}", f"smoothing_{number}"
        model.graph.initializer.append(numpy_helper.from_array((1 / scale).astype(np.float32), factor))
        first = min(list(model.graph.node).index(node) for node in nodes)
        model.graph.node.insert(first, helper.make_node("Mul", [tensor, factor], [smoothed], name=f"smoothing/{number}"))
        for node, matrix in zip(nodes, matrices, strict=True):
            name = f"{node.input[1]}_smoothed"
            model.graph.initializer.append(numpy_helper.from_array((matrix * scale[:, None]).astype(np.float32), name))
            node.input[0], node.input[1] = smoothed, name
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def main(source: str, tokenizer_file: str, target: str) -> None:
    model = onnx.load(source)
    smooth(model, Tokenizer.from_file(tokenizer_file))
    weights = constants(model)
    exact = [node.name for node in weight_products(model) if stays_exact(node, weights)]
    with tempfile.TemporaryDirectory() as folder:
        smoothed = Path(folder) / "smoothed.onnx"
        onnx.save(model, smoothed)
        quantize_dynamic(smoothed, target, op_types_to_quantize=["MatMul"], per_channel=True, reduce_range=True, weight_type=QuantType.QInt8, nodes_to_exclude=exact)


if __name__ == "__main__":
    main(*sys.argv[1:4])
