import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import { hashDocument } from "@/core/episode/document-hash";
import type { RunConfigInput } from "@/contracts/run-config/run-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { Services } from "@/gpu-workers/jobs/run-context";
import { MemoryContext } from "@/gpu-workers/testing/memory-context";
import { ScriptedEndpoint, type ScriptedReply } from "@/gpu-workers/testing/scripted-endpoint";
import { predict } from "./predict";

const questions: Question[] = Array.from({ length: 30 }, (_, i) => ({
  id: `q${i}`,
  question: `Question ${i}?`,
  answers: [`gold ${i}`],
  goldIds: [],
  type: null,
  group: null,
  goldQueries: [],
}));
const document = { id: "d", title: "T", text: "Body." };
const retriever: Retriever = {
  search: (queries) =>
    Promise.resolve(queries.map(() => [{ ...document, hash: hashDocument(document), score: 1 }])),
  getDocuments: () => Promise.resolve([]),
  describe: () => ({ kind: "dense", key: "k", title: "one document", documents: 1 }),
  close: () => Promise.resolve(),
};
const services: Services = {
  acquireEngine: () => Promise.reject(new Error("no engine is needed")),
  acquireRetriever: () => Promise.resolve({ value: retriever, release: () => undefined }),
  acquireSampler: () => Promise.reject(new Error("no sampler is needed")),
  acquireVllm: () => Promise.reject(new Error("no vLLM is needed")),
};
let server: Server | undefined;
afterEach(() => server?.close());

/** A generator that is right about even questions and refuses those that `refuses` names; it counts what it was asked. */
async function generator(
  refuses: (i: number) => boolean,
): Promise<{ url: string; asked: Map<number, number> }> {
  const asked = new Map<number, number>();
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const i = Number(/Question (\d+)\?/.exec(body)?.[1] ?? -1);
      asked.set(i, (asked.get(i) ?? 0) + 1);
      if (refuses(i)) return void response.writeHead(400).end("context too long");
      response.end(
        JSON.stringify({
          choices: [{ message: { content: i % 2 === 0 ? `gold ${i}` : "wrong" }, text: "" }],
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked };
}
const config = (endpoint: string, over: object = {}): RunConfigInput => ({
  kind: "predict",
  name: "p",
  method: "rag",
  questions: "set",
  documents: 3,
  generator: { model: "m", endpoint },
  ...over,
});
const context = (runConfig: RunConfigInput, more: object = {}) =>
  new MemoryContext({
    config: runConfig,
    services,
    workDir: tmpdir(),
    questions: () => Promise.resolve(questions),
    ...more,
  });
const failuresOf = (run: MemoryContext) =>
  run.reports.flatMap((item) =>
    item.kind === "failures" ? item.failures.map(({ questionId }) => questionId) : [],
  );

describe("a predict run", () => {
  it("lists what fails, tries it once more at the end, and counts it nowhere", async () => {
    const { url, asked } = await generator((i) => i === 3 || i === 25);
    const run = context(config(url));
    await expect(predict(run)).rejects.toThrow(/2 of 30 questions have no answer.*Resume the run/);
    expect(run.records()).toHaveLength(28);
    expect(failuresOf(run)).toEqual(["q3", "q25", "q3", "q25"]);
    // 15 right of 28 answered, not of 30.
    expect(run.points("predict/accuracy").at(-1)!.value).toBeCloseTo(15 / 28, 12);
    expect(asked.get(3)).toBeGreaterThan(1);
    // The others were answered once: what a batch had answered is found by its key.
    expect(
      run.records().map(({ otherScores }) => otherScores?.map(({ scorer }) => scorer))[0],
    ).toEqual(["exact-match/1", "f1/1"]);
  });

  it("does not begin with a judge that is not there or gives no verdict, and says so", async () => {
    const { url } = await generator(() => false);
    for (const [reply, reason] of [
      [{ status: 401 }, "missing, wrong or revoked"],
      ["Perhaps.", "neither yes nor no"],
    ] as const) {
      const judge = await ScriptedEndpoint.start([reply]);
      const run = context(
        config(url, { scorer: "judge", judge: { model: "j", endpoint: judge.url } }),
      );
      await expect(predict(run)).rejects.toThrow(reason);
      await judge.close();
      expect(run.preflightItems.find(({ name }) => name === "judge")).toMatchObject({
        state: "failed",
        error: expect.stringContaining(reason) as unknown,
      });
      expect([run.isRunning, run.records().length]).toEqual([false, 0]);
    }
  });

  it("reports what its judge took", async () => {
    const { url } = await generator(() => false);
    const judge = await ScriptedEndpoint.start([
      { text: "yes", usage: { prompt_tokens: 50, completion_tokens: 1 } },
    ]);
    const run = context(
      config(url, {
        scorer: "judge",
        judge: {
          model: "j",
          endpoint: judge.url,
          connection: { promptPrice: 1, completionPrice: 0 },
        },
      }),
    );
    await predict(run).finally(() => judge.close());
    // The preflight's question to the judge is none of the run's.
    expect(
      ["calls", "prompt_tokens", "completion_tokens", "cost_usd"].map(
        (name) => run.points(`judge/${name}`).at(-1)?.value,
      ),
    ).toEqual([30, 1500, 30, expect.closeTo(0.0015, 12)]);
    expect(judge.requests).toHaveLength(31);
    const ruled = context(config(url));
    await predict(ruled);
    expect(ruled.points("judge/calls")).toEqual([]);
  });

  it("makes nothing again that an equal run has stored: neither its answers nor verdicts, nor episodes where keys suffice", async () => {
    const model = await ScriptedEndpoint.start(["Lima"]);
    const judge = await ScriptedEndpoint.start(["yes"]);
    const asked = () => [model.requests.length, judge.requests.length];
    const run = async (over: object, equalTo?: MemoryContext): Promise<MemoryContext> => {
      const own = context(
        config(model.url, {
          method: "cot",
          searcher: { model: "m", endpoint: model.url, api: "chat" },
          scorer: "judge",
          judge: { model: "j", endpoint: judge.url },
          ...over,
        }),
        {
          ...(equalTo && {
            equalTo,
            answers: new Map(equalTo.records().map(({ answer }) => [answer!.key, answer!])),
          }),
        },
      );
      await predict(own);
      return own;
    };
    try {
      const first = await run({});
      // One more of each: the preflights'.
      expect(asked()).toEqual([31, 31]);
      const again = await run({}, first);
      expect(
        asked(),
        "the weights behind an endpoint are not known, the answers judged are the same",
      ).toEqual([62, 32]);
      const taken = await run({ reuse: { equalEpisodes: "always" } }, first);
      expect(asked()).toEqual([63, 33]);
      for (const other of [again, taken])
        expect(
          other.records().map(({ episode, answer, score }) => [episode.key, answer?.text, score]),
        ).toEqual(
          first.records().map(({ episode, answer, score }) => [episode.key, answer?.text, score]),
        );
      expect(taken.records()[0]!.episode.steps).toEqual(first.records()[0]!.episode.steps);
    } finally {
      await model.close();
      await judge.close();
    }
  });

  it("that may miss questions succeeds with them listed", async () => {
    const { url } = await generator((i) => i === 3);
    const run = context(config(url, { failures: { allowMissing: true } }));
    await predict(run);
    expect(run.records()).toHaveLength(29);
  });

  it("stops where many fail in a row, with the reason", async () => {
    const { url } = await generator((i) => i >= 5);
    await expect(predict(context(config(url, { failures: { stopAfter: 4 } })))).rejects.toThrow(
      /4 questions in a row could not be answered.*context too long/s,
    );
  });

  it("goes on with the questions that are missing, and counts the answers of every attempt", async () => {
    const { url, asked } = await generator(() => false);
    const first = context(config(url, { limit: 10 }));
    await predict(first);
    const second = context(config(url));
    second.readAnsweredQuestions = () => first.readAnsweredQuestions();
    second.readStoredAccuracy = () => first.readStoredAccuracy();
    asked.clear();
    await predict(second);
    expect(second.records().map(({ episode }) => episode.questionId)).toEqual(
      questions.slice(10).map(({ id }) => id),
    );
    expect([...asked.keys()].filter((i) => i >= 0 && i < 10)).toEqual([]);
    expect(second.points("predict/accuracy").at(-1)).toMatchObject({ value: 0.5, step: 30 });
  });

  it("answers or scores the stored episodes of another run without searching", async () => {
    const { url, asked } = await generator(() => false);
    const first = context(config(url));
    await predict(first);
    asked.clear();
    const noSearch: Services = {
      ...services,
      acquireRetriever: () => Promise.reject(new Error("it searched")),
    };
    const scored = context(
      config(url, {
        scorer: "exact-match",
        reuse: { episodesOf: "00000000-0000-4000-8000-000000000009", keepAnswers: true },
      }),
      { services: noSearch, episodesOf: first },
    );
    await predict(scored);
    expect(asked.size).toBe(0);
    expect(
      scored
        .records()
        .filter(({ score }) => score?.scorer === "exact-match/1" && score.value === 1),
    ).toHaveLength(15);
    const again = context(
      config(url, {
        generator: { model: "other", endpoint: url },
        reuse: { episodesOf: "00000000-0000-4000-8000-000000000009" },
      }),
      { services: noSearch, episodesOf: first },
    );
    await predict(again);
    expect(again.records().map(({ answer }) => answer?.generator)).toEqual(Array(30).fill("other"));
    expect(again.records().map(({ episode }) => episode.key)).toEqual(
      first.records().map(({ episode }) => episode.key),
    );
  });
});

describe("faults of the generator's endpoint", () => {
  let endpoint: ScriptedEndpoint | undefined;
  afterEach(() => endpoint?.close());
  const asked = ({ body }: { body: { messages?: { content: string }[] } }): number =>
    Number(/Question (\d+)\?/.exec(body.messages?.at(-1)?.content ?? "")?.[1] ?? -1);
  const impatient = { connection: { retrySeconds: 0, timeoutSeconds: 1 } };

  it.each<[string, ScriptedReply, RegExp]>([
    [
      "429",
      { status: 429, body: "slow down", headers: { "retry-after": "1" } },
      /status 429: slow down/,
    ],
    ["500", { status: 500, body: "oops" }, /status 500: oops/],
    ["a time-out", "hang", /timeout/],
    ["a cut reply", "cut", /terminated|other side closed|aborted/],
    ["wrong JSON", { raw: '{"choices": [' }, /does not answer as an OpenAI-compatible server/],
  ])(
    "%s that stays is listed with its reason, never a score, and a resumed run asks for that question alone",
    async (_, fault, reason) => {
      let broken = true;
      endpoint = await ScriptedEndpoint.start((request) =>
        broken && asked(request) === 7 ? fault : `gold ${asked(request)}`,
      );
      const over = { generator: { model: "m", endpoint: endpoint.url, ...impatient } };
      const first = context(config(endpoint.url, over));
      await expect(predict(first)).rejects.toThrow(/1 of 30 questions have no answer/);
      const failures = first.reports.flatMap((item) =>
        item.kind === "failures" ? item.failures : [],
      );
      expect(failures.map(({ questionId }) => questionId)).toEqual(["q7", "q7"]);
      expect(failures[0]!.reason).toMatch(reason);
      expect(first.records().map(({ episode }) => episode.questionId)).not.toContain("q7");
      expect(first.points("predict/accuracy").at(-1)!.value).toBe(1);
      broken = false;
      const before = endpoint.requests.length;
      const second = context(config(endpoint.url, over));
      second.readAnsweredQuestions = () => first.readAnsweredQuestions();
      await predict(second);
      expect(second.records().map(({ episode }) => episode.questionId)).toEqual(["q7"]);
      expect(
        endpoint.requests
          .slice(before)
          .map(asked)
          .filter((i) => i >= 0),
      ).toEqual([7]);
    },
  );

  it("a fault that passes costs nothing but time", async () => {
    const faults: ScriptedReply[] = [
      { status: 429, headers: { "retry-after": "0" } },
      { status: 500 },
      "cut",
      { raw: "{" },
    ];
    endpoint = await ScriptedEndpoint.start(
      (request, call) => (call > 0 && faults.shift()) || `gold ${asked(request)}`,
    );
    const run = context(config(endpoint.url));
    await predict(run);
    expect([
      run.records().length,
      run.points("predict/accuracy").at(-1)!.value,
      faults.length,
    ]).toEqual([30, 1, 0]);
  });

  it("a key that is revoked half way ends the run with the reason; with the key replaced it goes on with what is missing", async () => {
    let valid = "sk-old";
    endpoint = await ScriptedEndpoint.start((request, call) => {
      if (call === 12) valid = "sk-new";
      return request.headers.authorization === `Bearer ${valid}`
        ? `gold ${asked(request)}`
        : { status: 401, body: `key ${request.headers.authorization} is revoked` };
    });
    const keyed = (key: string) =>
      context(
        config(endpoint!.url, {
          generator: {
            model: "m",
            endpoint: endpoint!.url,
            connection: { key: "hosted", concurrency: 1 },
          },
          failures: { stopAfter: 5 },
        }),
        { keys: new Map([["hosted", key]]) },
      );
    const first = keyed("sk-old");
    const error = await predict(first).then(
      () => null,
      (reason: Error) => reason,
    );
    expect(error?.message).toMatch(
      /5 questions in a row could not be answered.*API key is missing, wrong or revoked/s,
    );
    expect(JSON.stringify(first.reports) + error?.message).not.toContain("sk-old");
    const failed = new Set(failuresOf(first));
    expect(
      first
        .records()
        .every(({ episode, score }) => !failed.has(episode.questionId) && score?.value === 1),
    ).toBe(true);
    const second = keyed("sk-new");
    second.readAnsweredQuestions = () => first.readAnsweredQuestions();
    await predict(second);
    expect(
      new Set([...first.records(), ...second.records()].map(({ episode }) => episode.questionId))
        .size,
    ).toBe(30);
    expect(second.records()).toHaveLength(30 - first.records().length);
  });
});

describe("a run at an endpoint", () => {
  it("keeps it busy across batches, and stores every question with its own documents", async () => {
    let release: () => void = () => undefined;
    const busy = new Promise<void>((resolve) => (release = resolve));
    // The first requests wait for each other: without 60 at once nothing would be answered. The preflight's goes alone.
    const endpoint = await ScriptedEndpoint.start(async (_, call) => {
      if (call >= 60) release();
      if (call > 0) await busy;
      return "gold 1";
    });
    try {
      const many: Question[] = Array.from({ length: 120 }, (_, i) => ({
        ...questions[0]!,
        id: `q${i}`,
        question: `Question ${i}?`,
      }));
      const own: Retriever = {
        ...retriever,
        search: (queries) =>
          Promise.resolve(
            queries.map((query) => [
              {
                id: query,
                title: query,
                text: query,
                hash: hashDocument({ title: query, text: query }),
                score: 1,
              },
            ]),
          ),
      };
      const run = context(
        config(endpoint.url, {
          generator: { model: "m", endpoint: endpoint.url, connection: { concurrency: 60 } },
        }),
        {
          questions: () => Promise.resolve(many),
          services: {
            ...services,
            acquireRetriever: () => Promise.resolve({ value: own, release: () => undefined }),
          },
        },
      );
      await predict(run);
      expect(endpoint.mostAtOnce).toBe(60);
      expect(new Set(run.records().map(({ episode }) => episode.questionId)).size).toBe(120);
      const sent = run.reports.flatMap((item) =>
        item.kind === "episodes" ? item.documents.map(({ id }) => id) : [],
      );
      expect(sent.sort()).toEqual(many.map(({ question }) => question).sort());
    } finally {
      await endpoint.close();
    }
  });
});
