import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import { waitUntil } from "@/lib/testing/wait-until";
import { findModels } from "./capabilities";
import { TestAgents } from "./testing/harness";
import { ProtocolServer } from "./testing/protocol-server";

/** Case 88 of ../shared/cases: a model is imported while the worker runs. */

let server: ProtocolServer;
let setup: string;
const agents = new TestAgents();
beforeEach(async () => {
  server = await ProtocolServer.start();
  setup = await mkdtemp(join(tmpdir(), "setup-"));
});
afterEach(async () => {
  await agents.stopAll();
  await server.close();
  await rm(setup, { recursive: true, force: true });
});

const CONFIG = {
  model_type: "llama",
  hidden_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  intermediate_size: 96,
  vocab_size: 320,
  max_position_embeddings: 512,
};
async function write(folder: string, config: object = CONFIG): Promise<void> {
  await mkdir(join(setup, "models", folder), { recursive: true });
  await writeFile(join(setup, "models", folder, "config.json"), JSON.stringify(config));
}
const reports = (): WorkerRequest<"models">[] =>
  server.received.flatMap(({ method, params }) =>
    method === "models" ? [params as WorkerRequest<"models">] : [],
  );

it("a running worker tells the server of a model as soon as its import is complete", async () => {
  await write("old");
  const readModels = () => findModels(setup);
  const known = await readModels();
  const agent = await agents.start(
    server.url,
    {},
    {
      capabilities: { ...known, corpora: [], device: "cpu", dtype: "float32" },
      readModels,
    },
  );
  await waitUntil("it is attached", () => server.attaches.length === 1);
  await write(".importing-1");
  await waitUntil("it has looked again", () => server.heartbeats.length >= 6);
  expect(reports()).toEqual([]);
  await rename(join(setup, "models", ".importing-1"), join(setup, "models", "new"));
  await waitUntil("it is reported", () => reports().length > 0);
  expect(reports()[0]).toMatchObject({
    models: ["new", "old"],
    shapes: { new: { hidden: 48 }, old: { hidden: 48 } },
  });
  const beats = server.heartbeats.length;
  await waitUntil("it has looked again", () => server.heartbeats.length >= beats + 6);
  expect(reports()).toHaveLength(1);
  // At once: a look at a folder that is half removed would find the model without its shape.
  await rename(join(setup, "models", "old"), join(setup, "models", ".removed"));
  await waitUntil("its end is reported", () => reports().length > 1);
  expect(reports()[1]!.models).toEqual(["new"]);
  await agent.stop();
});

it("models of other architectures have no shape", async () => {
  await write("known");
  await write("unknown", { ...CONFIG, model_type: "mistral" });
  await writeFile(join(setup, "models", "a-file"), "no folder");
  const { models, shapes } = await findModels(setup);
  expect(models).toEqual(["known", "unknown"]);
  expect(Object.keys(shapes!)).toEqual(["known"]);
});

it("says what models that write no text are for, as the engine would refuse them", async () => {
  const writeAs = (folder: string, architecture: string, more: object = {}) =>
    write(folder, { ...CONFIG, architectures: [architecture], ...more });
  await writeAs("llama", "LlamaForCausalLM");
  await writeAs("gpt2", "GPT2LMHeadModel");
  await writeAs("critic", "Qwen2ForTokenClassification");
  await writeAs("bert", "BertModel");
  await writeAs("cross-encoder", "BertForSequenceClassification");
  await writeAs("translator", "MarianForCausalLM", { is_encoder_decoder: true });
  await writeAs("embedding", "Qwen3ForCausalLM");
  await writeFile(join(setup, "models", "embedding", "model.onnx"), "");
  await writeAs("both", "LlamaForCausalLM");
  await mkdir(join(setup, "models", "both", "onnx"));
  await writeFile(join(setup, "models", "both", "model.safetensors"), "");
  await write("untold");
  expect((await findModels(setup)).modelRoles).toEqual({
    bert: "encoder",
    critic: "critic",
    "cross-encoder": "reranker",
    embedding: "encoder",
    translator: "encoder",
  });
});
