import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { once } from "node:events";
import { connect, type AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import { RemoteRetriever } from "@/gpu-workers/retrieval/backends/remote";
import type {
  RankedDocument,
  Retriever,
  RetrieverDescription,
} from "@/gpu-workers/retrieval/retriever";
import { RetrieveService, type RetrieveServiceOptions } from "./retrieve-service";

/** Ranks k made-up documents for a query; the query decides what goes wrong. */
class WordRetriever implements Retriever {
  batches: (readonly string[])[] = [];
  release: () => void = () => {};
  async search(queries: readonly string[], k: number): Promise<RankedDocument[][]> {
    this.batches.push(queries);
    if (queries.includes("fail")) throw new AppError("internal", "the encoder broke");
    if (queries.includes("wait")) await new Promise<void>((resolve) => (this.release = resolve));
    return queries.map((query) =>
      Array.from({ length: k }, (_, i) => ({
        id: `${query}-${i}`,
        title: `About "${query}" (${i})`,
        text: `line one\n"line two" ${i}`,
        hash: "",
        score: 1 / (i + 1),
      })),
    );
  }
  getDocuments(): Promise<never> {
    return Promise.reject(new AppError("unsupported", "not here"));
  }
  describe(): RetrieverDescription {
    return { kind: "dense", key: "k", title: "words", documents: 3 };
  }
  async close(): Promise<void> {}
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function serve(
  limits?: RetrieveServiceOptions["limits"],
): Promise<{ retriever: WordRetriever; service: RetrieveService }> {
  const retriever = new WordRetriever();
  const service = await RetrieveService.start(retriever, { limits });
  closing.push(() => service.stop(0));
  return { retriever, service };
}

function post(service: RetrieveService, body: unknown): Promise<Response> {
  return fetch(`${service.url}/retrieve`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** A client that keeps one connection, as they do: a server that stops takes no new ones. */
async function keptOpen(url: string): Promise<{ get(path: string): Promise<string> }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  closing.push(async () => socket.destroy());
  return {
    async get(path) {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
      const [answer] = (await once(socket, "data")) as [Buffer];
      return answer.toString();
    },
  };
}

describe("the /retrieve service", () => {
  it("answers as upstream's server does, with and without scores", async () => {
    const { service } = await serve();
    const contents = 'About "a" (0)';
    const scored = await post(service, { queries: ["a"], topk: 1, return_scores: true });
    expect(await scored.json()).toEqual({
      result: [
        [{ document: { id: "a-0", contents: `"${contents}"\nline one\n"line two" 0` }, score: 1 }],
      ],
    });
    const bare = await post(service, { queries: ["a", "b"], topk: 1 });
    expect(await bare.json()).toEqual({
      result: [
        [{ id: "a-0", contents: `"${contents}"\nline one\n"line two" 0` }],
        [{ id: "b-0", contents: '"About "b" (0)"\nline one\n"line two" 0' }],
      ],
    });
    const byDefault = (await (await post(service, { queries: ["a"], topk: null })).json()) as {
      result: unknown[][];
    };
    expect(byDefault.result[0]).toHaveLength(3);
  });

  it.each([
    ["{", "not JSON"],
    ["null", "the request is not valid"],
    [{ queries: [] }, "queries: needs at least one query"],
    [{ queries: ["a"], topk: 0 }, "topk:"],
    [{ queries: ["a"], topk: 1001 }, "topk:"],
    [{ queries: [5] }, "queries.0:"],
    [{ queries: ["x".repeat(200_001)] }, "queries.0: a query has at most 200000 characters"],
    [{ queries: Array<string>(513).fill("a") }, "queries: at most 512 queries"],
    [`"${"x".repeat(33 * 1024 * 1024)}"`, "larger than 32 MiB"],
  ])("answers 400 with the reason to bad input", async (body, reason) => {
    const { service } = await serve();
    const response = await post(service, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: "invalid-input", message: expect.stringContaining(reason) as string },
    });
    expect((await post(service, { queries: ["still alive"] })).status).toBe(200);
  });

  it("says what it offers where there is nothing", async () => {
    const { service } = await serve();
    const response = await fetch(`${service.url}/search`);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("POST /retrieve");
  });

  it("tells its health and its metrics", async () => {
    const { service } = await serve();
    expect(await (await fetch(`${service.url}/healthz`)).json()).toEqual({
      status: "ready",
      retriever: "words",
      documents: 3,
      key: "k",
      limits: { queries: 512, queryCharacters: 200_000, topk: 1000 },
    });
    expect(service.readMetrics().latencyMs).toEqual({ p50: null, p99: null });
    await post(service, { queries: ["a", "b"] });
    await post(service, { queries: [] });
    const metrics = await (await fetch(`${service.url}/metrics`)).json();
    expect(metrics).toMatchObject({
      requests: 2,
      queries: 2,
      errors: 1,
      refused: 0,
      batches: 1,
      waitingQueries: 0,
    });
  });

  it("searches what arrives meanwhile together", async () => {
    const { retriever, service } = await serve({ batch: 100, waiting: 100, parallel: 1 });
    const first = post(service, { queries: ["wait"] });
    await expect.poll(() => retriever.batches.length).toBe(1);
    const others = ["a", "b", "c"].map((query) => post(service, { queries: [query], topk: 1 }));
    await expect.poll(() => service.readMetrics().waitingQueries).toBe(3);
    retriever.release();
    await first;
    const results = await Promise.all(
      others.map(
        async (other) =>
          ((await (await other).json()) as { result: { id: string }[][] }).result[0]?.[0]?.id,
      ),
    );
    expect(results).toEqual(["a-0", "b-0", "c-0"]);
    expect(retriever.batches).toHaveLength(2);
  });

  it("answers 503 where too many wait, and 500 where the retriever fails: never a document", async () => {
    const { retriever, service } = await serve({ batch: 1, waiting: 1, parallel: 1 });
    const first = post(service, { queries: ["wait"] });
    await expect.poll(() => retriever.batches.length).toBe(1);
    const second = post(service, { queries: ["b"] });
    await expect.poll(() => service.readMetrics().waitingQueries).toBe(1);
    const third = await post(service, { queries: ["c"] });
    expect(third.status).toBe(503);
    expect(third.headers.get("retry-after")).toBe("1");
    retriever.release();
    expect((await first).status).toBe(200);
    expect((await second).status).toBe(200);
    const failed = await post(service, { queries: ["fail"] });
    expect(failed.status).toBe(500);
    expect(await failed.json()).toEqual({
      error: { code: "internal", message: "the encoder broke" },
    });
    expect(service.readMetrics()).toMatchObject({ refused: 1, errors: 1 });
  });

  it("answers what is under way before it stops", async () => {
    const { retriever, service } = await serve();
    const underWay = post(service, { queries: ["wait"] });
    await expect.poll(() => retriever.batches.length).toBe(1);
    const stopped = service.stop();
    retriever.release();
    expect((await underWay).status).toBe(200);
    await stopped;
    await expect(post(service, { queries: ["a"] })).rejects.toThrow();
  });

  it("takes the limits of its run", async () => {
    const { service } = await serve({ queries: 2, queryCharacters: 5, topk: 4 });
    for (const [body, reason] of [
      [{ queries: ["a", "b", "c"] }, "at most 2 queries"],
      [{ queries: ["abcdef"] }, "at most 5 characters"],
      [{ queries: ["a"], topk: 5 }, "at most 4 documents"],
    ] as const) {
      const response = await post(service, body);
      expect([response.status, await response.text()]).toEqual([
        400,
        expect.stringContaining(reason),
      ]);
    }
    expect((await post(service, { queries: ["abcde", "b"], topk: 4 })).status).toBe(200);
  });

  it("answers a query of 100,000 characters, and one whose k is larger than the corpus", async () => {
    const { service } = await serve();
    expect((await post(service, { queries: ["word ".repeat(20_000)], topk: 1000 })).status).toBe(
      200,
    );
  });

  it("says that it starts until it has a retriever, and that it stops", async () => {
    const service = await RetrieveService.listen();
    closing.push(() => service.stop(0));
    service.setStartDetail("encoding 3 of 9");
    const health = await fetch(`${service.url}/healthz`);
    expect([health.status, await health.json()]).toEqual([
      503,
      expect.objectContaining({ status: "starting", retriever: "encoding 3 of 9", key: null }),
    ]);
    const early = await post(service, { queries: ["a"] });
    expect([early.status, early.headers.get("retry-after"), await early.text()]).toEqual([
      503,
      "5",
      expect.stringContaining("encoding 3 of 9"),
    ]);
    const retriever = new WordRetriever();
    service.serve(retriever);
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
    const underWay = post(service, { queries: ["wait"] });
    await expect.poll(() => retriever.batches.length).toBe(1);
    const connection = await keptOpen(service.url);
    const stopped = service.stop();
    expect(await connection.get("/healthz")).toContain('"status":"stopping"');
    retriever.release();
    await underWay;
    await stopped;
  });

  it("gives its metrics to Prometheus", async () => {
    const { service } = await serve();
    await post(service, { queries: ["a", "b"] });
    const scraped = await fetch(`${service.url}/metrics`, {
      headers: {
        accept: "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
      },
    });
    expect(scraped.headers.get("content-type")).toContain("text/plain; version=0.0.4");
    const text = await scraped.text();
    expect(text).toMatch(
      /^# TYPE s3_retrieve_queries_total counter\ns3_retrieve_queries_total 2$/m,
    );
    expect(text).toMatch(/^s3_retrieve_request_seconds\{quantile="0.99"\} [\d.e-]+$/m);
    expect(text).toMatch(/^s3_retrieve_request_seconds_count 1$/m);
    // Every line is a comment, or a name with an optional label and a number.
    for (const line of text.trimEnd().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) .+|\w+(\{\w+="[\d.]+"\})? -?[\d.e+-]+)$/);
    expect(await (await fetch(`${service.url}/metrics?format=prometheus`)).text()).toContain(
      "s3_retrieve_ready 1",
    );
  });

  it("does not search for web pages", async () => {
    const { service } = await serve();
    const response = await fetch(`${service.url}/retrieve`, {
      method: "POST",
      headers: { origin: "https://elsewhere.example" },
      body: JSON.stringify({ queries: ["a"] }),
    });
    expect(response.status).toBe(403);
  });

  it("says that a port is taken", async () => {
    const { service } = await serve();
    const port = Number(new URL(service.url).port);
    await expect(RetrieveService.start(new WordRetriever(), { port })).rejects.toMatchObject({
      code: "conflict",
    });
  });
});

describe("the remote retriever", () => {
  const times = { requestMs: 300, backoffMs: 5, attempts: 3 };

  /** As upstream's: no /healthz. Answers the query that opening asks, then the prepared answers in turn, the last one for ever. */
  async function scripted(
    ...answers: ((response: ServerResponse) => void)[]
  ): Promise<{ url: string; requests: () => number }> {
    let requests = 0;
    let opened = false;
    const server: Server = createServer((request: IncomingMessage, response) => {
      request.resume();
      if (request.url === "/healthz")
        return void response.writeHead(404).end('{"detail":"Not Found"}');
      if (!opened) {
        opened = true;
        return json({ result: [[hit("ready", 1)]] })(response);
      }
      answers[Math.min(requests++, answers.length - 1)]?.(response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      requests: () => requests,
    };
  }
  const status =
    (code: number, body = "") =>
    (response: ServerResponse): void =>
      void response.writeHead(code).end(body);
  const json = (body: unknown) => status(200, JSON.stringify(body));
  const hit = (id: string | number, score: number) => ({
    document: { id, contents: `"T${id}"\ntext ${id}`, extra: 1 },
    score,
  });

  it("gives what the served retriever gives", async () => {
    const { retriever, service } = await serve();
    const queries = Array.from({ length: 300 }, (_, i) => `q${i}`); // more than one request
    const remote = await RemoteRetriever.open(service.url, { times });
    const [local, overHttp] = [await retriever.search(queries, 4), await remote.search(queries, 4)];
    const plain = (results: RankedDocument[][]) =>
      results.map((ranked) =>
        ranked.map(({ id, title, text, score }) => ({ id, title, text, score })),
      );
    expect(plain(overHttp)).toEqual(plain(local));
    expect(await remote.search([], 4)).toEqual([]);
    await expect(remote.getDocuments()).rejects.toMatchObject({ code: "unsupported" });
  });

  it("orders by score, drops repeated documents and takes number ids", async () => {
    const { url } = await scripted(
      json({ result: [[hit(1, 0.5), hit("b", 0.9), hit(1, 0.4), hit("c", 0.1)]] }),
    );
    const [ranked] = await (
      await RemoteRetriever.open(`${url}/retrieve`, { times })
    ).search(["q"], 2);
    expect(ranked?.map(({ id, title, text, score }) => ({ id, title, text, score }))).toEqual([
      { id: "b", title: "Tb", text: "text b", score: 0.9 },
      { id: "1", title: "T1", text: "text 1", score: 0.5 },
    ]);
  });

  it("takes what other servers of the dialect give: no scores, title and text, FAISS' filler", async () => {
    const bare = await scripted(
      json({
        result: [
          [
            { id: "a", contents: '"A"\ntext' },
            { id: 7, title: "B", text: "more" },
          ],
        ],
      }),
    );
    const [ranked] = await (await RemoteRetriever.open(bare.url, { times })).search(["q"], 5);
    expect(ranked?.map(({ id, title, text, score }) => [id, title, text, score])).toEqual([
      ["a", "A", "text", 1],
      ["7", "B", "more", 0.5],
    ]);
    const filled = await scripted(
      json({ result: [[hit("a", 0.9), hit("z", -3.4028234663852886e38)]] }),
    );
    expect(
      (await (await RemoteRetriever.open(filled.url, { times })).search(["q"], 5))[0]?.map(
        ({ id }) => id,
      ),
    ).toEqual(["a"]);
  });

  it("knows ours by its content, wherever it listens, and any other by its address", async () => {
    const [first, second] = [await serve(), await serve()];
    const keys = await Promise.all(
      [first, second].map(async ({ service }) =>
        (await RemoteRetriever.open(service.url, { times })).describe(),
      ),
    );
    expect(keys[0]).toMatchObject({
      documents: 3,
      title: expect.stringContaining("words") as string,
    });
    expect(keys[0]?.key).toBe(keys[1]?.key);
    const others = await Promise.all(
      [await scripted(json({})), await scripted(json({}))].map(async ({ url }) =>
        (await RemoteRetriever.open(url, { times })).describe(),
      ),
    );
    expect(others[0]?.key).not.toBe(others[1]?.key);
    expect(others[0]?.title).toContain("known by its address only");
  });

  it("takes no document of a service that came back with another corpus", async () => {
    const { service } = await serve();
    const remote = await RemoteRetriever.open(service.url, { times });
    await service.stop();
    const other = new WordRetriever();
    other.describe = () => ({ kind: "dense", key: "another", title: "others", documents: 9 });
    const back = await RetrieveService.start(other, { port: Number(new URL(service.url).port) });
    closing.push(() => back.stop(0));
    await expect(remote.search(["q"], 1)).rejects.toMatchObject({ code: "conflict" });
  });

  it("waits for a service that starts", async () => {
    const service = await RetrieveService.listen();
    closing.push(() => service.stop(0));
    const opened = RemoteRetriever.open(service.url, {
      times: { requestMs: 300, backoffMs: 5, attempts: 2 },
    });
    setTimeout(() => service.serve(new WordRetriever()), 50);
    expect((await (await opened).search(["q"], 1))[0]?.[0]?.id).toBe("q-0");
  });

  it("tries again what may pass", async () => {
    const { url, requests } = await scripted(
      status(503),
      (response) => void response.destroy(),
      json({ result: [[hit("a", 1)]] }),
    );
    expect((await (await RemoteRetriever.open(url, { times })).search(["q"], 1))[0]?.[0]?.id).toBe(
      "a",
    );
    expect(requests()).toBe(3);
  });

  it.each([
    [
      "500",
      status(500, "Internal Server Error"),
      "retriever-unavailable",
      "failed 3 times: status 500: Internal Server Error",
      3,
    ],
    ["no answer", () => {}, "retriever-unavailable", "no answer within 0.3 s", 3],
    ["no JSON", status(200, "<html>"), "retriever-unavailable", "not JSON: <html>", 3],
    ["422", status(422, '{"detail":"bad"}'), "invalid-input", 'status 422: {"detail":"bad"}', 1],
    ["another form", json({ result: [["Error"]] }), "invalid-input", "result.0.0", 1],
    [
      "a ranking too few",
      json({ result: [] }),
      "invalid-input",
      "answered 0 rankings to 1 queries",
      1,
    ],
  ])("makes no document of %s", async (_, answer, code, message, tries) => {
    const { url, requests } = await scripted(answer);
    const failure = await (
      await RemoteRetriever.open(url, { times })
    )
      .search(["q"], 1)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(message) as string });
    expect(requests()).toBe(tries);
  });

  it("names the server that is not there, and stops when cancelled", async () => {
    const { service } = await serve();
    const remote = await RemoteRetriever.open(service.url, { times });
    await service.stop();
    await expect(RemoteRetriever.open(service.url, { times })).rejects.toThrow(
      /failed 3 times: .*ECONNREFUSED/,
    );
    await expect(remote.search(["q"], 1)).rejects.toThrow(/failed 3 times: .*ECONNREFUSED/);
    const stop = new AbortController();
    const { url } = await scripted(() => stop.abort());
    await expect(
      (await RemoteRetriever.open(url, { times })).search(["q"], 1, stop.signal),
    ).rejects.toMatchObject({ code: "cancelled" });
  });
});
