import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { retrieverSchema, type RetrieverConfigOfKind } from "@/contracts/run-config/retriever";
import { listenLocally } from "@/lib/testing/listen-locally";
import { OnlineRetriever } from "./online";

/**
 * Online search against local servers that replay the answers that each provider documents: no provider is called. What
 * a real SearXNG answers is told in docs/guides/endpoints.md.
 */

interface SeenRequest {
  url: URL;
  headers: IncomingHttpHeaders;
  body: unknown;
}
type Answer = {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
  /** How long it takes. */
  ms?: number;
};

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server that answers in turn, the last one for ever, and keeps what it was asked. */
async function serve(...answers: Answer[]): Promise<{ url: string; asked: SeenRequest[] }> {
  const asked: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      asked.push({
        url: new URL(request.url!, "http://localhost"),
        headers: request.headers,
        body: text === "" ? null : JSON.parse(text),
      });
      const {
        status,
        body,
        headers,
        ms = 0,
      } = answers[Math.min(asked.length, answers.length) - 1]!;
      const send = (): unknown =>
        response
          .writeHead(status, headers)
          .end(typeof body === "string" ? body : JSON.stringify(body));
      if (ms === 0) send();
      else setTimeout(send, ms);
    });
  });
  const url = await listenLocally(server);
  closing.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  return { url, asked };
}

const policy = { requestMs: 1000, backoffMs: 5, attempts: 3 };
const makeFolder = (): Promise<string> => mkdtemp(join(tmpdir(), "s3-online-"));
const parseConfig = (settings: object): RetrieverConfigOfKind<"online"> =>
  retrieverSchema.parse({
    kind: "online",
    requestsPerSecond: 1000,
    ...settings,
  }) as RetrieverConfigOfKind<"online">;

async function open(
  url: string,
  settings: object = {},
  dataDir?: string,
): Promise<OnlineRetriever> {
  return OnlineRetriever.open(
    parseConfig({ url, ...settings }),
    dataDir ?? (await makeFolder()),
    policy,
    {
      ...process.env,
      SEARCH_KEY: "secret-key",
      S3_CREDENTIALS: `SEARCH_KEY=${url}`,
    },
  );
}

const ok = (body: unknown): Answer => ({ status: 200, body });
const TOWER = "https://en.wikipedia.org/wiki/Eiffel_Tower";
const PARIS = "https://example.com/paris?a=1";
const searxng = (results: object[], unresponsive_engines: unknown[] = []): Answer =>
  ok({
    query: "tower",
    number_of_results: 0,
    results,
    answers: [],
    corrections: [],
    infoboxes: [],
    suggestions: [],
    unresponsive_engines,
  });
const searxngHit = (url: string, title = "T", content: string | null = "text") => ({
  url,
  title,
  content,
  engine: "wikipedia",
  engines: ["wikipedia"],
  score: 1,
  category: "general",
});

/** What each provider documents, with the same two results. */
const cases = [
  {
    provider: "serper",
    settings: { credential: "SEARCH_KEY" },
    path: "/search",
    header: ["x-api-key", "secret-key"],
    body: z.strictObject({ q: z.literal("tower"), num: z.literal(3) }),
    query: {},
    answer: ok({
      searchParameters: { q: "tower", type: "search", engine: "google" },
      organic: [
        { title: "Eiffel Tower", link: TOWER, snippet: "A tower.", position: 1 },
        { title: "Paris", link: PARIS, position: 2 },
      ],
      credits: 1,
    }),
    refusal: { status: 403, body: { message: "Unauthorized.", statusCode: 403 } },
  },
  {
    provider: "tavily",
    settings: { credential: "SEARCH_KEY" },
    path: "/search",
    header: ["authorization", "Bearer secret-key"],
    body: z.strictObject({
      query: z.literal("tower"),
      max_results: z.literal(3),
      search_depth: z.literal("basic"),
    }),
    query: {},
    answer: ok({
      query: "tower",
      follow_up_questions: null,
      answer: null,
      images: [],
      results: [
        { title: "Eiffel Tower", url: TOWER, content: "A tower.", score: 0.9, raw_content: null },
        { title: "Paris", url: PARIS, content: "", score: 0.5, raw_content: null },
      ],
      response_time: 1.1,
    }),
    refusal: { status: 401, body: { detail: { error: "Unauthorized: invalid API key." } } },
  },
  {
    provider: "google-cse",
    settings: { credential: "SEARCH_KEY", engineId: "engine:1" },
    path: "/customsearch/v1",
    header: null,
    body: z.null(),
    query: { key: "secret-key", cx: "engine:1", q: "tower", num: "3", start: "1" },
    answer: ok({
      kind: "customsearch#search",
      searchInformation: { totalResults: "2" },
      items: [
        { kind: "customsearch#result", title: "Eiffel Tower", link: TOWER, snippet: "A tower." },
        { kind: "customsearch#result", title: "Paris", link: PARIS },
      ],
    }),
    refusal: {
      status: 403,
      body: { error: { code: 403, message: "no access", status: "PERMISSION_DENIED" } },
    },
  },
  {
    provider: "searxng",
    settings: {},
    path: "/search",
    header: null,
    body: z.null(),
    query: { q: "tower", format: "json", pageno: "1" },
    answer: searxng([
      searxngHit(TOWER, "Eiffel Tower", "A tower."),
      searxngHit(PARIS, "Paris", null),
    ]),
    refusal: { status: 403, body: "Forbidden" },
  },
] as const;

describe.each(cases)(
  "$provider",
  ({ provider, settings, path, header, body, query, answer, refusal }) => {
    const all = { provider, ...settings };

    it("is asked as it documents, and its results are documents in its order", async () => {
      const { url, asked } = await serve(answer, searxng([]));
      const retriever = await open(url, all);
      const [found] = await retriever.search(["tower"], 3);
      expect(asked[0]!.url.pathname).toBe(path);
      expect(Object.fromEntries(asked[0]!.url.searchParams)).toEqual(query);
      expect(body.parse(asked[0]!.body)).toEqual(asked[0]!.body);
      if (header !== null) expect(asked[0]!.headers[header[0]]).toBe(header[1]);
      expect(found).toMatchObject([
        { id: TOWER, title: "Eiffel Tower", text: "A tower.", score: 1 },
        { id: PARIS, title: "Paris", text: "", score: 0.5 },
      ]);
      expect(Date.parse(found![0]!.fetchedAt!)).toBeGreaterThan(Date.now() - 60_000);
      expect(retriever.describe()).toMatchObject({ kind: "online", documents: null });
    });
    it("a refusal is an error that says what to do, once, without the key", async () => {
      const leaked = "credential" in settings ? " secret-key" : "";
      const said = `${JSON.stringify(refusal.body)}${leaked}`;
      const { url, asked } = await serve({ status: refusal.status, body: said });
      const failed = (await open(url, all)).search(["tower"], 3);
      await expect(failed).rejects.toMatchObject({
        code: "unauthorized",
        message: expect.not.stringContaining("secret-key") as unknown,
      });
      expect(asked.length).toBe(1);
    });
    it.each([
      ["429", { status: 429, body: "slow down" }],
      ["503", { status: 503, body: "" }],
      ["no JSON", ok("<html>")],
    ])("%s is asked again, and an error where it stays", async (_, fault) => {
      const recovered = await serve(fault, answer, searxng([]));
      const [found] = await (await open(recovered.url, all)).search(["tower"], 3);
      expect(found!.map(({ id }) => id)).toEqual([TOWER, PARIS]);
      const { url } = await serve(fault);
      await expect((await open(url, all)).search(["tower"], 3)).rejects.toMatchObject({
        code: "retriever-unavailable",
      });
    });
    it("another form is an error, never no documents", async () => {
      const { url } = await serve(ok({ hello: 1 }));
      await expect((await open(url, all)).search(["tower"], 3)).rejects.toMatchObject({
        code: "invalid-input",
      });
    });
  },
);

describe("what is kept", () => {
  const two = searxng([searxngHit("https://a.example/"), searxngHit("https://b.example/")]);

  it("answers a second run without a request, with the date of the first", async () => {
    const dataDir = await makeFolder();
    const { url, asked } = await serve(two);
    const first = await (await open(url, {}, dataDir)).search(["x", "y", "x"], 2);
    expect(asked.length).toBe(2);
    const again = await (
      await open(url, { requestsPerSecond: 5 }, dataDir)
    ).search(["x", "y", "x"], 2);
    expect(again).toEqual(first);
    expect(asked.length).toBe(2);
  });
  it("is of its query, number, snapshot and address", async () => {
    const dataDir = await makeFolder();
    const { url, asked } = await serve(two);
    const retriever = await open(url, {}, dataDir);
    await retriever.search(["x"], 2);
    await retriever.search(["x"], 1);
    await retriever.search(["X"], 2);
    const later = await open(url, { snapshot: "2" }, dataDir);
    await later.search(["x"], 2);
    expect(asked.length).toBe(4);
    expect(later.describe().key).not.toBe(retriever.describe().key);
  });
  it("holds no failure", async () => {
    const { url, asked } = await serve({ status: 400, body: "bad" }, two);
    const retriever = await open(url);
    await expect(retriever.search(["x"], 2)).rejects.toMatchObject({ code: "invalid-input" });
    expect((await retriever.search(["x"], 2))[0]).toHaveLength(2);
    expect(asked.length).toBe(2);
  });
  it("holds no key", async () => {
    const dataDir = await makeFolder();
    const { url } = await serve(cases[0].answer);
    await (
      await open(url, { provider: "serper", credential: "SEARCH_KEY" }, dataDir)
    ).search(["tower"], 3);
    for (const name of await readdir(dataDir, { recursive: true, withFileTypes: true }))
      if (name.isFile())
        expect(await readFile(join(name.parentPath, name.name), "utf8")).not.toContain("secret");
  });
});

describe("limits", () => {
  const one = searxng([searxngHit("https://a.example/")]);

  it("keeps its pace", async () => {
    const { url, asked } = await serve(one);
    const retriever = await open(url, { requestsPerSecond: 10 });
    const start = performance.now();
    await retriever.search(["a", "b", "c", "d"], 1);
    expect(asked.length).toBe(4);
    expect(performance.now() - start).toBeGreaterThan(290);
  });
  it("ends with its budget, also after it was opened anew, and answers what is kept", async () => {
    const dataDir = await makeFolder();
    const { url, asked } = await serve(one);
    await (await open(url, { requestBudget: 2 }, dataDir)).search(["a", "b"], 1);
    const retriever = await open(url, { requestBudget: 2 }, dataDir);
    await expect(retriever.search(["c"], 1)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("retriever.requestBudget") as unknown,
    });
    expect((await retriever.search(["a"], 1))[0]).toHaveLength(1);
    expect(asked.length).toBe(2);
  });
  it("spends no more than its budget on searches at once", async () => {
    const { url, asked } = await serve(one);
    const retriever = await open(url, { requestBudget: 2 });
    const searches = ["a", "b", "c", "d"].map((query) => retriever.search([query], 1));
    const settled = await Promise.allSettled(searches);
    expect(settled.filter(({ status }) => status === "fulfilled").length).toBe(2);
    expect(asked.length).toBe(2);
  });
  it("asks once for a query that comes twice, also where it fails", async () => {
    // So long that all who ask at once have asked.
    const { url, asked } = await serve({ status: 403, body: "", ms: 500 });
    const retriever = await open(url);
    await expect(Promise.all([1, 2, 3].map(() => retriever.search(["a"], 1)))).rejects.toThrow();
    await expect(retriever.search(["b", "b"], 1)).rejects.toThrow();
    expect(asked.map((each) => each.url.searchParams.get("q"))).toEqual(["a", "b"]);
  });
  it("dates results by when they came, not by when they were wanted", async () => {
    const { url } = await serve(one);
    const retriever = await open(url, { requestsPerSecond: 4 });
    const found = await retriever.search(["a", "b"], 1);
    const [first, second] = found.map(([result]) => Date.parse(result!.fetchedAt!));
    expect(second! - first!).toBeGreaterThan(150);
  });
  it("ends when it is cancelled", async () => {
    const { url } = await serve(one);
    const retriever = await open(url, { requestsPerSecond: 0.01 });
    await retriever.search(["a"], 1);
    const cancel = new AbortController();
    const waiting = retriever.search(["b"], 1, cancel.signal);
    setTimeout(() => cancel.abort(), 30);
    await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("pages", () => {
  it("Google's are read until enough is there, each result once", async () => {
    const page = (from: number): Answer =>
      ok({
        kind: "customsearch#search",
        items: Array.from({ length: 10 }, (_, i) => ({
          title: "T",
          link: `https://example.com/${from + i}`,
          snippet: "s",
        })),
      });
    // The second page begins with the last result of the first.
    const { url, asked } = await serve(page(0), page(9));
    const settings = { provider: "google-cse", credential: "SEARCH_KEY", engineId: "e" };
    const [found] = await (await open(url, settings)).search(["tower"], 15);
    expect(found!.map(({ id }) => id)).toEqual(
      Array.from({ length: 15 }, (_, i) => `https://example.com/${i}`),
    );
    expect(asked.map((each) => each.url.searchParams.get("start"))).toEqual(["1", "11"]);
  });
  it("nothing found is an empty ranking for Google, and for SearXNG where its engines answered", async () => {
    const google = await serve(ok({ kind: "customsearch#search" }));
    const settings = { provider: "google-cse", credential: "SEARCH_KEY", engineId: "e" };
    expect(await (await open(google.url, settings)).search(["tower"], 3)).toEqual([[]]);
    const answered = await serve(searxng([]));
    expect(await (await open(answered.url)).search(["tower"], 3)).toEqual([[]]);
    const silent = await serve(searxng([], [["duckduckgo", "CAPTCHA"]]));
    await expect((await open(silent.url)).search(["tower"], 3)).rejects.toThrow("CAPTCHA");
  });
});

it("keys of rankings stay: a change makes kept results and episodes unfindable", async () => {
  const config = parseConfig({ url: "http://searxng.test:8888", requestBudget: 9 });
  const retriever = await OnlineRetriever.open(config, await makeFolder(), policy);
  expect(retriever.describe().key).toBe("7e46177ec97b5060adf5d3e0a22f3933");
});

describe("settings", () => {
  it.each([
    [{ provider: "searxng", url: undefined }, "url"],
    [{ provider: "serper" }, "credential"],
    [{ provider: "google-cse", credential: "K" }, "engineId"],
  ])("%o lacks %s", (settings, path) => {
    const { error } = retrieverSchema.safeParse({
      kind: "online",
      url: "https://search.test",
      ...settings,
    });
    expect(error!.issues.map((issue) => issue.path.join("."))).toEqual([path]);
  });
  it("a key is sent only where the worker allows it", async () => {
    const config = parseConfig({
      provider: "serper",
      credential: "SEARCH_KEY",
      url: "https://google.serper.dev",
    });
    const environment = { ...process.env, SEARCH_KEY: "k", S3_CREDENTIALS: "" };
    await expect(
      OnlineRetriever.open(config, await makeFolder(), policy, environment),
    ).rejects.toMatchObject({ code: "unauthorized" });
  });
});
