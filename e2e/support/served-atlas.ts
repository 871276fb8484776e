import type { RunConfig } from "@/contracts/run-config/run-config";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";

/** A busy machine takes many times as long as an idle one to load a model. */
const START_MS = 300_000;

type Launch = (config: RunConfig) => Promise<unknown>;

const isAnswering = (url: string, body: object): Promise<boolean> =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  }).then(
    ({ ok }) => ok,
    () => false,
  );

/**
 * Launches a service of BM25 over Atlas, and waits until it answers.
 *
 * @returns its address, as clients of /retrieve are given it
 */
export async function serveRetriever(launch: Launch): Promise<string> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}/retrieve`;
  const config = { kind: "serve", name: "Atlas by BM25", corpus: "atlas", port };
  await launch(runConfigSchema.parse({ ...config, retriever: { kind: "bm25" } }));
  const body = { queries: ["capital city of Peru"], topk: 1 };
  await waitUntil("the retriever answers", () => isAnswering(url, body), START_MS);
  return url;
}

/**
 * Launches a service of the default model, and waits until it answers.
 *
 * @returns its address, as clients of OpenAI's API are given it
 */
export async function serveGenerator(launch: Launch): Promise<string> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}/v1`;
  const model = "smollm2-135m-instruct";
  const config = { kind: "serve", what: "model", name: "the generator", model, port };
  await launch(runConfigSchema.parse(config));
  // Its list of models is there before the model is loaded.
  const body = { model, messages: [{ role: "user", content: "Hello" }], max_tokens: 1 };
  const ask = () => isAnswering(`${url}/chat/completions`, body);
  await waitUntil("the generator answers", ask, START_MS);
  return url;
}
