import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { listenLocally } from "@/lib/testing/listen-locally";
import { openRetriever } from "@/gpu-workers/retrieval/backends/open-retriever";
import type { MemoryContext } from "@/gpu-workers/testing/memory-context";
import { ScriptedEndpoint } from "@/gpu-workers/testing/scripted-endpoint";
import type { Services } from "@/gpu-workers/jobs/context/run-context";
import { predict } from "./predict";
import { buildConfig, createContext, questions, services } from "./testing/predict-run";

/** What each question's search found, and when. */
const listSearches = (run: MemoryContext): Map<string, unknown> =>
  new Map(
    run
      .records()
      .map(({ episode: { questionId, steps } }): [string, unknown] => [
        questionId,
        steps.map((step) => step.kind === "retrieve" && [step.documents, step.fetchedAt]),
      ])
      .sort(([a], [b]) => a.localeCompare(b)),
  );

it("a run on an online search with a vendor's generator dates what it found, and its rerun searches nothing", async () => {
  let searches = 0;
  const searxng = createServer((request, response) => {
    searches += 1;
    const query = new URL(request.url!, "http://x").searchParams.get("q")!;
    const url = `https://example.com/${encodeURIComponent(query)}`;
    const results = [1, 2, 3].map((n) => ({
      url: `${url}/${n}`,
      title: query,
      content: `About ${query} ${n}`,
    }));
    response.end(JSON.stringify({ query, results, unresponsive_engines: [] }));
  });
  const url = await listenLocally(searxng);
  const generator = await ScriptedEndpoint.start(({ body }) => ({
    raw: JSON.stringify({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "m",
      content: [
        { type: "text", text: `gold ${/Question (\d+)\?/.exec(JSON.stringify(body))?.[1]}` },
      ],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: { input_tokens: 10, output_tokens: 3 },
    }),
  }));
  const dataDir = await mkdtemp(join(tmpdir(), "s3-online-run-"));
  const real: Services = {
    ...services,
    acquireRetriever: async (_corpus, config, signal) => ({
      value: await openRetriever(config, { corpusPath: () => "none", dataDir, signal }),
      release: () => undefined,
    }),
  };
  const config = buildConfig(generator.url, {
    generator: {
      model: "m",
      endpoint: generator.url,
      dialect: "anthropic",
      connection: { key: "vendor" },
    },
    retriever: { kind: "online", url, requestsPerSecond: 1000 },
  });
  const keys = new Map([["vendor", "stored-key"]]);
  const first = createContext(config, { services: real, keys });
  await predict(first);
  const asked = searches;
  // Each question once, and the check before the run.
  expect(asked).toBe(questions.length + 1);
  expect(first.points("predict/accuracy").at(-1)!.value).toBe(1);
  expect(generator.requests.every(({ headers }) => headers["x-api-key"] === "stored-key")).toBe(
    true,
  );
  const { episode } = first.records()[0]!;
  const retrieved = episode.steps.find((step) => step.kind === "retrieve")!;
  expect(Date.parse(retrieved.fetchedAt!)).toBeGreaterThan(Date.now() - 60_000);
  expect(retrieved.documents[0]!.id).toMatch(/^https:\/\/example\.com\/Question/);

  const second = createContext(config, { services: real, keys });
  await predict(second);
  expect(searches).toBe(asked);
  expect(listSearches(second)).toEqual(listSearches(first));
  await generator.close();
  await new Promise((resolve) => searxng.close(resolve));
});
