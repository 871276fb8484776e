import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { RemoteRetriever } from "@/gpu-workers/retrieval/backends/remote";
import { RetrieveService } from "./retrieve-service";
import { closeAll, closing, serveWords, WordRetriever } from "./testing/word-retriever";

afterEach(closeAll);

function post(service: RetrieveService, body: unknown): Promise<Response> {
  return fetch(`${service.url}/retrieve`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** A client that keeps one connection, as they do: a server that stops takes no new ones. */
async function openConnection(url: string): Promise<{ get(path: string): Promise<string> }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  closing.push(() => socket.destroy());
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
    const { service } = await serveWords();
    const title = 'About "a" (0)';
    const text = 'line one\n"line two" 0';
    const document = { id: "a-0", title, text, contents: `"${title}"\n${text}` };
    const scored = await post(service, { queries: ["a"], topk: 1, return_scores: true });
    expect(await scored.json()).toEqual({
      result: [[{ document, score: 1 }]],
    });
    const bare = await post(service, { queries: ["a", "b"], topk: 1 });
    expect(await bare.json()).toEqual({
      result: [
        [document],
        [{ id: "b-0", title: 'About "b" (0)', text, contents: `"About "b" (0)"\n${text}` }],
      ],
    });
    const byDefault = (await (await post(service, { queries: ["a"], topk: null })).json()) as {
      result: unknown[][];
    };
    expect(byDefault.result[0]).toHaveLength(3);
  });

  it("says where the contents of its corpus' lines are not known", async () => {
    const retriever = new WordRetriever();
    const described = retriever.describe();
    retriever.describe = () => ({ ...described, note: "made of title and text" });
    const service = await RetrieveService.start(retriever);
    closing.push(() => service.stop(0));
    expect(await (await fetch(`${service.url}/healthz`)).json()).toMatchObject({
      status: "ready",
      note: "made of title and text",
    });
  });

  it("sends the contents of a corpus line as the line has them", async () => {
    const retriever = new WordRetriever();
    const line = { id: "1", hash: "h", title: "", text: "Paris\nParis is" };
    retriever.search = () =>
      Promise.resolve([[{ ...line, contents: "Paris\nParis is", score: 1 }]]);
    const service = await RetrieveService.start(retriever);
    closing.push(() => service.stop(0));
    const answer: unknown = await (await post(service, { queries: ["a"], topk: 1 })).json();
    expect(answer).toEqual({
      result: [[{ id: "1", title: "", text: "Paris\nParis is", contents: "Paris\nParis is" }]],
    });
    // Our own client takes them over, so that a service in front of another gives them, too.
    const [found] = await (await RemoteRetriever.open(service.url)).search(["a"], 1);
    expect(found).toMatchObject([{ title: "", contents: "Paris\nParis is" }]);
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
    const { service } = await serveWords();
    const response = await post(service, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: "invalid-input", message: expect.stringContaining(reason) as string },
    });
    expect((await post(service, { queries: ["still alive"] })).status).toBe(200);
  });

  it("says what it offers where there is nothing", async () => {
    const { service } = await serveWords();
    const response = await fetch(`${service.url}/search`);
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("POST /retrieve");
  });

  it("tells its health and its metrics", async () => {
    const { service } = await serveWords();
    expect(await (await fetch(`${service.url}/healthz`)).json()).toEqual({
      status: "ready",
      retriever: "words",
      documents: 3,
      key: "k",
      limits: { queries: 512, queryCharacters: 200_000, topk: 1000 },
      defaultTopk: 3,
    });
    expect(service.readMetrics().latencyMs).toEqual({ p50: null, p99: null });
    await post(service, { queries: ["a", "b"] });
    await post(service, { queries: [] });
    const metrics: unknown = await (await fetch(`${service.url}/metrics`)).json();
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
    const { retriever, service } = await serveWords({ batch: 100, waiting: 100, parallel: 1 });
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
    const { retriever, service } = await serveWords({ batch: 1, waiting: 1, parallel: 1 });
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
    const { retriever, service } = await serveWords();
    const underWay = post(service, { queries: ["wait"] });
    await expect.poll(() => retriever.batches.length).toBe(1);
    const stopped = service.stop();
    retriever.release();
    expect((await underWay).status).toBe(200);
    await stopped;
    await expect(post(service, { queries: ["a"] })).rejects.toThrow();
  });

  it("gives as many documents by default as its run says", async () => {
    const service = await RetrieveService.start(new WordRetriever(), { defaultTopk: 2 });
    closing.push(() => service.stop(0));
    const count = async (body: object) =>
      ((await (await post(service, body)).json()) as { result: unknown[][] }).result[0]!.length;
    expect(await count({ queries: ["a"] })).toBe(2);
    expect(await count({ queries: ["a"], topk: 1 })).toBe(1);
    const health: unknown = await (await fetch(`${service.url}/healthz`)).json();
    expect(health).toMatchObject({ defaultTopk: 2 });
  });

  it("takes the limits of its run", async () => {
    const { service } = await serveWords({ queries: 2, queryCharacters: 5, topk: 4 });
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
    const { service } = await serveWords();
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
    const connection = await openConnection(service.url);
    const stopped = service.stop();
    expect(await connection.get("/healthz")).toContain('"status":"stopping"');
    retriever.release();
    await underWay;
    await stopped;
  });

  it("gives its metrics to Prometheus", async () => {
    const { service } = await serveWords();
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
    const { service } = await serveWords();
    const response = await fetch(`${service.url}/retrieve`, {
      method: "POST",
      headers: { origin: "https://elsewhere.example" },
      body: JSON.stringify({ queries: ["a"] }),
    });
    expect(response.status).toBe(403);
    const ask = async (host: string): Promise<number | undefined> => {
      const sent = request(`${service.url}/retrieve`, { method: "POST", headers: { host } });
      sent.end(JSON.stringify({ queries: ["a"] }));
      const [answer] = (await once(sent, "response")) as [IncomingMessage];
      return answer.resume().statusCode;
    };
    const { port } = new URL(service.url);
    expect(await ask(`rebound.example:${port}`)).toBe(403);
    for (const name of ["localhost", "127.0.0.1"]) expect(await ask(`${name}:${port}`)).toBe(200);
  });

  it("with a token searches for whoever shows it, as our own client does without naming it", async () => {
    const service = await RetrieveService.start(new WordRetriever(), { token: "right" });
    closing.push(() => service.stop(0));
    const body = JSON.stringify({ queries: ["a"] });
    const ask = async (query: string, headers = {}) =>
      (await fetch(`${service.url}/retrieve${query}`, { method: "POST", body, headers })).status;
    expect(await ask("")).toBe(403);
    expect(await ask("?token=wrong")).toBe(403);
    expect(await ask("?token=right")).toBe(200);
    expect(await ask("", { authorization: "Bearer right" })).toBe(200);
    const client = await RemoteRetriever.open(`${service.url}/retrieve?token=right`);
    expect(await client.search(["a"], 1)).toHaveLength(1);
    expect(client.describe().title).not.toContain("right");
    const stranger = await RemoteRetriever.open(`${service.url}/retrieve`);
    await expect(stranger.search(["a"], 1)).rejects.toThrow(/\?token=/);
  });

  it("says that a port is taken", async () => {
    const { service } = await serveWords();
    const port = Number(new URL(service.url).port);
    await expect(RetrieveService.start(new WordRetriever(), { port })).rejects.toMatchObject({
      code: "conflict",
    });
  });
});
