import type { RunConfig } from "@/contracts/run-config/run-config";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { findFreePort } from "@/lib/free-port.mjs";
import { waitUntil } from "@/lib/testing/wait-until";

/** A busy machine takes many times as long as an idle one to load a model. */
const START_MS = 300_000;

type Launch = (config: RunConfig) => Promise<unknown>;

const isUp = (url: string, init?: RequestInit): Promise<boolean> =>
  fetch(url, init).then(
    ({ ok }) => ok,
    () => false,
  );

/** Launches a service of BM25 over Atlas, and waits until it answers. @returns its address, as clients of /retrieve are given it */
export async function serveRetriever(launch: Launch): Promise<string> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}/retrieve`;
  const config = { kind: "serve", name: "Atlas by BM25", corpus: "atlas", port };
  await launch(runConfigSchema.parse({ ...config, retriever: { kind: "bm25" } }));
  const body = JSON.stringify({ queries: ["capital city of Peru"], topk: 1 });
  const ask = () =>
    isUp(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  await waitUntil("the retriever answers", ask, START_MS);
  return url;
}

/** Launches a service of the default model, and waits until it answers. @returns its address, as clients of OpenAI's API are given it */
export async function serveGenerator(launch: Launch): Promise<string> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}/v1`;
  const config = { kind: "serve", what: "model", name: "the generator", port };
  await launch(runConfigSchema.parse({ ...config, model: "smollm2-135m-instruct" }));
  await waitUntil("the generator answers", () => isUp(`${url}/models`), START_MS);
  return url;
}
